import { Fault } from '../fault.ts'
import { isUuid } from '../id.ts'
import type { Json, JsonObject } from '../json.ts'

/** Throws invalid, with `at` as the place of the value, where it has not the shape that is wanted. */
export type Shape = (value: Json, at: string) => void

const wrong = (at: string, expected: string, reason: 'type' | 'value' | 'unknown_field' = 'type'): Fault =>
  new Fault('invalid', `Invalid '${at}': expected ${expected}.`, { param: at, reason })

const text: Shape = (value, at) => {
  if (typeof value !== 'string') throw wrong(at, 'a string')
}

const named: Shape = (value, at) => {
  text(value, at)
  if (value === '') throw wrong(at, 'a name', 'value')
}

const flag: Shape = (value, at) => {
  if (typeof value !== 'boolean') throw wrong(at, 'a boolean')
}

const number =
  (min: number, max: number): Shape =>
  (value, at) => {
    if (typeof value !== 'number') throw wrong(at, 'a number')
    if (value < min || value > max) throw wrong(at, `a number between ${min} and ${max}`, 'value')
  }

const integer =
  (min: number, max = Number.MAX_SAFE_INTEGER): Shape =>
  (value, at) => {
    if (!Number.isInteger(value)) throw wrong(at, 'an integer')
    if ((value as number) < min || (value as number) > max) throw wrong(at, `an integer from ${min} on`, 'value')
  }

const oneOf =
  (...words: string[]): Shape =>
  (value, at) => {
    if (typeof value !== 'string' || !words.includes(value)) throw wrong(at, `one of ${words.join(', ')}`, 'value')
  }

const object = (value: Json, at: string): JsonObject => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(at, 'an object')
  return value
}

const free: Shape = (value, at) => {
  object(value, at)
}

const list =
  (items: Shape, max: number): Shape =>
  (value, at) => {
    if (!Array.isArray(value)) throw wrong(at, 'an array')
    if (value.length > max) throw wrong(at, `at most ${max} items`, 'value')
    for (const [i, item] of value.entries()) items(item, `${at}[${i}]`)
  }

const orNull =
  (shape: Shape): Shape =>
  (value, at) => {
    if (value !== null) shape(value, at)
  }

/** An object with these fields and no others; the required ones must be there. */
const closed =
  (required: Record<string, Shape>, optional: Record<string, Shape> = {}): Shape =>
  (value, at) => {
    const record = object(value, at)
    const fields = { ...optional, ...required }
    for (const name of Object.keys(required)) if (!Object.hasOwn(record, name)) throw wrong(`${at}.${name}`, 'a value')
    for (const [name, inner] of Object.entries(record)) {
      const shape = Object.hasOwn(fields, name) ? fields[name] : undefined
      if (!shape) throw wrong(`${at}.${name}`, 'no such field', 'unknown_field')
      shape(inner, `${at}.${name}`)
    }
  }

/** Objects that a word of theirs tells apart. */
const tagged =
  (shapes: Record<string, Shape>): Shape =>
  (value, at) => {
    const { type = null } = object(value, at)
    oneOf(...Object.keys(shapes))(type, `${at}.type`)
    shapes[type as string]?.(value, at)
  }

const wordOr =
  (words: string[], other: Shape): Shape =>
  (value, at) =>
    typeof value === 'string' ? oneOf(...words)(value, at) : other(value, at)

const uuid: Shape = (value, at) => {
  if (typeof value !== 'string' || !isUuid(value)) throw wrong(at, 'a UUID', 'value')
}

const functionTool = closed({
  type: text,
  function: closed({ name: named }, { description: text, parameters: free, strict: orNull(flag) }),
})
const ranking = closed({ score_threshold: number(0, 1) }, { ranker: oneOf('auto', 'default_2024_08_21') })
const searchTool = closed({ type: text }, { file_search: closed({}, { max_num_results: integer(1, 50), ranking_options: ranking }) })
const notServed: Shape = (_, at) => {
  throw new Fault('invalid', `Invalid '${at}': the tool 'code_interpreter' is not served yet.`, { param: at, reason: 'value' })
}
const tool = tagged({ function: functionTool, file_search: searchTool, code_interpreter: notServed })

/** A model knows tools by name only, so no two may have the same. */
const SEARCH_TOOL = 'file_search'

const tools: Shape = (value, at) => {
  list(tool, 128)(value, at)
  const given = value as { type: string; function?: { name: string } }[]
  const twin = given.findIndex((each) => each.function?.name === SEARCH_TOOL)
  if (twin >= 0 && given.some(({ type }) => type === SEARCH_TOOL))
    throw wrong(`${at}[${twin}].function.name`, `another name: '${SEARCH_TOOL}' is the tool of that type`, 'value')
}

const responseFormat = tagged({
  text: closed({ type: text }),
  json_object: closed({ type: text }),
  json_schema: closed({
    type: text,
    json_schema: closed({ name: named }, { description: text, schema: free, strict: orNull(flag) }),
  }),
})
const toolChoice = tagged({
  function: closed({ type: text, function: closed({ name: named }) }),
  file_search: closed({ type: text }),
})

/** What can be said to the built-in graph, by the name it has in `configurable`. */
export const OPTION_SHAPES = {
  model: named,
  instructions: text,
  additional_instructions: text,
  tools,
  tool_resources: closed(
    {},
    {
      code_interpreter: closed({ file_ids: list(uuid, 20) }),
      file_search: closed({ vector_store_ids: list(uuid, 1) }),
    },
  ),
  temperature: number(0, 2),
  top_p: number(0, 1),
  response_format: wordOr(['auto'], responseFormat),
  reasoning_effort: oneOf('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'),
  tool_choice: wordOr(['none', 'auto', 'required'], toolChoice),
  parallel_tool_calls: flag,
  max_prompt_tokens: integer(256),
  max_completion_tokens: integer(1),
  truncation_strategy: closed({ type: oneOf('auto', 'last_messages') }, { last_messages: orNull(integer(1)) }),
} as const satisfies Record<string, Shape>
