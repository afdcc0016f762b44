import type { JsonObject } from '../../src/core/json.ts'

/** What the Python SDK reads of an answer that is not a success: nothing but its status. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    readonly body: string,
  ) {
    super(`${status} ${body}`)
  }
}

/** One chunk as the SDK hands it on. */
export type Chunk = JsonObject

export interface Completion {
  thread_id: string
  run_id: string
  assistant_id: string
  model: string
  message_id?: string
  api_key?: string | null
}

const SERVED_MS = 30_000
const ACTION_MS = 60_000

/**
 * Behaves as the Python SDK 1.4.9 does: paths under /v1, the key in X-API-Key except for the stream, whole run objects,
 * polling for actions, and a limit on the silence between two chunks. It reads what the SDK reads, and nothing else.
 */
export class EntitiesClient {
  constructor(
    private readonly base: string,
    private readonly key: string,
  ) {}

  async request(method: string, path: string, body?: JsonObject | FormData): Promise<Response> {
    const form = body instanceof FormData
    const response = await fetch(`${this.base}/v1${path}`, {
      method,
      headers: { 'x-api-key': this.key, ...(body === undefined || form ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: form ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(SERVED_MS),
    })
    if (!response.ok) throw new HttpError(response.status, await response.text())
    return response
  }

  async json<T = JsonObject>(method: string, path: string, body?: JsonObject | FormData): Promise<T> {
    return (await this.request(method, path, body)).json() as Promise<T>
  }

  createUser = (fields: JsonObject = {}) => this.json('POST', '/users', { email: `${crypto.randomUUID()}@example.com`, ...fields })

  createAssistant = (fields: JsonObject = {}) =>
    this.json('POST', '/assistants', {
      ...{ model: 'gpt-4o', name: 'Test Assistant', description: '', instructions: 'Be helpful.', tools: null, meta_data: null },
      ...{ top_p: 1, temperature: 1, response_format: 'auto', ...fields },
    })

  createThread = (participants: string[] = [], meta: JsonObject = {}) =>
    this.json('POST', '/threads', { participant_ids: participants, meta_data: meta })

  createMessage = (threadId: string, content: string, { role = 'user', assistantId = 'default' } = {}) =>
    this.json('POST', '/messages', {
      ...{ thread_id: threadId, assistant_id: assistantId, content, role, meta_data: {}, sender_id: null },
    })

  createTool = (name: string, fields: JsonObject = {}) =>
    this.json('POST', '/tools', {
      ...{ name, type: 'function' },
      function: {
        function: { name, description: `Does ${name}.`, parameters: { type: 'object', properties: { city: { type: 'string' } } } },
      },
      ...fields,
    })

  /** The SDK fills in every field, and the server keeps what it wants of them. */
  createRun(threadId: string, assistantId: string): Promise<JsonObject> {
    const now = Math.floor(Date.now() / 1000)
    return this.json('POST', '/runs', {
      ...{ id: `run_${'x'.repeat(22)}`, assistant_id: assistantId, thread_id: threadId, instructions: '', meta_data: {} },
      ...{ cancelled_at: null, completed_at: null, created_at: now, expires_at: now + 3600, failed_at: null, incomplete_details: null },
      ...{ last_error: null, max_completion_tokens: 1000, max_prompt_tokens: 500, model: 'llama3.1', object: 'run' },
      ...{ parallel_tool_calls: false, required_action: null, response_format: 'text', started_at: null, status: 'pending' },
      ...{ tool_choice: 'none', tools: [], truncation_strategy: {}, usage: null, temperature: 0.7, top_p: 0.9, tool_resources: {} },
    })
  }

  retrieveRun = (runId: string) => this.json('GET', `/runs/${runId}`)
  pendingActions = (runId: string) => this.json<JsonObject[]>('GET', `/actions/pending/${runId}`)
  formatted = (threadId: string) => this.json<JsonObject[]>('GET', `/threads/${threadId}/formatted_messages`)

  submitToolOutput = (threadId: string, { actionId, content, assistantId }: { actionId: string; content: string; assistantId: string }) =>
    this.json('POST', '/messages/tools', {
      ...{ thread_id: threadId, tool_id: actionId, content, role: 'tool', assistant_id: assistantId, sender_id: null },
    })

  /**
   * `data:` lines up to `[DONE]`, undecodable ones skipped; stops silently when nothing decodable came for `chunkMs`.
   */
  async *stream(
    completion: Completion,
    { chunkMs = 15_000, signal }: { chunkMs?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<Chunk> {
    const stop = new AbortController()
    signal?.addEventListener('abort', () => stop.abort(), { once: true })
    const response = await fetch(`${this.base}/v1/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.key}`, 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ provider: 'Hyperbolic', api_key: null, message_id: 'regenerated', content: null, ...completion }),
      signal: stop.signal,
    })
    if (!response.ok) throw new HttpError(response.status, await response.text())
    let timer = setTimeout(() => stop.abort(), chunkMs)
    try {
      for await (const data of dataLines(response)) {
        if (data === '[DONE]') return
        const chunk = decode(data)
        if (!chunk) continue
        clearTimeout(timer)
        timer = setTimeout(() => stop.abort(), chunkMs)
        yield chunk
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error
    } finally {
      clearTimeout(timer)
      stop.abort()
    }
  }

  async chunks(completion: Completion, options: { chunkMs?: number; signal?: AbortSignal } = {}): Promise<Chunk[]> {
    const chunks: Chunk[] = []
    for await (const chunk of this.stream(completion, options)) chunks.push(chunk)
    return chunks
  }

  /** All `content` of a stream, as the SDK puts it together. */
  async complete(completion: Completion): Promise<string> {
    return textOf(await this.chunks(completion))
  }

  /** Polls until the run wants something, runs `tool` for the first pending action, and submits what it says. */
  async pollAndExecute(
    run: { runId: string; threadId: string; assistantId: string },
    tool: (name: string, args: JsonObject) => string,
    { intervalMs = 20 } = {},
  ): Promise<boolean> {
    const until = Date.now() + ACTION_MS
    while (Date.now() < until) {
      const { status } = await this.retrieveRun(run.runId)
      if (typeof status === 'string' && ['completed', 'failed', 'cancelled', 'expired'].includes(status)) return false
      const [action] = status === 'action_required' ? await this.pendingActions(run.runId) : []
      if (action) {
        const content = tool(String(action.tool_name), action.function_arguments as JsonObject)
        await this.submitToolOutput(run.threadId, { actionId: String(action.action_id), content, assistantId: run.assistantId })
        return true
      }
      await Bun.sleep(intervalMs)
    }
    return false
  }
}

export const textOf = (chunks: readonly Chunk[]): string =>
  chunks.map(({ content }) => (typeof content === 'string' ? content : '')).join('')

function decode(data: string): Chunk | undefined {
  try {
    return JSON.parse(data) as Chunk
  } catch {
    return undefined
  }
}

async function* dataLines(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of response.body ?? []) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('data:')) yield line.slice('data:'.length).trim()
  }
}
