import { type App, closeApp, openApp } from '../../src/app.ts'
import { type Config, readConfig } from '../../src/config.ts'
import { createKey } from '../../src/core/identity/keys.ts'
import { operator } from '../../src/core/identity/tenants.ts'
import { openServer } from '../../src/server.ts'
import { openai } from '../../src/surfaces/openai/openai.ts'
import { cloneDatabase, silentLog } from './postgres.ts'

/** The APIs on a real socket over a database of their own. No run is executed. */
export interface Served {
  url: string
  app: App
  /** Keys of two tenants. */
  key: string
  otherKey: string
  /** Sends JSON with the first key, unless `init` says otherwise. */
  send(method: string, path: string, body?: unknown, init?: SendInit): Promise<Response>
  close(): Promise<void>
}

export interface SendInit {
  /** Null sends none. */
  key?: string | null
  headers?: Record<string, string>
  signal?: AbortSignal
}

export async function serve(models: Partial<Config['models']> = {}): Promise<Served> {
  const database = await cloneDatabase()
  const { config } = readConfig({})
  const given: Config = {
    ...config,
    listen: { host: '127.0.0.1', port: 0 },
    records: { ...config.records, url: database.url },
    models: { ...config.models, ...models },
  }
  const app = await openApp(given, { version: 'test', log: silentLog })
  const surface = { name: 'openai', title: 'OpenAI', prefix: given.openai.prefix, plugin: openai(app) }
  const server = openServer({ app, surfaces: [surface], probes: {} })
  const [key, otherKey] = [await newKey(app, 'one'), await newKey(app, 'two')]
  return {
    url: server.url,
    app,
    key,
    otherKey,
    send: (method, path, body, init = {}) => send(`${server.url}${path}`, { method, body, init: { key, ...init } }),
    async close() {
      await server.close(100)
      await closeApp(app)
      await database.drop()
    },
  }
}

async function newKey(app: App, tenant: string): Promise<string> {
  const { secret } = await createKey(app, await operator(app, tenant), { name: 'test', scopes: ['read', 'write'] })
  return secret
}

function send(url: string, { method, body, init }: { method: string; body: unknown; init: SendInit }): Promise<Response> {
  const headers = new Headers(init.headers)
  if (init.key) headers.set('authorization', `Bearer ${init.key}`)
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
