import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type App, closeApp, openApp, startJobs, startWorker } from '../../src/app.ts'
import { type Config, readConfig } from '../../src/config.ts'
import { createKey, listKeys, type NewKey, revokeKey } from '../../src/core/identity/keys.ts'
import { operator } from '../../src/core/identity/tenants.ts'
import type { Log } from '../../src/core/needs.ts'
import { mountSurfaces, openServer } from '../../src/server.ts'
import { cloneDatabase, silentLog, type TestDatabase } from './postgres.ts'

/** For hooks that may be the first to need a database: its cluster takes seconds to start on a busy machine. */
export const SERVER_START_MS = 30_000

/** The APIs on a real socket over a database of their own. */
export interface Served {
  url: string
  app: App
  /** For a second server beside this one. */
  database: TestDatabase
  /** Keys of two tenants. */
  key: string
  otherKey: string
  /** A key of the named tenant, which is made when there is none yet. */
  newKey(tenant: string, input?: Partial<NewKey>): Promise<string>
  /** Revokes a key of the named tenant, through this server. */
  revoke(tenant: string, secret: string): Promise<void>
  /** Sends JSON, or a form as it is, with the first key, unless `init` says otherwise. */
  send(method: string, path: string, body?: unknown, init?: SendInit): Promise<Response>
  close(): Promise<void>
}

export interface SendInit {
  /** Null sends none. */
  key?: string | null
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface ServeOptions {
  /** Execute runs in this process. */
  worker?: boolean
  /** Ingest and remove documents in this process. */
  jobs?: boolean
  /** Serve the database of another server instead of a new one. */
  beside?: Served
  engine?: Partial<Config['engine']>
  http?: Partial<Config['http']>
  files?: Partial<Config['files']>
  vectors?: Partial<Config['vectors']>
  langgraph?: Partial<Config['langgraph']>
  entities?: Partial<Config['entities']>
  webhooks?: Partial<Config['webhooks']>
  platform?: Partial<Config['platform']>
  auth?: Partial<Config['auth']>
  mail?: Partial<Config['mail']>
  /** Without, nothing of it is kept. */
  log?: Log
  /** Where it is not to be a copy of the template on the cluster of the tests. */
  database?: TestDatabase
}

export async function serve(models: Partial<Config['models']> = {}, options: ServeOptions = {}): Promise<Served> {
  const { beside } = options
  const database = beside?.database ?? options.database ?? (await cloneDatabase())
  const { config } = readConfig({})
  const given: Config = {
    ...config,
    listen: { host: '127.0.0.1', port: 0 },
    // Two servers of one database share what files they keep.
    data: { dir: beside?.app.config.data.dir ?? mkdtempSync(join(tmpdir(), 'tetraport-served-')) },
    records: { ...config.records, url: database.url },
    engine: { ...config.engine, ...options.engine },
    http: { ...config.http, ...options.http },
    files: { ...config.files, ...options.files },
    vectors: { ...config.vectors, ...options.vectors },
    langgraph: { ...config.langgraph, ...options.langgraph },
    entities: { ...config.entities, ...options.entities },
    webhooks: { ...config.webhooks, ...options.webhooks },
    platform: { ...config.platform, ...options.platform },
    auth: { ...config.auth, ...options.auth },
    mail: { ...config.mail, ...options.mail },
    models: { ...config.models, ...models },
  }
  const app = await openApp(given, { version: 'test', log: options.log ?? silentLog })
  const worker = options.worker ? await startWorker(app) : undefined
  const jobs = options.jobs ? await startJobs(app) : undefined
  const server = openServer({ app, surfaces: mountSurfaces(app), probes: {} })
  app.webhooks.serveAt(server.url)
  const keys = keysOf(app)
  const key = beside?.key ?? (await keys.newKey('one'))
  return {
    ...keys,
    url: server.url,
    app,
    database,
    key,
    otherKey: beside?.otherKey ?? (await keys.newKey('two')),
    send: (method, path, body, init = {}) => send(`${server.url}${path}`, { method, body, init: { key, ...init } }),
    async close() {
      await Promise.all([worker?.stop(0), jobs?.stop(0)])
      await server.close(100)
      await closeApp(app)
      if (beside) return
      await database.drop()
      await rm(given.data.dir, { recursive: true, force: true })
    },
  }
}

/** The same server, asked through another address, with these headers unless a request has its own. */
export const through = (served: Served, url: string, headers: Record<string, string> = {}): Served => ({
  ...served,
  url,
  send: (method, path, body, init = {}) => send(`${url}${path}`, { method, body, init: { key: served.key, headers, ...init } }),
})

const keysOf = (app: App): Pick<Served, 'newKey' | 'revoke'> => ({
  async newKey(tenant, input = {}) {
    const { secret } = await createKey(app, await operator(app, tenant), { name: 'test', scopes: ['read', 'write'], ...input })
    return secret
  },
  async revoke(tenant, secret) {
    const caller = await operator(app, tenant)
    const key = (await listKeys(app, caller)).find(({ prefix }) => prefix !== '' && secret.startsWith(prefix))
    if (!key) throw new Error(`${tenant} has no such key`)
    await revokeKey(app, caller, key.id)
  },
})

function send(url: string, { method, body, init }: { method: string; body: unknown; init: SendInit }): Promise<Response> {
  const headers = new Headers(init.headers)
  if (init.key) headers.set('authorization', `Bearer ${init.key}`)
  // A form brings its own type, with the boundary.
  if (body instanceof FormData) return fetch(url, { method, headers, body, ...(init.signal === undefined ? {} : { signal: init.signal }) })
  if (body !== undefined) headers.set('content-type', 'application/json')
  return fetch(url, {
    method,
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(init.signal === undefined ? {} : { signal: init.signal }),
  })
}

/** The data fields of an event stream, in order. */
export async function readData(response: Response): Promise<string[]> {
  const frames = (await response.text()).split('\n\n').filter((frame) => frame !== '' && !frame.startsWith(':'))
  return frames.map((frame) => {
    if (!frame.startsWith('data: ')) throw new Error(`Not an unnamed frame: ${frame}`)
    return frame.slice('data: '.length)
  })
}
