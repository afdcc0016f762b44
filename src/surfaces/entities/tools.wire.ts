import { type Static, Type as t } from '@sinclair/typebox'
import type { Json, JsonObject } from '../../core/json.ts'
import type { NewTool, Tool, ToolChange } from '../../core/tools/tools.ts'
import { FreeObject, maybe, nullable } from './fields.wire.ts'
import { spell } from './ids.ts'
import { refuseField } from './refusal.ts'

const Definition = t.Object({ name: t.String(), description: t.String(), parameters: t.Optional(FreeObject) })
const Nested = t.Object({ function: nullable(Definition) })
const OverNested = t.Object({ function: Nested })

/** In each of these wrappings. `oneOf` is for the document: `definitionOf` looks inside and has words of its own. */
const ToolFunction = t.Unsafe<Json>({ oneOf: [Nested, OverNested, Definition, t.Null()] })

const ToolName = t.String({ minLength: 1, maxLength: 128 })
const ToolType = t.String({ minLength: 1, maxLength: 64 })

export const ToolCreate = t.Object({ name: ToolName, type: ToolType, function: t.Optional(ToolFunction) })
export const ToolUpdate = t.Object({ name: maybe(ToolName), type: maybe(ToolType), function: t.Optional(ToolFunction) })

export const ToolRead = t.Object({ id: t.String(), type: t.String(), name: t.String(), function: nullable(Nested) })
export type ToolRead = Static<typeof ToolRead>
export const ToolList = t.Object({ tools: t.Array(ToolRead) })

const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What is inside of `{function: ...}`, where that is what it is. */
const unwrapped = (value: Json): Json => (isObject(value) && value.function !== undefined ? value.function : value)

/** Out of one wrapping, two or none. Throws for what is no definition of a function. */
function definitionOf(sent: Json): JsonObject | null {
  const inner = unwrapped(unwrapped(sent))
  if (inner === null) return null
  if (isObject(inner) && typeof inner.name === 'string' && typeof inner.description === 'string') {
    const { parameters, ...rest } = inner
    if (parameters === undefined || parameters === null) return rest
    if (isObject(parameters)) return inner
  }
  throw refuseField(['function'], 'Invalid function format')
}

export const fromToolCreate = ({ name, type, function: sent }: Static<typeof ToolCreate>): NewTool => ({
  ...{ name, type },
  definition: sent === undefined ? null : definitionOf(sent),
})

/** An absent field stays as it is; only `function` can be cleared. */
export const fromToolUpdate = ({ name, type, function: sent }: Static<typeof ToolUpdate>): ToolChange => ({
  ...(name == null ? {} : { name }),
  ...(type == null ? {} : { type }),
  ...(sent === undefined ? {} : { definition: definitionOf(sent) }),
})

export const toTool = ({ id, type, name, definition }: Pick<Tool, 'id' | 'type' | 'name' | 'definition'>): ToolRead => ({
  ...{ id: spell('tool', id), type, name },
  function: definition === null ? null : { function: definition as Static<typeof Definition> },
})

export const toToolList = (tools: readonly Tool[]): Static<typeof ToolList> => ({ tools: tools.map(toTool) })
