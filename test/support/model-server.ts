import type { Server } from 'bun'
import type { JsonObject } from '../../src/core/json.ts'

export interface ModelRequest {
  method: string
  /** Without the `/v1`: `/chat/completions`, `/embeddings`, `/models`. */
  path: string
  headers: Headers
  body: JsonObject
  /** True once the client went away before the answer ended. */
  readonly gone: boolean
}

/** What the server does with one request, in this order. An empty reply is an empty answer that ends well. */
export interface ModelReply {
  /** Silence before the status line. */
  waitMs?: number
  /** A refusal: the body is `{"error": {...}}` around `error`, or `body` as it is. */
  status?: number
  error?: JsonObject | string
  /** Sent as it is instead of anything below: text, or pieces of bytes in chunks of their own. */
  body?: string | Uint8Array[]
  headers?: Record<string, string>
  text?: string[]
  /** Before each piece. */
  pauseMs?: number
  reasoning?: string[]
  refusal?: string
  calls?: { id?: string; name: string; arguments: string | string[] }[]
  /** Chunks of any shape, after all the above. */
  chunks?: JsonObject[]
  /** An error object in the middle of the stream, after all the above. */
  streamError?: JsonObject
  finish?: string | null
  usage?: JsonObject
  /** How the stream ends: with `[DONE]`, by closing without it, by breaking the connection, or never. */
  ending?: 'done' | 'close' | 'break' | 'hang'
}

export type ModelScript = (request: ModelRequest) => ModelReply | undefined | Promise<ModelReply | undefined>

export interface ModelServer {
  /** Base URL, ends with `/v1`. */
  url: string
  requests: ModelRequest[]
  /** May be replaced between requests. */
  script: ModelScript
  stop(): Promise<void>
}

const encoder = new TextEncoder()

/**
 * A real OpenAI-compatible HTTP server on a free port. What `script` leaves open it answers by itself: models named
 * `stub-t<n>-d<ms>` stream n tokens, others repeat the last user message.
 */
export function startModelServer(script: ModelScript = () => undefined): ModelServer {
  const requests: ModelRequest[] = []
  const server: Server<undefined> = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      const seen = await record(request)
      requests.push(seen)
      const reply = (await model.script(seen)) ?? byDefault(seen)
      await Bun.sleep(reply.waitMs ?? 0)
      return answer(seen, reply)
    },
  })
  const model: ModelServer = { url: `http://127.0.0.1:${server.port}/v1`, requests, script, stop: () => server.stop(true) }
  return model
}

async function record(request: Request): Promise<ModelRequest> {
  const path = new URL(request.url).pathname.replace(/^\/v1/, '')
  const text = await request.text()
  const { signal } = request
  return {
    method: request.method,
    path,
    headers: request.headers,
    body: text === '' ? {} : JSON.parse(text),
    get gone() {
      return signal.aborted
    },
  }
}

function byDefault({ path, body }: ModelRequest): ModelReply {
  if (path === '/models')
    return { body: JSON.stringify({ object: 'list', data: [{ id: 'stub-t20-d0', object: 'model', created: 1, owned_by: 'stub' }] }) }
  if (path === '/embeddings') return { body: JSON.stringify(embeddings(body)) }
  if (path !== '/chat/completions')
    return { status: 404, error: { message: `Unknown request URL: ${path}`, type: 'invalid_request_error' } }
  const timed = /^stub-t(\d+)-d(\d+)$/.exec(String(body.model))
  if (timed) return { text: Array.from({ length: Number(timed[1]) }, (_, index) => `tok${index} `), pauseMs: Number(timed[2]) }
  const messages = body.messages as JsonObject[]
  const last = messages.findLast((message) => message.role === 'user')?.content
  return { text: typeof last === 'string' ? (last.match(/\S+\s*/g) ?? []) : [] }
}

function answer(request: ModelRequest, reply: ModelReply): Response {
  const headers = { 'content-type': 'application/json', ...reply.headers }
  const status = reply.status ?? 200
  if (typeof reply.body === 'string') return new Response(reply.body, { status, headers })
  if (reply.error !== undefined) return new Response(JSON.stringify({ error: reply.error }), { status, headers })
  if (request.body.stream !== true) return new Response(JSON.stringify(completion(request.body, reply)), { status, headers })
  const pieces = reply.body ?? eventStream(request.body, reply)
  return new Response(paced(pieces, reply), { status, headers: { ...headers, 'content-type': 'text/event-stream', ...reply.headers } })
}

