import { type Static, type TSchema, Type as t } from '@sinclair/typebox'
import type { Json, JsonObject } from '../../core/json.ts'

export const nullable = <S extends TSchema>(schema: S) => t.Union([schema, t.Null()])

/** May be left out or null. */
export const maybe = <S extends TSchema>(schema: S) => t.Optional(nullable(schema))

export const oneOf = <const V extends readonly string[]>(...values: V) => t.Unsafe<V[number]>({ type: 'string', enum: [...values] })

/** An object that refuses what it does not name. */
export const CLOSED = { additionalProperties: false } as const

export const Uuid = t.String({ format: 'uuid' })

export const IsoTime = t.String({ format: 'date-time', description: 'ISO 8601, in UTC.' })
export const toIso = (ms: number): string => new Date(ms).toISOString()
export const toIsoOrNull = (ms: number | null | undefined): string | null => (ms === null || ms === undefined ? null : toIso(ms))

/** JSON that belongs to the client: kept as it is. */
export const FreeJson = t.Unsafe<Json>({})
export const FreeObject = t.Unsafe<JsonObject>({ type: 'object', additionalProperties: true })

/** An object whose fields, whatever their names, are all of this shape. */
export const mapOf = <S extends TSchema>(schema: S, maxProperties?: number) =>
  t.Unsafe<Record<string, Static<S>>>({
    ...{ type: 'object', additionalProperties: schema },
    ...(maxProperties === undefined ? {} : { maxProperties }),
  })

/** One of the mistakes of a request that breaks its schema. What was sent is not repeated: it may be a password. */
const Mistake = t.Object({
  type: t.String(),
  loc: t.Array(t.Union([t.String(), t.Integer()])),
  msg: t.String(),
  input: t.Optional(FreeJson),
  ctx: t.Optional(FreeObject),
})

/**
 * Of every error. `error` is a stable word for programs; `detail` and `message` are a sentence. Of 422 both lists hold the
 * mistakes, else `details` holds the headers that the error came with.
 */
export const ErrorBody = t.Object({
  success: t.Literal(false),
  error: t.String(),
  message: t.String(),
  details: t.Union([mapOf(t.String()), t.Array(Mistake), t.Null()]),
  detail: t.Union([t.String(), t.Array(Mistake)]),
})
