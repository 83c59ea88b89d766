import type { Component } from 'svelte'
import type { Group, Place } from './registry'
import type { Tone } from './states'
import type { Session } from './types'

/** What a page of a product is given. */
export interface PageProps {
  session: Session
  /** The parts of the address that its pattern names. */
  parts: Record<string, string>
}

/** What a product adds to each phone of the handsets' page. */
export interface PhoneProps {
  number: string
}

type Lazy<Props extends Record<string, unknown>> = () => Promise<{ default: Component<Props> }>

/** What a product brings to the console: its `console/index.ts` exports one as its default. */
export interface ProductPages {
  /** The heading of its places in the side bar. */
  title: string
  places: Place[]
  /** Patterns like `/calls/:sid`, each with its page, loaded when somebody goes there. */
  routes: { pattern: string; page: Lazy<PageProps & Record<string, unknown>> }[]
  /** Where the objects with these first letters of a SID have their pages. */
  prefixes: Record<string, (sid: string) => string>
  /** How events of its objects are told in their stories, by kind. */
  tellings: Record<string, { title: string; who: string; tone: Tone }>
  /** What it adds to each phone. */
  phone?: Lazy<PhoneProps & Record<string, unknown>>
}

const found = import.meta.glob<{ default: ProductPages }>('../../../crates/products/src/*/console/index.ts', {
  eager: true,
})

/** Every product's pages, in the order of their folders. */
export const products: ProductPages[] = Object.values(found).map((file) => file.default)

/** The groups of the side bar that products bring. */
export const productGroups = (): Group[] =>
  products.filter(({ places }) => places.length).map(({ title, places }) => ({ title, places }))

/** Where a product's object has its page; null when none has one for it. */
export function productPage(sid: string): string | null {
  for (const { prefixes } of products) {
    const path = prefixes[sid.slice(0, 2)]
    if (path) return path(sid)
  }
  return null
}

/** How an event is told by the product that it is of. */
export function telling(kind: string) {
  for (const { tellings } of products) if (kind in tellings) return tellings[kind]
  return undefined
}
