import type { AnyElysia } from 'elysia'
import { Elysia } from 'elysia'
import { websocket } from 'elysia/ws'
import type { App } from './app.ts'
import type { Config } from './config.ts'
import { Fault } from './core/fault.ts'
import type { Log } from './core/needs.ts'
import { openCors } from './http/cors.ts'
import { DOCS_PATH, docsPages } from './http/docs.ts'
import type { Probes } from './http/health.ts'
import { openReadiness } from './http/health.ts'
import { objectLinks } from './http/objects.ts'
import { openapiDocument } from './http/openapi.ts'
import { pathOf } from './http/path.ts'
import { requestId } from './http/request-id.ts'
import { answerEarly } from './http/rest.ts'
import { entities, onceEach } from './surfaces/entities/entities.ts'
import { langgraph } from './surfaces/langgraph/langgraph.ts'
import { openai } from './surfaces/openai/openai.ts'

export interface Surface {
  name: string
  title: string
  /** Path under which all its routes stand; empty for the root. */
  prefix: string
  plugin: AnyElysia
  /** The last touch to the surface's document. */
  revise?: (document: Record<string, unknown>) => Record<string, unknown>
}

/** The mount table. */
export const mountSurfaces = (app: App): Surface[] => [
  { name: 'openai', title: 'OpenAI Assistants', prefix: app.config.openai.prefix, plugin: openai(app) },
  mountLanggraph(app, app.config.langgraph.prefix),
  mountEntities(app, app.config.entities.prefix),
]

const mountLanggraph = (app: App, prefix: string): Surface => ({
  ...{ name: 'langgraph', title: 'LangGraph Platform', prefix },
  plugin: langgraph(app, { prefix }),
})

const mountEntities = (app: App, prefix: string): Surface => ({
  ...{ name: 'entities', title: 'Entities', prefix },
  plugin: entities(app, { prefix }),
  revise: (document) => onceEach(document, prefix),
})

/** A surface on a listener of its own, for clients that cannot be given a path. */
export interface Alone {
  listen: Config['listen']
  /** What chooses the address. */
  flag: string
  surfaces: Surface[]
}

export function mountAlone(app: App): Alone[] {
  const { langgraph: graphs, entities: owned } = app.config
  const alone: Alone[] = []
  if (graphs.listen) alone.push({ listen: graphs.listen, flag: '--listen-langgraph', surfaces: [mountLanggraph(app, '')] })
  if (owned.listen) alone.push({ listen: owned.listen, flag: '--listen-entities', surfaces: [mountEntities(app, '')] })
  return alone
}

export interface ServerParts {
  /** Without `links` no signed links are served. */
  app: Pick<App, 'config' | 'log' | 'clock' | 'version' | 'streams'> & Partial<Pick<App, 'links'>>
  surfaces: readonly Surface[]
  /** What readiness asks beside the server itself. */
  probes: Probes
  /** Where to listen instead of the configured address. */
  listen?: Config['listen']
}

export interface Server {
  /** Base URL with the real port. */
  url: string
  /** Answers 503 on readiness from now on. */
  drain(): void
  /** Takes no new connection; resolves when every request under way is answered. */
  refuse(): Promise<void>
  /** Ends streams so that clients resume elsewhere, then what is left after `graceMs`. */
  close(graceMs: number): Promise<void>
}

const HEADERS_IDLE_SECONDS = 30
const SOCKET_IDLE_SECONDS = 120
const SOCKET_MESSAGE_BYTES_MAX = 65_536
/** Elysia's dispatch to the route of each socket; it is typed with an older copy of Bun's types. */
const ROUTED = websocket as unknown as Pick<Required<Bun.WebSocketHandler<unknown>>, 'message' | 'open' | 'drain' | 'close'>
/** Bun's own answer to a large body is a bare 413; http/body.ts says it in the surface's words. */
const NO_BODY_LIMIT = Number.MAX_SAFE_INTEGER

export function openServer(parts: ServerParts): Server {
  const { host, port } = parts.listen ?? parts.app.config.listen
  const state = { draining: false }
  const handler = createHandler(parts, state)
  const server = Bun.serve({
    hostname: host,
    port,
    idleTimeout: HEADERS_IDLE_SECONDS,
    maxRequestBodySize: NO_BODY_LIMIT,
    development: false,
    // Without development mode Bun shares the port by default: a second server would start and get half of the requests.
    reusePort: false,
    fetch: handler.fetch,
    websocket: {
      ...ROUTED,
      idleTimeout: SOCKET_IDLE_SECONDS,
      maxPayloadLength: SOCKET_MESSAGE_BYTES_MAX,
      perMessageDeflate: false,
    },
  })
  handler.root.server = server
  return {
    url: baseUrl(host, server.port ?? port),
    drain: () => {
      state.draining = true
    },
    refuse: () => server.stop(),
    async close(graceMs) {
      parts.app.streams.closeAll()
      const timer = Promise.withResolvers<void>()
      const timeout = setTimeout(timer.resolve, graceMs)
      await Promise.race([server.stop(), timer.promise])
      clearTimeout(timeout)
      await server.stop(true)
    },
  }
}

