import { Fault } from '../../core/fault.ts'
import { isUnavailable } from './errors.ts'
import type { Db, Statement } from './port.ts'

/** Items that may wait behind one statement before new ones are refused. */
const WAITING_MAX = 20_000

interface Waiter<T, R> {
  item: T
  resolve(result: R): void
  reject(error: unknown): void
}

/** The queue of one statement: what arrives while every lane is busy shares the next execution. */
class Lanes<T, R> {
  private readonly waiting: Waiter<T, R>[] = []
  private inFlight = 0
  private scheduled = false

  constructor(
    private readonly db: Db,
    private readonly statement: Statement<T, R>,
  ) {}

  add(item: T): Promise<R> {
    if (this.waiting.length >= WAITING_MAX) {
      throw new Fault('unavailable', `More than ${WAITING_MAX} writes wait for the database.`, { retryAfterMs: 1_000 })
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject })
      this.schedule()
    })
  }

  /** Waits for the end of the event-loop turn, so that requests which arrived together share one commit. */
  private schedule(): void {
    if (this.scheduled || this.inFlight >= this.statement.lanes) return
    this.scheduled = true
    setImmediate(() => {
      this.scheduled = false
      this.start()
    })
  }

  private start(): void {
    while (this.waiting.length > 0 && this.inFlight < this.statement.lanes) {
      this.inFlight++
      void this.execute(this.waiting.splice(0, this.statement.itemsMax)).then(() => {
        this.inFlight--
        this.start()
      })
    }
  }

  /** Never rejects. A refused batch is halved until the refused item stands alone, so its neighbours still succeed. */
  private async execute(waiters: Waiter<T, R>[]): Promise<void> {
    let results: R[]
    try {
      const items = waiters.map((waiter) => waiter.item)
      results = await this.statement.run(this.db, items)
    } catch (error) {
      // Without an answer the batch may have been committed: doing it again could do it twice.
      if (waiters.length === 1 || isUnavailable(error)) {
        for (const waiter of waiters) waiter.reject(error)
        return
      }
      const half = waiters.length >> 1
      await this.execute(waiters.slice(0, half))
      await this.execute(waiters.slice(half))
      return
    }
    this.settle(waiters, results)
  }

  private settle(waiters: Waiter<T, R>[], results: R[]): void {
    if (results.length !== waiters.length) {
      const { name } = this.statement
      const fault = new Fault('internal', `Statement '${name}' answered ${results.length} results for ${waiters.length} items.`)
      for (const waiter of waiters) waiter.reject(fault)
      return
    }
    for (let i = 0; i < waiters.length; i++) waiters[i]?.resolve(results[i] as R)
  }
}

/** Group commit within this process, one queue per statement name. */
export class Batcher {
  private readonly lanes = new Map<string, unknown>()

  constructor(private readonly db: Db) {}

  async submit<T, R>(statement: Statement<T, R>, item: T): Promise<R> {
    let lanes = this.lanes.get(statement.name) as Lanes<T, R> | undefined
    if (lanes === undefined) {
      lanes = new Lanes(this.db, statement)
      this.lanes.set(statement.name, lanes)
    }
    return await lanes.add(item)
  }
}

/** The same statement without sharing, for use inside a transaction. */
export async function runAlone<T, R>(db: Db, statement: Statement<T, R>, item: T): Promise<R> {
  const results = await statement.run(db, [item])
  if (results.length !== 1) throw new Fault('internal', `Statement '${statement.name}' answered ${results.length} results for 1 item.`)
  return results[0] as R
}
