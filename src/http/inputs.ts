import { type Static, type TProperties, type TSchema, Type as t } from '@sinclair/typebox'
import { checked } from './checked.ts'
import type { SchemaNode } from './flaw.ts'
import { PendingBody } from './pending-body.ts'
import { readQuery } from './query.ts'
import { lowerUuids } from './uuids.ts'

/** What a dialect says to requests that cannot be read. */
export interface Reader {
  /** Throws for a value that breaks its schema. */
  requireValid(schema: TSchema, value: unknown, place: 'body' | 'query' | 'path'): void
  /** What is thrown where this part of the path is not percent-encoded UTF-8. */
  unreadable(name: string): Error
  readBody?(body: PendingBody): Promise<unknown>
}

/** What a route says about its requests, in the words of a dialect. UUIDs may be sent in capitals. */
export function inputsIn({ requireValid, unreadable, readBody = (body) => body.read() }: Reader) {
  return {
    /**
     * The route reads a JSON body of this shape, whatever its content type says: beacons of browsers are text/plain. Unknown
     * fields are ignored unless the shape is closed. It is read here and not before, so that an unknown caller sends nothing.
     */
    takes: <S extends TSchema>(schema: S) => ({
      body: checked(schema, async (body) => {
        const value = body instanceof PendingBody ? await readBody(body) : body
        requireValid(schema, value, 'body')
        return { value: lowerUuids(schema, value) as Static<S> }
      }),
      parse: 'json' as const,
    }),

    /** The query has these parameters; others are ignored. Booleans and arrays come in every spelling that clients have. */
    asks: <S extends TSchema>(schema: S) => ({
      query: checked(schema, (query) => {
        requireValid(schema, query, 'query')
        return { value: lowerUuids(schema, query) as Static<S> }
      }),
      // Elysia reads every comma as a list.
      transform: (context: { query: unknown; request: Request }) => {
        context.query = readQuery(schema as SchemaNode, context.request.url)
      },
    }),

    /** The path has these parameters, e.g. `paths({ thread_id: Uuid })`. */
    paths: <P extends TProperties>(properties: P) => {
      const schema = t.Object(properties)
      return {
        params: checked(schema, (params) => {
          // What cannot be decoded comes from the router as null, whatever its type says.
          const wrong = Object.entries(params as object).find(([, value]) => value === null)
          if (wrong) throw unreadable(wrong[0])
          requireValid(schema, params, 'path')
          return { value: lowerUuids(schema, params) as Static<typeof schema> }
        }),
      }
    },
  }
}
