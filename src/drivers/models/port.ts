import type { Json, JsonObject } from '../../core/json.ts'

/** The name that means whichever model this server is set up for. */
export const DEFAULT_MODEL = 'default'

/** A message in the shape every OpenAI-compatible chat endpoint reads. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant' | 'tool'
  content: string | JsonObject[] | null
  name?: string
  tool_calls?: { id: string; type: 'function'; function: { name: string; arguments: string } }[]
  tool_call_id?: string
}

/** One model turn of a run. `options` are further fields of the chat endpoint (temperature, response_format, ...). */
export interface GenerateRequest {
  model: string
  messages: ChatMessage[]
  tools: JsonObject[]
  options: JsonObject
  /** Stable name of this attempt at the turn, sent upstream as an idempotency hint where the provider reads one. */
  attemptKey: string
  /** Of the provider: this request is made with it instead of the server's own. */
  apiKey?: string
}

export interface Usage {
  promptTokens: number
  completionTokens: number
  totalTokens: number
  cachedTokens?: number
}

export interface GeneratedCall {
  id: string
  name: string
  /** Raw text as generated: usually JSON, not guaranteed. */
  arguments: string
}

export interface Generated {
  text: string
  refusal: string
  calls: GeneratedCall[]
  finish: 'stop' | 'length' | 'tool_calls' | 'content_filter'
  /** Null when the provider reported none. */
  usage: Usage | null
}

/** Called synchronously, in order, as parts arrive. Must be cheap: it is on the path of every token. */
export interface GenerateSink {
  text(part: string): void
  refusal(part: string): void
  reasoning(part: string): void
  /** A new call begins; `index` counts from 0. Its id may be empty: then the caller names it. */
  call(index: number, id: string, name: string): void
  argumentsPart(index: number, part: string): void
}

export interface ModelInfo {
  id: string
  ownedBy: string
  /** Unix seconds; 0 when unknown. */
  created: number
}

/** Chunks of a raw chat completion, each the JSON text of one `data:` line, without `[DONE]`. */
export interface ChatStream {
  chunks: AsyncIterable<string>
}

/**
 * The port over all model providers.
 * Errors: Fault('model_not_found') when no provider claims the name; Fault('rate_limited'), Fault('invalid') or
 * Fault('upstream') when the provider refuses or fails after bounded retries; an AbortError when `signal` fired.
 * No message ever holds a key.
 */
export interface Models {
  /** Throws Fault('model_not_found') when nobody serves this name. No I/O. */
  require(model: string): void
  generate(request: GenerateRequest, sink: GenerateSink, signal: AbortSignal): Promise<Generated>
  /** A chat completion passed through as it is; `body.model` is the name the caller used, also in the answer. */
  complete(body: JsonObject, signal: AbortSignal): Promise<JsonObject>
  completeStream(body: JsonObject, signal: AbortSignal): Promise<ChatStream>
  /** Body and answer in the shape of /v1/embeddings; `encoding_format` base64 and float both work for every provider. */
  embed(body: JsonObject, signal: AbortSignal): Promise<JsonObject>
  /** Configured names and aliases, and what providers list; a provider that cannot be asked is left out and logged. */
  list(signal: AbortSignal): Promise<ModelInfo[]>
  find(model: string, signal: AbortSignal): Promise<ModelInfo | undefined>
}

/** What a scripted turn does, in this order. Used by tests and by offline demos. */
export interface ScriptTurn {
  /** Milliseconds of silence before anything. */
  waitMs?: number
  /** Text in exactly these chunks. */
  text?: string[]
  /** Milliseconds between chunks. */
  pauseMs?: number
  refusal?: string
  calls?: { id?: string; name: string; arguments: Json; argumentChunks?: string[] }[]
  finish?: Generated['finish']
  usage?: { prompt: number; completion: number }
  /** Fails after the text and calls above, as a provider would. */
  fail?: { status: number; message: string }
}
