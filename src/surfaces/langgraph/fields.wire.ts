import { type Static, type TSchema, Type as t } from '@sinclair/typebox'
import type { Json, JsonObject } from '../../core/json.ts'
import type { GraphConfig } from '../../core/runs/call.ts'

export const nullable = <S extends TSchema>(schema: S) => t.Union([schema, t.Null()])

/** May be left out or null. The Python SDK drops what is None, others send it. */
export const maybe = <S extends TSchema>(schema: S) => t.Optional(nullable(schema))

export const oneOf = <const V extends string[]>(...values: V) => t.Unsafe<V[number]>({ type: 'string', enum: values })

export const Uuid = t.String({ format: 'uuid' })
export const Timestamp = t.String({ format: 'date-time', description: 'ISO 8601, in UTC.' })

export const toTime = (ms: number): string => new Date(ms).toISOString()
export const toTimeOrNull = (ms: number | null): string | null => (ms === null ? null : toTime(ms))
/** What was sent as a Timestamp; without an offset it is UTC. */
export const fromTime = (text: string): number => Date.parse(/(?:z|[+-]\d{2}:?\d{2})$/i.test(text) ? text : `${text}Z`)

/** JSON that belongs to the client: kept as it is. */
export const FreeJson = t.Unsafe<Json>({})
export const FreeObject = t.Unsafe<JsonObject>({ type: 'object', additionalProperties: true })

export const Metadata = t.Unsafe<JsonObject>({
  type: 'object',
  description: 'Any JSON object.',
  additionalProperties: true,
})

/** An assistant's id, or the id of a graph, which means the assistant that every graph has. */
export const AssistantRef = t.String({ minLength: 1, maxLength: 255, description: "An assistant's UUID or a graph's id." })

export const RECURSION_MAX = 100_000

/** LangGraph's `config`. Other keys of it mean nothing to a server. */
export const ConfigBody = t.Object({
  tags: t.Optional(t.Array(t.String())),
  recursion_limit: t.Optional(t.Integer({ minimum: 1, maximum: RECURSION_MAX })),
  configurable: t.Optional(FreeObject),
})
export type ConfigBody = Static<typeof ConfigBody>

export const fromConfig = (body: ConfigBody): GraphConfig => ({
  ...(body.tags === undefined ? {} : { tags: body.tags }),
  ...(body.recursion_limit === undefined ? {} : { recursion_limit: body.recursion_limit }),
  ...(body.configurable === undefined ? {} : { configurable: body.configurable }),
})

export const LIMIT_MAX = 1000
export const LIMIT_DEFAULT = 10
/** As far as a list can be leafed through. */
export const OFFSET_MAX = 1_000_000_000

/** The page of a list, in a body or a query. */
export const LIMITS = {
  limit: t.Optional(t.Integer({ minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT })),
  offset: t.Optional(t.Integer({ minimum: 0, maximum: OFFSET_MAX, default: 0 })),
}

export const ErrorBody = t.Object({
  detail: t.Union([t.String(), t.Array(t.Object({ loc: t.Array(t.Union([t.String(), t.Integer()])), msg: t.String(), type: t.String() }))]),
})
