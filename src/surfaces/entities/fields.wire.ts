import { type TSchema, Type as t } from '@sinclair/typebox'
import type { Json, JsonObject } from '../../core/json.ts'

export const nullable = <S extends TSchema>(schema: S) => t.Union([schema, t.Null()])

/** May be left out or null: the Python SDK drops what is None from some bodies and sends it in others. */
export const maybe = <S extends TSchema>(schema: S) => t.Optional(nullable(schema))

export const oneOf = <const V extends string[]>(...values: V) => t.Unsafe<V[number]>({ type: 'string', enum: values })

/** An object that refuses what it does not name. */
export const CLOSED = { additionalProperties: false } as const

/** As sent; what it stands for is known when it is decoded. Columns of the original hold 64 characters. */
export const Id = t.String({ minLength: 1, maxLength: 64 })

/** Of a path: whatever is too long is an id that does not exist, not a mistake. */
export const PathId = t.String()

export const Seconds = t.Integer({ description: 'Unix time in seconds.' })
export const toSeconds = (ms: number): number => Math.floor(ms / 1000)
export const toSecondsOrNull = (ms: number | null | undefined): number | null => (ms === null || ms === undefined ? null : toSeconds(ms))

export const IsoTime = t.String({ format: 'date-time', description: 'ISO 8601, in UTC.' })
export const toIso = (ms: number): string => new Date(ms).toISOString()
export const toIsoOrNull = (ms: number | null | undefined): string | null => (ms === null || ms === undefined ? null : toIso(ms))
/** What was sent as an IsoTime; without an offset it is UTC. */
export const fromIso = (text: string): number => Date.parse(/(?:z|[+-]\d{2}:?\d{2})$/i.test(text) ? text : `${text}Z`)

/** JSON that belongs to the client: kept as it is. */
export const FreeJson = t.Unsafe<Json>({})
export const FreeObject = t.Unsafe<JsonObject>({ type: 'object', additionalProperties: true })
export const FreeList = t.Unsafe<Json[]>({ type: 'array', items: {} })

const Flaw = t.Object({
  type: t.String(),
  loc: t.Array(t.Union([t.String(), t.Integer()])),
  msg: t.String(),
  input: FreeJson,
  ctx: t.Optional(FreeObject),
})

/** Of 422 a list, of everything else a sentence. */
export const ErrorBody = t.Object({ detail: t.Union([t.String(), t.Array(Flaw)]) })
