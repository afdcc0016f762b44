import type { JsonObject } from '../../../src/core/json.ts'
import type { Served } from '../../support/served.ts'
import { GRAPH_ID } from './isolation-world.ts'

/** Ids of one tenant's records; or of nobody's. */
export interface Ids {
  assistant: string
  /** Idle, with a history. */
  thread: string
  checkpoint: string
  run: string
  /** A run is at work on it, and another waits behind that. */
  busyThread: string
  busyRun: string
  queuedRun: string
  /** Its run waits for an answer. */
  askingThread: string
  askingRun: string
  /** Of a thread that the server made for it. */
  looseRun: string
  cron: string
  threadCron: string
  /** First part of the namespace of an item with the key `kept`. */
  space: string
}

export interface Call {
  method: string
  path: string
  body?: unknown
  headers?: Record<string, string>
}

/** `own` is the caller's, to put a foreign id beside it. */
type Case = (ids: Ids, own: Ids) => Call

const get = (path: string, headers?: Record<string, string>): Call => ({ method: 'GET', path, ...(headers ? { headers } : {}) })
const post = (path: string, body: unknown = {}): Call => ({ method: 'POST', path, body })
const patch = (path: string, body: unknown): Call => ({ method: 'PATCH', path, body })
const remove = (path: string, body?: unknown): Call => ({ method: 'DELETE', path, ...(body === undefined ? {} : { body }) })

const INTRUDER: JsonObject = { intruder: 'was here' }
const input = { messages: [{ role: 'user', content: 'intruder' }] }

/** Starts a run in each way a foreign id can stand in the request. */
const starts = (to: string): Case[] => [
  ({ thread }) => post(`/threads/${thread}${to}`, { assistant_id: GRAPH_ID, input }),
  ({ busyThread }) => post(`/threads/${busyThread}${to}`, { assistant_id: GRAPH_ID, input, multitask_strategy: 'rollback' }),
  ({ askingThread }) => post(`/threads/${askingThread}${to}`, { assistant_id: GRAPH_ID, command: { resume: 'x' } }),
  ({ assistant }, own) => post(`/threads/${own.thread}${to}`, { assistant_id: assistant, input }),
  ({ checkpoint }, own) => post(`/threads/${own.thread}${to}`, { assistant_id: GRAPH_ID, input, checkpoint_id: checkpoint }),
  ({ thread, checkpoint }, own) =>
    post(`/threads/${own.thread}${to}`, { assistant_id: GRAPH_ID, checkpoint: { thread_id: thread, checkpoint_id: checkpoint } }),
]

/** Follows a run in each way its id can be foreign, from the start and from a place in the middle. */
const follows = (to: string): Case[] =>
  [{}, { 'last-event-id': '-1' }, { 'last-event-id': '1' }].flatMap((headers): Case[] => [
    ({ thread, run }) => get(`/threads/${thread}/runs/${run}${to}`, headers),
    ({ run }, own) => get(`/threads/${own.thread}/runs/${run}${to}`, headers),
    ({ thread }, own) => get(`/threads/${thread}/runs/${own.run}${to}`, headers),
    ({ busyThread, busyRun }) => get(`/threads/${busyThread}/runs/${busyRun}${to}?cancel_on_disconnect=1`, headers),
  ])

const CRON = { schedule: '0 0 1 1 *', input }

const ofAssistant = (call: (path: string) => Call): Case[] => [({ assistant }) => call(`/assistants/${assistant}`)]
const ofThread = (call: (path: string) => Call): Case[] => [({ thread }) => call(`/threads/${thread}`)]

