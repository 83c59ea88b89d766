const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const clockSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const year = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' })

const sameDay = (a: Date, b: Date) => a.toDateString() === b.toDateString()

/** `17:05`: the time of day, in the reader's zone. */
export const timeOfDay = (at: string) => clock.format(new Date(at))

/** `today`, `yesterday`, `24 Nov` or `24 Nov 2025`. */
export function dayOf(at: string, now = new Date()): string {
  const date = new Date(at)
  if (sameDay(date, now)) return 'Today'
  if (sameDay(date, new Date(now.getTime() - 86_400_000))) return 'Yesterday'
  return (date.getFullYear() === now.getFullYear() ? day : year).format(date)
}

/** Short and enough: the time today, else with the day. */
export function moment(at: string, now = new Date()): string {
  const date = new Date(at)
  return sameDay(date, now)
    ? clockSeconds.format(date)
    : `${dayOf(at, now)} ${clock.format(date)}`
}

/** The exact instant: the reader's zone in words, then as it was told. */
export const exact = (at: string) => `${full.format(new Date(at))}\n${at}`

/** Microseconds since the epoch; dates alone keep only milliseconds. */
export function micros(at: string): number {
  const fraction = /\.(\d+)Z$/.exec(at)?.[1] ?? ''
  const seconds = Math.floor(Date.parse(at) / 1000)
  return seconds * 1_000_000 + Number(fraction.padEnd(6, '0').slice(0, 6))
}

/** The time of day to the microsecond, in the reader's zone. */
export function preciseTime(at: string): string {
  const date = new Date(at)
  const fraction = String(micros(at) % 1_000_000).padStart(6, '0')
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()]
  return `${parts.map((part) => String(part).padStart(2, '0')).join(':')}.${fraction}`
}

/** A length of time for people: `0.4 ms`, `18 ms`, `2.1 s`, `3 min`, `2 h`. */
export function span(us: number): string {
  const ms = us / 1000
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`
  return `${Math.round(ms / 3_600_000)} h`
}
