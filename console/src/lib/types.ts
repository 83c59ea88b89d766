/** A form as the API takes it; a list is one name many times, undefined values are left out. */
export type Form = Record<string, string | string[] | undefined>

/** One member of a declared resource, and how a form asks for it. */
export interface Field {
  name: string
  member: string
  form: 'text' | 'url' | 'method' | 'bool' | 'choice' | 'sid' | 'phone' | 'country' | 'json'
  choices: string[]
  max: number | null
  create: boolean
  update: boolean
  required: boolean
}

/** A declared resource, as the server's registry describes it. */
export interface Resource {
  product: string
  kind: string
  title: string
  prefix: string
  path: string
  list_key: string
  parent: string | null
  paging: '2010' | 'v1'
  operations: ('create' | 'read' | 'list' | 'update' | 'delete')[]
  fields: Field[]
  filters: string[]
}

/** Who is signed in, where, and what this installation has. */
export interface Session {
  account: { sid: string; friendly_name: string; type: string; status: string }
  person: null | { email: string }
  csrf: string
  mode: 'dev' | 'serve'
  version: string
  base_url: string
  handsets: string[]
  resources: Resource[]
}

export interface Message {
  sid: string
  status: string
  direction: string
  from: string
  to: string
  body: string
  num_segments: string
  num_media: string
  price: string | null
  price_unit: string
  error_code: number | null
  error_message: string | null
  date_created: string
  date_sent: string | null
  date_updated: string
  messaging_service_sid: string | null
  uri: string
}

export interface Media {
  sid: string
  content_type: string
  uri: string
}

/** One step of a message's story; a webhook's step carries the members after `facts`. */
export interface Step {
  at: string
  kind: 'event' | 'decision' | 'pdu' | 'webhook'
  name: string
  facts: Record<string, unknown>
  sequence?: number
  attempt?: number
  status?: number | null
  error_code?: number | null
  duration_us?: number
  url?: string
}

export interface Attempt {
  attempt: number
  started_at: string
  duration_us: number
  status: number | null
  error_code: number | null
  answer: string | null
}

/** One webhook about an object, with all of its tries. */
export interface Delivery {
  object_sid: string
  sequence: number
  url: string
  request: Record<string, string> | null
  state: 'waiting' | 'delivered' | 'exhausted'
  due_at: string | null
  signed: string | null
  signature: string | null
  attempts: Attempt[]
}

export interface Alert {
  sid: string
  resource_sid: string
  error_code: string
  log_level: string
  alert_text: string
  request_method: string
  request_url: string
  date_created: string
}

/** A text on a simulated phone. `in`: the phone received it. */
export interface HandsetText {
  sid: string
  direction: 'in' | 'out'
  peer: string
  body: string
  media: string[]
  at: string
}

export interface Fault {
  prefix: string
  effect: string
  number: number | null
}

/** An object of a declared resource. */
export type Thing = Record<string, unknown> & { sid: string }

/** An event of the ledger, as the stream tells it. */
export interface LedgerEvent {
  kind: string
  object: string
  sequence: number
  at: string
  facts: Record<string, unknown>
}

/** What was used of one category in a span of days. */
export interface UsageRecord {
  category: string
  description: string
  count: string
  count_unit: string
  usage: string
  usage_unit: string
  price: number
  start_date: string
  end_date: string
}

/** What a carrier answered in a minute. */
export interface CarrierMinute {
  taken: number
  refused: number
  held: number
  delivered: number
  undelivered: number
  received: number
}

export interface Carrier {
  number: number
  name: string
  kind: 'sim' | 'smpp' | 'none'
  up: boolean
  route: null | {
    prefixes: string[]
    countries: string[]
    senders: string[]
    accounts: string[]
    priority: number
    weight: number
  }
  binds: { mode: string; state: string; since: string | null }[]
  window: number
  throughput: number | null
  /** The last hour, oldest first. */
  minutes: CarrierMinute[]
}

/** Whether a route takes a message, and why (not). */
export interface Explained {
  carrier: number
  name: string
  takes: boolean
  why: string
}

/** How the deliveries to one endpoint go. */
export interface EndpointState {
  endpoint: string
  ready: number
  in_flight: number
  outages: number
  held_back: boolean
}

/** A change in the audit trail. */
export interface AuditEvent {
  sid: string
  actor_sid: string
  actor_type: string
  source: string
  source_ip_address: string
  event_type: string
  event_date: string
  resource_sid: string
  resource_type: string
  event_data: { resource_properties?: Record<string, { previous: unknown; updated: unknown }> }
}
