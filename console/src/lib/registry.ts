import type { Resource, Session } from './types'
import { productGroups, productPage } from './products'
import { words } from './states'

/** A place in the console that the side bar and the palette lead to. */
export interface Place {
  title: string
  path: string
  icon?: 'phone' | 'message' | 'bell' | 'hook' | 'chart' | 'mast' | 'book' | 'call'
}

export interface Group {
  title: string
  places: Place[]
}

/** The resource's name in addresses: `SMS/ShortCodes` is `SMS.ShortCodes`. */
export function slug(resource: Resource): string {
  return resource.path.replace(/^\/2010-04-01\/Accounts\/\{AccountSid\}/, '').slice(1).replaceAll('/', '.')
}

/** The plural name, for people. */
export const plural = (resource: Resource) => words(resource.path.split('/').at(-1) ?? '')

/** The name of one, for people. */
export const singular = (resource: Resource) => words(resource.title)

export const placeOf = (resource: Resource) => `/r/${slug(resource)}`

/** The resources with a page: routes to the same kind of object have one page together. */
export function resourcesOf(session: Session): Resource[] {
  const seen = new Set<string>()
  return session.resources.filter((resource) => {
    const fresh = !resource.parent && resource.operations.includes('list') && !seen.has(resource.kind)
    seen.add(resource.kind)
    return fresh
  })
}

/** All places, grouped as the side bar shows them. */
export function groups(session: Session): Group[] {
  const handsets: Place = { title: 'Handsets', path: '/handsets', icon: 'phone' }
  const first: Place[] = [
    ...(session.mode === 'dev' ? [handsets] : []),
    { title: 'Messages', path: '/messages', icon: 'message' },
    { title: 'Alerts', path: '/alerts', icon: 'bell' },
  ]
  const watched: Place[] = [
    { title: 'Webhooks', path: '/webhooks', icon: 'hook' },
    { title: 'Carriers and routes', path: '/carriers', icon: 'mast' },
    { title: 'Usage', path: '/usage', icon: 'chart' },
    { title: 'Audit', path: '/audit', icon: 'book' },
  ]
  const made = new Map<string, Place[]>()
  for (const resource of resourcesOf(session)) {
    const places = made.get(resource.product) ?? []
    places.push({ title: plural(resource), path: placeOf(resource) })
    made.set(resource.product, places)
  }
  const messaging = { title: 'Messaging', places: first }
  // What a product declares is listed below the pages that it brings.
  const brought = productGroups().map(({ title, places }) => {
    const own = [...made.keys()].find((product) => words(product) === title) ?? ''
    const declared = made.get(own) ?? []
    made.delete(own)
    return { title, places: [...places, ...declared] }
  })
  const rest = [...made].map(([product, places]) => ({ title: words(product), places }))
  return [messaging, ...brought, { title: 'Operation', places: watched }, ...rest]
}

/** Where an object's page is, by the first letters of its SID; null when it has none. */
export function pageOf(session: Session, sid: string): string | null {
  if (/^[SM]M/.test(sid)) return `/messages/${sid}`
  if (sid.startsWith('NO')) return '/alerts'
  const page = productPage(sid)
  if (page) return page
  const resource = resourcesOf(session).find((one) => sid.startsWith(one.prefix))
  return resource ? `${placeOf(resource)}/${sid}` : null
}
