import type { Db, Param, Statement } from '../../src/drivers/records/port.ts'

/** A moment: before or after the `nth` statement of this name, counted from 1. */
export interface CrashPoint {
  name: string
  nth: number
  side: 'before' | 'after'
}

export const showPoint = ({ name, nth, side }: CrashPoint): string => `${side} ${name} #${nth}`

const NAMES: readonly [RegExp, string][] = [
  [/insert into run_event .* for key share/, 'journal'],
  [/ok as \(update run r/, 'commit'],
  [/insert into run \(.*false from x join a/, 'queue behind'],
  [/r as \(insert into run \(/, 'create'],
  [/d as materialized .* q as materialized/, 'claim'],
  [/as started from run r/, 'claim: read'],
  [/set lease_until = now\(\) \+/, 'renew'],
  [/p as materialized .* for update skip locked/, 'promote: hold'],
  [/from thread where .* for update/, 'lock thread'],
  [/from run r where r\.id = \$1 .* for update of r/, 'lock idle run'],
  [/from run where id = \$1 .* for update/, 'lock run'],
  [/set status = 'cancelling'/, 'ask to stop'],
  [/r as \(update run set status = \$2, fence = fence \+ 1/, 'end idle run'],
  [/delete from run where/, 'remove run'],
  [/delete from channel_blob/, 'remove values'],
  [/delete from checkpoint/, 'remove state'],
  [/delete from message/, 'remove messages'],
  [/update thread set run_id = null, next_at = null/, 'free thread'],
  [/insert into job/, 'insert job'],
  [/g as \(update thread set next_seq/, 'write state'],
  [/insert into item|delete from item/, 'write items'],
  [/^with recursive c as/, 'read state'],
  [/^with recursive t as/, 'read heads'],
  [/^select |^savepoint|^release|^rollback|^begin|^listen|pg_notify/, 'read'],
]

/** What a statement is called here. `commit` says for which status. */
export function nameOf(text: string, params: readonly Param[] = []): string {
  const line = text.replace(/\s+/g, ' ')
  const name = NAMES.find(([pattern]) => pattern.test(line))?.[1] ?? line.slice(0, 40)
  if (name !== 'commit') return name
  const statuses = [...String(params[0]).matchAll(/"status":"(\w+)"/g)].map(([, status]) => status)
  return `commit ${[...new Set(statuses)].join('+')}`
}

/** Counts the statements of one process, and ends it at one of them. */
export class Crash {
  /** Every statement, in the order of their beginnings. */
  readonly names: string[] = []
  crashed = false
  private readonly counts = new Map<string, number>()

  /** @param end must see to it that nothing of this process reaches the database any more */
  constructor(
    private readonly point: CrashPoint | undefined,
    private readonly end: () => void,
    /** Statements before are not counted. */
    private readonly isArmed: () => boolean = () => true,
  ) {}

  /** Never resolves once the process has ended; with `thrown` it rejects, so that a transaction is rolled back. */
  async step<R>(name: string, send: () => Promise<R>, thrown = false): Promise<R> {
    if (this.crashed) return this.over(thrown)
    const nth = this.isArmed() ? (this.counts.get(name) ?? 0) + 1 : 0
    if (nth > 0) {
      this.counts.set(name, nth)
      this.names.push(name)
    }
    if (this.isAt({ name, nth, side: 'before' })) return this.die(thrown)
    const result = await send()
    if (this.isAt({ name, nth, side: 'after' })) return this.die(thrown)
    return this.crashed ? this.over(thrown) : result
  }

  private isAt({ name, nth, side }: CrashPoint): boolean {
    return this.point?.name === name && this.point.nth === nth && this.point.side === side
  }

  private die(thrown: boolean): Promise<never> {
    this.crashed = true
    this.end()
    return this.over(thrown)
  }

  private over(thrown: boolean): Promise<never> {
    return thrown ? Promise.reject(new Error('this process has ended')) : new Promise(() => undefined)
  }
}

/** A database that takes its process along at one statement, inside of transactions too. */
export class CrashDb implements Db {
  readonly inTransaction: boolean

  constructor(
    private readonly inner: Db,
    private readonly crash: Crash,
    private readonly within = false,
  ) {
    this.inTransaction = within
  }

  query<R>(text: string, params?: readonly Param[]): Promise<R[]> {
    return this.crash.step(nameOf(text, params), () => this.inner.query<R>(text, params), this.within)
  }
  hot<R>(text: string, params?: readonly Param[]): Promise<R[]> {
    return this.crash.step(nameOf(text, params), () => this.inner.hot<R>(text, params), this.within)
  }
  /** Each for itself, as the only item: so that all that it says goes through here. */
  async batch<T, R>(statement: Statement<T, R>, item: T): Promise<R> {
    const [result] = await statement.run(this, [item])
    return result as R
  }
  async transaction<R>(work: (db: Db) => Promise<R>): Promise<R> {
    try {
      const result = await this.inner.transaction(async (db) => {
        const done = await work(new CrashDb(db, this.crash, true))
        // The moment before the commit; a savepoint has none of its own.
        return this.within ? done : this.crash.step('end of transaction', () => Promise.resolve(done), true)
      })
      return this.within ? result : this.crash.step('transaction', () => Promise.resolve(result))
    } catch (error) {
      if (this.crash.crashed && !this.within) return new Promise(() => undefined)
      throw error
    }
  }
  notify(channel: string, payload: string): Promise<void> {
    return this.crash.crashed ? new Promise(() => undefined) : this.inner.notify(channel, payload)
  }
  listen(...given: Parameters<Db['listen']>): Promise<() => Promise<void>> {
    return this.inner.listen(...given)
  }
}
