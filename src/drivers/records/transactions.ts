import { Fault } from '../../core/fault.ts'
import { runAlone } from './batch.ts'
import { sqlState } from './errors.ts'
import type { Db, Param, Statement } from './port.ts'
import type { Session } from './session.ts'

/** Runs `work` in a transaction on this connection, which nobody else uses meanwhile. */
export async function runTransaction<R>(session: Session, root: Db, work: (db: Db) => Promise<R>): Promise<R> {
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
  readonly inTransaction = true
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
