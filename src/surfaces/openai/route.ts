import type { Static, TSchema } from '@sinclair/typebox'
import { Type as t } from '@sinclair/typebox'
import { checked, plainSchema } from '../../http/checked.ts'
import { PendingBody } from '../../http/pending-body.ts'
import { BetaHeaders, type BetaRule, requireBeta } from './beta.ts'
import { findProblem, type SchemaNode } from './explain.ts'
import { CLOSED, ErrorEnvelope } from './fields.wire.ts'
import { PendingForm } from './form.ts'
import { Refusal } from './refusal.ts'

function accept<S extends TSchema>(schema: S, value: unknown): { value: Static<S> } {
  const problem = findProblem(schema as SchemaNode, value)
  if (problem) throw new Refusal(400, problem)
  return { value: value as Static<S> }
}

/** The route reads a JSON body of this shape. It is read here and not before, so that an unknown caller sends nothing. */
export const takes = <S extends TSchema>(schema: S) => ({
  body: checked(schema, async (body) => accept(schema, body instanceof PendingBody ? await body.read() : body)),
  parse: 'json' as const,
})

/**
 * The route reads a multipart form of this shape, whose field `file` is the file. The handler does it: the file is
 * streamed, and nobody knows before where to.
 */
export const takesForm = <S extends TSchema>(schema: S, file: string) => ({
  body: checked<S, PendingForm<S>>(schema, (body) => {
    if (!(body instanceof PendingBody)) throw new Error('the body of a form was read before its handler')
    return { value: new PendingForm(schema, file, body) }
  }),
  parse: 'formdata' as const,
})

/** Sent by SDKs for the sake of another server; it never meant anything here. */
const IGNORED = 'beta'

/** The query has these parameters; others are refused by name. */
export const asks = <S extends TSchema>(schema: S) => ({
  query: checked(schema, (query) => accept(schema, readQuery(schema as SchemaNode, query as Record<string, unknown>))),
})

export const asksNothing = asks(t.Object({}, CLOSED))

function readQuery(schema: SchemaNode, query: Record<string, unknown>): Record<string, unknown> {
  const read: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(query)) {
    if (key === IGNORED && !schema.properties?.[IGNORED]) continue
    read[key] =
      schema.properties?.[key]?.type === 'integer' && typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
  }
  return read
}

/** The routes refuse callers whose OpenAI-Beta header breaks `rule`. */
export const asksBeta = (rule: BetaRule) => ({
  headers: checked(BetaHeaders, (headers) => {
    requireBeta((headers as Record<string, string | undefined>)['openai-beta'], rule)
    return { value: headers as BetaHeaders }
  }),
})

export interface Named {
  /** operationId of the document. */
  id: string
  summary: string
  description?: string
}

/** Our own mistake: nothing that a caller did can cause it. */
function requireShape(id: string, schema: TSchema, value: unknown): void {
  const problem = findProblem(schema as SchemaNode, value)
  if (problem) throw new Error(`The answer of ${id} breaks its own schema: ${problem.message}`)
}

const ERRORS = [400, 401, 404, 429, 500] as const
const anyError = checked(ErrorEnvelope, (value) => ({ value: value as Static<typeof ErrorEnvelope> }))

const detailOf = ({ id, summary, description }: Named) => ({
  operationId: id,
  summary,
  security: [{ bearer: [] as string[] }],
  ...(description === undefined ? {} : { description }),
})

/** The route answers with this shape and status 200. */
export const answers = <S extends TSchema>(named: Named, schema: S) => ({
  response: {
    200: checked(schema, (value) => {
      requireShape(named.id, schema, value)
      return { value: value as Static<S> }
    }),
    400: anyError,
    401: anyError,
    404: anyError,
    429: anyError,
    500: anyError,
  },
  detail: detailOf(named),
})

const errorResponses = () =>
  Object.fromEntries(
    ERRORS.map((s) => [s, { description: 'Error', content: { 'application/json': { schema: plainSchema(ErrorEnvelope) } } }]),
  )

const BINARY = t.Unsafe<string>({ type: 'string', format: 'binary' })

/** The route answers with bytes. */
export const answersBytes = (named: Named) => ({
  detail: {
    ...detailOf(named),
    responses: {
      200: { description: 'OK', content: { 'application/octet-stream': { schema: plainSchema(BINARY) } } },
      ...errorResponses(),
    },
  },
})

/** The route answers with this shape, or with a stream of `events` where the request asks for one. */
export const answersOrStreams = (named: Named, schema: TSchema, events: TSchema) => ({
  detail: {
    ...detailOf(named),
    responses: {
      200: {
        description: 'OK',
        content: { 'application/json': { schema: plainSchema(schema) }, 'text/event-stream': { schema: plainSchema(events) } },
      },
      ...errorResponses(),
    },
  },
  afterHandle: ({ responseValue }: { responseValue: unknown }): void => {
    if (!(responseValue instanceof Response)) requireShape(named.id, schema, responseValue)
  },
})

/** The route answers with a stream only. */
export const streams = (named: Named, events: TSchema) => ({
  detail: {
    ...detailOf(named),
    responses: { 200: { description: 'OK', content: { 'text/event-stream': { schema: plainSchema(events) } } } },
  },
})
