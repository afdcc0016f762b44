import type { JsonObject } from '../../src/core/json.ts'
import { eventually } from './eventually.ts'
import type { SendInit, Served } from './served.ts'

const SETTLED = ['requires_action', 'completed', 'incomplete', 'failed', 'cancelled', 'expired']

/** What nearly every test needs from a served API: plain calls that have to succeed. */
export class Calls {
  constructor(
    readonly served: Served,
    private readonly init: SendInit = {},
  ) {}

  /** The JSON of an answer that has to be 200. */
  async ok(method: string, path: string, body?: unknown, init: SendInit = {}): Promise<JsonObject> {
    const response = await this.served.send(method, path, body, { ...this.init, ...init })
    if (response.status !== 200) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`)
    return (await response.json()) as JsonObject
  }

  async assistant(model: string, more: JsonObject = {}): Promise<string> {
    return String((await this.ok('POST', '/v1/assistants', { model, ...more })).id)
  }

  /** A thread with one message of its user, or none for null. */
  async thread(text: string | null = 'hello'): Promise<string> {
    const messages = text === null ? [] : [{ role: 'user', content: text }]
    return String((await this.ok('POST', '/v1/threads', { messages })).id)
  }

  /** The id of an uploaded file. */
  async file(content = 'some text', filename = 'notes.txt'): Promise<string> {
    const body = new FormData()
    body.set('purpose', 'assistants')
    body.set('file', new File([content], filename))
    const { served, init } = this
    const headers = { ...init.headers, authorization: `Bearer ${init.key ?? served.key}` }
    const response = await fetch(`${served.url}/v1/files`, { method: 'POST', body, headers })
    if (response.status !== 200) throw new Error(`the upload answered ${response.status}: ${await response.text()}`)
    return String(((await response.json()) as JsonObject).id)
  }

  run(threadId: string, assistantId: string, more: JsonObject = {}): Promise<JsonObject> {
    return this.ok('POST', `/v1/threads/${threadId}/runs`, { assistant_id: assistantId, ...more })
  }

  /** A run's stream from the request that starts it. */
  async stream(threadId: string, assistantId: string, more: JsonObject = {}): Promise<Response> {
    const path = `/v1/threads/${threadId}/runs`
    return this.served.send('POST', path, { assistant_id: assistantId, stream: true, ...more }, this.init)
  }

  getRun(threadId: string, runId: string): Promise<JsonObject> {
    return this.ok('GET', `/v1/threads/${threadId}/runs/${runId}`)
  }

  /** The run once it has one of these statuses; by default, once it ended or waits. */
  reached(threadId: string, runId: string, statuses: readonly string[] = SETTLED): Promise<JsonObject> {
    return eventually(async () => {
      const run = await this.getRun(threadId, runId)
      return statuses.includes(String(run.status)) ? run : undefined
    })
  }

  /** A store with these documents, by name, once they can be found; answers its id and theirs. */
  async library(documents: Record<string, string>): Promise<{ storeId: string; fileIds: string[] }> {
    const fileIds = await Promise.all(Object.entries(documents).map(([name, content]) => this.file(content, name)))
    const storeId = String((await this.ok('POST', '/v1/vector_stores', { file_ids: fileIds })).id)
    await eventually(async () => {
      const { file_counts: counts } = await this.ok('GET', `/v1/vector_stores/${storeId}`)
      const { completed, failed } = counts as { completed: number; failed: number }
      if (failed > 0) throw new Error('A document could not be read')
      return completed === fileIds.length ? true : undefined
    })
    return { storeId, fileIds }
  }

  submit(threadId: string, runId: string, outputs: Record<string, string>, more: JsonObject = {}): Promise<Response> {
    const path = `/v1/threads/${threadId}/runs/${runId}/submit_tool_outputs`
    const tool_outputs = Object.entries(outputs).map(([tool_call_id, output]) => ({ tool_call_id, output }))
    return this.served.send('POST', path, { tool_outputs, ...more }, this.init)
  }
}
