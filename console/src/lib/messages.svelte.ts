import * as api from './api'
import { coalesce } from './live'
import { stateAfter, type Tone } from './states'
import type { LedgerEvent, Message } from './types'

const FIRST_PAGE = 100
const NEXT_PAGE = 1000
/** Rows read in search of a state before somebody must ask for more. */
const SEARCH_LIMIT = 20_000

/** What the list of messages is narrowed to. */
export interface Filter {
  To: string
  From: string
  tone: Tone | ''
}

/** The list of messages: read page by page, kept up by the stream. */
export class MessageList {
  rows = $state.raw<Message[]>([])
  error = $state<unknown>(null)
  loaded = $state(false)
  searched = $state(0)
  next = $state<string | null>(null)

  private reading = false
  private known = new Map<string, Message>()
  private changed = new Map<string, Partial<Message>>()

  constructor(readonly filter: Filter) {}

  /** Reads the newest again and puts what is new on top. */
  refresh = async () => {
    try {
      const page = await api.messages(this.query(), FIRST_PAGE)
      const old = this.rows
      const overlap = page.items.some(({ sid }) => this.known.has(sid))
      const rest = overlap ? old.slice(this.endOf(page.items)) : []
      if (!overlap) this.next = page.next
      this.set([...page.items, ...rest])
      this.error = null
    } catch (error) {
      this.error = error
    }
    this.loaded = true
  }

  private soon = coalesce(this.refresh, 120)
  private apply = coalesce(async () => this.set(this.rows))

  /** Reads further back. */
  more = async () => {
    if (this.reading || !this.next) return
    this.reading = true
    try {
      const page = await api.messages({}, NEXT_PAGE, this.bigger(this.next))
      this.next = page.next
      this.set([...this.rows, ...page.items.filter(({ sid }) => !this.known.has(sid))])
      this.searched = this.rows.length
    } catch (error) {
      this.error = error
    }
    this.reading = false
  }

  /** Whether reading on by itself would go too far. */
  get tired() {
    return Boolean(this.filter.tone) && this.rows.length >= SEARCH_LIMIT
  }

  /** Takes up an event: a new message is read, a known one changes its state at once. */
  hear = (event: LedgerEvent) => {
    if (!event.kind.startsWith('messaging.message.')) return
    const status = stateAfter(event.kind)
    if (!status || !this.known.has(event.object)) return this.soon()
    const code = typeof event.facts.error === 'number' ? { error_code: event.facts.error } : {}
    this.changed.set(event.object, { status, ...code })
    this.apply()
  }

  private query() {
    const { To, From } = this.filter
    return { To, From }
  }

  /** Where the rows go on behind a page that was just read. */
  private endOf(page: Message[]): number {
    const last = page.findLast(({ sid }) => this.known.has(sid))
    return this.rows.findIndex(({ sid }) => sid === last?.sid) + 1
  }

  private bigger(next: string) {
    return next.replace(/PageSize=\d+/, `PageSize=${NEXT_PAGE}`)
  }

  private set(rows: Message[]) {
    const changed = this.changed
    this.changed = new Map()
    this.rows = changed.size
      ? rows.map((row) => (changed.has(row.sid) ? { ...row, ...changed.get(row.sid) } : row))
      : rows
    this.known = new Map(this.rows.map((row) => [row.sid, row]))
  }
}