/** Every operation with an id in it, by its name in the document. */
export const CASES: Record<string, Case[]> = {
  searchAssistants: [({ space }) => post('/assistants/search', { metadata: { space } })],
  countAssistants: [({ space }) => post('/assistants/count', { metadata: { space } })],
  getAssistant: ofAssistant(get),
  patchAssistant: ofAssistant((path) => patch(path, { metadata: INTRUDER, name: 'intruder' })),
  deleteAssistant: [
    ({ assistant }) => remove(`/assistants/${assistant}`),
    ({ assistant }) => remove(`/assistants/${assistant}?delete_threads=true`),
  ],
  listAssistantVersions: ofAssistant((path) => post(`${path}/versions`)),
  setLatestAssistantVersion: ofAssistant((path) => post(`${path}/latest`, { version: 1 })),
  getAssistantGraph: ofAssistant((path) => get(`${path}/graph?xray=true`)),
  getAssistantSchemas: ofAssistant((path) => get(`${path}/schemas`)),
  getAssistantSubgraphs: ofAssistant((path) => get(`${path}/subgraphs?recurse=true`)),
  getAssistantSubgraph: ofAssistant((path) => get(`${path}/subgraphs/inner`)),
  searchThreads: [
    ({ thread, busyThread }) => post('/threads/search', { ids: [thread, busyThread] }),
    ({ space }) => post('/threads/search', { metadata: { space } }),
    ({ space }) => post('/threads/search', { values: { messages: [{ content: space }] }, metadata: { space } }),
    ({ assistant }) => post('/threads/search', { metadata: { assistant_id: assistant } }),
  ],
  countThreads: [({ space }) => post('/threads/count', { metadata: { space } })],
  pruneThreads: [
    ({ thread, busyThread }) => post('/threads/prune', { thread_ids: [thread, busyThread], strategy: 'delete' }),
    ({ thread }) => post('/threads/prune', { thread_ids: [thread], strategy: 'keep_latest' }),
  ],
  getThread: ofThread((path) => get(`${path}?include=ttl`)),
  patchThread: ofThread((path) => patch(path, { metadata: INTRUDER, ttl: 1 })),
  deleteThread: [...ofThread(remove), ({ busyThread }) => remove(`/threads/${busyThread}`)],
  copyThread: ofThread((path) => post(`${path}/copy`)),
  getState: [...ofThread((path) => get(`${path}/state?subgraphs=true`)), ({ askingThread }) => get(`/threads/${askingThread}/state`)],
  updateState: [
    ...ofThread((path) => post(`${path}/state`, { values: input, as_node: 'model' })),
    ({ thread, checkpoint }, own) =>
      post(`/threads/${own.thread}/state`, {
        values: input,
        as_node: 'model',
        checkpoint: { thread_id: thread, checkpoint_id: checkpoint },
      }),
    ({ checkpoint }, own) => post(`/threads/${own.thread}/state`, { values: input, as_node: 'model', checkpoint_id: checkpoint }),
  ],
  patchState: ofThread((path) => patch(`${path}/state`, { metadata: INTRUDER })),
  getStateAt: [
    ({ thread, checkpoint }) => get(`/threads/${thread}/state/${checkpoint}`),
    ({ checkpoint }, own) => get(`/threads/${own.thread}/state/${checkpoint}`),
    ({ thread }, own) => get(`/threads/${thread}/state/${own.checkpoint}`),
  ],
  findState: [
    ({ thread, checkpoint }) => post(`/threads/${thread}/state/checkpoint`, { checkpoint: { checkpoint_id: checkpoint } }),
    ({ checkpoint }, own) => post(`/threads/${own.thread}/state/checkpoint`, { checkpoint: { checkpoint_id: checkpoint } }),
    ({ thread, checkpoint }, own) =>
      post(`/threads/${own.thread}/state/checkpoint`, { checkpoint: { thread_id: thread, checkpoint_id: checkpoint } }),
  ],
  listHistory: [
    ...ofThread((path) => get(`${path}/history`)),
    ({ thread, checkpoint }) => get(`/threads/${thread}/history?before=${checkpoint}`),
  ],
  searchHistory: [
    ...ofThread((path) => post(`${path}/history`)),
    ({ thread, checkpoint }) => post(`/threads/${thread}/history`, { before: { configurable: { checkpoint_id: checkpoint } } }),
    ({ run }, own) => post(`/threads/${own.thread}/history`, { metadata: { run_id: run } }),
    ({ checkpoint }, own) => post(`/threads/${own.thread}/history`, { checkpoint: { checkpoint_id: checkpoint } }),
  ],
  getStoreItem: [({ space }) => get(`/store/items?namespace=${space}.things&key=kept`)],
  deleteStoreItem: [({ space }) => remove('/store/items', { namespace: [space, 'things'], key: 'kept' })],
  searchStoreItems: [
    ({ space }) => post('/store/items/search', { namespace_prefix: [space] }),
    ({ space }) => post('/store/items/search', { namespace_prefix: [], filter: { space } }),
  ],
  listStoreNamespaces: [
    ({ space }) => post('/store/namespaces', { prefix: [space] }),
    ({ space }) => post('/store/namespaces', { prefix: ['*', 'things'], suffix: [space] }),
  ],
  createCron: [({ assistant }) => post('/runs/crons', { ...CRON, assistant_id: assistant })],
  createThreadCron: [
    ({ thread }) => post(`/threads/${thread}/runs/crons`, { ...CRON, assistant_id: GRAPH_ID }),
    ({ assistant }, own) => post(`/threads/${own.thread}/runs/crons`, { ...CRON, assistant_id: assistant }),
  ],
  searchCrons: [
    ({ assistant }) => post('/runs/crons/search', { assistant_id: assistant }),
    ({ thread }) => post('/runs/crons/search', { thread_id: thread }),
    ({ space }) => post('/runs/crons/search', { metadata: { space } }),
  ],
  countCrons: [
    ({ assistant }) => post('/runs/crons/count', { assistant_id: assistant }),
    ({ thread }) => post('/runs/crons/count', { thread_id: thread }),
    ({ space }) => post('/runs/crons/count', { metadata: { space } }),
  ],
  updateCron: [
    ({ cron }) => patch(`/runs/crons/${cron}`, { enabled: false }),
    ({ threadCron }) => patch(`/runs/crons/${threadCron}`, { input }),
  ],
  deleteCron: [({ cron }) => remove(`/runs/crons/${cron}`), ({ threadCron }) => remove(`/runs/crons/${threadCron}`)],
  createStatelessRun: [({ assistant }) => post('/runs', { assistant_id: assistant, input })],
  createRunBatch: [
    ({ assistant }) =>
      post('/runs/batch', [
        { assistant_id: GRAPH_ID, input },
        { assistant_id: assistant, input },
      ]),
  ],
  streamStatelessRun: [({ assistant }) => post('/runs/stream', { assistant_id: assistant, input })],
  waitForStatelessRun: [({ assistant }) => post('/runs/wait', { assistant_id: assistant, input })],
  joinStatelessRunStream: ['0', '-1', '3'].flatMap((id): Case[] => [
    ({ run }) => get(`/runs/${run}/stream`, { 'last-event-id': id }),
    ({ looseRun }) => get(`/runs/${looseRun}/stream?cancel_on_disconnect=1`, { 'last-event-id': id }),
  ]),
  cancelRuns: [
    ({ busyThread }) => post('/runs/cancel', { thread_id: busyThread, status: 'all' }),
    ({ busyThread, busyRun, queuedRun }) => post('/runs/cancel?action=rollback', { thread_id: busyThread, run_ids: [busyRun, queuedRun] }),
    ({ busyRun, queuedRun }) => post('/runs/cancel', { run_ids: [busyRun, queuedRun] }),
    ({ busyRun, queuedRun }, own) => post('/runs/cancel?action=rollback', { thread_id: own.thread, run_ids: [busyRun, queuedRun] }),
    // Of nobody else's threads either.
    () => post('/runs/cancel', { status: 'pending' }),
  ],
  createRun: starts('/runs'),
  streamRun: starts('/runs/stream'),
  waitForRun: starts('/runs/wait'),
  listRuns: [({ thread }) => get(`/threads/${thread}/runs?status=success`)],
  streamThread: [
    ...ofThread((path) => get(`${path}/stream`)),
    ({ busyThread }) => ({ ...get(`/threads/${busyThread}/stream?stream_mode=lifecycle`), headers: { 'last-event-id': '-1' } }),
  ],
  getRun: follows('').slice(0, 4),
  joinRun: follows('/join').slice(0, 4),
  joinRunStream: follows('/stream'),
  deleteRun: [
    ({ thread, run }) => remove(`/threads/${thread}/runs/${run}`),
    ({ run }, own) => remove(`/threads/${own.thread}/runs/${run}`),
    ({ askingThread, askingRun }) => remove(`/threads/${askingThread}/runs/${askingRun}`),
  ],
  cancelRun: ['interrupt', 'rollback'].flatMap((action): Case[] => [
    ({ busyThread, busyRun }) => post(`/threads/${busyThread}/runs/${busyRun}/cancel?wait=1&action=${action}`),
    ({ busyRun }, own) => post(`/threads/${own.thread}/runs/${busyRun}/cancel?wait=1&action=${action}`),
    ({ busyThread, queuedRun }) => post(`/threads/${busyThread}/runs/${queuedRun}/cancel?action=${action}`),
    ({ askingThread, askingRun }) => post(`/threads/${askingThread}/runs/${askingRun}/cancel?action=${action}`),
  ]),
}

/** Operations that no id leads into; each with its reason. */
export const NO_ID: Record<string, string> = {
  getHealth: 'says nothing of any tenant',
  getServerInfo: 'says nothing of any tenant',
  createAssistant: 'a chosen id is the tenant’s own: see the tests of ids that two tenants choose',
  createThread: 'a chosen id is the tenant’s own: see the tests of ids that two tenants choose',
  putStoreItem: 'a namespace is the tenant’s own: see the tests of ids that two tenants choose',
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
const TIME = /\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)/g

/** What came of a call, with the ids that were asked for replaced by their names, and what differs from request to request. */
export async function outcome(served: Served, key: string, { call, ids }: { call: Call; ids: Ids }): Promise<string> {
  const { method, path, body, headers = {} } = call
  const response = await served.send(method, `/langgraph${path}`, body, { key, headers, signal: AbortSignal.timeout(10_000) })
  const told = `${response.status} ${response.headers.get('content-type')} ${await response.text()}`
  const named = Object.entries(ids).reduce((text, [name, id]) => text.replaceAll(id, `<${name}>`), told)
  return named.replaceAll(UUID, '<id>').replaceAll(TIME, '<time>')
}
