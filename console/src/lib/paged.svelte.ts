import type { Page } from './api'

/**
 * A list that is read page by page and kept fresh. `question` is what it is narrowed to: when it
 * changes, the list begins anew; while it stays, what is new comes on top of what was read.
 */
export class Paged<T extends { sid: string }, Q> {
  items = $state.raw<T[] | null>(null)
  next = $state<string | null>(null)
  error = $state<unknown>(null)

  private shown: Q | undefined

  constructor(
    private readonly question: () => Q,
    private readonly read: (question: Q, at?: string) => Promise<Page<T>>,
  ) {}

  /** Reads the newest page. An answer to a question that changed meanwhile is dropped. */
  load = async () => {
    const asked = this.question()
    try {
      const page = await this.read(asked)
      if (asked !== this.question()) return
      const old = asked === this.shown ? (this.items ?? []) : []
      const read = new Set(page.items.map(({ sid }) => sid))
      const seam = old.findLastIndex(({ sid }) => read.has(sid))
      const rest = seam < 0 ? [] : old.slice(seam + 1)
      if (!rest.length) this.next = page.next
      this.items = [...page.items, ...rest]
      this.shown = asked
      this.error = null
    } catch (refusal) {
      this.error = refusal
    }
  }

  /** Reads the page behind the last one. */
  more = async () => {
    const asked = this.question()
    if (!this.next) return
    try {
      const page = await this.read(asked, this.next)
      if (asked !== this.question()) return
      const known = new Set(this.items?.map(({ sid }) => sid))
      this.items = [...(this.items ?? []), ...page.items.filter(({ sid }) => !known.has(sid))]
      this.next = page.next
    } catch (refusal) {
      this.error = refusal
    }
  }
}
