import type { JsonObject } from '../../src/core/json.ts'
import { OpenApi } from './openapi.ts'
import { type Condition, holds } from './qdrant-double-filter.ts'

/**
 * A double of a Qdrant server: no Qdrant is in it. Both directions are checked against Qdrant's own OpenAPI file, and the
 * operations that the driver uses do what they are documented to do, on points in memory. It proves the shape of the
 * traffic and the driver's logic, not that a real server agrees.
 */
export interface QdrantDouble {
  url: string
  /** What was wrong with the traffic. */
  readonly violations: string[]
  /** Operations as `method path`, in order. */
  readonly requests: string[]
  readonly collections: Map<string, Collection>
  /** The next requests are answered so instead: with a status, or with an answer that breaks off. */
  failNext(...failures: (number | 'cut')[]): void
  /** Called once, before the next request of this `method path` is answered. */
  before(route: string, act: () => void): void
  version: string
  /** Where set, requests must carry it. */
  apiKey: string | null
  stop(): Promise<void>
}

interface Collection {
  size: number
  indexes: Map<string, unknown>
  points: Map<string, { vector: Float32Array; payload: JsonObject }>
}

type Answer = { status: number; body: unknown }
interface Call {
  name: string
  body: JsonObject
  isWaited: boolean
}

const ROUTES: [pattern: RegExp, path: string][] = [
  [/^\/$/, '/'],
  [/^\/collections$/, '/collections'],
  ...['', '/exists', '/index', '/points', '/points/delete', '/points/payload', '/points/scroll', '/points/query'].map(
    (end): [RegExp, string] => [new RegExp(`^/collections/([^/]+)${end}$`), `/collections/{collection_name}${end}`],
  ),
]

const done = (result: unknown): Answer => ({ status: 200, body: { result, status: 'ok', time: 0.001, usage: null } })
const failed = (status: number, error: string): Answer => ({ status, body: { status: { error }, time: 0.001 } })
const missing = (name: string): Answer => failed(404, `Not found: Collection \`${name}\` doesn't exist!`)

const unit = (vector: number[]): Float32Array => {
  const length = Math.hypot(...vector)
  return Float32Array.from(vector, (x) => (length === 0 ? 0 : x / length))
}

const dot = (a: Float32Array, b: Float32Array): number => Math.fround(a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0))

type Handler = (call: Call, collection: Collection) => Answer

