import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Log } from '../../src/core/needs.ts'
import { openClient } from '../../src/drivers/records/client.ts'
import { type EmbeddedRecords, openEmbedded } from '../../src/drivers/records/embedded.ts'
import { readLock } from '../../src/drivers/records/lock.ts'
import { migrate } from '../../src/drivers/records/migrate.ts'
import type { Records } from '../../src/drivers/records/port.ts'
import type { SocketTarget } from '../../src/drivers/records/target.ts'

/** One Postgres for the whole test run, a migrated template in it, and a copy of that for each test file that asks. */
export interface TestDatabase {
  /** For the configuration: the same as `target`, spelled as a URL. */
  url: string
  target: SocketTarget
  drop(): Promise<void>
}

const PREFIX = 'tetraport-test-'
/** Of the run's Postgres alone: folders of tests may look abandoned while they are in use. */
const CLUSTER_PREFIX = 'tetraport-cluster-'
const TEMPLATE = 'tetraport_template'
const USER = 'tetraport'
/** Nothing of it outlives the run, so nothing has to survive a crash. */
const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' }

const nothing = (): void => undefined
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing }

interface Cluster {
  records: EmbeddedRecords
  dir: string
  databases: number
}

let cluster: Promise<Cluster> | undefined

/** A folder that Postgres' own account can enter, also when the tests run as root. */
export function temporaryFolder(prefix = PREFIX): string {
  const dir = mkdtempSync(join(tmpdir(), prefix))
  chmodSync(dir, 0o711)
  return dir
}

export function testCluster(): Promise<Cluster> {
  cluster ??= startCluster()
  return cluster
}

async function startCluster(): Promise<Cluster> {
  removeAbandoned()
  const dir = temporaryFolder(CLUSTER_PREFIX)
  const records = await openEmbedded({ dir, poolMax: 2, log: silentLog, settings: FAST })
  await records.db.query(`create database ${TEMPLATE}`)
  const template = await openDatabase(records.socketPath, TEMPLATE)
  await migrate(template.db, silentLog)
  await template.close()
  return { records, dir, databases: 0 }
}

/** Postgres dies with this process in any case; this also removes its folder. */
export async function stopTestCluster(): Promise<void> {
  const running = await cluster
  cluster = undefined
  if (!running) return
  await running.records.close()
  rmSync(running.dir, { recursive: true, force: true })
}

/** Test runs that were killed leave their folders behind. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const dir = join(tmpdir(), name)
    if (name.startsWith(CLUSTER_PREFIX) && readLock(dir)?.alive === false) rmSync(dir, { recursive: true, force: true })
  }
}

const openDatabase = (socketPath: string, database: string): Promise<Records> =>
  openClient({ socketPath, user: USER, database }, { poolMax: 2, log: silentLog, shared: true })

/** A database of its own, with all tables and no rows. */
export async function cloneDatabase(): Promise<TestDatabase> {
  const shared = await testCluster()
  const { db, socketPath } = shared.records
  const database = `test_${++shared.databases}`
  await db.query(`create database ${database} template ${TEMPLATE} strategy wal_log`)
  return {
    url: `postgres://${USER}@localhost/${database}?host=${encodeURIComponent(dirname(socketPath))}`,
    target: { socketPath, user: USER, database },
    drop: async () => {
      await db.query(`drop database if exists ${database} with (force)`)
    },
  }
}
