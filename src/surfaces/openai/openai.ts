import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { PendingBody } from '../../http/pending-body.ts'
import { assistants } from './assistants.ts'
import { askedOf } from './caller.ts'
import { chat } from './chat.ts'
import { embeddings } from './embeddings.ts'
import { toReply } from './errors.ts'
import { fileBatches } from './file-batches.ts'
import { files } from './files.ts'
import { follow } from './follow.ts'
import { messages } from './messages.ts'
import { models } from './models.ts'
import { runs, singleRuns, threadRuns } from './runs.ts'
import { steps } from './steps.ts'
import { storeFiles } from './store-files.ts'
import { threads } from './threads.ts'
import { requireReadable, unknownUrl } from './unknown-url.ts'
import { uploads } from './uploads.ts'
import { vectorSearch } from './vector-search.ts'
import { vectorStores } from './vector-stores.ts'

/** Clients of the original read it; it never changed. */
const VERSION = '2020-10-01'

/** The OpenAI dialect: everything under one prefix, with its own errors. */
export function openai(app: App, options: { prefix?: string } = {}) {
  const prefix = options.prefix ?? app.config.openai.prefix
  const plugin = new Elysia({ prefix })
    .onParse(({ request }) => new PendingBody(request, app.config.http))
    .derive(({ params, set }) => {
      if (params) requireReadable(params)
      set.headers['openai-version'] = VERSION
      return { receivedAt: app.clock.now() }
    })
    .onAfterHandle(({ set, receivedAt }) => {
      set.headers['openai-processing-ms'] = String(app.clock.now() - receivedAt)
    })
    .onError(({ error, request, set }) => {
      const { status, body, headers } = toReply(error, askedOf(request), app.log)
      const kept = { 'openai-version': VERSION, ...headers }
      set.headers = {}
      return Response.json({ error: body }, { status, headers: kept })
    })
    .use(assistants(app))
    .use(threadRuns(app))
    .use(threads(app))
    .use(messages(app))
    .use(runs(app))
    .use(singleRuns(app))
    .use(steps(app))
    .use(follow(app))
    .use(models(app))
    .use(embeddings(app))
    .use(chat(app))
    .use(files(app))
    .use(uploads(app))
    .use(vectorStores(app))
    .use(storeFiles(app))
    .use(fileBatches(app))
    .use(vectorSearch(app))
  const unknown = unknownUrl(plugin.routes)
  return plugin.all('/', unknown, { detail: { hide: true } }).all('/*', unknown, { detail: { hide: true } })
}
