import * as api from './api'
import type { Fault, HandsetText, Message } from './types'

const KEY = 'trunkline.phones'
const SHOWN_FIRST = 2

/** The phones on the table, the account's own numbers and the faults that are set. */
export const phones = $state<{ shown: string[]; own: string[]; faults: Fault[] }>({
  shown: [],
  own: [],
  faults: [],
})

/** Puts the phones of last time on the table, or the first of those suggested. */
export function layPhones(suggested: string[]) {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '') as unknown
    if (Array.isArray(kept) && kept.every(isNumber)) phones.shown = kept
  } catch {
    phones.shown = suggested.slice(0, SHOWN_FIRST)
  }
}

/** Puts one more phone on the table. */
export function addPhone(number: string) {
  if (!phones.shown.includes(number)) phones.shown.push(number)
  keep()
}

/** Takes a phone off the table; its texts stay on the server. */
export function putAway(number: string) {
  phones.shown = phones.shown.filter((other) => other !== number)
  keep()
}

/** Whether this is an E.164 number. */
export const isNumber = (text: unknown): text is string =>
  typeof text === 'string' && /^\+[1-9]\d{6,14}$/.test(text)

/** Reads again which faults are set. */
export async function readFaults() {
  phones.faults = await api.faults()
}

/** The faults that a phone feels: those set for a beginning of its number. */
export const faultsOf = (number: string) =>
  phones.faults.filter(({ prefix }) => number.startsWith(prefix))

/** The own number that is most like a phone's: of its country, usually. */
export function nearestOwn(number: string): string {
  const alike = (other: string) => [...other].findIndex((digit, at) => digit !== number[at])
  return phones.own.toSorted((a, b) => alike(b) - alike(a))[0] ?? ''
}

/** The message that this text on a phone was or became. */
export async function messageOf(number: string, text: HandsetText): Promise<Message | undefined> {
  const query =
    text.direction === 'in' ? { To: number, From: text.peer } : { To: text.peer, From: number }
  const { items } = await api.messages(query, 200)
  const apart = (message: Message) => Math.abs(Date.parse(message.date_created) - Date.parse(text.at))
  return items
    .filter((message) => message.body === text.body)
    .toSorted((a, b) => apart(a) - apart(b))[0]
}

function keep() {
  localStorage.setItem(KEY, JSON.stringify(phones.shown))
}
