import { type AnyElysia, Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { askedOf } from '../../http/asked.ts'
import { PendingBody } from '../../http/pending-body.ts'
import { plainJson } from '../../http/plain-json.ts'
import { actions } from './actions.ts'
import { apiKeys } from './api-keys.ts'
import { assistants } from './assistants.ts'
import { completions } from './completions.ts'
import { downloads } from './downloads.ts'
import { replyResponse, toReply } from './errors.ts'
import { events } from './events.ts'
import { health } from './health.ts'
import { messages } from './messages.ts'
import { runs } from './runs.ts'
import { threads } from './threads.ts'
import { tools } from './tools.ts'
import { redirectSlash, unknownUrl } from './unknown-url.ts'
import { uploads } from './uploads.ts'
import { users } from './users.ts'
import { vectorStores } from './vector-stores.ts'

export { onceEach } from './document.ts'

/** Each part's routes, without the /v1 that clients may put before them. */
const PARTS: readonly ((app: App) => AnyElysia)[] = [
  health,
  users,
  apiKeys,
  assistants,
  tools,
  threads,
  messages,
  runs,
  actions,
  completions,
  events,
  uploads,
  downloads,
  vectorStores,
]

function mount<P extends string>(app: App, prefix: P, parts = PARTS) {
  const mounted = new Elysia({ prefix })
  for (const part of parts) mounted.use(part(app))
  return mounted
}

/**
 * The Entities dialect: every path bare and under /v1, below one prefix or at the root of a listener of its own. The
 * contract's own /v1 paths of files are those of the second mount.
 */
export function entities(app: App, options: { prefix?: string } = {}) {
  const { entities: config, http } = app.config
  const plugin = new Elysia({ prefix: options.prefix ?? config.prefix })
    .onParse(({ request }) => new PendingBody(request, http))
    .onTransform(redirectSlash)
    .mapResponse(plainJson)
    .onError(({ error, request, set }) => {
      set.headers = {}
      return replyResponse(toReply(error, askedOf(request), app.log))
    })
    .get('/', () => ({ message: 'Welcome to the API!', name: 'tetraport', version: app.version }), { detail: { hide: true } })
    .use(mount(app, ''))
    .use(mount(app, '/v1'))
    // The contract's own /v1 paths, as clients reach them that put /v1 before every path.
    .use(mount(app, '/v1/v1', [uploads, downloads]))
  const unknown = unknownUrl(plugin.routes)
  return plugin.all('/', unknown, { detail: { hide: true } }).all('/*', unknown, { detail: { hide: true } })
}
