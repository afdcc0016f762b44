import type { Config } from '../config.ts'
import type { Log } from '../core/needs.ts'
import type { Records } from '../drivers/records/port.ts'
import { embeddedFailure } from './cli-error.ts'

/** Runs `work` on the configured database, beside a running server or, when there is none, alone. */
export async function withDatabase<R>(config: Config, log: Log, work: (records: Records) => Promise<R>): Promise<R> {
  const records = await openDatabase(config, log)
  try {
    return await work(records)
  } finally {
    await records.close()
  }
}

/** The command line needs no pool. */
const POOL_MAX = 2

async function openDatabase(config: Config, log: Log): Promise<Records> {
  const { url } = config.records
  if (url !== null) {
    const { openExternal } = await import('../drivers/records/external.ts')
    return upToDate(await openExternal({ url, poolMax: POOL_MAX, log }), log)
  }
  return openFolder(config.data.dir, log).catch(async (error) => {
    throw await embeddedFailure(error)
  })
}

async function openFolder(dir: string, log: Log): Promise<Records> {
  const { openEmbedded, openRunning } = await import('../drivers/records/embedded.ts')
  const { readLock } = await import('../drivers/records/lock.ts')
  const options = { dir, poolMax: POOL_MAX, log }
  // The tables of a running server are its own business.
  if (readLock(dir)?.alive) return openRunning(options)
  return upToDate(await openEmbedded(options), log)
}

async function upToDate(records: Records, log: Log): Promise<Records> {
  try {
    const { migrate } = await import('../drivers/records/migrate.ts')
    await migrate(records.db, log)
    return records
  } catch (error) {
    await records.close()
    throw error
  }
}
