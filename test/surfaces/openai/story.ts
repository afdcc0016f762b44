import type { RunEvent, Segment, Usage } from '../../../src/core/runs/events.ts'
import type { Run } from '../../../src/core/runs/runs.ts'
import type { Message } from '../../../src/core/threads/messages.ts'
import type { Thread } from '../../../src/core/threads/threads.ts'

export const IDS = {
  run: '01928374-0000-7000-8000-000000000001',
  thread: '01928374-0000-7000-8000-000000000002',
  assistant: '01928374-0000-7000-8000-000000000003',
  step: '01928374-0000-7000-8000-000000000004',
  message: '01928374-0000-7000-8000-000000000005',
  step2: '01928374-0000-7000-8000-000000000006',
  message2: '01928374-0000-7000-8000-000000000007',
}

const BORN = 1_760_000_000_000
export const USAGE: Usage = { promptTokens: 20, completionTokens: 11, totalTokens: 31 }

export const aRun = (over: Partial<Run> = {}): Run => ({
  id: IDS.run,
  tenantId: '01928374-0000-7000-8000-00000000000f',
  threadId: IDS.thread,
  assistantId: IDS.assistant,
  status: 'queued',
  config: {
    model: 'local-model',
    instructions: null,
    tools: [],
    toolResources: null,
    temperature: null,
    topP: null,
    responseFormat: null,
    reasoningEffort: null,
    toolChoice: 'auto',
    parallelToolCalls: true,
    maxPromptTokens: null,
    maxCompletionTokens: null,
    truncation: { type: 'auto', lastMessages: null },
  },
  call: null,
  strategy: 'reject',
  metadata: {},
  calls: null,
  usage: null,
  error: null,
  incomplete: null,
  createdAt: BORN,
  runAt: BORN,
  updatedAt: BORN,
  startedAt: null,
  expiresAt: BORN + 600_000,
  endedAt: null,
  ...over,
})

export const aThread = (): Thread => ({
  id: IDS.thread,
  tenantId: '01928374-0000-7000-8000-00000000000f',
  metadata: {},
  toolResources: null,
  status: 'busy',
  runId: IDS.run,
  behind: false,
  headId: null,
  pending: false,
  byHead: false,
  graph: null,
  config: {},
  error: null,
  temporary: false,
  ttlMinutes: null,
  expiresAt: null,
  createdAt: BORN,
  updatedAt: BORN,
  stateAt: null,
})

export const aMessage = (over: Partial<Message>): Message => ({
  id: IDS.message,
  threadId: IDS.thread,
  seq: 1,
  role: 'user',
  content: 'hello',
  runId: null,
  assistantId: null,
  status: 'completed',
  cut: null,
  attachments: [],
  metadata: {},
  createdAt: BORN,
  endedAt: BORN,
  ...over,
})

export const at = (seconds: number): number => BORN + seconds * 1000

const queued = (newThread: boolean): RunEvent => ({
  type: 'status',
  status: 'queued',
  at: at(0),
  ...(newThread ? { newThread: true } : {}),
})
const running = (seconds = 1): RunEvent => ({ type: 'status', status: 'running', at: at(seconds) })
const speaking: RunEvent = { type: 'step', id: IDS.step, kind: 'message', messageId: IDS.message, at: at(1) }

const hello = (newThread: boolean): RunEvent[] => [
  queued(newThread),
  running(),
  speaking,
  { type: 'text', text: 'Hel' },
  { type: 'text', text: 'lo' },
  { type: 'message_end', id: IDS.message, at: at(2) },
  { type: 'step_end', id: IDS.step, status: 'completed', at: at(2), usage: USAGE },
  { type: 'status', status: 'completed', at: at(2), usage: USAGE },
]

const CALLS = [
  { id: 'call_A', name: 'get_weather', arguments: '{"city":"Oslo"}' },
  { id: 'call_B', name: 'get_weather', arguments: '{"city":"Rome"}' },
]

const asking: RunEvent[] = [
  queued(false),
  running(),
  { type: 'step', id: IDS.step, kind: 'tool_calls', at: at(1) },
  { type: 'call', index: 0, id: 'call_A', tool: 'function', name: 'get_weather' },
  { type: 'arguments', index: 0, text: '{"cit' },
  { type: 'arguments', index: 0, text: 'y":"Oslo"}' },
  { type: 'call', index: 1, id: 'call_B', tool: 'function', name: 'get_weather' },
  { type: 'arguments', index: 1, text: '{"cit' },
  { type: 'arguments', index: 1, text: 'y":"Rome"}' },
  { type: 'status', status: 'waiting', at: at(2), calls: CALLS },
]