const baseUrl = (host: string, port: number): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}`

/** What Bun's server offers to a request beyond the request. */
interface Connection {
  timeout(request: Request, seconds: number): void
}

export interface Handler {
  root: AnyElysia
  fetch(request: Request, connection?: Connection): Response | Promise<Response>
}

/** The whole server without its socket. */
export function createHandler(parts: ServerParts, state = { draining: false }): Handler {
  const { app } = parts
  const root = rootOf(parts, state)
  const cors = openCors(app.config.http.corsOrigins)
  const answer = root.compile().fetch as (request: Request) => Response | Promise<Response>
  return {
    root,
    fetch(request, connection) {
      const startedAt = app.clock.now()
      const id = requestId(request.headers)
      // Surfaces read the id from here, whoever chose it.
      request.headers.set('x-request-id', id)
      const hasBody = request.method !== 'GET' && request.method !== 'HEAD'
      // From here on every wait has a bound of its own: the body, the model, the keep-alive of a stream.
      if (hasBody) connection?.timeout(request, 0)
      const finish = (given: Response): Response => {
        const response = hasBody && given.status >= 400 ? answerEarly(request, given) : given
        if (isStream(response)) connection?.timeout(request, 0)
        else if (hasBody) connection?.timeout(request, HEADERS_IDLE_SECONDS)
        response.headers.set('x-request-id', id)
        cors.mark(request, response.headers)
        logAccess(app.log, { request, response, id, ms: app.clock.now() - startedAt })
        return response
      }
      const fail = (cause: unknown): Response => {
        app.log.error('request.crashed', { id, cause })
        return finish(Response.json({ error: 'internal', message: 'The server failed to answer.' }, { status: 500 }))
      }
      try {
        const response = cors.preflight(request) ?? answer(request)
        return response instanceof Promise ? response.then(finish, fail) : finish(response)
      } catch (cause) {
        return fail(cause)
      }
    },
  }
}

const isStream = (response: Response): boolean => response.headers.get('content-type')?.startsWith('text/event-stream') === true

interface Access {
  request: Request
  response: Response
  id: string
  ms: number
}

function logAccess(log: Log, { request, response, id, ms }: Access): void {
  const path = pathOf(request.url)
  const upgraded = response.status === 200 && request.headers.get('upgrade') === 'websocket'
  const level = path.startsWith('/health') ? 'debug' : 'info'
  log[level]('request', { method: request.method, path, status: upgraded ? 101 : response.status, ms, id })
}

function rootOf({ app, surfaces, probes }: ServerParts, state: { draining: boolean }): AnyElysia {
  const ownProbe = () => {
    if (state.draining) throw new Fault('unavailable', 'shutting down')
  }
  const readiness = openReadiness({ server: ownProbe, ...probes }, explain(app.log))
  const index = describe(surfaces, app.version)
  // By default Elysia looks for the path from the eleventh letter on: behind a host as short as `api` it finds none.
  let root: AnyElysia = new Elysia({ handler: { standardHostname: false } }).get('/health/ready', async () => {
    const { ready, checks } = await readiness()
    return Response.json({ status: ready ? 'ready' : 'unavailable', checks }, { status: ready ? 200 : 503 })
  })
  const taken = rootPaths(surfaces)
  if (!taken.has('/')) root = root.get('/', () => Response.json(index))
  if (!taken.has('/health')) root = root.get('/health', () => Response.json({ status: 'ok', version: app.version }))
  if (app.links) root = root.use(objectLinks(app.links))
  for (const [path, page] of Object.entries(docsPages(surfaces.map(documented)))) root = root.get(path, page)
  for (const surface of surfaces) root = root.get(documented(surface).url, openapiHandler(surface, app.version)).use(surface.plugin)
  if (surfaces.some((surface) => surface.prefix === '')) return root
  return root.all('/*', ({ request }) => nothingAt(pathOf(request.url), index))
}

/** What a surface at the root answers itself. */
const rootPaths = (surfaces: readonly Surface[]): Set<string> =>
  new Set(
    surfaces
      .filter(({ prefix }) => prefix === '')
      .flatMap(({ plugin }) => plugin.routes.filter(({ method }) => method === 'GET').map(({ path }) => path)),
  )

const documented = ({ name, title }: Surface) => ({ title, url: `/openapi/${name}.json` })

/** Generated when somebody asks: it costs more than a start may take. */
function openapiHandler({ title, plugin, revise = (document) => document }: Surface, version: string): () => Response {
  let text: string | undefined
  return () => {
    text ??= JSON.stringify(revise(openapiDocument({ title, version, plugin })))
    return new Response(text, { headers: { 'content-type': 'application/json' } })
  }
}

const explain = (log: Log) => (error: unknown) => {
  if (error instanceof Fault) return error.message
  log.error('health.probe_failed', { cause: error })
  return 'failed'
}

interface Index {
  name: string
  version: string
  docs: string
  health: string
  surfaces: { name: string; path: string; openapi: string }[]
}

const describe = (surfaces: readonly Surface[], version: string): Index => ({
  name: 'tetraport',
  version,
  docs: DOCS_PATH,
  health: '/health/ready',
  surfaces: surfaces.map((surface) => ({ name: surface.name, path: surface.prefix || '/', openapi: documented(surface).url })),
})

const nothingAt = (path: string, { surfaces, docs }: Index): Response =>
  Response.json({ error: 'not_found', message: `No surface serves ${path}.`, surfaces, docs }, { status: 404 })
