type Action = (event: KeyboardEvent) => void

/** A key and what it does, as the help shows it. */
export interface Key {
  keys: string[]
  does: string
}

const actions = new Map<string, Action[]>()

/** Every key of the console, for the help. */
export const allKeys: Key[] = [
  { keys: ['⌘K', 'Ctrl K'], does: 'Go anywhere' },
  { keys: ['/'], does: 'Search: a SID, a number, a page' },
  { keys: ['j'], does: 'Next row' },
  { keys: ['k'], does: 'Row before' },
  { keys: ['Enter'], does: 'Open the row' },
  { keys: ['g h'], does: 'Handsets' },
  { keys: ['g m'], does: 'Messages' },
  { keys: ['g a'], does: 'Alerts' },
  { keys: ['g w'], does: 'Webhooks' },
  { keys: ['g u'], does: 'Usage' },
  { keys: ['g c'], does: 'Carriers' },
  { keys: ['t'], does: 'Light, dark or as the system' },
  { keys: ['?'], does: 'These keys' },
  { keys: ['Esc'], does: 'Close what is open' },
]

/** Binds keys while the caller lives; the last to bind a key has it. Returns the end. */
export function bind(map: Record<string, Action>): () => void {
  for (const [key, action] of Object.entries(map)) {
    actions.set(key, [...(actions.get(key) ?? []), action])
  }
  return () => {
    for (const [key, action] of Object.entries(map)) {
      actions.set(key, (actions.get(key) ?? []).filter((other) => other !== action))
    }
  }
}

const writes = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName))

let before = ''

/** Hears the keys of the whole page. */
export function startKeys() {
  addEventListener('keydown', (event) => {
    const held = event.metaKey || event.ctrlKey
    if (held && event.key.toLowerCase() === 'k') return run('palette', event)
    if (held || event.altKey || writes(event.target) || document.querySelector('dialog[open]')) return
    const pair = `${before} ${event.key}`
    before = event.key
    run(actions.has(pair) ? pair : event.key, event)
  })
}

function run(key: string, event: KeyboardEvent) {
  const action = actions.get(key)?.at(-1)
  if (!action) return
  event.preventDefault()
  action(event)
}
