import { local, type Page } from '$console/lib/api'
import { post, read, withQuery } from '$console/lib/http'
import { app } from '$console/lib/session.svelte'
import type { Form, Step } from '$console/lib/types'

/** A call, as the API shows it. */
export interface Call {
  sid: string
  parent_call_sid: string | null
  from: string
  to: string
  status: string
  direction: string
  duration: string | null
  price: string | null
  price_unit: string
  date_created: string
  start_time: string | null
  end_time: string | null
}

export interface Recording {
  sid: string
  status: string
  source: string
  duration: string | null
  channels: number
  date_created: string
}

/** The loudest samples of a recording, for its picture: from 0 to 32,767, a list for each channel. */
export interface Peaks {
  duration_ms: number
  channels: number[][]
}

/** The numbers of a leg's media, once it has ended. */
export interface Quality {
  packets_received: number
  packets_sent: number
  packets_lost: number
  packets_late: number
  packets_lost_remote: number
  jitter_ms: number
  jitter_max_ms: number
  round_trip_ms: number | null
  mos: number
}

/** A SIP message, without its body. */
export interface SipStep {
  at: string
  kind: 'sip'
  name: string
  direction: 'sent' | 'received'
  transport: string
  peer: string
  first_line: string
  headers: [string, string][]
  body_octets: number
}

/** What happened to a call. */
export interface Story {
  steps: Step[]
  messages: SipStep[]
  quality: Quality | null
}

/** A call of a simulated phone. `in`: the phone was called. */
export interface PhoneCall {
  id: number
  sid: string | null
  direction: 'in' | 'out'
  peer: string
  state: 'ringing' | 'answered' | 'ended'
  digits: string
  heard_ms: number
  started_at: string
  answered_at: string | null
  ended_at: string | null
  ended_by: 'us' | 'them' | 'timeout' | null
  status: number
}

export interface PhoneCalls {
  behave: string
  after_ms: number
  calls: PhoneCall[]
}

const account = () => `/2010-04-01/Accounts/${app.session?.account.sid ?? ''}`
const phone = (number: string) => `/dev/handsets/${encodeURIComponent(number)}/calls`

/** A page of calls, newest first; `at` is the `next` of the page before. */
export async function calls(query: Form, at?: string): Promise<Page<Call>> {
  const path = at ?? withQuery(`${account()}/Calls.json`, { ...query, PageSize: '50' })
  const page = await read<{ calls: Call[]; next_page_uri: string | null }>(path)
  return { items: page.calls, next: page.next_page_uri && local(page.next_page_uri) }
}

export const call = (sid: string) => read<Call>(`${account()}/Calls/${sid}.json`)

/** The legs that a call's `Dial` brought. */
export const children = (sid: string) => calls({ ParentCallSid: sid })

/** Ends a call, whatever its state. */
export const end = (sid: string) => post<Call>(`${account()}/Calls/${sid}.json`, { Status: 'completed' })

export async function story(sid: string): Promise<Story> {
  const path = `/trunkline/v1/Calls/${sid}/Timeline`
  const { steps, quality } = await read<{ steps: (Step | SipStep)[]; quality: Quality | null }>(path)
  return {
    steps: steps.filter((step) => step.kind !== 'sip'),
    messages: steps.filter((step) => step.kind === 'sip'),
    quality,
  }
}

export async function recordings(sid: string): Promise<Recording[]> {
  return (await read<{ recordings: Recording[] }>(`${account()}/Calls/${sid}/Recordings.json`)).recordings
}

export const peaks = (sid: string) => read<Peaks>(`/trunkline/v1/Recordings/${sid}/Peaks`)

export const recordingFile = (sid: string) => `${account()}/Recordings/${sid}.wav`

/** The calls of a simulated phone, newest last, and what it does by itself when it is called. */
export const phoneCalls = (number: string) => read<PhoneCalls>(phone(number))

/** Does something with a simulated phone. */
export const act = (number: string, form: Form) => post<PhoneCall>(phone(number), form)

/** What a phone has heard of a call. */
export const heardFile = (number: string, id: number) => `${phone(number)}/${id}/audio`

/** `1:05`: minutes and seconds. */
export const clockOf = (ms: number) =>
  `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`

const directions: Record<string, string> = {
  'outbound-api': 'Outbound, by the API',
  'outbound-dial': 'Outbound, by Dial',
  inbound: 'Inbound',
}

/** A direction in words. */
export const directionOf = ({ direction }: Call) => directions[direction] ?? direction
