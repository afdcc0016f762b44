import { type Static, type TSchema, Type as t } from '@sinclair/typebox'
import type { JsonObject } from '../../core/json.ts'

export const nullable = <S extends TSchema>(schema: S) => t.Union([schema, t.Null()])

export const oneOf = <const V extends string[]>(...values: V) => t.Unsafe<V[number]>({ type: 'string', enum: values })

/** An object that refuses what it does not name. */
export const CLOSED = { additionalProperties: false } as const

export const UnixSeconds = t.Integer({ description: 'Unix time in seconds.' })

export const Metadata = t.Unsafe<Record<string, string>>({
  type: 'object',
  description: 'Up to 16 pairs; keys up to 64, values up to 512 characters.',
  maxProperties: 16,
  propertyNames: { maxLength: 64 },
  additionalProperties: { type: 'string', maxLength: 512 },
})

/** As shown: another dialect may have said more than this one takes. */
export const ShownMetadata = t.Unsafe<Record<string, string>>({
  type: 'object',
  description: 'Values that are not text, which another API of this server takes, are shown as JSON text.',
  additionalProperties: { type: 'string' },
})

export const toMetadata = (metadata: JsonObject): Record<string, string> =>
  Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]))

/** JSON that belongs to the client: kept as it is. */
export const FreeObject = t.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true })

export const deleted = <const O extends string>(object: O) => t.Object({ id: t.String(), object: t.Literal(object), deleted: t.Boolean() })

export const Usage = t.Object({
  prompt_tokens: t.Integer(),
  completion_tokens: t.Integer(),
  total_tokens: t.Integer(),
  prompt_token_details: t.Optional(t.Object({ cached_tokens: t.Integer() })),
})

export const ErrorEnvelope = t.Object({
  error: t.Object({ message: t.String(), type: t.String(), param: nullable(t.String()), code: nullable(t.String()) }),
})

export const NoFields = t.Object({}, CLOSED)

export type Wire<S extends TSchema> = Static<S>

export const toSeconds = (ms: number): number => Math.floor(ms / 1000)
export const toSecondsOrNull = (ms: number | null): number | null => (ms === null ? null : toSeconds(ms))
