import { type Static, type TSchema, Type as t } from '@sinclair/typebox'
import { checked, plainSchema } from './checked.ts'
import { findFlaw } from './flaw.ts'

export interface Named {
  /** operationId of the document. */
  id: string
  summary: string
  description?: string
}

/** What all answers of a dialect have in common. */
export interface Dialect<E extends TSchema, S extends readonly number[]> {
  /** The body of every error. */
  error: E
  /** The statuses that any route may refuse with. */
  refusals: S
  /** The credentials of the document, any one of which will do. */
  security: readonly Record<string, string[]>[]
  /** How the document calls the answer of a route without content; its status where nothing is said. */
  done?: (status: number) => string | number
}

/** Our own mistake: nothing that a caller did can cause it. */
function requireShape(id: string, schema: TSchema, value: unknown): void {
  const flaw = findFlaw(schema, value)
  if (flaw) throw new Error(`The answer of ${id} breaks its own schema at ${flaw.path.join('.')}: ${JSON.stringify(flaw.mistake)}`)
}

interface Answered {
  set: { status?: number | string }
}

const withStatus =
  (status: number) =>
  ({ set }: Answered): void => {
    if (status !== 200) set.status = status
  }

type Content = { description: string; content?: Record<string, { schema: Record<string, never> }> }

const contentOf = (type: string, schema: TSchema): Content => ({ description: 'OK', content: { [type]: { schema: plainSchema(schema) } } })

const BINARY = t.Unsafe<string>({ type: 'string', format: 'binary' })
const EVENTS = t.Unsafe<string>({ type: 'string', description: 'Server-sent events.' })

/** What a route says about its answers, in the words of a dialect. */
export function answersIn<E extends TSchema, const S extends readonly number[]>({ error, refusals, security, done }: Dialect<E, S>) {
  const anyError = checked(error, (value) => ({ value: value as Static<E> }))
  const detailOf = ({ id, summary, description }: Named) => ({
    ...{ operationId: id, summary, security: security.map((one) => ({ ...one })) },
    ...(description === undefined ? {} : { description }),
  })
  const errorResponses = () =>
    Object.fromEntries(refusals.map((s) => [s, { description: 'Error', content: { 'application/json': { schema: plainSchema(error) } } }]))
  const answersWith = (named: Named, responses: Record<string, Content>) => ({
    detail: { ...detailOf(named), responses: { ...responses, ...errorResponses() } },
  })

  return {
    /** The route answers with this shape and status. A `Response` is let through as it is. */
    answers: <A extends TSchema, const N extends number = 200>(named: Named, schema: A, status?: N) => {
      const code = status ?? 200
      const shaped = checked<A, Static<A> | Response>(schema, (value) => {
        if (!(value instanceof Response)) requireShape(named.id, schema, value)
        return { value: value as Static<A> }
      })
      return {
        response: { [code]: shaped, ...Object.fromEntries(refusals.map((refusal) => [refusal, anyError])) } as {
          [K in N]: typeof shaped
        } & Record<S[number], typeof anyError>,
        afterHandle: withStatus(code),
        detail: detailOf(named),
      }
    },

    /** The route answers with a status and nothing else. */
    answersNothing: (named: Named, status = 204) => ({
      ...answersWith(named, { [done?.(status) ?? status]: { description: `Done: ${status}, without content` } }),
      afterHandle: withStatus(status),
    }),

    /** The route answers with bytes, in a `Response` of its own. */
    answersBytes: (named: Named, type = 'application/octet-stream') => answersWith(named, { 200: contentOf(type, BINARY) }),

    /** The route answers with a stream of events, in a `Response` of its own. */
    streams: (named: Named, events: TSchema = EVENTS) => answersWith(named, { 200: contentOf('text/event-stream', events) }),
  }
}
