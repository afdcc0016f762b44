import type { Config, ProviderConfig } from '../../config.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import type { Clock, Log } from '../../core/needs.ts'
import { throwIfAborted } from './abort.ts'
import { spellVectors } from './embeddings.ts'
import { Exchange } from './exchange.ts'
import { broken, misconfigured, ProviderFailure } from './failure.ts'
import { Frames, toChunk } from './frames.ts'
import type { ChatStream, Generated, GenerateRequest, GenerateSink, ModelInfo } from './port.ts'
import type { Provider } from './provider.ts'
import { reportedFailure } from './refusal.ts'
import { type RetryPolicy, withRetries } from './retry.ts'
import { DONE, Turn } from './turn.ts'
import { type Question, Upstream } from './upstream.ts'

export interface OpenAIParts {
  limits: Pick<Config['models'], 'retriesMax' | 'connectTimeoutMs' | 'idleTimeoutMs'>
  log: Log
  clock: Clock
}

const CHAT = '/chat/completions'
/** An answer that is not streamed is silent until it is whole. */
const WHOLE_ANSWER_MS = 10 * 60_000
/** How long the usage may follow the end of the text. */
const TAIL_MS = 5_000
const MODELS_MAX = 10_000

/** Any endpoint that speaks OpenAI's chat completions, embeddings and models. */
export class OpenAIProvider implements Provider {
  readonly name: string
  readonly #upstream: Upstream
  readonly #limits: OpenAIParts['limits']
  readonly #retries: RetryPolicy

  constructor(config: ProviderConfig, parts: OpenAIParts) {
    this.name = config.name
    this.#upstream = new Upstream(config, parts.clock)
    this.#limits = parts.limits
    this.#retries = { provider: config.name, retriesMax: parts.limits.retriesMax, log: parts.log }
  }

  serves(model: string): boolean {
    return model !== ''
  }

  generate(request: GenerateRequest, sink: GenerateSink, signal: AbortSignal): Promise<Generated> {
    const headers = { 'Idempotency-Key': request.attemptKey }
    const question = {
      path: CHAT,
      body: turnBody(request),
      headers,
      apiKey: request.apiKey,
      silenceMs: this.#limits.connectTimeoutMs,
      optional: ['stream_options'],
    }
    return withRetries(this.#retries, signal, async () => {
      const turn = new Turn(this.#upstream.sourceOf(request.apiKey), sink)
      const exchange = new Exchange(this.name, signal)
      try {
        await this.#openStream(question, exchange)
        await this.#readTurn(turn, exchange)
      } catch (error) {
        exchange.close()
        throw turn.started && error instanceof ProviderFailure ? error.final : error
      }
      void exchange.release()
      throwIfAborted(signal)
      return turn.finish()
    })
  }

  complete(body: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#askWhole({ path: CHAT, body, silenceMs: this.#wholeMs }, signal)
  }

  completeStream(body: JsonObject, signal: AbortSignal): Promise<ChatStream> {
    const question = { path: CHAT, body: { ...body, stream: true }, silenceMs: this.#limits.connectTimeoutMs }
    return withRetries(this.#retries, signal, async () => {
      const exchange = new Exchange(this.name, signal)
      try {
        await this.#openStream(question, exchange)
        const chunks = new Frames(this.#upstream, exchange)
        await chunks.prime()
        return { chunks }
      } catch (error) {
        exchange.close()
        throw error
      }
    })
  }

  async embed(body: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    const question = { path: '/embeddings', body, silenceMs: this.#wholeMs, optional: ['encoding_format'] }
    const answer = await this.#askWhole(question, signal)
    const spelled = spellVectors(answer, body.encoding_format)
    if (!spelled) throw broken(this.name, 'answered without embeddings').fault
    return spelled
  }

  async list(signal: AbortSignal): Promise<ModelInfo[]> {
    const exchange = new Exchange(this.name, signal)
    try {
      const answer = await this.#readWhole({ path: '/models', silenceMs: this.#limits.connectTimeoutMs }, exchange)
      const models = Array.isArray(answer) ? answer : answer.data
      return Array.isArray(models) ? models.slice(0, MODELS_MAX).flatMap((model) => toModelInfo(this.name, model)) : []
    } catch (error) {
      throw error instanceof ProviderFailure ? error.fault : error
    } finally {
      exchange.close()
    }
  }

  get #wholeMs(): number {
    return Math.max(WHOLE_ANSWER_MS, this.#limits.connectTimeoutMs, this.#limits.idleTimeoutMs)
  }

  async #openStream(question: Question, exchange: Exchange): Promise<void> {
    const response = await this.#upstream.ask(question, exchange)
    const type = response.headers.get('content-type') ?? ''
    if (type.includes('text/html')) throw misconfigured(this.name, 'answered with a web page')
    exchange.open(response, this.#limits.idleTimeoutMs)
    if (type.includes('application/json')) exchange.replay([JSON.stringify(toChunk(this.#parse(await exchange.readText()))), DONE])
  }

  async #readTurn(turn: Turn, exchange: Exchange): Promise<void> {
    try {
      while (!turn.done) {
        const events = await exchange.readEvents()
        if (!events) break
        const wasWhole = turn.whole
        for (const data of events) turn.take(data)
        if (turn.whole && !wasWhole) exchange.shorten(TAIL_MS)
      }
    } catch (error) {
      // What breaks after the finish reason costs the usage at most.
      if (!turn.whole) throw error
    }
    if (!turn.whole) throw broken(this.name, 'ended its answer in the middle')
  }

  #askWhole(question: Question, signal: AbortSignal): Promise<JsonObject> {
    return withRetries(this.#retries, signal, async () => {
      const exchange = new Exchange(this.name, signal)
      try {
        const answer = await this.#readWhole(question, exchange)
        const failure = reportedFailure(this.#upstream, answer)
        if (failure) throw failure
        return answer
      } finally {
        exchange.close()
      }
    })
  }

  async #readWhole(question: Question, exchange: Exchange): Promise<JsonObject> {
    exchange.open(await this.#upstream.ask(question, exchange), question.silenceMs)
    return this.#parse(await exchange.readText())
  }

  #parse(text: string): JsonObject {
    try {
      const answer: Json = JSON.parse(text)
      if (typeof answer === 'object' && answer !== null) return answer as JsonObject
    } catch {
      // Not JSON and not an object are one fault.
    }
    throw misconfigured(this.name, 'did not answer with a JSON object')
  }
}

/** Providers refuse `tool_choice` and `parallel_tool_calls` without tools. */
function turnBody(request: GenerateRequest): JsonObject {
  const { tool_choice, parallel_tool_calls, ...options } = request.options
  const tools: JsonObject = request.tools.length === 0 ? {} : { tools: request.tools }
  if (request.tools.length > 0 && tool_choice !== undefined) tools.tool_choice = tool_choice
  if (request.tools.length > 0 && parallel_tool_calls !== undefined) tools.parallel_tool_calls = parallel_tool_calls
  const messages = request.messages as unknown as Json
  return { ...options, ...tools, model: request.model, messages, stream: true, stream_options: { include_usage: true } }
}

function toModelInfo(provider: string, model: Json): ModelInfo[] {
  const { id, owned_by, created } = Object(model) as JsonObject
  if (typeof id !== 'string' || id === '') return []
  return [{ id, ownedBy: typeof owned_by === 'string' ? owned_by : provider, created: typeof created === 'number' ? created : 0 }]
}
