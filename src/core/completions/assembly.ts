import type { Json, JsonObject } from '../json.ts'

/** Sent once or repeated whole, never in pieces. */
const WHOLE = new Set(['id', 'type', 'role', 'name', 'index'])
/** More choices than any endpoint offers; later ones would only fill memory. */
const CHOICES_MAX = 128

interface Choice {
  message: JsonObject
  logprobs: JsonObject | null
  finish: Json
}

/** Puts the chunks of a streamed chat completion together into the answer that an unstreamed request would have got. */
export class Assembly {
  readonly #head: JsonObject = {}
  readonly #choices = new Map<number, Choice>()

  take(chunk: JsonObject): void {
    for (const [key, value] of Object.entries(chunk)) {
      if (key !== 'choices' && key !== 'obfuscation' && key !== '__proto__' && value !== null) this.#head[key] = value
    }
    if (!Array.isArray(chunk.choices)) return
    for (const part of chunk.choices) if (isObject(part)) this.#takeChoice(part)
  }

  answer(): JsonObject {
    const choices = [...this.#choices].sort(([a], [b]) => a - b)
    return {
      ...this.#head,
      object: 'chat.completion',
      choices: choices.map(([index, choice]) => ({
        index,
        message: { role: 'assistant', content: null, refusal: null, ...withoutIndexes(choice.message) },
        logprobs: choice.logprobs,
        finish_reason: choice.finish,
      })),
    }
  }

  #takeChoice(part: JsonObject): void {
    const index = typeof part.index === 'number' ? part.index : 0
    const choice = this.#choices.get(index) ?? { message: {}, logprobs: null, finish: 'stop' }
    if (!this.#choices.has(index) && this.#choices.size >= CHOICES_MAX) return
    this.#choices.set(index, choice)
    if (isObject(part.delta)) merge(choice.message, part.delta)
    if (isObject(part.logprobs)) {
      choice.logprobs ??= { content: null, refusal: null }
      merge(choice.logprobs, part.logprobs)
    }
    if (typeof part.finish_reason === 'string') choice.finish = part.finish_reason
  }
}

const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Texts grow, objects and indexed list items merge, everything else is replaced. */
function merge(into: JsonObject, delta: JsonObject): void {
  for (const [key, value] of Object.entries(delta)) {
    // Assigning this key would change the object's prototype instead.
    if (key === '__proto__') continue
    const known = into[key]
    if (value === null) into[key] = known ?? null
    else if (typeof value === 'string') into[key] = typeof known === 'string' && !WHOLE.has(key) ? known + value : value
    else if (Array.isArray(value)) into[key] = mergeItems(Array.isArray(known) ? known : [], value)
    else if (isObject(value)) into[key] = mergeObject(isObject(known) ? known : {}, value)
    else into[key] = value
  }
}

function mergeObject(into: JsonObject, delta: JsonObject): JsonObject {
  merge(into, delta)
  return into
}

function mergeItems(items: Json[], deltas: Json[]): Json[] {
  for (const delta of deltas) {
    const index = isObject(delta) ? delta.index : undefined
    const known = index === undefined ? undefined : items.find((item) => isObject(item) && item.index === index)
    if (isObject(known) && isObject(delta)) merge(known, delta)
    else items.push(structuredClone(delta))
  }
  return items
}

/** List items carry `index` in chunks only. */
function withoutIndexes(message: JsonObject): JsonObject {
  const calls = message.tool_calls
  if (!Array.isArray(calls)) return message
  return { ...message, tool_calls: calls.map((call) => (isObject(call) ? withoutIndex(call) : call)) }
}

const withoutIndex = ({ index: _, ...call }: JsonObject): JsonObject => call
