import type { Form } from './types'

/** A refusal by the server, in the shape of the API's errors. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly code: number,
    readonly status: number,
  ) {
    super(message)
  }
}

let csrf = ''
let signedOut = () => {}

/** Sets the mark that changes must carry, and what to do when the session has ended. */
export function useSession(mark: string, onEnd: () => void) {
  csrf = mark
  signedOut = onEnd
}

/** A path with a query; empty and undefined values are left out. */
export function withQuery(path: string, query: Form): string {
  const search = encode(query).toString()
  return search ? `${path}?${search}` : path
}

/** Reads a JSON answer. */
export function read<T>(path: string): Promise<T> {
  return call<T>('GET', path)
}

/** Posts a form. Empty values are sent: they clear a member. */
export function post<T>(path: string, form: Form = {}): Promise<T> {
  return call<T>('POST', path, form)
}

/** Deletes what is at the path. */
export function remove(path: string): Promise<void> {
  return call<void>('DELETE', path)
}

/** Reads bytes, such as sound, as an address that only this page knows; give it back by `revokeObjectURL`. */
export async function readObject(path: string): Promise<string> {
  const answer = await fetch(path)
  if (!answer.ok) throw refusal(answer.status, await answer.text())
  return URL.createObjectURL(await answer.blob())
}

async function call<T>(method: string, path: string, form?: Form): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (method !== 'GET') headers['X-Trunkline-Csrf'] = csrf
  let answer: Response
  try {
    answer = await fetch(path, { method, headers, body: form ? encode(form, true) : undefined })
  } catch {
    throw new Refusal('The server does not answer. Is it running?', 0, 0)
  }
  const text = await answer.text()
  if (answer.ok) return (text ? JSON.parse(text) : undefined) as T
  if (answer.status === 401 && csrf) signedOut()
  throw refusal(answer.status, text)
}

function refusal(status: number, text: string): Refusal {
  try {
    const said = JSON.parse(text) as { message?: string; code?: number }
    return new Refusal(said.message ?? `The server answered ${status}.`, said.code ?? status, status)
  } catch {
    return new Refusal(`The server answered ${status}.`, status, status)
  }
}

function encode(form: Form, keepEmpty = false): URLSearchParams {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(form)) {
    for (const each of [value ?? []].flat()) if (each || keepEmpty) search.append(name, each)
  }
  return search
}
