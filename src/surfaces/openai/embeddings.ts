import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { embed } from '../../core/models/models.ts'
import { openaiCaller } from './caller.ts'
import { EmbeddingCreate, EmbeddingList } from './embeddings.wire.ts'
import { answers, asksNothing, takes } from './route.ts'

export const embeddings = (app: App) =>
  new Elysia({ prefix: '/embeddings', tags: ['Embeddings'] })
    .use(openaiCaller(app))
    .guard(asksNothing)
    .post(
      '',
      async ({ caller, onceCalled, body, request }) =>
        // A Response: walking thousands of vectors number by number to check a shape that came from a model is not worth it.
        Response.json(await onceCalled((parts) => embed(parts, caller, { body, signal: request.signal }))),
      { ...takes(EmbeddingCreate), ...answers({ id: 'createEmbedding', summary: 'Create embeddings' }, EmbeddingList) },
    )
