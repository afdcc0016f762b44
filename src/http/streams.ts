import { Fault } from '../core/fault.ts'

/** A stream or socket that stays open after its handler has returned. */
export interface OpenStream {
  /** Called several times per keep-alive interval. */
  tick(): void
  /** The server goes away: end so that the client comes back. */
  close(): void
}

/** All open streams of this process: bounded, kept alive by one timer, ended together at shutdown. */
export interface Streams {
  readonly size: number
  /** Throws Fault('unavailable') when there are too many. Returns the remover. */
  add(stream: OpenStream): () => void
  closeAll(): void
}

/** Ticks per keep-alive interval: how finely silence is measured. */
export const TICKS = 4

export function openStreams({ streamsMax, keepAliveMs }: { streamsMax: number; keepAliveMs: number }): Streams {
  const open = new Set<OpenStream>()
  let timer: Timer | undefined
  let closing = false
  const tick = () => {
    for (const stream of open) stream.tick()
  }
  const remove = (stream: OpenStream) => {
    open.delete(stream)
    if (open.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
  return {
    get size() {
      return open.size
    },
    add(stream) {
      if (closing) throw new Fault('unavailable', 'The server is shutting down.', { retryAfterMs: 1000 })
      if (open.size >= streamsMax) throw new Fault('unavailable', `More than ${streamsMax} streams are open.`, { retryAfterMs: 1000 })
      open.add(stream)
      timer ??= setInterval(tick, keepAliveMs / TICKS)
      return () => remove(stream)
    },
    closeAll() {
      closing = true
      for (const stream of [...open]) stream.close()
    },
  }
}
