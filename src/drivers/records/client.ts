import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import { Batcher } from './batch.ts'
import { toFault, within } from './errors.ts'
import { Listener } from './listener.ts'
import { Pool } from './pool.ts'
import type { Db, Param, Records, Statement } from './port.ts'
import { nameTarget, type Target } from './target.ts'
import { runTransaction } from './transactions.ts'

export interface ClientOptions {
  /** Connections of the hot pool. */
  poolMax: number
  log: Log
  /** False when no other process can use this Postgres. */
  shared: boolean
  /** What messages call the database; by default its host and name. */
  label?: string
}

const QUERY_MAX = 3
const TRANSACTIONS_MAX = 4
const CHECK_MS = 2_000
const OPEN_MS = 15_000
const CLOSE_MS = 5_000
const WATCH_MS = 5_000
const PING_EVERY = 6
/**
 * A connection costs 2 to 8 MB of Postgres. A new one costs some milliseconds, and its first plans of the large statements
 * tens of them: closed after seconds, a burst after a pause had a p99 of 535 to 950 ms instead of 220.
 */
const TRIM_EVERY = 12
/** Connections that stay although nobody needs them. */
const KEPT: Record<string, number> = { query: 1, hot: 2 }
const QUIET_TICKS = 2
const SERVER_VERSION_MIN = 150_000

/** Plans made while tables were empty would scan them for ever; these make every statement use its index. */
const HOT_SETTINGS = { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off' }

/** A process frozen inside a transaction must not hold its locks for ever. */
const TRANSACTION_SETTINGS = { idle_in_transaction_session_timeout: '15s' }

class PostgresDb implements Db {
  private readonly queries: Pool
  private readonly hots: Pool
  private readonly transactions: Pool
  readonly listener: Listener
  private readonly batcher = new Batcher(this)

  constructor(target: Target, options: ClientOptions) {
    this.queries = new Pool(target, { max: QUERY_MAX })
    this.hots = new Pool(target, { max: options.poolMax, settings: HOT_SETTINGS })
    // Apart from the hot pool, so that a transaction never waits for a connection that waits for it.
    this.transactions = new Pool(target, { max: TRANSACTIONS_MAX, settings: { ...HOT_SETTINGS, ...TRANSACTION_SETTINGS } })
    this.listener = new Listener(target, options.log)
  }

  query<R>(text: string, params?: readonly Param[]): Promise<R[]> {
    return this.queries.run(text, params)
  }

  hot<R>(text: string, params?: readonly Param[]): Promise<R[]> {
    return this.hots.run(text, params)
  }

  batch<T, R>(statement: Statement<T, R>, item: T): Promise<R> {
    return this.batcher.submit(statement, item)
  }

  transaction<R>(work: (db: Db) => Promise<R>): Promise<R> {
    return this.transactions.use((session) => runTransaction(session, this, work))
  }

  async notify(channel: string, payload: string): Promise<void> {
    await this.hots.run('select pg_notify($1, $2)', [channel, payload])
  }

  listen(channel: string, onPayload: (payload: string) => void, onGap: () => void): Promise<() => Promise<void>> {
    return this.listener.listen(channel, { onPayload, onGap })
  }

  pools(): [name: string, pool: Pool][] {
    return [
      ['query', this.queries],
      ['hot', this.hots],
      ['transaction', this.transactions],
    ]
  }

  async close(): Promise<void> {
    await Promise.all([...this.pools().map(([, pool]) => pool.close(CLOSE_MS)), this.listener.close()])
  }
}

/** Looks after connections that no caller would notice to be dead. */
function watch(db: PostgresDb, log: Log): () => void {
  let busy = false
  let ticks = 0
  const tick = async (): Promise<void> => {
    for (const [name, pool] of db.pools()) {
      if (!(await pool.isStalled(QUIET_TICKS))) continue
      log.error('records.pool_replaced', { pool: name })
      pool.replace()
    }
    if (++ticks % PING_EVERY === 0) await db.listener.ping()
    if (ticks % TRIM_EVERY === 0) for (const [name, pool] of db.pools()) pool.trim(KEPT[name] ?? 0)
  }
  const timer = setInterval(() => {
    if (busy) return
    busy = true
    void tick().finally(() => {
      busy = false
    })
  }, WATCH_MS)
  timer.unref()
  return () => clearInterval(timer)
}

interface ServerFacts {
  version: number
  encoding: string
  standby: boolean
}

const FACTS = `select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding,
  pg_is_in_recovery() as standby`

async function readFacts(db: PostgresDb, label: string): Promise<ServerFacts> {
  const late = (): Fault => new Fault('unavailable', `The database ${label} did not answer within ${OPEN_MS / 1000} s.`)
  try {
    const [facts] = await within(OPEN_MS, db.query<ServerFacts>(FACTS), late)
    if (facts !== undefined) return facts
  } catch (error) {
    if (error instanceof Fault && error.facts.cause === undefined) throw error
    throw new Fault('unavailable', `Cannot open the database ${label}: ${reason(error)}`, { cause: error })
  }
  throw late()
}

const reason = (error: unknown): string => {
  const cause = error instanceof Fault ? error.facts.cause : error
  return cause instanceof Error ? cause.message : 'no answer'
}

function refuseUnfit(facts: ServerFacts, label: string): void {
  const refuse = (why: string): never => {
    throw new Fault('unavailable', `The database ${label} cannot be used: ${why}`)
  }
  if (facts.version < SERVER_VERSION_MIN) refuse(`it is PostgreSQL ${Math.floor(facts.version / 10_000)}, and 15 or later is needed.`)
  if (facts.encoding !== 'UTF8') refuse(`its encoding is ${facts.encoding}, and UTF8 is needed.`)
  if (facts.standby) refuse('it is a read-only standby. Name the primary.')
}

/** Opens the pools on a running Postgres 15 or later. */
export async function openClient(target: Target, options: ClientOptions): Promise<Records> {
  const label = options.label ?? nameTarget(target)
  const db = new PostgresDb(target, options)
  let facts: ServerFacts
  try {
    facts = await readFacts(db, label)
    refuseUnfit(facts, label)
  } catch (error) {
    await db.close()
    throw error
  }
  const stopWatching = watch(db, options.log)
  const late = (): Fault => new Fault('unavailable', `The database ${label} did not answer within ${CHECK_MS / 1000} s.`)
  return {
    db,
    shared: options.shared,
    serverVersion: facts.version,
    async check() {
      try {
        await within(CHECK_MS, db.query('select 1'), late)
      } catch (error) {
        if (error instanceof Fault && error.facts.cause === undefined) throw error
        throw new Fault('unavailable', `The database ${label} does not answer: ${reason(error)}`, { cause: toFault(error) })
      }
    },
    async close() {
      stopWatching()
      await db.close()
    },
  }
}
