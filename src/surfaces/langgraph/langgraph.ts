import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { askedOf } from '../../http/asked.ts'
import { PendingBody } from '../../http/pending-body.ts'
import { plainJson } from '../../http/plain-json.ts'
import { assistants } from './assistants.ts'
import { crons } from './crons.ts'
import { replyResponse, toReply } from './errors.ts'
import { meta } from './meta.ts'
import { protocol } from './protocol.ts'
import { runs } from './runs.ts'
import { store } from './store.ts'
import { threadRun, threadRuns } from './thread-runs.ts'
import { threadState } from './thread-state.ts'
import { threads } from './threads.ts'
import { unknownUrl } from './unknown-url.ts'

/** The LangGraph Platform dialect: everything under one prefix, or at the root of a listener of its own. */
export function langgraph(app: App, options: { prefix?: string } = {}) {
  const { langgraph: config, http } = app.config
  const plugin = new Elysia({ prefix: options.prefix ?? config.prefix })
    .onParse(({ request }) => new PendingBody(request, http))
    .mapResponse(plainJson)
    .onError(({ error, request, set }) => {
      set.headers = {}
      return replyResponse(toReply(error, askedOf(request), app.log), config.errorBodies)
    })
    .use(meta(app))
    .use(assistants(app))
    .use(threads(app))
    .use(threadState(app))
    .use(store(app))
    .use(crons(app))
    .use(runs(app))
    .use(threadRuns(app))
    .use(threadRun(app))
    .use(protocol(app))
  const unknown = unknownUrl(plugin.routes)
  return plugin.all('/', unknown, { detail: { hide: true } }).all('/*', unknown, { detail: { hide: true } })
}
