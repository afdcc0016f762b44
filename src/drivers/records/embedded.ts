import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import { type Account, closedFolder, isRoot, ownerOf, postgresAccount } from './account.ts'
import { openClient } from './client.ts'
import { DATABASE, type Layout, layoutOf, readPointer, USER } from './layout.ts'
import { type FolderLock, lockFolder } from './lock.ts'
import { cannotRun } from './platform.ts'
import type { Records } from './port.ts'
import { PostgresServer } from './server.ts'
import { setUp } from './setup.ts'

export interface EmbeddedOptions {
  /** The data folder; made when missing. */
  dir: string
  poolMax: number
  log: Log
  /** Server settings over our own; tests switch fsync off. */
  settings?: Record<string, string>
}

export interface EmbeddedRecords extends Records {
  readonly socketPath: string
  /** Changes when Postgres was restarted. */
  postgresPid(): number | undefined
}

/** Starts the Postgres that this program brings along, for this process alone. */
export async function openEmbedded(options: EmbeddedOptions): Promise<EmbeddedRecords> {
  const layout = layoutOf(options.dir)
  let lock: FolderLock | undefined
  let server: PostgresServer | undefined
  try {
    prepareFolder(layout)
    const held = await lockFolder(layout.dir)
    lock = held
    server = await startServer(layout, options)
    const records = await connect(server.socketPath, options, false)
    return withServer(records, server, held)
  } catch (error) {
    await server?.stop()
    lock?.release()
    throw explainDenied(error, layout)
  }
}

/** Beside the hot pool: API reads, transactions, the listener, and a command line or two. */
const OTHER_CONNECTIONS = 30

async function startServer(layout: Layout, { log, poolMax, settings = {} }: EmbeddedOptions): Promise<PostgresServer> {
  const account = postgresAccount(layout.cluster)
  refuseUnreachable(layout, account)
  const programs = await setUp(layout, account)
  mkdirSync(layout.run, { recursive: true, mode: 0o700 })
  const max_connections = String(poolMax + OTHER_CONNECTIONS)
  const server = new PostgresServer({ layout, programs, account, settings: { max_connections, ...settings }, log })
  await server.start()
  return server
}

function withServer(records: Records, server: PostgresServer, lock: FolderLock): EmbeddedRecords {
  return {
    ...records,
    socketPath: server.socketPath,
    postgresPid: () => server.pid,
    async close() {
      await records.close()
      await server.stop()
      lock.release()
    },
  }
}

const connect = (socketPath: string, { dir, poolMax, log }: EmbeddedOptions, shared: boolean): Promise<Records> =>
  openClient({ socketPath, user: USER, database: DATABASE }, { poolMax, log, shared, label: `in ${layoutOf(dir).dir}` })

/** Connects to the Postgres of a server that runs on this data folder now. */
export async function openRunning(options: EmbeddedOptions): Promise<Records> {
  const socketPath = readPointer(layoutOf(options.dir))
  if (socketPath === undefined) throw new Fault('unavailable', `No server runs on the data folder ${layoutOf(options.dir).dir}.`)
  return await connect(socketPath, options, true)
}

function prepareFolder(layout: Layout): void {
  if (existsSync(layout.dir)) return
  mkdirSync(layout.dir, { recursive: true })
  // As root, Postgres' own account has to pass through; it can list nothing.
  chmodSync(layout.dir, isRoot() ? 0o711 : 0o700)
}

function refuseUnreachable(layout: Layout, account: Account | undefined): void {
  const closed = account && closedFolder(layout.dir, account)
  if (closed !== undefined) {
    throw cannotRun(
      `as root, Postgres runs under user ${account?.uid}, which cannot enter ${closed}. ` +
        'Choose a data folder such as /var/lib/tetraport, or start the server as an ordinary user.',
    )
  }
  const owner = ownerOf(layout.cluster)
  if (!account && owner && owner.uid !== process.geteuid?.()) {
    throw cannotRun(
      `${layout.cluster} belongs to user ${owner.uid}. Start the server as that user, as root, or choose another data folder.`,
    )
  }
}

const DENIED = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'ENOTDIR', 'EINVAL'])

function explainDenied(error: unknown, layout: Layout): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (error instanceof Fault || typeof code !== 'string' || !DENIED.has(code)) return error
  const why = `the data folder ${layout.dir} cannot be used (${(error as Error).message}). Choose another data folder or correct its rights.`
  return cannotRun(why, error)
}