export function startQdrantDouble(openapi: JsonObject): QdrantDouble {
  const api = new OpenApi(openapi)
  const failures: (number | 'cut')[] = []
  const collections = new Map<string, Collection>()
  const hooks = new Map<string, () => void>()
  let operations = 0

  /** Without `wait` a change is only accepted: it comes to pass later. */
  const change = ({ isWaited }: Call, apply: () => void): Answer => {
    if (isWaited) apply()
    else setTimeout(apply, 100)
    return done({ operation_id: operations++, status: isWaited ? 'completed' : 'acknowledged' })
  }

  const handlers: Record<string, Handler> = {
    'PUT /collections/{collection_name}/index': (call, { indexes }) =>
      change(call, () => indexes.set(String(call.body.field_name), call.body.field_schema)),
    'PUT /collections/{collection_name}/points': (call, collection) => {
      const points = call.body.points as { id: string; vector: number[]; payload: JsonObject }[]
      const other = points.find((point) => point.vector.length !== collection.size)
      if (other) return failed(400, `Wrong input: Vector dimension error: expected dim: ${collection.size}, got ${other.vector.length}`)
      return change(call, () => {
        for (const { id, vector, payload } of points) collection.points.set(id, { vector: unit(vector), payload })
      })
    },
    'POST /collections/{collection_name}/points/delete': (call, { points }) => {
      const found = select(points, call.body.filter)
      return change(call, () => {
        for (const [id] of found) points.delete(id)
      })
    },
    'POST /collections/{collection_name}/points/payload': (call, { points }) => {
      const found = select(points, call.body.filter)
      return change(call, () => {
        for (const [, point] of found) point.payload = { ...point.payload, ...(call.body.payload as JsonObject) }
      })
    },
    'POST /collections/{collection_name}/points/scroll': ({ body }, { points }) => {
      const { limit = 10, offset = '', with_payload = true } = body as { limit?: number; offset?: string; with_payload?: unknown }
      const found = select(points, body.filter).sort(([a], [b]) => (a < b ? -1 : 1))
      const page = found.filter(([id]) => id >= offset)
      return done({
        points: page.slice(0, limit).map(([id, { payload }]) => ({ id, ...shown(payload, with_payload) })),
        next_page_offset: page[limit]?.[0] ?? null,
      })
    },
    'POST /collections/{collection_name}/points/query': ({ body }, collection) => {
      const { query, limit = 10, with_payload = false } = body as { query?: number[]; limit?: number; with_payload?: unknown }
      if (query?.length !== collection.size) {
        return failed(400, `Wrong input: Vector dimension error: expected dim: ${collection.size}, got ${query?.length}`)
      }
      const vector = unit(query)
      const scored = select(collection.points, body.filter).map(([id, point]) => ({ id, point, score: dot(vector, point.vector) }))
      scored.sort((a, b) => b.score - a.score)
      const points = scored
        .slice(0, limit)
        .map(({ id, point, score }) => ({ id, version: 0, score, ...shown(point.payload, with_payload) }))
      return done({ points })
    },
  }

  const answer = (route: string, call: Call): Answer => {
    const collection = collections.get(call.name)
    switch (route) {
      case 'GET /':
        return { status: 200, body: { title: 'qdrant - vector search engine', version: double.version, commit: 'double' } }
      case 'GET /collections':
        return done({ collections: [...collections.keys()].map((name) => ({ name })) })
      case 'GET /collections/{collection_name}/exists':
        return done({ exists: collection !== undefined })
      case 'PUT /collections/{collection_name}': {
        if (collection) return failed(409, `Wrong input: Collection \`${call.name}\` already exists!`)
        const { size } = call.body.vectors as { size: number }
        collections.set(call.name, { size, indexes: new Map(), points: new Map() })
        return done(true)
      }
    }
    const handler = handlers[route]
    if (!handler) throw new Error(`The double does not know ${route}.`)
    return collection ? handler(call, collection) : missing(call.name)
  }

  const serve = async (request: Request): Promise<Response> => {
    const url = new URL(request.url)
    const failure = failures.shift()
    if (failure === 'cut') return new Response('{"result":')
    const [pattern, path = ''] = ROUTES.find(([tried]) => tried.test(url.pathname)) ?? []
    const route = `${request.method} ${path}`
    double.requests.push(route)
    hooks.get(route)?.()
    hooks.delete(route)
    if (failure !== undefined) return Response.json(failed(failure, 'Service internal error: double').body, { status: failure })
    if (double.apiKey !== null && request.headers.get('api-key') !== double.apiKey)
      return Response.json(failed(401, 'Invalid API key').body, { status: 401 })
    const text = await request.text()
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const name = decodeURIComponent(url.pathname.match(pattern ?? /$/)?.[1] ?? '')
    try {
      const wrong = api.request(request.method, path, { query: url.searchParams, body })
      if (wrong !== undefined) throw new Error(wrong)
      const given = answer(route, { name, body: (body ?? {}) as JsonObject, isWaited: url.searchParams.get('wait') === 'true' })
      const bad = api.answer(request.method, path, given)
      if (bad !== undefined) throw new Error(bad)
      return Response.json(given.body, { status: given.status })
    } catch (error) {
      double.violations.push(String(error))
      return Response.json(failed(400, `Format error: ${String(error)}`).body, { status: 400 })
    }
  }

  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: serve })
  const double: QdrantDouble = {
    ...{ url: `http://127.0.0.1:${server.port}`, violations: [], requests: [], collections, version: '1.19.0', apiKey: null },
    failNext: (...next) => {
      failures.push(...next)
    },
    before: (route, act) => {
      hooks.set(route, act)
    },
    stop: () => server.stop(true),
  }
  return double
}

type Points = Collection['points']

const select = (points: Points, filter: unknown): [string, { vector: Float32Array; payload: JsonObject }][] =>
  [...points].filter(([id, { payload }]) => filter === undefined || filter === null || holds(filter as Condition, { id, payload }))

/** `with_payload` as all, nothing, or some paths. */
function shown(payload: JsonObject, selector: unknown): { payload?: JsonObject } {
  if (selector === true) return { payload }
  if (!Array.isArray(selector)) return {}
  const kept: JsonObject = {}
  for (const path of selector as string[]) {
    const [first = '', second] = path.split('.')
    if (second === undefined) {
      if (first in payload) kept[first] = payload[first] ?? null
    } else {
      const inner = payload[first] as JsonObject | undefined
      if (inner && second in inner) kept[first] = { ...(kept[first] as JsonObject | undefined), [second]: inner[second] ?? null }
    }
  }
  return { payload: kept }
}
