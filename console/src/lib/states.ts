/** The five meanings a state can have; each has one colour everywhere. */
export type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'idle'

const tones: Record<string, Tone> = {
  delivered: 'good', received: 'good', read: 'good', active: 'good', 'in-use': 'good',
  up: 'good', open: 'good', answers: 'good', completed: 'good', answered: 'good',
  approved: 'good', allowed: 'good', blocked: 'bad',
  undelivered: 'bad', failed: 'bad', exhausted: 'bad', error: 'bad', suspended: 'bad',
  down: 'bad', refused: 'bad', held_back: 'bad', busy: 'bad', 'no-answer': 'bad',
  warning: 'warn', failing: 'warn', connecting: 'warn', waiting: 'warn', partially_delivered: 'warn',
  queued: 'busy', accepted: 'busy', scheduled: 'busy', sending: 'busy', sent: 'busy',
  receiving: 'busy', initiated: 'busy', ringing: 'busy', 'in-progress': 'busy',
}

/** What a state means. Unknown states are calm. */
export const toneOf = (state: string): Tone => tones[state] ?? 'idle'

/** States of messages by meaning, for the filter. */
export const messageTones: { tone: Tone; label: string }[] = [
  { tone: 'good', label: 'Arrived' },
  { tone: 'busy', label: 'Under way' },
  { tone: 'bad', label: 'Not delivered' },
  { tone: 'idle', label: 'Canceled' },
]

const messageStates = new Set([
  'accepted', 'scheduled', 'queued', 'sending', 'sent', 'delivered', 'undelivered', 'failed',
  'canceled', 'receiving', 'received', 'read',
])

/** The state that an event of a message leads to, when it does. */
export function stateAfter(kind: string): string | null {
  const last = kind.startsWith('messaging.message.') ? kind.slice(18) : ''
  return messageStates.has(last) ? last : null
}

/** `incoming_phone_number` or `IncomingPhoneNumbers` as words: `Incoming phone number(s)`. */
export function words(name: string): string {
  const spaced = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[_.]+/g, ' ')
    .toLowerCase()
    .replace(/\b(sid|url|ids|id|api|sms|mms|uri|iso|sip|aws)\b/g, (short) => short === 'ids' ? 'IDs' : short.toUpperCase())
  return spaced.charAt(0).toUpperCase() + spaced.slice(1)
}
