import { Refusal } from './http'

interface Toast {
  id: number
  text: string
  bad: boolean
}

/** What was done or refused, said for a moment at the foot of the page. */
export const toasts = $state<{ list: Toast[] }>({ list: [] })

let last = 0

/** Says something for a few seconds. */
export function say(text: string, bad = false) {
  const id = ++last
  toasts.list.push({ id, text, bad })
  setTimeout(() => dismiss(id), bad ? 10_000 : 4_000)
}

/** Says why something was refused, with its code. */
export function sayRefusal(error: unknown) {
  say(explain(error), true)
}

/** A refusal as one line: what the server said and its code. */
export function explain(error: unknown): string {
  if (error instanceof Refusal) return error.code ? `${error.message} (${error.code})` : error.message
  return String(error)
}

/** Takes a saying away. */
export function dismiss(id: number) {
  toasts.list = toasts.list.filter((toast) => toast.id !== id)
}
