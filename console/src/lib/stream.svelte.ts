import type { LedgerEvent } from './types'

type Listener = (event: LedgerEvent) => void

/** How the stream is: `live`, `reconnecting` (it was live a moment ago) or `down`. */
export const stream = $state<{ state: 'live' | 'reconnecting' | 'down' }>({ state: 'reconnecting' })

const LONGEST_PAUSE = 15_000
const SAY_DOWN_AFTER = 6_000
const listeners = new Set<Listener>()
const resets = new Set<() => void>()
let source: EventSource | undefined
let retry: ReturnType<typeof setTimeout> | undefined
let worry: ReturnType<typeof setTimeout> | undefined
let pause = 500
let wasReady = false

/** Calls for every event. `onReset`: events may have been missed, read again. Returns the end. */
export function listen(onEvent: Listener, onReset: () => void): () => void {
  listeners.add(onEvent)
  resets.add(onReset)
  return () => {
    listeners.delete(onEvent)
    resets.delete(onReset)
  }
}

/** Opens the stream. */
export function openStream() {
  closeStream()
  connect()
}

/** Closes the stream. */
export function closeStream() {
  clearTimeout(retry)
  clearTimeout(worry)
  source?.close()
  source = undefined
  wasReady = false
}

function connect() {
  source = new EventSource('/console/events')
  source.addEventListener('ready', ready)
  source.addEventListener('reset', tellReset)
  source.addEventListener('ledger', (raw) => {
    const event = JSON.parse((raw as MessageEvent<string>).data) as LedgerEvent
    for (const listener of listeners) listener(event)
  })
  source.onerror = () => {
    if (stream.state === 'live') stream.state = 'reconnecting'
    worry ??= setTimeout(() => (stream.state = 'down'), SAY_DOWN_AFTER)
    // The browser tries again by itself, except when it was answered something else than a stream.
    if (source?.readyState !== EventSource.CLOSED) return
    retry = setTimeout(connect, pause)
    pause = Math.min(pause * 2, LONGEST_PAUSE)
  }
}

function ready() {
  clearTimeout(worry)
  worry = undefined
  pause = 500
  stream.state = 'live'
  // Events without an id (those of handsets and webhooks) are not told again after a cut.
  if (wasReady) tellReset()
  wasReady = true
}

function tellReset() {
  for (const reset of resets) reset()
}
