import { type Static, type TProperties, type TSchema, Type as t } from '@sinclair/typebox'
import { checked, plainSchema } from '../../http/checked.ts'
import { findFlaw, type SchemaNode } from '../../http/flaw.ts'
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

export interface Named {
  /** operationId of the document. */
  id: string
  summary: string
  description?: string
}

/** Our own mistake: nothing that a caller did can cause it. */
function requireShape(id: string, schema: TSchema, value: unknown): void {
  const flaw = findFlaw(schema, value)
  if (flaw) throw new Error(`The answer of ${id} breaks its own schema at ${flaw.path.join('.')}: ${JSON.stringify(flaw.mistake)}`)
}

const ERRORS = [400, 401, 403, 404, 409, 422] as const
const anyError = checked(ErrorBody, (value) => ({ value: value as Static<typeof ErrorBody> }))

const detailOf = ({ id, summary, description }: Named) => ({
  operationId: id,
  summary,
  security: [{ apiKey: [] as string[] }, { bearer: [] as string[] }],
  ...(description === undefined ? {} : { description }),
})

/** The route answers with this shape and status. A `Response` is let through as it is. */
export const answers = <S extends TSchema, const N extends number = 200>(named: Named, schema: S, status?: N) => {
  const code = status ?? 200
  const shaped = checked<S, Static<S> | Response>(schema, (value) => {
    if (!(value instanceof Response)) requireShape(named.id, schema, value)
    return { value: value as Static<S> }
  })
  return {
    response: { [code]: shaped, ...Object.fromEntries(ERRORS.map((error) => [error, anyError])) } as {
      [K in N]: typeof shaped
    } & Record<(typeof ERRORS)[number], typeof anyError>,
    afterHandle: ({ set }: { set: { status?: number | string } }): void => {
      if (code !== 200) set.status = code
    },
    detail: detailOf(named),
  }
}

const errorResponses = () =>
  Object.fromEntries(ERRORS.map((s) => [s, { description: 'Error', content: { 'application/json': { schema: plainSchema(ErrorBody) } } }]))

/** The route answers with a status and nothing else. */
export const answersNothing = (named: Named, status = 204) => ({
  detail: { ...detailOf(named), responses: { [status]: { description: 'Done, without content' }, ...errorResponses() } },
  afterHandle: ({ set }: { set: { status?: number | string } }): void => {
    set.status = status
  },
})

const contentOf = (type: string, schema: TSchema) => ({ description: 'OK', content: { [type]: { schema: plainSchema(schema) } } })

const BINARY = t.Unsafe<string>({ type: 'string', format: 'binary' })

/** The route answers with bytes, in a `Response` of its own. */
export const answersBytes = (named: Named, type = 'application/octet-stream') => ({
  detail: { ...detailOf(named), responses: { 200: contentOf(type, BINARY), ...errorResponses() } },
})

const EVENTS = t.Unsafe<string>({ type: 'string', description: 'Server-sent events.' })

/** The route answers with a stream of events, in a `Response` of its own. */
export const streams = (named: Named, events: TSchema = EVENTS) => ({
  detail: { ...detailOf(named), responses: { 200: contentOf('text/event-stream', events), ...errorResponses() } },
})
