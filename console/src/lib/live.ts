import { listen } from './stream.svelte'
import type { LedgerEvent } from './types'

/** Makes many calls into few: the task runs soon, and never twice at the same time. */
export function coalesce(task: () => Promise<unknown>, pause = 60): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let running = false
  let again = false
  const run = async () => {
    timer = undefined
    running = true
    try {
      await task()
    } finally {
      running = false
      if (again) trigger()
      again = false
    }
  }
  const trigger = () => {
    if (running) again = true
    else timer ??= setTimeout(run, pause)
  }
  return trigger
}

/** Runs the task now, at each event that concerns it, and after a gap in the stream. */
export function keepFresh(task: () => Promise<unknown>, concerns: (event: LedgerEvent) => boolean) {
  let over = false
  const again = coalesce(async () => over || task())
  void task()
  const stop = listen((event) => concerns(event) && again(), again)
  return () => {
    over = true
    stop()
  }
}
