import type { Json, JsonObject } from '../../core/json.ts'

/** JSON with a space behind each comma and colon, as this dialect's clients know it from their own language. */
function spaced(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const pairs = Object.entries(value).map(([key, held]) => `${JSON.stringify(key)}: ${spaced(held)}`)
  return `{${pairs.join(', ')}}`
}

/** A call of a tool as the text that this dialect has for it. */
export const callText = (call: { name: string; args: JsonObject }): string => spaced({ name: call.name, arguments: call.args })