const answered: RunEvent[] = [
  {
    type: 'step_end',
    id: IDS.step,
    status: 'completed',
    at: at(3),
    usage: USAGE,
    calls: CALLS.map((call) => ({ ...call, type: 'function', output: 'ok' })),
  },
  { type: 'status', status: 'queued', at: at(3) },
  running(3),
  { type: 'step', id: IDS.step2, kind: 'message', messageId: IDS.message2, at: at(3) },
  { type: 'text', text: 'Both' },
  { type: 'text', text: ' fine' },
  { type: 'message_end', id: IDS.message2, at: at(4) },
  { type: 'step_end', id: IDS.step2, status: 'completed', at: at(4), usage: USAGE },
  { type: 'status', status: 'completed', at: at(4), usage: USAGE },
]

const begun: RunEvent[] = [queued(false), running(), speaking, { type: 'text', text: 'Hel' }]
const upstream = { code: 'server_error', message: 'upstream failed' } as const

const MARKER = '【4:0†policy.md】'
/** No UUID, so that it is spelled as it is. */
const FILE = 'file-AAAAAAAAAAAAAAAAAAAAAA'
const CITATION = { type: 'file_citation' as const, text: MARKER, start_index: 11, end_index: 26, file_citation: { file_id: FILE } }
const RANKING = { ranker: 'default_2024_08_21', scoreThreshold: 0 }
const FOUND = { rankingOptions: RANKING, results: [{ fileId: FILE, fileName: 'policy.md', score: 0.82, text: 'Thirty days.' }] }
const SEARCH = { id: 'call_S', type: 'file_search', name: 'file_search', arguments: '{"queries":["how long"]}', output: null }

const searching: RunEvent[] = [
  queued(false),
  running(),
  { type: 'step', id: IDS.step, kind: 'tool_calls', at: at(1) },
  { type: 'call', index: 0, id: 'call_S', tool: 'file_search', name: 'file_search' },
  { type: 'arguments', index: 0, text: SEARCH.arguments },
  { type: 'step_end', id: IDS.step, status: 'completed', at: at(2), usage: USAGE, calls: [{ ...SEARCH, detail: FOUND }] },
  { type: 'step', id: IDS.step2, kind: 'message', messageId: IDS.message2, at: at(2) },
  { type: 'text', text: 'Thirty' },
  { type: 'text', text: ' days' },
  { type: 'text', text: MARKER, annotations: [CITATION] },
  { type: 'message_end', id: IDS.message2, at: at(3) },
  { type: 'step_end', id: IDS.step2, status: 'completed', at: at(3), usage: USAGE },
  { type: 'status', status: 'completed', at: at(3), usage: USAGE },
]

/** What the journal holds where the golden streams tell of it. `after`: events that the reader has seen. */
export const STORIES: Record<string, { events: RunEvent[]; after?: number }> = {
  plain_text: { events: hello(false) },
  create_thread_and_run: { events: hello(true) },
  function_parallel_requires_action: { events: asking },
  submit_tool_outputs: { events: [...asking, ...answered], after: asking.length },
  file_search: { events: searching },
  incomplete_max_completion_tokens: {
    events: [
      ...begun,
      { type: 'message_end', id: IDS.message, cut: 'max_tokens', at: at(2) },
      { type: 'step_end', id: IDS.step, status: 'completed', at: at(2), usage: USAGE },
      { type: 'status', status: 'incomplete', at: at(2), usage: USAGE, incomplete: 'max_completion_tokens' },
    ],
  },
  failed: {
    events: [
      ...begun,
      { type: 'message_end', id: IDS.message, cut: 'run_failed', at: at(2) },
      { type: 'step_end', id: IDS.step, status: 'failed', at: at(2), usage: USAGE, error: upstream },
      { type: 'status', status: 'failed', at: at(2), usage: USAGE, error: upstream },
    ],
  },
  cancelled_mid_stream: {
    events: [
      ...begun,
      { type: 'status', status: 'cancelling', at: at(2) },
      { type: 'message_end', id: IDS.message, cut: 'run_cancelled', at: at(2) },
      { type: 'step_end', id: IDS.step, status: 'cancelled', at: at(2), usage: USAGE },
      { type: 'status', status: 'cancelled', at: at(2), usage: USAGE },
    ],
  },
}

export const whole = (events: RunEvent[]): Segment => ({ seq: 1, events })

export interface SeenFrame {
  id: string | undefined
  event: string
  data: unknown
}

/** The frames of an event stream, strictly: three lines each, in this order, and nothing else. */
export function readFrames(text: string): SeenFrame[] {
  return text
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => {
      const match = /^(?:id: (.+)\n)?event: (.+)\ndata: ([^\n]*)$/.exec(block)
      if (!match) throw new Error(`Not a frame: ${block}`)
      const [, id, event = '', data = ''] = match
      return { id, event, data: event === 'done' ? data : JSON.parse(data) }
    })
}
