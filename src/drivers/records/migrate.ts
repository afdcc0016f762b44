import { migrations as built } from '../../../db/migrations/migrations.gen.ts'
import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import { sqlState } from './errors.ts'
import type { Db } from './port.ts'

export interface Migration {
  hash: string
  /** Milliseconds; also its place in the order. */
  createdAt: number
  statements: readonly string[]
}

interface Applied {
  hash: string
  created_at: number
}

/** The data was written by a later version of the program: starting on it could lose what this version does not know. */
export class DataFromNewerVersion extends Fault {
  constructor() {
    super(
      'unavailable',
      'This data was written by a newer version of tetraport. This version does not know its tables and left them untouched. ' +
        'Start the newer version again, or restore a backup that was made before the upgrade.',
    )
  }
}

const UNDEFINED_TABLE = '42P01'
/** Any constant; every tetraport uses the same one. */
const LOCK_KEY = 7_305_118_269

const CREATE_TABLE = `create table if not exists tetraport_migration (
  created_at bigint primary key, hash text not null, applied_at timestamptz not null default now())`

const readApplied = (db: Db): Promise<Applied[]> =>
  db.query<Applied>('select hash, created_at from tetraport_migration order by created_at')

async function readAppliedOrNone(db: Db): Promise<Applied[]> {
  try {
    return await readApplied(db)
  } catch (error) {
    if (sqlState(error) === UNDEFINED_TABLE) return []
    throw error
  }
}

/** What is still to do, in order. Refuses data whose history is not the beginning of ours. */
function missing(known: readonly Migration[], applied: readonly Applied[]): Migration[] {
  const last = known.at(-1)?.createdAt ?? 0
  const byTime = new Map(known.map((migration) => [migration.createdAt, migration]))
  for (const { created_at, hash } of applied) {
    if (created_at > last) throw new DataFromNewerVersion()
    if (byTime.get(created_at)?.hash !== hash) {
      const when = new Date(created_at).toISOString()
      throw new Fault('unavailable', `The data's migration of ${when} is not the one this version has: it comes from another build.`)
    }
  }
  const done = new Set(applied.map((migration) => migration.created_at))
  return known.filter((migration) => !done.has(migration.createdAt))
}

/** Throws when another version has changed the tables since, or they are behind. */
export async function checkMigrations(db: Db, known: readonly Migration[] = built): Promise<void> {
  const todo = missing(known, await readAppliedOrNone(db))
  if (todo.length > 0) throw new Fault('unavailable', `The tables are ${todo.length} migrations behind this version.`)
}

/**
 * Brings the tables up to this version. Each migration is one transaction that also records it, behind a lock that servers
 * starting together wait for; a crash leaves the last complete one.
 */
export async function migrate(db: Db, log: Log, known: readonly Migration[] = built): Promise<void> {
  const todo = missing(known, await readAppliedOrNone(db))
  for (const { createdAt } of todo) {
    const applied = await db.transaction((tx) => applyNext(tx, known, createdAt))
    if (applied) log.info('records.migrated', { migration: createdAt, statements: applied.statements.length })
  }
}

/** Looks again under the lock: another server may have been faster, or be newer. */
async function applyNext(tx: Db, known: readonly Migration[], createdAt: number): Promise<Migration | undefined> {
  await tx.query('select pg_advisory_xact_lock($1)', [LOCK_KEY])
  await tx.query(CREATE_TABLE)
  const migration = missing(known, await readApplied(tx)).find((candidate) => candidate.createdAt === createdAt)
  if (migration === undefined) return undefined
  for (const statement of migration.statements) await tx.query(statement)
  await tx.query('insert into tetraport_migration (created_at, hash) values ($1, $2)', [migration.createdAt, migration.hash])
  return migration
}
