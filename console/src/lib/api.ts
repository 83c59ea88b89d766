import { post, read, remove, withQuery } from './http'
import { app } from './session.svelte'
import type {
  Alert, Delivery, Fault, Form, HandsetText, Media, Message, Resource, Step, Thing,
} from './types'

const account = () => `/2010-04-01/Accounts/${app.session?.account.sid ?? ''}`
const handset = (number: string) => `/dev/handsets/${encodeURIComponent(number)}`
const deliveries = (sid: string) => `/trunkline/v1/Deliveries/${sid}`

/** A page of a list; `next` reads the following one. */
export interface Page<T> {
  items: T[]
  next: string | null
}

/** A page of messages, newest first; `at` is the `next` of the page before. */
export async function messages(query: Form, size: number, at?: string): Promise<Page<Message>> {
  const path = at ?? withQuery(`${account()}/Messages.json`, { ...query, PageSize: `${size}` })
  const page = await read<{ messages: Message[]; next_page_uri: string | null }>(path)
  return { items: page.messages, next: page.next_page_uri }
}

export const message = (sid: string) => read<Message>(`${account()}/Messages/${sid}.json`)

export const send = (form: Form) => post<Message>(`${account()}/Messages.json`, form)

/** Empties a message's body for ever. */
export const redact = (sid: string) =>
  post<Message>(`${account()}/Messages/${sid}.json`, { Body: '' })

export async function media(sid: string): Promise<Media[]> {
  return (await read<{ media_list: Media[] }>(`${account()}/Messages/${sid}/Media.json`)).media_list
}

export async function timeline(sid: string): Promise<Step[]> {
  return (await read<{ steps: Step[] }>(`/trunkline/v1/Timelines/${sid}`)).steps
}

export async function deliveriesOf(sid: string): Promise<Delivery[]> {
  return (await read<{ deliveries: Delivery[] }>(deliveries(sid))).deliveries
}

/** Sends a webhook again, now. */
export const replay = (sid: string, sequence: number) =>
  post<void>(`${deliveries(sid)}/${sequence}/Again`)

export async function alerts(at?: string): Promise<Page<Alert>> {
  const page = await read<{ alerts: Alert[]; meta: { next_page_url: string | null } }>(
    at ?? '/monitor/v1/Alerts?PageSize=50',
  )
  return { items: page.alerts, next: page.meta.next_page_url && local(page.meta.next_page_url) }
}

/** The account's own phone numbers. */
export async function ownNumbers(): Promise<string[]> {
  const page = await read<{ incoming_phone_numbers: { phone_number: string }[] }>(
    `${account()}/IncomingPhoneNumbers.json?PageSize=1000`,
  )
  return page.incoming_phone_numbers.map((number) => number.phone_number)
}

export const credentials = () =>
  read<{ account_sid: string; auth_token: string }>('/console/credentials')

/** Which texts a simulated phone received and sent, newest last. */
export async function history(number: string): Promise<HandsetText[]> {
  return (await read<{ messages: HandsetText[] }>(`${handset(number)}/history`)).messages
}

/** Writes a text on a simulated phone. */
export const writeFrom = (number: string, form: Form) =>
  post<{ sid: string }>(`${handset(number)}/messages`, form)

export async function faults(): Promise<Fault[]> {
  return (await read<{ faults: Fault[] }>('/dev/faults')).faults
}

export const setFault = (form: Form) => post<void>('/dev/faults', form)

export const clearFault = (prefix: string, effect: string) =>
  remove(withQuery('/dev/faults', { prefix, effect }))

/** Moves the product's clock; every thing that falls due on the way is done. */
export const advanceClock = (seconds: number) =>
  post<void>('/dev/clock/advance', { seconds: `${seconds}` })

/** A page of a declared resource. */
export async function things(resource: Resource, query: Form, at?: string): Promise<Page<Thing>> {
  const path = at ?? withQuery(listPath(resource), { ...query, PageSize: '50' })
  const page = await read<Record<string, unknown>>(path)
  const meta = page.meta as { next_page_url: string | null } | undefined
  const next = (meta ? meta.next_page_url : page.next_page_uri) as string | null
  return { items: (page[resource.list_key] ?? []) as Thing[], next: next && local(next) }
}

export const thing = (resource: Resource, sid: string) => read<Thing>(onePath(resource, sid))

export const createThing = (resource: Resource, form: Form) =>
  post<Thing>(listPath(resource), form)

export const updateThing = (resource: Resource, sid: string, form: Form) =>
  post<Thing>(onePath(resource, sid), form)

export const deleteThing = (resource: Resource, sid: string) => remove(onePath(resource, sid))

/** Addresses of this installation are asked by their path: the page may have another host name. */
export function local(address: string): string {
  const own = [app.session?.base_url, location.origin].find((base) => base && address.startsWith(base))
  return own ? address.slice(own.length) : address
}

const ending = (resource: Resource) => (resource.paging === '2010' ? '.json' : '')
const root = (resource: Resource) =>
  resource.path.replace('{AccountSid}', app.session?.account.sid ?? '')
const listPath = (resource: Resource) => root(resource) + ending(resource)
const onePath = (resource: Resource, sid: string) => `${root(resource)}/${sid}${ending(resource)}`