function paced(pieces: Uint8Array[], { pauseMs = 0, ending = 'done' }: ModelReply): ReadableStream<Uint8Array> {
  const left = pieces.values()
  return new ReadableStream({
    async pull(controller) {
      if (pauseMs > 0) await Bun.sleep(pauseMs)
      // Without this the pieces leave as one.
      else await new Promise(setImmediate)
      const piece = left.next()
      if (!piece.done) controller.enqueue(piece.value)
      else if (ending === 'close' || ending === 'done') controller.close()
      else await (ending === 'hang' ? Bun.sleep(2 ** 31 - 1) : breakOff(controller))
    },
  })
}

/** Resets the connection, once what was sent has had time to be read. Bun prints any reason but none. */
async function breakOff(controller: ReadableStreamDefaultController): Promise<void> {
  await Bun.sleep(20)
  controller.error(undefined)
}

const sse = (data: unknown): Uint8Array => encoder.encode(`data: ${JSON.stringify(data)}\n\n`)

function eventStream(body: JsonObject, reply: ModelReply): Uint8Array[] {
  const chunk = (delta: JsonObject, finish: string | null = null) =>
    sse({ ...head(body, 'chat.completion.chunk'), choices: [{ index: 0, delta, finish_reason: finish }] })
  const { finish = reply.calls ? 'tool_calls' : 'stop', ending = 'done' } = reply
  const events = deltas(reply).map((delta) => chunk(delta))
  for (const other of reply.chunks ?? []) events.push(sse(other))
  if (reply.streamError) events.push(sse({ error: reply.streamError }))
  if (reply.streamError || finish === null || ending === 'break') return events
  events.push(chunk({}, finish))
  const { include_usage: withUsage } = Object(body.stream_options) as JsonObject
  if (withUsage === true) events.push(sse({ ...head(body, 'chat.completion.chunk'), choices: [], usage: usage(reply) }))
  if (ending === 'done') events.push(encoder.encode('data: [DONE]\n\n'))
  return events
}

function deltas(reply: ModelReply): JsonObject[] {
  const said: JsonObject[] = [{ role: 'assistant' }]
  for (const part of reply.reasoning ?? []) said.push({ reasoning_content: part })
  for (const part of reply.text ?? []) said.push({ content: part })
  if (reply.refusal !== undefined) said.push({ refusal: reply.refusal })
  for (const [index, call] of (reply.calls ?? []).entries()) {
    const begin = { index, id: call.id ?? `call_${index}`, type: 'function', function: { name: call.name, arguments: '' } }
    said.push({ tool_calls: [begin] })
    for (const part of [call.arguments].flat()) said.push({ tool_calls: [{ index, function: { arguments: part } }] })
  }
  return said
}

function completion(body: JsonObject, reply: ModelReply): JsonObject {
  const calls = (reply.calls ?? []).map((call, index) => ({
    id: call.id ?? `call_${index}`,
    type: 'function',
    function: { name: call.name, arguments: [call.arguments].flat().join('') },
  }))
  const message = { role: 'assistant', content: reply.text?.join('') ?? null, refusal: reply.refusal ?? null }
  const finish = reply.finish ?? (reply.calls ? 'tool_calls' : 'stop')
  const choice = { index: 0, message: calls.length > 0 ? { ...message, tool_calls: calls } : message, finish_reason: finish }
  return { ...head(body, 'chat.completion'), choices: [choice], usage: usage(reply) }
}

const head = (body: JsonObject, object: string): JsonObject => ({ id: 'chatcmpl-stub', object, created: 1, model: body.model ?? null })

const usage = (reply: ModelReply): JsonObject => {
  const said = reply.text?.length ?? 0
  return reply.usage ?? { prompt_tokens: 1, completion_tokens: said, total_tokens: said + 1 }
}

/** Always floats, as many providers do, whatever the format asked for. */
function embeddings(body: JsonObject): JsonObject {
  const inputs = Array.isArray(body.input) ? body.input : [body.input ?? '']
  const data = inputs.map((input, index) => ({ object: 'embedding', index, embedding: [String(input).length, 0.5, -0.25] }))
  return { object: 'list', data, model: body.model ?? null, usage: { prompt_tokens: inputs.length, total_tokens: inputs.length } }
}
