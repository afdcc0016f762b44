import { type Static, type TProperties, type TSchema, Type as t } from '@sinclair/typebox'
import { answersIn } from '../../http/answers.ts'
import { checked } from '../../http/checked.ts'
import type { SchemaNode } from '../../http/flaw.ts'
import { PendingBody } from '../../http/pending-body.ts'
import { readQuery } from '../../http/query.ts'
import { lowerUuids } from '../../http/uuids.ts'
import { ErrorBody } from './fields.wire.ts'
import { refuseField, requireValid } from './refusal.ts'

/**
 * The route reads a JSON body of this shape, whatever its content type says: beacons of browsers are text/plain. Unknown
 * fields are ignored, because SDKs add some with every release. It is read here and not before, so that an unknown
 * caller sends nothing.
 */
export const takes = <S extends TSchema>(schema: S) => ({
  body: checked(schema, async (body) => {
    const value = body instanceof PendingBody ? await body.read() : body
    requireValid(schema, value, 'body')
    return { value: lowerUuids(schema, value) as Static<S> }
  }),
  parse: 'json' as const,
})

/** The query has these parameters; others are ignored. Booleans and arrays come in every spelling that SDKs have. */
export const asks = <S extends TSchema>(schema: S) => ({
  query: checked(schema, (query) => {
    requireValid(schema, query, 'query')
    return { value: lowerUuids(schema, query) as Static<S> }
  }),
  // Elysia reads every comma as a list.
  transform: (context: { query: unknown; request: Request }) => {
    context.query = readQuery(schema as SchemaNode, context.request.url)
  },
})

/** The path has these parameters, e.g. `paths({ thread_id: Uuid })`. */
export const paths = <P extends TProperties>(properties: P) => {
  const schema = t.Object(properties)
  return {
    params: checked(schema, (params) => {
      requireReadable(params as object)
      requireValid(schema, params, 'path')
      return { value: lowerUuids(schema, params) as Static<typeof schema> }
    }),
  }
}

/** What is not percent-encoded UTF-8 comes from the router as null, whatever its type says. */
function requireReadable(params: object): void {
  for (const [name, value] of Object.entries(params)) {
    if (value === null) throw refuseField([name], `${name}: this part of the path is not percent-encoded UTF-8.`, 'path')
  }
}

/**
 * What this dialect says of its answers. The document names the whole class of answers without content: the contract of
 * 2024 says 200 where servers have long answered 204.
 */
export const { answers, answersNothing, streams } = answersIn({
  error: ErrorBody,
  refusals: [401, 404, 409, 422],
  security: [{ bearer: [] }, { apiKey: [] }],
  done: () => '2XX',
})
