import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Annotation, END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { readCheckpoints } from '../../src/core/threads/checkpoints.ts'
import { copyThread } from '../../src/core/threads/copies.ts'
import { pruneThreads } from '../../src/core/threads/removal.ts'
import { Checkpointer } from '../../src/engine/checkpointer.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { GRAPHS } from '../support/graph-runs.ts'
import { callGraph, newThread, on, texts } from './graph-threads.ts'

let app: TestApp
let threadId: string
/** Bytes of all rows of the thread after 100 and after 200 turns. */
const bytes: number[] = []

const bytesOf = async (id: string): Promise<number> => {
  const table = (name: string) => `select coalesce(sum(pg_column_size(x.*)), 0)::int as n from ${name} x where thread_id = $1`
  const tables = ['checkpoint', 'channel_blob', 'checkpoint_write', 'message'].map(table).join(' union all ')
  const rows = await app.records.db.query<{ n: number }>(tables, [id])
  return rows.reduce((sum, { n }) => sum + n, 0)
}
const turns = async (n: number): Promise<void> => {
  for (let i = 0; i < n; i++)
    await callGraph(app, { graph: 'echo', threadId, input: { messages: [{ role: 'user', content: `hello ${i}` }] } })
  bytes.push(await bytesOf(threadId))
}

beforeAll(async () => {
  app = await openTestApp({ slots: 0, graphs: GRAPHS })
  threadId = await newThread(app, 'echo')
  await turns(100)
  await turns(100)
}, OPEN_MS)
afterAll(() => app.close())

test('twice the turns take twice the storage, and a few kilobytes each', () => {
  const [half = 0, whole = 0] = bytes
  expect(whole / half).toBeLessThan(2.2)
  expect(whole / 200).toBeLessThan(4_000)
})

test('a page of history reads what it shows, and not the thread', async () => {
  const before = app.db.sent.length
  const page = await on(app, threadId).history({ limit: 10 })
  expect(page).toHaveLength(10)
  // The thread itself, the checkpoints with their values, the messages.
  expect(app.db.sent.slice(before)).toEqual(['thread.read', 'hot', 'hot'])
  const { checkpoints, blobs } = await readCheckpoints(app, app.one.tenantId, { threadId, ns: '', limit: 10 })
  expect(checkpoints).toHaveLength(10)
  expect(blobs.length).toBeLessThan(10 + 40)
  expect(new Set(blobs.map((b) => `${b.channel} ${b.version}`)).size).toBe(blobs.length)
})

test('every checkpoint of the long thread is what it was', async () => {
  const history = await on(app, threadId).history()
  expect(history).toHaveLength(600)
  const sizes = history.map((s) => texts(s).length).reverse()
  expect(sizes).toEqual(Array.from({ length: 200 }, (_, turn) => [turn * 2, turn * 2 + 1, turn * 2 + 2]).flat())
  expect(texts(history[0]).slice(-2)).toEqual(['hello 99', 'message 399'])
})

test('a copy has all of it, and what is left after pruning is whole', async () => {
  const before = await on(app, threadId).state()
  const copy = await copyThread(app, app.one, threadId)
  const same = (state: typeof before) => ({ ...state, metadata: null, values: texts(state) })
  expect(same(await on(app, copy.id).state())).toEqual(same(before))
  expect((await on(app, copy.id).history()).length).toBe(600)
  await pruneThreads(app, app.one, { ids: [copy.id], strategy: 'keep_latest' })
  expect((await on(app, copy.id).history()).map((s) => s.checkpoint)).toEqual([before.checkpoint])
  expect(same(await on(app, copy.id).state())).toEqual({ ...same(before), parent: null })
  const [left] = await app.records.db.query<{ n: number }>('select count(*)::int as n from channel_blob where thread_id = $1', [copy.id])
  expect(left?.n).toBeLessThan(40)
  await callGraph(app, { graph: 'echo', threadId: copy.id, input: { messages: 'more' } })
  expect(texts(await on(app, copy.id).state()).slice(-2)).toEqual(['more', 'message 401'])
})

test('a subgraph that shares the messages does not store them once more with every turn', async () => {
  const inner = new StateGraph(MessagesAnnotation)
    .addNode('say', ({ messages }) => ({ messages: [{ role: 'assistant', content: `inner ${messages.length}` }] }))
    .addEdge(START, 'say')
    .addEdge('say', END)
    .compile()
  const State = Annotation.Root({ ...MessagesAnnotation.spec })
  const outer = new StateGraph(State).addNode('inner', inner).addEdge(START, 'inner').addEdge('inner', END)
  const id = await newThread(app, 'echo')
  const stored = async (): Promise<number> => {
    const rows = await app.records.db.query<{ n: number }>(
      'select coalesce(sum(cardinality(message_ids)), 0)::int as n from channel_blob where thread_id = $1',
      [id],
    )
    return rows[0]?.n ?? 0
  }
  for (let turn = 1; turn <= 120; turn++) {
    const saver = new Checkpointer(app, { tenantId: app.one.tenantId, runId: null, assistantId: null })
    const graph = outer.compile({ checkpointer: saver })
    await graph.invoke({ messages: [{ role: 'user', content: `q${turn}` }] }, { configurable: { thread_id: id } })
    if (turn === 120) expect((await graph.getState({ configurable: { thread_id: id } })).values.messages).toHaveLength(240)
  }
  // Whole lists in the subgraph alone would be more than 120 * 120 ids, and a few for each turn are the least.
  expect(await stored()).toBeLessThan(5_000)
}, 20_000)
