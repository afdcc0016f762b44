import { Fault } from '../../src/core/fault.ts'
import type { Db, Param, Statement } from '../../src/drivers/records/port.ts'

/** Where a fault falls: before the statement reached the database, or after it took effect there, with its answer. */
export type Side = 'before' | 'after'

export interface Pause {
  /** Resolves once a statement stands at the pause. */
  reached: Promise<void>
  release(): void
}

const never = <R>(): Promise<R> => new Promise<R>(() => undefined)
const unreachable = (): Fault => new Fault('unavailable', 'The database does not answer.')

/**
 * A real database behind a line that tests can break, hold or cut. Faults are put on a batched statement by its name, or
 * on `hot`, `query`, `transaction` or `notify`, or on the text of a statement of the first two; what happens inside a
 * transaction is not touched.
 */
export class FaultyDb implements Db {
  dead = false
  /** Statements that were sent, by name. */
  readonly sent: string[] = []
  private readonly fuses: { name: string | RegExp; side: Side }[] = []
  private readonly pauses: { name: string; side: Side; reach(): void; released: Promise<void> }[] = []

  constructor(private readonly inner: Db) {}

  failNext(name: string | RegExp, side: Side): void {
    this.fuses.push({ name, side })
  }

  pauseNext(name: string, side: Side): Pause {
    const reached = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    this.pauses.push({ name, side, reach: reached.resolve, released: released.promise })
    return { reached: reached.promise, release: released.resolve }
  }

  /** Nothing reaches the database any more, and no wait ends. */
  die(): void {
    this.dead = true
  }

  query<R>(text: string, params?: readonly Param[]): Promise<R[]> {
    return this.through('query', () => this.inner.query<R>(text, params), text)
  }
  hot<R>(text: string, params?: readonly Param[]): Promise<R[]> {
    return this.through('hot', () => this.inner.hot<R>(text, params), text)
  }
  batch<T, R>(statement: Statement<T, R>, item: T): Promise<R> {
    return this.through(statement.name, () => this.inner.batch(statement, item))
  }
  transaction<R>(work: (db: Db) => Promise<R>): Promise<R> {
    return this.through('transaction', () => this.inner.transaction(work))
  }
  notify(channel: string, payload: string): Promise<void> {
    return this.through('notify', () => this.inner.notify(channel, payload))
  }
  listen(channel: string, onPayload: (payload: string) => void, onGap: () => void): Promise<() => Promise<void>> {
    const alive =
      <A extends unknown[]>(tell: (...args: A) => void) =>
      (...args: A) => {
        if (!this.dead) tell(...args)
      }
    return this.inner.listen(channel, alive(onPayload), alive(onGap))
  }

  private async through<R>(name: string, send: () => Promise<R>, text = name): Promise<R> {
    await this.stand(name, 'before')
    if (this.dead) return never()
    if (this.burn({ name, text }, 'before')) throw unreachable()
    this.sent.push(name)
    const result = await send()
    await this.stand(name, 'after')
    if (this.dead) return never()
    if (this.burn({ name, text }, 'after')) throw unreachable()
    return result
  }

  private burn({ name, text }: { name: string; text: string }, side: Side): boolean {
    const isMeant = (fuse: string | RegExp): boolean => (typeof fuse === 'string' ? fuse === name : fuse.test(text))
    const index = this.fuses.findIndex((fuse) => isMeant(fuse.name) && fuse.side === side)
    if (index >= 0) this.fuses.splice(index, 1)
    return index >= 0
  }

  private async stand(name: string, side: Side): Promise<void> {
    const index = this.pauses.findIndex((pause) => pause.name === name && pause.side === side)
    const pause = index < 0 ? undefined : this.pauses.splice(index, 1)[0]
    if (!pause) return
    pause.reach()
    await pause.released
  }
}
