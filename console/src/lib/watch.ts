import { read, withQuery } from './http'
import { local, type Page } from './api'
import { app } from './session.svelte'
import type { AuditEvent, Carrier, Delivery, EndpointState, Explained, UsageRecord } from './types'

// What the pages of those who run an installation ask.

const account = () => `/2010-04-01/Accounts/${app.session?.account.sid ?? ''}`

/** One category by day, oldest first. */
export async function usageByDay(category: string, start: string): Promise<UsageRecord[]> {
  const query = { Category: category, StartDate: start, PageSize: '1000' }
  const page = await read<{ usage_records: UsageRecord[] }>(withQuery(`${account()}/Usage/Records/Daily.json`, query))
  return page.usage_records.sort((a, b) => a.start_date.localeCompare(b.start_date))
}

/** Every category since a day. */
export async function usageSince(start: string): Promise<UsageRecord[]> {
  const query = { StartDate: start, PageSize: '1000' }
  return (await read<{ usage_records: UsageRecord[] }>(withQuery(`${account()}/Usage/Records.json`, query))).usage_records
}

export async function carriers(): Promise<Carrier[]> {
  return (await read<{ carriers: Carrier[] }>('/trunkline/v1/Carriers')).carriers
}

/** Which carrier would take a message, and why the others would not. */
export async function explainRoute(from: string, to: string): Promise<Explained[]> {
  return (await read<{ routes: Explained[] }>(withQuery('/trunkline/v1/Routes/Explain', { From: from, To: to }))).routes
}

/** The newest webhooks, whatever they are about. */
export async function webhooks(state: string): Promise<Delivery[]> {
  return (await read<{ deliveries: Delivery[] }>(withQuery('/trunkline/v1/Deliveries', { State: state, PageSize: '50' }))).deliveries
}

export async function endpoints(): Promise<EndpointState[]> {
  return (await read<{ endpoints: EndpointState[] }>('/trunkline/v1/Endpoints')).endpoints
}

/** A page of the audit trail, newest first. */
export async function audit(query: Record<string, string>, at?: string): Promise<Page<AuditEvent>> {
  const path = at ?? withQuery('/monitor/v1/Events', { ...query, PageSize: '50' })
  const page = await read<{ events: AuditEvent[]; meta: { next_page_url: string | null } }>(path)
  return { items: page.events, next: page.meta.next_page_url && local(page.meta.next_page_url) }
}
