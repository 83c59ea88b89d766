import { words } from './states'
import type { Field, Form, Resource, Thing } from './types'

const NAMES = ['phone_number', 'short_code', 'friendly_name', 'customer_name']

/** What an object is called, for people: its number or name, else its SID. */
export function nameOf(thing: Thing): string {
  const member = NAMES.find((name) => typeof thing[name] === 'string' && thing[name])
  return member ? String(thing[member]) : thing.sid
}

/** Members worth a column, the most telling kinds first; the others are on the object's page. */
const TELLING: Field['form'][] = ['text', 'phone', 'url', 'country', 'sid']

/** The declared members that a row of the list shows beside the name: three that are set. */
export function columnsOf(resource: Resource, rows: Thing[]): Field[] {
  const names = new Set(rows.map(nameOf))
  const says = (member: string) =>
    rows.some((row) => row[member] && !names.has(String(row[member])) && member !== 'api_version')
  return TELLING.flatMap((form) =>
    resource.fields.filter((field) => field.form === form && says(field.member)),
  ).slice(0, 3)
}

/** A value as one line. */
export function shown(value: unknown): string {
  if (value === null || value === undefined || value === '') return 'None'
  if (typeof value === 'boolean') return value ? 'Yes' : 'No'
  if (typeof value !== 'object') return String(value)
  return Object.entries(value)
    .map(([name, each]) => (each === true ? words(name) : each === false ? '' : `${words(name)}: ${shown(each)}`))
    .filter(Boolean)
    .join(', ') || 'None'
}

/** The form for what was changed; without a thing, for what was filled in. */
export function changes(fields: Field[], values: Record<string, string>, thing?: Thing): Form {
  const form: Form = {}
  for (const field of fields) {
    const value = values[field.name] ?? ''
    if (thing ? value !== asText(thing[field.member]) : value) form[field.name] = value
  }
  return form
}

/** A member as a form shows it. */
export function asText(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
