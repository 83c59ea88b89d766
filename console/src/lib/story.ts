import { micros, span } from './time'
import type { Delivery, Step } from './types'
import type { Tone } from './states'
import { telling } from './products'
import { words } from './states'

/** A step as the page tells it. */
export interface Chapter {
  step: Step
  title: string
  who: string
  tone: Tone
  /** Time since the step before, for people; empty for the first. */
  gap: string
}

interface Telling {
  title: string
  who: string
  tone: Tone
}

const tellings: Record<string, Telling> = {
  queued: { title: 'Accepted', who: 'API', tone: 'busy' },
  accepted: { title: 'Accepted, not queued yet', who: 'API', tone: 'busy' },
  scheduled: { title: 'Scheduled', who: 'API', tone: 'busy' },
  sending: { title: 'Handed to the carrier', who: 'Carrier', tone: 'busy' },
  sent: { title: 'Taken by the carrier', who: 'Carrier', tone: 'busy' },
  delivered: { title: 'Receipt: delivered', who: 'Receipt', tone: 'good' },
  undelivered: { title: 'Receipt: not delivered', who: 'Receipt', tone: 'bad' },
  failed: { title: 'Failed', who: 'Carrier', tone: 'bad' },
  received: { title: 'Received', who: 'Carrier', tone: 'good' },
  canceled: { title: 'Canceled', who: 'API', tone: 'idle' },
  redacted: { title: 'Redacted', who: 'API', tone: 'idle' },
  deleted: { title: 'Deleted', who: 'API', tone: 'idle' },
}

/** A message's steps, told in order, each with the time since the one before. */
export function chapters(steps: Step[]): Chapter[] {
  return steps.map((step, at) => {
    const before = steps[at - 1]
    const gap = before ? `+${span(micros(step.at) - micros(before.at))}` : ''
    return { step, gap, ...tell(step) }
  })
}

/** Facts of a step that are worth a line, as pairs. */
export function factsOf(step: Step): [string, string][] {
  return Object.entries(step.facts)
    .filter(([, value]) => value !== null && value !== '')
    .map(([name, value]) => [words(name), typeof value === 'object' ? JSON.stringify(value) : String(value)])
}

/** Whether an endpoint's last answer says that it did not believe the signature. */
export function refusedSignature(delivery: Delivery): boolean {
  const last = delivery.attempts.at(-1)
  return last?.status === 401 || last?.status === 403
}

/** A piece of a signed string: the address, a parameter's name or its value. */
export interface SignedPiece {
  text: string
  is: 'url' | 'name' | 'value'
}

/** The signed string cut into its parts; null when it isn't address plus sorted form. */
export function signedPieces(delivery: Delivery): SignedPiece[] | null {
  const { signed, request, url } = delivery
  if (!signed || !request) return null
  const cut: SignedPiece[] = [{ text: url, is: 'url' }]
  for (const name of Object.keys(request).sort()) {
    cut.push({ text: name, is: 'name' }, { text: request[name] ?? '', is: 'value' })
  }
  return cut.map(({ text }) => text).join('') === signed ? cut : null
}

function tell(step: Step): Telling {
  if (step.kind === 'webhook') return toldWebhook(step)
  if (step.kind === 'decision') return { title: 'Rules passed, route chosen', who: 'Rules', tone: 'idle' }
  if (step.kind === 'pdu') return { title: step.name, who: 'SMPP', tone: refusedPdu(step) ? 'bad' : 'idle' }
  return toldEvent(step)
}

/** Whether a carrier answered with a status other than 0. */
const refusedPdu = ({ facts }: Step) => Number(facts.command_status ?? 0) !== 0

function toldEvent(step: Step): Telling {
  const last = step.name.split('.').at(-1) ?? step.name
  const known = step.name.startsWith('messaging.message.') ? tellings[last] : undefined
  return known ?? telling(step.name) ?? { title: words(last), who: words(step.name.split('.')[0] ?? ''), tone: 'idle' }
}

function toldWebhook(step: Step): Telling {
  const again = (step.attempt ?? 1) > 1 ? `, try ${step.attempt}` : ''
  const good = step.status != null && step.status >= 200 && step.status < 300
  const end = step.status ? `answered ${step.status}` : `failed with ${step.error_code ?? 'no answer'}`
  return { title: `Webhook ${end}${again}`, who: 'Webhook', tone: good ? 'good' : 'bad' }
}
