import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { openClient } from '../../src/drivers/records/client.ts'
import { openEmbedded, openRunning } from '../../src/drivers/records/embedded.ts'
import type { Records } from '../../src/drivers/records/port.ts'
import { silentLog, temporaryFolder } from '../support/postgres.ts'

/** Where servers under test keep their records, and how the checker looks at them. */
export interface Store {
  kind: 'embedded' | 'external'
  /** For the environment of a server. */
  env: Record<string, string>
  /** For the servers' logs. */
  dir: string
  /** The checker's own connection; on an embedded database a server must be running. */
  look(): Promise<Records>
  remove(): Promise<void>
}

/** A data folder of its own: every server started on it brings its Postgres. */
export function embeddedStore(): Store {
  const dir = temporaryFolder()
  const data = `${dir}/data`
  return {
    kind: 'embedded',
    env: { TETRAPORT_DATA: data },
    dir,
    look: () => openRunning({ dir: data, poolMax: 2, log: silentLog }),
    remove: async () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** A Postgres that outlives the servers, as durable as one in production. */
export async function externalStore(): Promise<Store> {
  const dir = temporaryFolder()
  const records = await openEmbedded({ dir: `${dir}/cluster`, poolMax: 2, log: silentLog, settings: { max_connections: '100' } })
  await records.db.query('create database lab')
  const { socketPath } = records
  const target = { socketPath, user: 'tetraport', database: 'lab' }
  return {
    kind: 'external',
    env: {
      DATABASE_URL: `postgres://tetraport@localhost/lab?host=${encodeURIComponent(dirname(socketPath))}`,
      TETRAPORT_DATA: `${dir}/data`,
    },
    dir,
    look: () => openClient(target, { poolMax: 2, log: silentLog, shared: true }),
    async remove() {
      await records.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
