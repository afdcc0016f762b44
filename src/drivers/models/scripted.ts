import { Fault } from '../../core/fault.ts'
import { newId } from '../../core/id.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import type { Clock } from '../../core/needs.ts'
import { throwIfAborted } from './abort.ts'
import { toBase64 } from './embeddings.ts'
import { LEXICAL_HASH, LEXICAL_HASH_DIMENSIONS, lexicalHash, wordsOf } from './lexical-hash.ts'
import type { ChatStream, Generated, GenerateRequest, GenerateSink, ModelInfo, ScriptTurn } from './port.ts'
import type { Provider } from './provider.ts'
import { QUOTE, quoteTurn } from './quote.ts'
import { type Act, countPrompt, dueTurn, ECHO, echoTurn, type Performance, perform, SCRIPTED, timedTurn } from './script.ts'
import { type ChatHead, toChunks, toCompletion } from './scripted-chat.ts'

const INPUTS_MAX = 2048

/** Models that follow a script: for tests, demos, and a server that works before anybody configured a provider. */
export class ScriptedProvider implements Provider {
  readonly name = SCRIPTED
  readonly #scripts: ReadonlyMap<string, ScriptTurn[]>
  readonly #clock: Clock

  constructor(scripts: Record<string, ScriptTurn[]>, clock: Clock) {
    this.#scripts = new Map(Object.entries(scripts))
    this.#clock = clock
  }

  serves(model: string): boolean {
    return this.claims(model) || timedTurn(model) !== undefined
  }

  /** The names that need no prefix. */
  claims(model: string): boolean {
    return model === ECHO || model === QUOTE || model === LEXICAL_HASH || this.#scripts.has(model)
  }

  async generate(request: GenerateRequest, sink: GenerateSink, signal: AbortSignal): Promise<Generated> {
    const messages = request.messages as unknown as JsonObject[]
    const performance = this.#performance({ ...request.options, model: request.model, messages, tools: request.tools }, request.attemptKey)
    for await (const act of perform(performance, signal)) {
      if (act.type === 'end') return act.generated
      play(act, sink)
    }
    throw new Fault('internal', 'A scripted turn had no end.')
  }

  async complete(body: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    const head = this.#head(body)
    for await (const act of perform(this.#performance(body, head.id), signal)) {
      if (act.type === 'end') return toCompletion(head, act.generated)
    }
    throw new Fault('internal', 'A scripted turn had no end.')
  }

  /** Answers when the first chunk is there, so that a turn which fails at once fails as a whole. */
  async completeStream(body: JsonObject, signal: AbortSignal): Promise<ChatStream> {
    const head = this.#head(body)
    const { include_usage: withUsage } = Object(body.stream_options) as JsonObject
    const chunks = toChunks(head, perform(this.#performance(body, head.id), signal), withUsage === true)
    const first = await chunks.next()
    return { chunks: continued(first, chunks) }
  }

  async embed(body: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    throwIfAborted(signal)
    if (body.model !== LEXICAL_HASH) {
      throw new Fault('model_not_found', `The model '${body.model}' makes no embeddings; '${LEXICAL_HASH}' does.`, {
        kind: 'model',
        param: 'model',
      })
    }
    const { dimensions = LEXICAL_HASH_DIMENSIONS } = body
    if (dimensions !== LEXICAL_HASH_DIMENSIONS) throw invalid('dimensions', `'${LEXICAL_HASH}' has ${LEXICAL_HASH_DIMENSIONS} dimensions.`)
    const data: Json[] = []
    let tokens = 0
    for (const [index, input] of readInputs(body.input ?? null).entries()) {
      // A long list takes as long as it takes: streams go on meanwhile.
      if (index > 0) await new Promise(setImmediate)
      throwIfAborted(signal)
      const words = typeof input === 'string' ? wordsOf(input) : input.map(String)
      const vector = lexicalHash(words)
      tokens += words.length
      data.push({ object: 'embedding', index, embedding: body.encoding_format === 'base64' ? toBase64(vector) : [...vector] })
    }
    return { object: 'list', data, model: LEXICAL_HASH, usage: { prompt_tokens: tokens, total_tokens: tokens } }
  }

  async list(): Promise<ModelInfo[]> {
    return [ECHO, QUOTE, LEXICAL_HASH, ...this.#scripts.keys()].map((id) => ({ id, ownedBy: SCRIPTED, created: 0 }))
  }

  #head(body: JsonObject): ChatHead {
    return { id: `chatcmpl-${newId().replaceAll('-', '')}`, created: Math.floor(this.#clock.now() / 1000), model: String(body.model) }
  }

  #performance(body: JsonObject, key: string): Performance {
    const messages = readMessages(body.messages ?? null)
    const limit = body.max_completion_tokens ?? body.max_tokens
    const chunksMax = typeof limit === 'number' ? Math.max(0, limit) : Number.POSITIVE_INFINITY
    return { turn: this.#turn(body, messages), promptTokens: countPrompt(messages), chunksMax, key }
  }

  #turn(body: JsonObject, messages: JsonObject[]): ScriptTurn {
    const model = String(body.model)
    const turns = this.#scripts.get(model)
    if (turns) return dueTurn(turns, messages)
    if (model === ECHO) return echoTurn(messages)
    if (model === QUOTE) return quoteTurn(messages, body.tools ?? null)
    const turn = timedTurn(model)
    if (turn) return turn
    throw new Fault('model_not_found', `The model '${model}' does not chat; '${ECHO}' does.`, { kind: 'model', id: model, param: 'model' })
  }
}

function play(act: Exclude<Act, { type: 'end' }>, sink: GenerateSink): void {
  if (act.type === 'text') sink.text(act.part)
  else if (act.type === 'refusal') sink.refusal(act.part)
  else if (act.type === 'call') sink.call(act.index, act.id, act.name)
  else sink.argumentsPart(act.index, act.part)
}

async function* continued(first: IteratorResult<string>, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  if (first.done) return
  yield first.value
  yield* rest
}

const invalid = (param: string, message: string): Fault => new Fault('invalid', message, { param, reason: 'value' })

function readMessages(messages: Json): JsonObject[] {
  if (!Array.isArray(messages)) throw invalid('messages', "'messages' must be a list.")
  return messages.map((message) => Object(message) as JsonObject)
}

/** A text, or numbers of tokens, which stand for words of their own. */
type Input = string | Json[]

function readInputs(input: Json): Input[] {
  if (typeof input === 'string') return [input]
  if (!Array.isArray(input) || input.length === 0) throw invalid('input', "'input' must be a text or a list.")
  if (input.every((token) => typeof token === 'number')) return [input]
  if (input.length > INPUTS_MAX) throw invalid('input', `'input' may hold ${INPUTS_MAX} texts at most.`)
  return input.map(readInput)
}

function readInput(input: Json): Input {
  if (typeof input === 'string') return input
  if (Array.isArray(input) && input.every((token) => typeof token === 'number')) return input
  throw invalid('input', "'input' must hold texts, or lists of token numbers.")
}
