import type { Json, JsonObject } from '../../core/json.ts'
import type { Generated, Usage } from './port.ts'
import type { Act } from './script.ts'

/** What all objects of one scripted chat completion have in common. */
export interface ChatHead {
  id: string
  created: number
  model: string
}

export function toCompletion(head: ChatHead, generated: Generated): JsonObject {
  const { text, refusal, calls } = generated
  const message: JsonObject = {
    role: 'assistant',
    content: text === '' && (calls.length > 0 || refusal !== '') ? null : text,
    refusal: refusal === '' ? null : refusal,
    ...(calls.length > 0 ? { tool_calls: calls.map((call) => toCall(call.id, call.name, call.arguments)) } : {}),
  }
  return {
    ...head,
    object: 'chat.completion',
    choices: [{ index: 0, message, logprobs: null, finish_reason: generated.finish }],
    usage: toUsage(generated.usage),
  }
}

/** The chunks of a completion, each as JSON text: role first, finish reason last, then the usage if asked for. */
export async function* toChunks(head: ChatHead, acts: AsyncIterable<Act>, withUsage: boolean): AsyncGenerator<string> {
  const usage: JsonObject = withUsage ? { usage: null } : {}
  const chunk = (delta: JsonObject, finish: string | null) =>
    JSON.stringify({
      ...head,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...usage,
    })
  let begun = false
  for await (const act of acts) {
    if (!begun) yield chunk({ role: 'assistant', content: '', refusal: null }, null)
    begun = true
    if (act.type !== 'end') {
      yield chunk(toDelta(act), null)
      continue
    }
    yield chunk({}, act.generated.finish)
    if (withUsage) yield JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [], usage: toUsage(act.generated.usage) })
  }
}

function toDelta(act: Exclude<Act, { type: 'end' }>): JsonObject {
  if (act.type === 'text') return { content: act.part }
  if (act.type === 'refusal') return { refusal: act.part }
  if (act.type === 'call') return { tool_calls: [{ index: act.index, ...toCall(act.id, act.name, '') }] }
  return { tool_calls: [{ index: act.index, function: { arguments: act.part } }] }
}

const toCall = (id: string, name: string, text: string): JsonObject => ({ id, type: 'function', function: { name, arguments: text } })

const toUsage = (usage: Usage | null): Json =>
  usage && { prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens, total_tokens: usage.totalTokens }
