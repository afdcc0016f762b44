import { type Static, type TProperties, type TSchema, Type as t } from '@sinclair/typebox'
import { nullable } from './fields.wire.ts'

/**
 * An object whose known fields are checked while others pass: for what goes through to a provider or comes from one,
 * where each provider has fields of its own. None of these has a default, so nothing is added on the way.
 */
export const open = <P extends TProperties>(properties: P) => t.Object(properties, { additionalProperties: true })

export const orNull = <T extends TSchema>(schema: T) => t.Optional(nullable(schema))

export const mapOf = <T extends TSchema>(schema: T) => t.Unsafe<Record<string, Static<T>>>({ type: 'object', additionalProperties: schema })
