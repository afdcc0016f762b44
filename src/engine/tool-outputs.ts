import type { ToolCall } from '@langchain/core/messages/tool'
import { isUuid } from '../core/id.ts'
import type { FunctionCall } from '../core/runs/events.ts'

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** By the id of the call. */
export type Outputs = Record<string, string>

/** Of the messages that are to hold them, by the id of the call. */
export type MessageIds = Record<string, string>

const textOf = (output: unknown): string => (typeof output === 'string' ? output : (JSON.stringify(output) ?? ''))

/** `[{tool_call_id, output}]`; `content` too, as tool messages have it. Undefined: something else. */
function fromList(list: readonly unknown[]): [id: string, output: unknown][] | undefined {
  const pairs = list.map((item): [string, unknown] | undefined => {
    if (!isRecord(item) || typeof item.tool_call_id !== 'string') return undefined
    return [item.tool_call_id, 'output' in item ? item.output : item.content]
  })
  return pairs.every((pair) => pair !== undefined) ? pairs : undefined
}

function pairsOf(given: unknown, calls: readonly ToolCall[]): [id: string, output: unknown][] | undefined {
  if (typeof given === 'string') return calls.length === 1 ? [[calls[0]?.id ?? '', given]] : undefined
  if (Array.isArray(given)) return fromList(given)
  if (!isRecord(given)) return undefined
  const { outputs } = given
  if (Array.isArray(outputs)) return fromList(outputs)
  return Object.entries(isRecord(outputs) && !calls.some(({ id }) => id === 'outputs') ? outputs : given)
}

/**
 * What a client answers to open function calls: the text itself where there is one call, an object by call id, `{outputs}`
 * around that, or a list of `{tool_call_id, output}`. Outputs that are not text are taken as JSON. A string: what is wrong.
 */
export function readOutputs(given: unknown, calls: readonly ToolCall[]): Outputs | string {
  const expected = calls.map(({ id = '' }) => id)
  const pairs = pairsOf(given, calls)
  const named = expected.map((id) => `'${id}'`).join(', ')
  if (!pairs) return `Expected the outputs of the calls ${named}: an object by call id, or a list of {tool_call_id, output}.`
  const outputs = new Map(pairs.map(([id, output]) => [id, textOf(output)]))
  const missing = expected.find((id) => !outputs.has(id))
  if (missing !== undefined) return `The output of the call '${missing}' is missing. Open are ${named}.`
  const unknown = pairs.find(([id]) => !expected.includes(id))
  if (unknown) return `No call '${unknown[0].slice(0, 100)}' is open. Open are ${named}.`
  return Object.fromEntries(outputs)
}

/** The ids that whoever answers with `{outputs, ids}` has given away for the messages. What is no UUID is not taken. */
export function readMessageIds(given: unknown): MessageIds {
  const ids = isRecord(given) && isRecord(given.outputs) && isRecord(given.ids) ? given.ids : {}
  return Object.fromEntries(Object.entries(ids).filter((pair): pair is [string, string] => typeof pair[1] === 'string' && isUuid(pair[1])))
}

/** The calls whose outputs an interrupt of the built-in graph asks for; none where it asks for something else. */
export function wantedCalls(interrupts: readonly unknown[]): FunctionCall[] {
  return interrupts.flatMap((interrupt) => {
    const value = isRecord(interrupt) ? interrupt.value : undefined
    if (!isRecord(value) || value.type !== 'submit_tool_outputs' || !Array.isArray(value.tool_calls)) return []
    return (value.tool_calls as ToolCall[]).map(({ id = '', name, args }) => ({ id, name, arguments: JSON.stringify(args) }))
  })
}
