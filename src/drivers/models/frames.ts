import type { Json, JsonObject } from '../../core/json.ts'
import { throwIfAborted } from './abort.ts'
import type { Exchange } from './exchange.ts'
import { broken, ProviderFailure } from './failure.ts'
import { reportedFailure, type Source } from './refusal.ts'
import { DONE } from './turn.ts'

const FINISHED = /"finish_reason"\s*:\s*"/

/**
 * The chunks of a passed-through answer. Nothing is parsed but what may be an error. Leaving the loop early, or
 * aborting, closes the connection at once, also while a chunk is awaited.
 */
export class Frames implements AsyncIterableIterator<string> {
  #ready: string[] = []
  #next = 0
  #ended = false
  /** The last two chunks: the one that finishes may be followed by one with the usage. */
  #last = ''
  #beforeLast = ''

  constructor(
    readonly source: Source,
    readonly exchange: Exchange,
  ) {}

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Waits for the first chunk, so that what fails before it fails as a whole and may be tried again. */
  async prime(): Promise<void> {
    const first = await this.#take()
    if (first === undefined) return
    this.#ready.splice(this.#next, 0, first)
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    try {
      const value = await this.#take()
      return value === undefined ? { done: true, value: undefined } : { done: false, value }
    } catch (error) {
      this.#end()
      throw error instanceof ProviderFailure ? error.fault : error
    }
  }

  async return(): Promise<IteratorResult<string, undefined>> {
    this.#end()
    return { done: true, value: undefined }
  }

  async #take(): Promise<string | undefined> {
    while (!this.#ended) {
      const data = this.#next < this.#ready.length ? this.#ready[this.#next++] : undefined
      if (data === DONE) return this.#finish()
      if (data !== undefined) return this.#checked(data)
      const events = await this.exchange.readEvents()
      if (!events) return this.#finishWithoutDone()
      this.#ready = events
      this.#next = 0
    }
    throwIfAborted(this.exchange.caller)
    return undefined
  }

  #checked(data: string): string {
    if (data.includes('"error"')) this.#throwIfError(data)
    this.#beforeLast = this.#last
    this.#last = data
    return data
  }

  #throwIfError(data: string): void {
    const failure = reportedFailure(this.source, parseObject(data))
    if (failure) throw failure
  }

  #finish(): undefined {
    this.#ended = true
    void this.exchange.release()
  }

  #finishWithoutDone(): undefined {
    if (!FINISHED.test(this.#last) && !FINISHED.test(this.#beforeLast)) throw broken(this.source.name, 'ended its answer in the middle')
    this.#end()
  }

  #end(): void {
    this.#ended = true
    this.exchange.close()
  }
}

function parseObject(data: string): JsonObject {
  try {
    return Object(JSON.parse(data)) as JsonObject
  } catch {
    return {}
  }
}

/** A whole answer as the one chunk of a stream, for providers that do not stream though asked to. */
export function toChunk(answer: JsonObject): JsonObject {
  if (!Array.isArray(answer.choices)) return answer
  return { ...answer, object: 'chat.completion.chunk', choices: answer.choices.map(toDeltaChoice) }
}

function toDeltaChoice(choice: Json): Json {
  const { message, ...rest } = Object(choice) as JsonObject
  const { tool_calls: calls, ...delta } = Object(message) as JsonObject
  const indexed = Array.isArray(calls) ? { tool_calls: calls.map((call, index) => ({ index, ...(Object(call) as JsonObject) })) } : {}
  return { ...rest, delta: { ...delta, ...indexed } }
}
