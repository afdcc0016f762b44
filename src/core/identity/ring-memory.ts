import type { Needs } from '../needs.ts'

/** How long a process may trust what it knows, should the signal of a change be lost. */
export const TRUST_MS = 10_000
const KNOWN_MAX = 10_000

/** What a process remembers of secrets, by their digests, until any key, session or user changes or `TRUST_MS` is over. */
export class RingMemory<T> {
  private readonly known = new Map<string, { value: T; knownAt: number }>()
  /** Goes up with every change: what was read before one is not remembered after it. */
  private changes = 0
  readonly close: () => void

  constructor(private readonly app: Needs<'clock' | 'signals'>) {
    this.close = app.signals.onKeyChanged(() => {
      this.changes++
      this.known.clear()
    })
  }

  /** `fresh`: what is remembered does not count. What `read` does not find, or throws, is forgotten. */
  async recall(digest: string, { fresh, read }: { fresh: boolean; read: () => Promise<T | undefined> }): Promise<T | undefined> {
    const now = this.app.clock.now()
    const known = fresh ? undefined : this.known.get(digest)
    // A clock that was set back is no reason to trust for longer.
    if (known && Math.abs(now - known.knownAt) <= TRUST_MS) return known.value
    const { changes } = this
    this.known.delete(digest)
    const value = await read()
    if (value === undefined || changes !== this.changes) return value
    if (this.known.size >= KNOWN_MAX) this.known.clear()
    this.known.set(digest, { value, knownAt: now })
    return value
  }
}
