import { type Static, type TProperties, type TSchema, Type as t } from '@sinclair/typebox'
import { answersIn } from '../../http/answers.ts'
import { checked } from '../../http/checked.ts'
import type { SchemaNode } from '../../http/flaw.ts'
import { PendingBody } from '../../http/pending-body.ts'
import { readQuery } from '../../http/query.ts'
import { ErrorBody } from './fields.wire.ts'
import { Refusal, requireValid } from './refusal.ts'

/** The route reads a JSON body of this shape, whatever its content type says. Unknown fields are ignored unless the shape is closed. */
export const takes = <S extends TSchema>(schema: S) => ({
  body: checked(schema, async (body) => {
    const value = body instanceof PendingBody ? await body.read() : body
    requireValid(schema, value, 'body')
    return { value: value as Static<S> }
  }),
  parse: 'json' as const,
})

/** The query has these parameters; others are ignored. Booleans come in every spelling that clients have. */
export const asks = <S extends TSchema>(schema: S) => ({
  query: checked(schema, (query) => {
    requireValid(schema, query, 'query')
    return { value: query as Static<S> }
  }),
  // Elysia reads every comma as a list.
  transform: (context: { query: unknown; request: Request }) => {
    context.query = readQuery(schema as SchemaNode, context.request.url)
  },
})

/** The path has these parameters, e.g. `paths({ thread_id: PathId })`. */
export const paths = <P extends TProperties>(properties: P) => {
  const schema = t.Object(properties)
  return {
    params: checked(schema, (params) => {
      // What is not percent-encoded UTF-8 comes from the router as null: it names nothing.
      if (Object.values(params as object).includes(null)) throw new Refusal(404, 'Not Found')
      requireValid(schema, params, 'path')
      return { value: params as Static<typeof schema> }
    }),
  }
}

/** What this dialect says of its answers. */
export const { answers, answersNothing, answersBytes, streams } = answersIn({
  error: ErrorBody,
  refusals: [400, 401, 403, 404, 409, 422],
  security: [{ apiKey: [] }, { bearer: [] }],
})
