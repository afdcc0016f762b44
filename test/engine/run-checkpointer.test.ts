import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Checkpoint, emptyCheckpoint } from '@langchain/langgraph-checkpoint'
import { RunCheckpointer } from '../../src/engine/run-checkpointer.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

const saver = (threadId: string): RunCheckpointer =>
  new RunCheckpointer(
    app,
    { tenantId: app.one.tenantId, runId: crypto.randomUUID(), assistantId: null },
    {
      ...{ threadId, head: undefined, graph: { nodes: {} }, commit: () => Promise.resolve() },
    },
  )
const at = (threadId: string, id?: string) => ({
  configurable: { thread_id: threadId, checkpoint_ns: '', ...(id ? { checkpoint_id: id } : {}) },
})
const checkpoint = (): Checkpoint => ({ ...emptyCheckpoint(), channel_values: { n: [1] }, channel_versions: { n: 1 } })

test('what a task wrote for a checkpoint that is still to come is committed with it, and not before', async () => {
  const thread = crypto.randomUUID()
  const run = saver(thread)
  const made = checkpoint()
  await run.putWrites(at(thread, made.id), [['n', [2]]], crypto.randomUUID())
  expect(run.take()).toMatchObject({ writes: [], checkpoints: [] })
  await run.put(at(thread), made, { source: 'loop', step: 0, parents: {} }, { n: 1 })
  const taken = run.take()
  expect([taken.checkpoints.map(({ id }) => id), taken.writes.map(({ checkpoint_id }) => checkpoint_id)]).toEqual([[made.id], [made.id]])
  expect(run.take().writes).toEqual([])
})

test('a commit that falls while a checkpoint is being written down takes all of it or nothing', async () => {
  const thread = crypto.randomUUID()
  const run = saver(thread)
  const made = { ...checkpoint(), channel_values: { a: [1], b: [2], c: [3] }, channel_versions: { a: 1, b: 1, c: 1 } }
  const writing = run.put(at(thread), made, { source: 'loop', step: 0, parents: {} }, { a: 1, b: 1, c: 1 })
  const seen: [number, number][] = []
  for (let turn = 0; turn < 20; turn++) {
    const { checkpoints, blobs } = run.take()
    seen.push([checkpoints.length, blobs.length])
    await Promise.resolve()
  }
  await writing
  expect(seen.filter(([checkpoints, blobs]) => checkpoints + blobs > 0)).toEqual([[1, 3]])
})
