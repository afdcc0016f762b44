import { type Static, type TProperties, type TSchema, Type as t } from '@sinclair/typebox'
import { checked, plainSchema } from '../../http/checked.ts'
import { findFlaw, type SchemaNode } from '../../http/flaw.ts'
import { PendingBody } from '../../http/pending-body.ts'
import { readQuery } from '../../http/query.ts'
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
    return { value: lowerIds(schema, value) as Static<S> }
  }),
  parse: 'json' as const,
})

/** The query has these parameters; others are ignored. Booleans and arrays come in every spelling that SDKs have. */
export const asks = <S extends TSchema>(schema: S) => ({
  query: checked(schema, (query) => {
    requireValid(schema, query, 'query')
    return { value: lowerIds(schema, query) as Static<S> }
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
      return { value: lowerIds(schema, params) as Static<typeof schema> }
    }),
  }
}

/** What is not percent-encoded UTF-8 comes from the router as null, whatever its type says. */
function requireReadable(params: object): void {
  for (const [name, value] of Object.entries(params)) {
    if (value === null) throw refuseField([name], `${name}: this part of the path is not percent-encoded UTF-8.`, 'path')
  }
}

/** UUIDs may be sent in capitals; inside the house they are compared as text. */
function lowerIds(schema: TSchema, value: unknown): unknown {
  const { properties = {} } = schema as SchemaNode
  const record = value as Record<string, unknown>
  for (const [name, node] of Object.entries(properties)) {
    const text = record[name]
    if (typeof text === 'string' && isUuidNode(node)) record[name] = text.toLowerCase()
  }
  return record
}

const isUuidNode = (node: SchemaNode): boolean => node.format === 'uuid' || (node.anyOf?.some(isUuidNode) ?? false)

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

const ERRORS = [401, 404, 409, 422] as const
const anyError = checked(ErrorBody, (value) => ({ value: value as Static<typeof ErrorBody> }))

const detailOf = ({ id, summary, description }: Named) => ({
  operationId: id,
  summary,
  security: [{ bearer: [] as string[] }, { apiKey: [] as string[] }],
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
    response: { [code]: shaped, 401: anyError, 404: anyError, 409: anyError, 422: anyError } as {
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

/**
 * The route answers with a status and nothing else. The document names the whole class: the contract of 2024 says 200
 * where servers have long answered 204.
 */
export const answersNothing = (named: Named, status = 204) => ({
  detail: { ...detailOf(named), responses: { '2XX': { description: `Done: ${status}, without content` }, ...errorResponses() } },
  afterHandle: ({ set }: { set: { status?: number | string } }): void => {
    set.status = status
  },
})

const EVENTS = t.Unsafe<string>({ type: 'string', description: 'Server-sent events.' })

/** The route answers with a stream of events. */
export const streams = (named: Named, events: TSchema = EVENTS) => ({
  detail: {
    ...detailOf(named),
    responses: {
      200: { description: 'OK', content: { 'text/event-stream': { schema: plainSchema(events) } } },
      ...errorResponses(),
    },
  },
})
