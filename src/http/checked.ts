import type { Static, TSchema } from '@sinclair/typebox'

/**
 * A schema as Elysia takes it (Standard Schema), checked by the surface instead of by Elysia: its own validator strips
 * unknown fields before anybody can refuse them, and has other words for what is wrong.
 */
export interface Checked<V> {
  '~standard': {
    version: 1
    vendor: 'tetraport'
    validate(value: unknown): { value: V } | Promise<{ value: V }>
    types: { input: V; output: V }
    jsonSchema: { input(): TSchema; output(): TSchema }
  }
}

export function checked<S extends TSchema, V = Static<S>>(schema: S, check: Checked<V>['~standard']['validate']): Checked<V> {
  const shown = () => schema
  const types = undefined as unknown as { input: V; output: V }
  return { '~standard': { version: 1, vendor: 'tetraport', validate: check, types, jsonSchema: { input: shown, output: shown } } }
}

/** A schema as JSON, without TypeBox's symbols: the document's types know no others. */
export const plainSchema = (schema: TSchema): Record<string, never> => JSON.parse(JSON.stringify(schema)) as Record<string, never>
