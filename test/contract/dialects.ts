import { Client, type Metadata, type Run, type ThreadState } from '@langchain/langgraph-sdk'
import OpenAI from 'openai'
import { readId, spellId } from '../../src/core/id.ts'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import type { Served } from '../support/served.ts'

/** The same server through both SDKs. Ids are the server's own, as LangGraph's clients see them. */
export interface Both {
  openai: OpenAI
  langgraph: Client
}

export function openBoth(served: Served, key = served.key): Both {
  const apiUrl = `${served.url}${served.app.config.langgraph.prefix}`
  return {
    openai: new OpenAI({ baseURL: `${served.url}/v1`, apiKey: key, maxRetries: 0 }),
    langgraph: new Client({ apiUrl, apiKey: key, callerOptions: { maxRetries: 0 } }),
  }
}

export const CALL_IDS = ['call_a', 'call_b'] as const
const calls = CALL_IDS.map((id) => ({ id, name: 'look_up', arguments: { of: id } }))

export const DIALECT_SCRIPTS: Record<string, ScriptTurn[]> = {
  asks: [{ calls }, { text: ['thank ', 'you'] }],
  asks_once: [{ calls: calls.slice(0, 1) }, { text: ['thank ', 'you'] }],
  // Says a word, and the next one never within a test.
  slow: [{ text: ['begun ', 'never said'], pauseMs: 3_600_000 }],
}
export const TOOLS = [{ type: 'function' as const, function: { name: 'look_up', parameters: { type: 'object' } } }]

/** `thread_0123...` to its UUID. */
export function coreId(spelled: string): string {
  const prefix = /^[a-z]+[_-]/.exec(spelled)?.[0] ?? ''
  const id = readId(prefix, spelled)
  if (id === undefined) throw new Error(`${spelled} is no id of ours`)
  return id
}
export const threadName = (id: string): string => spellId('thread_', id)
export const runName = (id: string): string => spellId('run_', id)
export const assistantName = (id: string): string => spellId('asst_', id)

/** A message of the state; `calls`: an answer that asks for function outputs and says nothing. */
export interface Line {
  kind: 'user' | 'assistant' | 'calls' | 'tool'
  text: string
  /** As LangGraph names it. */
  id?: string
}

interface WireMessage {
  id?: string
  type: string
  content: unknown
  tool_calls?: unknown[]
}

function lineOf({ id, type, content, tool_calls: asked }: WireMessage): Line {
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  const kind = type === 'human' ? 'user' : type === 'tool' ? 'tool' : asked?.length ? 'calls' : 'assistant'
  return { kind, text, ...(id === undefined ? {} : { id }) }
}

export function linesOf(values: unknown): Line[] {
  const { messages } = (values ?? {}) as { messages?: WireMessage[] }
  return (messages ?? []).map(lineOf)
}

/** What the OpenAI dialect lists, page by page. */
export async function listedBy({ openai }: Both, threadId: string): Promise<{ id: string; role: string; text: string }[]> {
  const listed: { id: string; role: string; text: string }[] = []
  for await (const { id, role, content } of openai.beta.threads.messages.list(threadName(threadId), { order: 'asc', limit: 4 })) {
    const [part] = content
    listed.push({ id, role, text: part?.type === 'text' ? part.text.value : '' })
  }
  return listed
}

export const sketch = (lines: readonly { kind?: string; role?: string; text: string }[]): string[] =>
  lines.map(({ kind, role, text }) => `${kind ?? role}: ${text}`)

/** Of a state, what message lists show. */
export const shownOf = (lines: readonly Line[]): Line[] =>
  lines.filter(({ kind, text }) => (kind === 'user' || kind === 'assistant') && text !== '')

/** Every past state, newest first. */
export const pastOf = ({ langgraph }: Both, threadId: string): Promise<ThreadState[]> =>
  langgraph.threads.getHistory(threadId, { limit: 1000 })

/** What a run is called in one dialect when the other calls it so. */
export const LANGGRAPH_STATUS: Record<string, Run['status']> = {
  queued: 'pending',
  in_progress: 'running',
  cancelling: 'running',
  requires_action: 'success',
  completed: 'success',
  incomplete: 'success',
  failed: 'error',
  expired: 'timeout',
  cancelled: 'interrupted',
}

export interface SeenRun {
  id: string
  openai: string
  langgraph: string
}

/** The runs of a thread as both list them, newest first. Throws where they do not list the same. */
export async function runsOf(both: Both, threadId: string): Promise<SeenRun[]> {
  const named: { id: string; status: string }[] = []
  for await (const run of both.openai.beta.threads.runs.list(threadName(threadId), { limit: 5 })) named.push(run)
  const listed = await both.langgraph.runs.list(threadId, { limit: 1000 })
  const one = named.map(({ id }) => coreId(id)).join(' ')
  const other = listed.map(({ run_id }) => run_id).join(' ')
  if (one !== other) throw new Error(`The run lists differ: ${one} / ${other}`)
  return listed.map(({ run_id, status }, i) => ({ id: run_id, openai: named[i]?.status ?? '', langgraph: status }))
}

/** Metadata as the OpenAI dialect shows what LangGraph's says. */
export const asText = (metadata: Metadata): Record<string, string> =>
  Object.fromEntries(Object.entries(metadata ?? {}).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]))
