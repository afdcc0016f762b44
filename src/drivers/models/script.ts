import type { Json, JsonObject } from '../../core/json.ts'
import { pause, throwIfAborted } from './abort.ts'
import type { Generated, GeneratedCall, ScriptTurn, Usage } from './port.ts'
import { refusalFault } from './refusal.ts'

/** The built-in provider, also the prefix of its models. */
export const SCRIPTED = 'scripted'
export const ECHO = 'echo'

/** One thing that a scripted turn does. */
export type Act =
  | { type: 'text'; part: string }
  | { type: 'refusal'; part: string }
  | { type: 'call'; index: number; id: string; name: string }
  | { type: 'arguments'; index: number; part: string }
  | { type: 'end'; generated: Generated }

/** A turn about to be played. */
export interface Performance {
  turn: ScriptTurn
  promptTokens: number
  /** Text chunks after which the answer is cut, as a token limit does. */
  chunksMax: number
  /** Makes ids of calls: the same for the same attempt. */
  key: string
}

const TIMED = /^t(\d{1,6})-d(\d{1,5})$/
/** Chunks without a pause that leave together before others get a turn at the event loop. */
const BURST = 16

/** `t200-d5`: 200 tokens, each after 5 ms. So a test in another process can state its script in the model's name. */
export function timedTurn(name: string): ScriptTurn | undefined {
  const match = TIMED.exec(name)
  if (!match) return undefined
  const delayMs = Number(match[2])
  return { waitMs: delayMs, pauseMs: delayMs, text: Array.from({ length: Number(match[1]) }, (_, index) => `tok${index} `) }
}

/**
 * The turn that is due: counted by the assistant messages since the last user message. So it needs no memory, holds
 * across processes and crashes, and tool rounds advance it.
 */
export function dueTurn(turns: readonly ScriptTurn[], messages: readonly JsonObject[]): ScriptTurn {
  const since = messages.findLastIndex((message) => message.role === 'user') + 1
  const turn = messages.slice(since).filter((message) => message.role === 'assistant').length
  return turns[turn] ?? { text: ['done'] }
}

/** The last user message's text, word by word. */
export function echoTurn(messages: readonly JsonObject[]): ScriptTurn {
  const last = messages.findLast((message) => message.role === 'user')
  return { text: chunksOf(messageText(last?.content ?? null)) }
}

export const chunksOf = (text: string): string[] => text.match(/\s*\S+\s*/g) ?? (text === '' ? [] : [text])

/** Tokens of the scripted provider are words. */
export const countTokens = (text: string): number => text.match(/\S+/g)?.length ?? 0

export const countPrompt = (messages: readonly JsonObject[]): number =>
  messages.reduce((sum, message) => sum + countTokens(messageText(message.content ?? null)), 0)

export function messageText(content: Json): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .map((part) => (Object(part) as JsonObject).text)
    .filter((text) => typeof text === 'string')
    .join('')
}

export async function* perform(performance: Performance, signal: AbortSignal): AsyncGenerator<Act> {
  const { turn } = performance
  const generated = outcome(performance)
  await pause(turn.waitMs ?? 0, signal)
  let played = 0
  for (const act of acts(performance, generated)) {
    if (played++ > 0) await beat(turn.pauseMs ?? 0, played, signal)
    throwIfAborted(signal)
    yield act
  }
  if (turn.fail) throw refusalFault({ provider: SCRIPTED, ...turn.fail })
  yield { type: 'end', generated }
}

async function beat(pauseMs: number, played: number, signal: AbortSignal): Promise<void> {
  if (pauseMs > 0) await pause(pauseMs, signal)
  else if (played % BURST === 0) await new Promise(setImmediate)
}

function* acts({ turn, chunksMax }: Performance, generated: Generated): Generator<Act> {
  for (const part of turn.text?.slice(0, chunksMax) ?? []) yield { type: 'text', part }
  if (turn.refusal) yield { type: 'refusal', part: turn.refusal }
  for (const [index, call] of generated.calls.entries()) {
    yield { type: 'call', index, id: call.id, name: call.name }
    for (const part of turn.calls?.[index]?.argumentChunks ?? [call.arguments]) yield { type: 'arguments', index, part }
  }
}

function outcome({ turn, chunksMax, promptTokens, key }: Performance): Generated {
  const chunks = turn.text ?? []
  const text = chunks.slice(0, chunksMax).join('')
  const calls = (turn.calls ?? []).map((call, index) => scriptedCall(call, `${key}:${index}`))
  const finish = turn.finish ?? (chunks.length > chunksMax ? 'length' : calls.length > 0 ? 'tool_calls' : 'stop')
  const said = countTokens(text) + countTokens(turn.refusal ?? '') + calls.reduce((sum, call) => sum + 1 + countTokens(call.arguments), 0)
  return {
    text,
    refusal: turn.refusal ?? '',
    calls,
    finish,
    usage: usageOf(turn.usage?.prompt ?? promptTokens, turn.usage?.completion ?? said),
  }
}

type ScriptedCall = NonNullable<ScriptTurn['calls']>[number]

/** Arguments that are a text are raw: a script can say what a confused model says. */
function scriptedCall(call: ScriptedCall, key: string): GeneratedCall {
  const whole = typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments)
  return { id: call.id ?? `call_${Bun.hash(key).toString(36)}`, name: call.name, arguments: call.argumentChunks?.join('') ?? whole }
}

const usageOf = (promptTokens: number, completionTokens: number): Usage => ({
  promptTokens,
  completionTokens,
  totalTokens: promptTokens + completionTokens,
})
