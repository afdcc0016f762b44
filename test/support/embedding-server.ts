import type { Json } from '../../src/core/json.ts'
import { type ModelReply, type ModelServer, startModelServer } from './model-server.ts'

export const EMBEDDING_MODEL = 'embedder'

/** A real embedding endpoint whose answers a test may hold or replace. */
export interface EmbeddingServer {
  /** For the options of a test app. */
  readonly options: {
    models: { providers: { name: string; baseUrl: string; apiKey: null; models: string[] }[]; retriesMax: number }
    embeddingModel: string
  }
  /** Every text it was asked to embed, in the order of asking. */
  readonly texts: string[]
  /** The next requests get these replies, one each; undefined is the usual one. */
  readonly replies: (ModelReply | undefined)[]
  /** Requests wait, from the one after the next `after` on; answers a function that lets them, and all later ones, go. */
  hold(after?: number): () => void
  stop(): Promise<void>
}

export function startEmbeddingServer(): EmbeddingServer {
  const texts: string[] = []
  const replies: (ModelReply | undefined)[] = []
  let gate: Promise<void> = Promise.resolve()
  let free = 0
  const server: ModelServer = startModelServer(async ({ path, body }) => {
    if (path !== '/embeddings') return undefined
    texts.push(...(body.input as Json[]).map(String))
    if (free > 0) free--
    else await gate
    return replies.shift()
  })
  return {
    options: {
      models: { providers: [{ name: 'up', baseUrl: server.url, apiKey: null, models: [EMBEDDING_MODEL] }], retriesMax: 0 },
      embeddingModel: EMBEDDING_MODEL,
    },
    texts,
    replies,
    hold(after = 0) {
      free = after
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return resolve
    },
    stop: () => server.stop(),
  }
}
