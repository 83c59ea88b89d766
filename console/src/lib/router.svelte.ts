/** Where the reader is: the path behind `#` and its query. */
export const route = $state({ path: '/', query: new URLSearchParams() })

function follow() {
  const [path = '', search = ''] = location.hash.slice(1).split('?', 2)
  route.path = path || '/'
  route.query = new URLSearchParams(search)
}

/** Starts to follow the address. */
export function startRouter() {
  follow()
  addEventListener('hashchange', follow)
}

/** Goes to a path; `instead` leaves the present one out of the history. */
export function go(path: string, instead = false) {
  if (!instead) {
    location.hash = path
    return
  }
  history.replaceState(null, '', `#${path}`)
  follow()
}

/** The parts of the path when it fits a pattern like `/messages/:sid`, else null. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return null
  const found: Record<string, string> = {}
  for (const [at, part] of wanted.entries()) {
    const value = decodeURIComponent(given[at] ?? '')
    if (part.startsWith(':') && value) found[part.slice(1)] = value
    else if (part !== value) return null
  }
  return found
}
