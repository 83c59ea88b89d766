import { local, type Page } from '$console/lib/api'
import { read, withQuery } from '$console/lib/http'
import type { Form, LedgerEvent } from '$console/lib/types'

/** One try to deliver a code. */
export interface Attempt {
  sid: string
  verification_sid: string
  date_created: string
  conversion_status: 'converted' | 'unconverted'
  channel: string
  channel_data: {
    to: string
    message_status: string
    error_code: string | null
    country: string
  }
}

/** What became of the codes that went to one country in one way. */
export interface Step {
  country: string
  channel: string
  sent: number
  delivered: number
  approved: number
}

/** What the fraud guard decided, by which rule, and what it saw. */
export interface Decision {
  sid: string
  to: string
  country: string
  level: string
  decision: 'allowed' | 'blocked'
  rule: string
  why: string
  date_created: string
  date_answered: string | null
}

interface Meta {
  meta: { next_page_url: string | null }
}

const nextOf = ({ meta }: Meta) => meta.next_page_url && local(meta.next_page_url)

/** A page of attempts, newest first; `at` is the `next` of the page before. */
export async function attempts(query: Form, at?: string): Promise<Page<Attempt>> {
  const path = at ?? withQuery('/verify/v2/Attempts', { ...query, PageSize: '50' })
  const page = await read<{ attempts: Attempt[] } & Meta>(path)
  return { items: page.attempts, next: nextOf(page) }
}

/** The funnel since an instant. */
export async function funnel(since: string): Promise<Step[]> {
  return (await read<{ steps: Step[] }>(withQuery('/trunkline/v1/Verify/Funnel', { DateCreatedAfter: since }))).steps
}

/** A page of decisions, newest first. */
export async function decisions(query: Form, at?: string): Promise<Page<Decision>> {
  const path = at ?? withQuery('/trunkline/v1/Verify/Decisions', { ...query, PageSize: '50' })
  const page = await read<{ decisions: Decision[] } & Meta>(path)
  return { items: page.decisions, next: nextOf(page) }
}

/** Whether an event may have changed an attempt. */
export const concerns = ({ kind }: LedgerEvent) =>
  kind.includes('verify.verification.') || kind.startsWith('messaging.message.')

/** The rules that decide, as the log names them. */
export const rules: Record<string, string> = {
  fits: 'Within every rule',
  known: 'Answered before',
  number: 'Too many to the number',
  block: 'Too many to its neighbours',
  range: 'Too many to its range',
  country: 'Too many to its country',
  ip: 'Too many from the address',
  device: 'Too many from the device',
  sequence: 'Neighbours in a row',
  dear_range: 'Dear to reach',
  country_denied: 'Country denied by the service',
  geo_permission: 'Country denied by the account',
  safe_list: 'On the safe list',
  risk_check_disabled: 'Application vouches',
  off: 'Guard is off',
}
