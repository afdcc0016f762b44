import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Client } from '@langchain/langgraph-sdk'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { ROOT } from '../../support/source-tree.ts'

let served: Served
let client: Client
beforeAll(async () => {
  served = await serve({}, { worker: true, langgraph: { graphs: join(ROOT, 'test/support/graphs/langgraph.json') } })
  client = new Client({ apiUrl: `${served.url}/langgraph`, apiKey: served.key, callerOptions: { maxRetries: 0 } })
}, SERVER_START_MS)
afterAll(() => served.close())

/** A thread in which the innermost of two subgraphs asks for a verdict. */
async function asked(): Promise<string> {
  const { thread_id } = await client.threads.create()
  await client.runs.wait(thread_id, 'nested', { input: { topic: 'rain' } })
  return thread_id
}
const QUESTION = { question: 'Is rain good?' }

test('a thread that asks is interrupted, and tells its question by task', async () => {
  const id = await asked()
  const thread = await client.threads.get(id)
  expect(thread.status).toBe('interrupted')
  const [[interrupt] = []] = Object.values(thread.interrupts)
  expect(interrupt).toEqual({ id: expect.any(String), value: QUESTION })
  expect((await client.threads.search({ ids: [id], status: 'interrupted' })).map((t) => t.thread_id)).toEqual([id])
})

test('a task of a subgraph names the namespace of its state, or holds it where it is asked for', async () => {
  const id = await asked()
  const { next, tasks, checkpoint } = await client.threads.getState(id)
  expect(next).toEqual(['middle'])
  expect(tasks).toMatchObject([{ name: 'middle', state: null, error: null, result: null, interrupts: [{ value: QUESTION }] }])
  const at = tasks[0]?.checkpoint
  expect(at).toEqual({ thread_id: id, checkpoint_ns: expect.stringMatching(/^middle:[0-9a-f-]{36}$/) } as never)
  const deep = await client.threads.getState(id, undefined, { subgraphs: true })
  const [middle] = deep.tasks
  expect(middle?.checkpoint).toBeNull()
  expect(middle?.state).toMatchObject({ next: ['inner'], values: { trail: ['open', 'before'] }, checkpoint: { thread_id: id } })
  const [inner] = middle?.state?.tasks ?? []
  expect(inner?.state).toMatchObject({ next: ['review'], values: { trail: ['open', 'before', 'draft rain'] } })
  expect(inner?.state?.tasks).toMatchObject([{ name: 'review', interrupts: [{ value: QUESTION }] }])
  expect(await client.threads.getState(id, checkpoint, { subgraphs: true })).toEqual(deep)
})

test('a subgraph has a state and a history of its own, which an update may add to', async () => {
  const id = await asked()
  const deep = await client.threads.getState(id, undefined, { subgraphs: true })
  const inner = deep.tasks[0]?.state?.tasks[0]?.state
  const checkpoint = inner?.checkpoint as never as { checkpoint_ns: string; checkpoint_id: string }
  expect(await client.threads.getState(id, checkpoint as never)).toMatchObject({ values: inner?.values, next: ['review'] })
  const history = await client.threads.getHistory(id, { checkpoint: { checkpoint_ns: checkpoint.checkpoint_ns } as never })
  expect(history.map((s) => s.next)).toEqual([['review'], ['draft'], ['__start__']])
  await client.threads.updateState(id, { values: { trail: ['edited'] }, checkpoint: checkpoint as never, asNode: 'draft' })
  const after = await client.threads.getState(id, { checkpoint_ns: checkpoint.checkpoint_ns } as never)
  expect((after.values as { trail: string[] }).trail).toEqual(['open', 'before', 'draft rain', 'edited'])
})

test('a copy of a thread that asks is answered by itself', async () => {
  const id = await asked()
  const copy = (await client.threads.copy(id)) as unknown as { thread_id: string }
  const values = await client.runs.wait(copy.thread_id, 'nested', { command: { resume: 'fine' } })
  expect(values).toMatchObject({ trail: ['open', 'before', 'draft rain', 'review fine', 'close'] })
  expect(await client.threads.get(id)).toMatchObject({ status: 'interrupted' })
  expect(await client.runs.list(copy.thread_id)).toHaveLength(1)
})

test('a thread whose run failed tells why, in its status and in its task', async () => {
  const { thread_id: id } = await client.threads.create()
  await client.runs.wait(id, 'failing', { input: { messages: [] }, raiseError: false })
  const thread = await client.threads.get(id)
  expect(thread).toMatchObject({ status: 'error', error: { error: 'CustomError', message: 'Boo!' } })
  const { tasks } = await client.threads.getState(id)
  expect(JSON.parse(String(tasks[0]?.error))).toMatchObject({ name: 'CustomError', message: 'Boo!' })
})

test('a thread keeps the merged config of its last run', async () => {
  const { thread_id: id } = await client.threads.create()
  await client.runs.wait(id, 'echo', {
    input: { messages: [{ role: 'user', content: 'x' }] },
    config: { tags: ['t'], configurable: { k: 'v' } },
  })
  expect((await client.threads.get(id)).config).toMatchObject({ configurable: { k: 'v' } })
  expect((await client.threads.get(id)).metadata).toMatchObject({ graph_id: 'echo' })
})

test('of a thread with a busy run the state can be read but not updated', async () => {
  const { thread_id: id } = await client.threads.create()
  const run = await client.runs.create(id, 'delay', { input: { delay_ms: 60_000 } })
  expect((await client.threads.get(id)).status).toBe('busy')
  await client.threads.getState(id)
  await expect(client.threads.updateState(id, { values: {} })).rejects.toThrow('HTTP 409: {"detail":"Thread is busy"}')
  await client.runs.cancel(id, run.run_id, true)
})
