import type { ProductPages } from '$console/lib/products'

const pages: ProductPages = {
  title: 'Verify',
  places: [
    { title: 'Attempts', path: '/verify' },
    { title: 'Fraud guard', path: '/verify/guard' },
  ],
  routes: [
    { pattern: '/verify', page: () => import('./Attempts.svelte') },
    { pattern: '/verify/guard', page: () => import('./Guard.svelte') },
  ],
  prefixes: {},
  tellings: {},
}

export default pages
