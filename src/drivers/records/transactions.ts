import { Fault } from '../../core/fault.ts'
import { runAlone } from './batch.ts'
import { sqlState } from './errors.ts'
import type { Db, Param, Statement } from './port.ts'
import { Session } from './session.ts'
import type { Target } from './target.ts'

const WAITING_MAX = 1_000
const CLOSE_POLL_MS = 10

interface TransactionSettings {
  max: number
  settings: Record<string, string>
}

/** Runs transactions, each alone on a connection; at most `max` at once, the others wait in order. */
export class Transactions {
  private readonly idle: Session[] = []
  private readonly busy = new Set<Session>()
  private readonly waiting: (() => void)[] = []
  private running = 0
  private closed = false

  constructor(
    private readonly target: Target,
    private readonly options: TransactionSettings,
    private readonly root: Db,
  ) {}

  async run<R>(work: (db: Db) => Promise<R>): Promise<R> {
    await this.enter()
    const session = this.takeIdle() ?? new Session(this.target, { settings: this.options.settings })
    this.busy.add(session)
    try {
      return await runTransaction(session, this.root, work)
    } finally {
      this.leave(session)
    }
  }

  /** Refuses new transactions and gives the running ones `timeoutMs`; what then still runs fails. */
  async close(timeoutMs: number): Promise<void> {
    this.closed = true
    for (const wake of this.waiting.splice(0)) wake()
    const deadline = Date.now() + timeoutMs
    while (this.busy.size > 0 && Date.now() < deadline) await Bun.sleep(CLOSE_POLL_MS)
    await Promise.all([...this.busy, ...this.idle.splice(0)].map((session) => session.end()))
  }

  private async enter(): Promise<void> {
    if (!this.closed && this.running >= this.options.max) {
      if (this.waiting.length >= WAITING_MAX) throw new Fault('unavailable', 'Too many transactions wait for the database.')
      await new Promise<void>((wake) => this.waiting.push(wake))
    } else {
      this.running++
    }
    if (this.closed) throw new Fault('unavailable', 'The database connection is closed.')
  }

  private takeIdle(): Session | undefined {
    for (let session = this.idle.pop(); session; session = this.idle.pop()) {
      if (!session.lost) return session
    }
    return undefined
  }

  private leave(session: Session): void {
    this.busy.delete(session)
    if (this.closed || session.lost) void session.end()
    else this.idle.push(session)
    const next = this.waiting.shift()
    // The slot passes to the next in line, so `running` stays as it is.
    if (next) next()
    else this.running--
  }
}

async function runTransaction<R>(session: Session, root: Db, work: (db: Db) => Promise<R>): Promise<R> {
  await session.run('begin')
  const db = new TransactionDb(session, root)
  try {
    const result = await work(db)
    await db.finish('commit')
    return result
  } catch (error) {
    await db.finish('rollback').catch(() => session.abandon())
    throw error
  }
}

/** The Db inside a transaction or a savepoint: every statement goes to its one connection. */
class TransactionDb implements Db {
  private over = false
  private refused: unknown
  private savepoints = 0

  constructor(
    private readonly session: Session,
    private readonly root: Db,
    private readonly depth = 0,
  ) {}

  async query<R>(text: string, params?: readonly Param[]): Promise<R[]> {
    if (this.over) throw new Fault('internal', 'A statement came after the end of its transaction.')
    try {
      return await this.session.run<R>(text, params)
    } catch (error) {
      if (sqlState(error) !== undefined) this.refused ??= error
      throw error
    }
  }

  hot<R>(text: string, params?: readonly Param[]): Promise<R[]> {
    return this.query(text, params)
  }

  batch<T, R>(statement: Statement<T, R>, item: T): Promise<R> {
    return runAlone(this, statement, item)
  }

  async transaction<R>(work: (db: Db) => Promise<R>): Promise<R> {
    const name = `s${this.depth}_${++this.savepoints}`
    await this.query(`savepoint ${name}`)
    const inner = new TransactionDb(this.session, this.root, this.depth + 1)
    try {
      const result = await work(inner)
      await inner.finish(`release ${name}`)
      return result
    } catch (error) {
      await inner.finish(`rollback to ${name}`).catch(() => this.session.abandon())
      throw error
    }
  }

  async notify(channel: string, payload: string): Promise<void> {
    await this.query('select pg_notify($1, $2)', [channel, payload])
  }

  listen(channel: string, onPayload: (payload: string) => void, onGap: () => void): Promise<() => Promise<void>> {
    return this.root.listen(channel, onPayload, onGap)
  }

  /** Postgres answers the commit of a failed transaction with a silent rollback, so a swallowed error is thrown here. */
  async finish(command: string): Promise<void> {
    this.over = true
    if (this.refused !== undefined && !command.startsWith('rollback')) throw this.refused
    await this.session.run(command)
  }
}
