import { endWithParent } from './parent.ts'
import { textOf, tokenOf } from './stub-text.ts'

/**
 * A model that costs nothing: an OpenAI-compatible endpoint whose model names say what it streams. `tok-200-5` is 200
 * tokens, 5 ms apart by the clock; `tok-200-0` is 200 tokens as fast as the socket takes them. Prints its address.
 */
const TOKENS_MAX = 100_000
/** At full speed so many tokens go out together, as they would in one packet. */
const PACKET = 8

interface Script {
  tokens: number
  apartMs: number
}

function readScript(model: string): Script | undefined {
  const found = /^tok-(\d+)-(\d+)$/.exec(model)
  if (!found) return undefined
  return { tokens: Math.min(Number(found[1]), TOKENS_MAX), apartMs: Number(found[2]) }
}

/** What stands around the text of a chunk is the same for every token of an answer. */
function chunksOf(model: string): { text(value: string): string; plain(choices: unknown, usage?: unknown): string } {
  const head = { id: `chatcmpl-${crypto.randomUUID()}`, object: 'chat.completion.chunk', created: Math.floor(Date.now() / 1000), model }
  const frame = (fields: object): string => `data: ${JSON.stringify({ ...head, ...fields })}\n\n`
  const [before = '', after = ''] = frame({ choices: [{ index: 0, delta: { content: '<>' }, finish_reason: null }] }).split('"<>"')
  return {
    text: (value) => `${before}"${value}"${after}`,
    plain: (choices, usage) => frame(usage === undefined ? { choices } : { choices, usage }),
  }
}

async function* answer(model: string, script: Script, withUsage: boolean): AsyncGenerator<string> {
  const { text, plain } = chunksOf(model)
  const start = performance.now()
  yield plain([{ index: 0, delta: { role: 'assistant' }, finish_reason: null }])
  let packet = ''
  for (let i = 0; i < script.tokens; i++) {
    packet += text(tokenOf(i))
    if (script.apartMs > 0) {
      const wait = start + i * script.apartMs - performance.now()
      if (wait > 0) await Bun.sleep(wait)
    } else if (i > 0 && i % PACKET !== 0) continue
    yield packet
    packet = ''
  }
  yield `${packet}${plain([{ index: 0, delta: {}, finish_reason: 'stop' }])}`
  const usage = { prompt_tokens: 1, completion_tokens: script.tokens, total_tokens: script.tokens + 1 }
  yield `${withUsage ? plain([], usage) : ''}data: [DONE]\n\n`
}

interface Request {
  model: string
  stream?: boolean
  stream_options?: { include_usage?: boolean }
}

function complete(model: string, { tokens }: Script): object {
  return {
    id: `chatcmpl-${crypto.randomUUID()}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model,
    choices: [{ index: 0, message: { role: 'assistant', content: textOf(tokens) }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: tokens, total_tokens: tokens + 1 },
  }
}

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  idleTimeout: 0,
  routes: {
    '/v1/chat/completions': {
      async POST(request) {
        const { model, stream, stream_options } = (await request.json()) as Request
        const script = readScript(model)
        if (!script) return Response.json({ error: { message: `No such model: ${model}`, type: 'invalid_request_error' } }, { status: 404 })
        if (!stream) return Response.json(complete(model, script))
        const body = answer(model, script, stream_options?.include_usage === true)
        return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
      },
    },
  },
})
endWithParent(() => server.stop(true))
console.log(`model stub listening on http://127.0.0.1:${server.port}`)
