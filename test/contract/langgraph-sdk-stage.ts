import { join } from 'node:path'
import { Client } from '@langchain/langgraph-sdk'
import { Client as OldClient } from 'sdk-2'
import { mountAlone, openServer, type Server } from '../../src/server.ts'
import { eventually } from '../support/eventually.ts'
import { type Served, serve } from '../support/served.ts'
import { ROOT } from '../support/source-tree.ts'
import { LANGGRAPH } from './langgraph-terms.ts'
import { type CheckedTraffic, checkTraffic, hasProxy } from './proxy.ts'

/** The graphs of all tests, and those that stop at a gate. */
export const GRAPHS = join(ROOT, 'test/contract/use-stream/graphs/langgraph.json')

export type Version = '1.15.0' | '2.0.0'
/** Both versions are shown as the newer one: what they have in common has the same shape. */
export const SDKS: Record<Version, typeof Client> = { '1.15.0': Client, '2.0.0': OldClient as unknown as typeof Client }

/** Where a client finds the server. */
export interface Ground {
  version: Version
  /** At the root of a listener of its own instead of under its prefix. */
  alone: boolean
  /** All traffic is held against the contract of 2024, where that is at hand. */
  checked: boolean
}

export const GROUNDS: Ground[] = [
  { version: '1.15.0', alone: false, checked: false },
  { version: '1.15.0', alone: true, checked: true },
  { version: '2.0.0', alone: false, checked: true },
  { version: '2.0.0', alone: true, checked: false },
]

type ClientConfig = NonNullable<ConstructorParameters<typeof Client>[0]>
type CallerOptions = NonNullable<ClientConfig['callerOptions']>

export interface Stage {
  version: Version
  served: Served
  /** What a client is given as its address. */
  apiUrl: string
  /** Does not try again by itself, unless a stream breaks. */
  client: Client
  /** The same for answers that the contract of 2024 does not know, such as selected fields: nobody holds them against it. */
  beyond: Client
  /** Another one, which tries again as it comes. */
  open(config?: ClientConfig, callerOptions?: CallerOptions): Client
  /** A request beside the SDK, with the key. */
  send(method: string, path: string, init?: RequestInit): Promise<Response>
  /** What was called of the clients, like `threads.search`. */
  called: ReadonlySet<string>
  traffic: CheckedTraffic | undefined
}

export interface World {
  served: Served
  stage(ground: Ground): Stage
  close(): Promise<void>
}

export async function openWorld(): Promise<World> {
  const served = await serve({}, { worker: true, jobs: true, langgraph: { graphs: GRAPHS }, http: { keepAliveMs: 200 } })
  const { app } = served
  const langgraph = { ...app.config.langgraph, listen: { host: '127.0.0.1', port: 0 } }
  const [own] = mountAlone({ ...app, config: { ...app.config, langgraph } })
  if (!own) throw new Error('There is no listener of its own.')
  const alone = openServer({ app, probes: {}, ...own })
  const traffics: CheckedTraffic[] = []
  return {
    served,
    stage(ground) {
      const traffic = ground.checked && hasProxy ? trafficOf(ground, { served, alone }) : undefined
      if (traffic) traffics.push(traffic)
      const addressOf = (base: string) => (ground.alone ? base : `${base}${langgraph.prefix}`)
      const direct = addressOf(ground.alone ? alone.url : served.url)
      return openStage(ground, { served, traffic, apiUrl: traffic ? addressOf(traffic.url) : direct, direct })
    },
    async close() {
      for (const traffic of traffics) await traffic.stop()
      await alone.close(0)
      await served.close()
    },
  }
}

function trafficOf(ground: Ground, { served, alone }: { served: Served; alone: Server }): CheckedTraffic {
  if (ground.alone) return checkTraffic(alone.url, LANGGRAPH)
  return checkTraffic(served.url, { ...LANGGRAPH, prefix: served.app.config.langgraph.prefix })
}

type Places = Pick<Stage, 'served' | 'traffic' | 'apiUrl'> & { direct: string }

function openStage({ version }: Ground, { direct, ...parts }: Places): Stage {
  const { served, apiUrl } = parts
  const called = new Set<string>()
  const open: Stage['open'] = (config = {}, callerOptions = {}) => {
    const client = new SDKS[version]({ apiUrl, apiKey: served.key, callerOptions, ...config })
    return watched(client, called)
  }
  return {
    ...parts,
    version,
    called,
    open,
    client: open({}, { maxRetries: 0 }),
    beyond: open({ apiUrl: direct }, { maxRetries: 0 }),
    send: (method, path, init = {}) =>
      fetch(`${apiUrl}${path}`, { method, ...init, headers: { 'x-api-key': served.key, ...(init.headers as Record<string, string>) } }),
  }
}

const PARTS = ['assistants', 'threads', 'runs', 'crons', 'store'] as const

/** Every method of the clients of this version. */
export const methodsOf = (version: Version): string[] => {
  const client = new SDKS[version]({ apiUrl: 'http://nowhere.invalid', apiKey: null as never })
  return PARTS.flatMap((part) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(client[part]))
      .filter((name) => name !== 'constructor')
      .map((name) => `${part}.${name}`),
  ).sort()
}

/** The client as it is, and a note of what is called. */
function watched(client: Client, called: Set<string>): Client {
  const part = (name: string, target: object) =>
    new Proxy(target, {
      get(_, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          called.add(`${name}.${String(key)}`)
          return value.apply(target, args)
        }
      },
    })
  return new Proxy(client, {
    get(_, key) {
      const value: unknown = Reflect.get(client, key, client)
      return PARTS.some((name) => name === key) ? part(String(key), value as object) : value
    },
  })
}

/** What people do with a client, by title. */
export type Plays = Record<string, (stage: Stage) => Promise<void>>

export const newThread = async ({ client }: Pick<Stage, 'client'>): Promise<string> => (await client.threads.create()).thread_id

export const says = (content: string, id?: string) => ({ messages: [{ type: 'human', content, ...(id === undefined ? {} : { id }) }] })

export const untilStatus = (client: Client, { threadId, runId }: { threadId: string; runId: string }, status: string): Promise<true> =>
  eventually(async () => ((await client.runs.get(threadId, runId)).status === status ? true : undefined))

/** What a promise was rejected with, as text. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    (value) => {
      throw new Error(`Not refused: ${JSON.stringify(value)}`)
    },
    (cause: unknown) => cause,
  )
  return error instanceof Error ? error.message : String(error)
}

export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}
