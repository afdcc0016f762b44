import type { AnyElysia } from 'elysia'
import { Elysia } from 'elysia'
import { websocket } from 'elysia/ws'
import type { App } from './app.ts'
import type { Config } from './config.ts'
import { Fault } from './core/fault.ts'
import type { Log } from './core/needs.ts'
import { clientAddress, markClient, openTrusted } from './http/client-address.ts'
import { openCors } from './http/cors.ts'
import { DOCS_PATH, docsPages } from './http/docs.ts'
import type { Probes } from './http/health.ts'
import { openReadiness } from './http/health.ts'
import { objectLinks } from './http/objects.ts'
import { openapiDocument } from './http/openapi.ts'
import { pathOf } from './http/path.ts'
import { markProcess, standsAt } from './http/process-marks.ts'
import { requestId } from './http/request-id.ts'
import { answerEarly } from './http/rest.ts'
import { entities, onceEach } from './surfaces/entities/entities.ts'
import { langgraph } from './surfaces/langgraph/langgraph.ts'
import { openai } from './surfaces/openai/openai.ts'
import { PAGE_PATHS, pages, platform, ROOT_PATHS, rootRoutes, withRoot } from './surfaces/platform/platform.ts'

export interface Surface {
  name: string
  title: string
  /** Path under which all its routes stand; empty for the root. */
  prefix: string
  plugin: AnyElysia
  /** Routes outside of the prefix. */
  beside?: AnyElysia
  /** Whose answers say how long they took and where in the log they are. */
  isMarked?: (path: string) => boolean
  /** The last touch to the surface's document. */
  revise?: (document: Record<string, unknown>) => Record<string, unknown>
}

/** The mount table. */
export const mountSurfaces = (app: App): Surface[] => [
  { name: 'openai', title: 'OpenAI Assistants', prefix: app.config.openai.prefix, plugin: openai(app) },
  mountLanggraph(app, app.config.langgraph.prefix),
  mountEntities(app, app.config.entities.prefix),
  mountPlatform(app),
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

function mountPlatform(app: App): Surface {
  const { prefix, appUrl } = app.config.platform
  const beside = appUrl === null ? { beside: pages(prefix) } : {}
  return {
    ...{ name: 'platform', title: 'Platform', prefix, plugin: platform(app), ...beside },
    isMarked: standsAt(prefix, [...ROOT_PATHS, ...PAGE_PATHS]),
    revise: (document) => withRoot(document, app),
  }
}

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
  /** Without `links` no signed links are served; without `tokens` there are no public keys, without `files` no store. */
  app: Pick<App, 'config' | 'log' | 'clock' | 'version' | 'streams'> & Partial<Pick<App, 'links' | 'files' | 'tokens'>>
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
  /** Null: not over TCP, or closed already. */
  requestIP?(request: Request): { address: string } | null
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
  const marking = parts.surfaces.find(({ isMarked }) => isMarked)?.isMarked
  const isTrusted = openTrusted(app.config.http.trustedProxies)
  const answer = root.compile().fetch as (request: Request) => Response | Promise<Response>
  return {
    root,
    fetch(request, connection) {
      const startedAt = app.clock.now()
      const since = performance.now()
      const id = requestId(request.headers)
      // Surfaces read the id from here, whoever chose it.
      request.headers.set('x-request-id', id)
      markClient(request, clientAddress(request.headers, connection?.requestIP?.(request)?.address ?? null, isTrusted))
      const hasBody = request.method !== 'GET' && request.method !== 'HEAD'
      // From here on every wait has a bound of its own: the body, the model, the keep-alive of a stream.
      if (hasBody) connection?.timeout(request, 0)
      const finish = (given: Response): Response => {
        const response = hasBody && given.status >= 400 ? answerEarly(request, given) : given
        if (isStream(response)) connection?.timeout(request, 0)
        else if (hasBody) connection?.timeout(request, HEADERS_IDLE_SECONDS)
        response.headers.set('x-request-id', id)
        cors.mark(request, response.headers)
        const isMarked = marking?.(pathOf(request.url))
        const marks = isMarked ? markProcess(response.headers, performance.now() - since) : {}
        logAccess(app.log, { request, response, id, ms: app.clock.now() - startedAt, ...marks })
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
  correlationId?: string
}

function logAccess(log: Log, { request, response, ...told }: Access): void {
  const path = pathOf(request.url)
  const upgraded = response.status === 200 && request.headers.get('upgrade') === 'websocket'
  const level = path.startsWith('/health') ? 'debug' : 'info'
  log[level]('request', { method: request.method, path, status: upgraded ? 101 : response.status, ...told })
}

function rootOf({ app, surfaces, probes }: ServerParts, state: { draining: boolean }): AnyElysia {
  const ownProbe = () => {
    if (state.draining) throw new Fault('unavailable', 'shutting down')
  }
  const readiness = openReadiness({ server: ownProbe, ...probes }, explain(app.log))
  const index = describe(surfaces, app.version)
  const own = rootRoutes({ app, startedAt: app.clock.now(), readiness, index })
  // By default Elysia looks for the path from the eleventh letter on: behind a host as short as `api` it finds none.
  let root: AnyElysia = new Elysia({ handler: { standardHostname: false } }).use(own)
  if (app.links) root = root.use(objectLinks(app.links))
  for (const [path, page] of Object.entries(docsPages(surfaces.map(documented)))) root = root.get(path, page)
  // Where a surface at the root has a route of the same path, the later one counts: its own.
  for (const surface of surfaces) {
    if (surface.beside) root = root.use(surface.beside)
    root = root.get(documented(surface).url, openapiHandler(surface, app.version)).use(surface.plugin)
  }
  if (surfaces.some((surface) => surface.prefix === '')) return root
  return root.all('/*', ({ request }) => nothingAt(pathOf(request.url), index))
}

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
  ready: string
  /** Of the platform's surface, as its clients look for them. */
  api: string
  chat: string
  agents: string
  surfaces: { name: string; path: string; openapi: string }[]
}

function describe(surfaces: readonly Surface[], version: string): Index {
  const api = surfaces.find(({ name }) => name === 'platform')?.prefix ?? ''
  return {
    ...{ name: 'tetraport', version, docs: DOCS_PATH, health: '/health', ready: '/health/ready' },
    ...{ api: api || '/', chat: `${api}/chat`, agents: `${api}/agents` },
    surfaces: surfaces.map((surface) => ({ name: surface.name, path: surface.prefix || '/', openapi: documented(surface).url })),
  }
}

const nothingAt = (path: string, { surfaces, docs }: Index): Response =>
  Response.json({ error: 'not_found', message: `No surface serves ${path}.`, surfaces, docs }, { status: 404 })
