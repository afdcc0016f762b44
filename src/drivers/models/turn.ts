import { CallAssembly, type CallDelta } from './calls.ts'
import { broken } from './failure.ts'
import type { Generated, GenerateSink, Usage } from './port.ts'
import { reportedFailure, type Source } from './refusal.ts'

interface Delta {
  content?: unknown
  refusal?: string | null
  reasoning_content?: string | null
  reasoning?: string | null
  tool_calls?: CallDelta[] | null
}

interface WireUsage {
  prompt_tokens?: number
  completion_tokens?: number
  total_tokens?: number
  prompt_tokens_details?: { cached_tokens?: number } | null
}

interface Chunk {
  error?: unknown
  object?: string
  choices?: { index?: number; delta?: Delta | null; finish_reason?: string | null }[] | null
  usage?: WireUsage | null
}

export const DONE = '[DONE]'

const FINISH: Record<string, Generated['finish']> = {
  stop: 'stop',
  length: 'length',
  max_tokens: 'length',
  content_filter: 'content_filter',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
}

/** One streamed answer on its way to the sink. */
export class Turn {
  /** True once the sink got something: from here on nobody may ask the provider again. */
  started = false
  /** True when the provider said that nothing follows. */
  done = false
  #text = ''
  #refusal = ''
  #finish: string | null = null
  #usage: Usage | null = null
  readonly #calls: CallAssembly

  constructor(
    readonly source: Source,
    readonly sink: GenerateSink,
  ) {
    this.#calls = new CallAssembly(sink)
  }

  take(data: string): void {
    if (data === DONE) {
      this.done = true
      return
    }
    const chunk = parseChunk(this.source, data)
    const failure = reportedFailure(this.source, chunk)
    if (failure) throw failure
    const choice = chunk.choices?.[0]
    if (chunk.usage) this.#usage = readUsage(chunk.usage)
    if (!choice || (choice.index ?? 0) !== 0) return
    if (choice.delta) this.#takeDelta(choice.delta)
    if (choice.finish_reason) this.#finish = choice.finish_reason
  }

  /** True when the provider said that the answer is whole; its usage may still follow. */
  get whole(): boolean {
    return this.done || this.#finish !== null
  }

  finish(): Generated {
    const calls = this.#calls.finish()
    return { text: this.#text, refusal: this.#refusal, calls, finish: this.#finishWord(), usage: this.#usage }
  }

  #takeDelta(delta: Delta): void {
    const { content } = delta
    if (typeof content === 'string') this.#takeText(content)
    else if (Array.isArray(content)) this.#takeText(partsText(content))
    const reasoning = delta.reasoning_content ?? delta.reasoning
    if (reasoning && typeof reasoning === 'string') {
      this.started = true
      this.sink.reasoning(reasoning)
    }
    if (delta.refusal) {
      this.started = true
      this.#refusal += delta.refusal
      this.sink.refusal(delta.refusal)
    }
    if (delta.tool_calls) this.#takeCalls(delta.tool_calls)
  }

  #takeText(text: string): void {
    if (text === '') return
    this.started = true
    this.#text += text
    this.sink.text(text)
  }

  #takeCalls(deltas: CallDelta[]): void {
    if (deltas.length > 0) this.started = true
    for (const delta of deltas) this.#calls.take(delta)
  }

  /** Providers say `stop` after a forced call; a turn with calls ended to have them answered, unless it was cut. */
  #finishWord(): Generated['finish'] {
    const word = FINISH[this.#finish ?? 'stop'] ?? 'stop'
    return word === 'stop' && this.#calls.any ? 'tool_calls' : word
  }
}

function parseChunk(source: Source, data: string): Chunk {
  try {
    const chunk: Chunk | null = JSON.parse(data)
    if (typeof chunk === 'object' && chunk !== null) return chunk
  } catch {
    // Falls through: what is not JSON and what is not an object are one fault.
  }
  throw broken(source.name, 'sent a chunk that is not a JSON object')
}

const count = (value: unknown): number => (typeof value === 'number' && value >= 0 ? Math.trunc(value) : 0)

function readUsage(wire: WireUsage): Usage {
  const promptTokens = count(wire.prompt_tokens)
  const completionTokens = count(wire.completion_tokens)
  const cached = wire.prompt_tokens_details?.cached_tokens
  const totalTokens = count(wire.total_tokens) || promptTokens + completionTokens
  return { promptTokens, completionTokens, totalTokens, ...(typeof cached === 'number' ? { cachedTokens: count(cached) } : {}) }
}

const partsText = (parts: unknown[]): string => parts.map((part) => (isText(part) ? part.text : '')).join('')

const isText = (part: unknown): part is { text: string } =>
  typeof part === 'object' &&
  part !== null &&
  (part as { type?: unknown }).type === 'text' &&
  typeof (part as { text?: unknown }).text === 'string'
