import type { SchemaNode } from './flaw.ts'

/** UUIDs may be sent in capitals; inside the house they are compared as text. Changes the fields that are UUIDs by their schema. */
export function lowerUuids(schema: object, value: unknown): unknown {
  const { properties = {} } = schema as SchemaNode
  const record = value as Record<string, unknown>
  for (const [name, node] of Object.entries(properties)) {
    const text = record[name]
    if (typeof text === 'string' && isUuidNode(node)) record[name] = text.toLowerCase()
  }
  return record
}

const isUuidNode = (node: SchemaNode): boolean => node.format === 'uuid' || (node.anyOf?.some(isUuidNode) ?? false)
