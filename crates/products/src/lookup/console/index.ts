import type { ProductPages } from '$console/lib/products'

const pages: ProductPages = {
  title: 'Lookup',
  places: [{ title: 'Numbers', path: '/lookup' }],
  routes: [
    { pattern: '/lookup', page: () => import('./Ask.svelte') },
    { pattern: '/lookup/:number', page: () => import('./Number.svelte') },
  ],
  prefixes: {},
  tellings: {},
}

export default pages
