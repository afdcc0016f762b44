import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { BUILT_IN_GRAPH } from '../../../src/core/graphs/graphs.ts'
import { createThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { GRAPHS } from '../../support/graph-runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0, graphs: GRAPHS })
}, OPEN_MS)
afterAll(() => app.close())

test('the graphs of the server are listed, the built-in one first', () => {
  const ids = app.graphs.list().map(({ id }) => id)
  expect(ids.slice(0, 2)).toEqual([BUILT_IN_GRAPH, 'echo'])
  expect(app.graphs.list().find(({ id }) => id === 'agent')).toEqual({ id: 'agent', description: 'Asks its tools, then answers.' })
  expect([BUILT_IN_GRAPH, 'agent', 'nobody'].map((id) => app.graphs.has(id))).toEqual([true, true, false])
})

test('every question needs the right to read, and every change the right to write', async () => {
  const thread = await createThread(app, app.one, { graph: 'echo' })
  const use = { graph: 'echo', config: {} }
  const { graphs } = app
  const reads: ((caller: Caller) => Promise<unknown>)[] = [
    (c) => graphs.drawing(c, { ...use, xray: false }),
    (c) => graphs.schemas(c, use),
    (c) => graphs.subgraphs(c, { ...use, recurse: true }),
    (c) => graphs.state(c, { thread, at: {}, subgraphs: false }),
    (c) => graphs.history(c, { thread, filter: { limit: 1 } }),
    (c) => graphs.heads(c, [thread]),
  ]
  const writes: typeof reads = [
    (c) => graphs.update(c, { thread, at: {}, update: { values: { messages: 'hi' }, asNode: 'answer' } }),
    (c) => graphs.replay(c, { thread, steps: [[{ values: { messages: 'hi' }, asNode: '__input__' }]] }),
  ]
  const outcome = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      (error: { code?: string }) => error.code,
    )
  const outcomes = (scopes: Caller['scopes'], list: typeof reads) =>
    Promise.all(list.map(async (ask) => outcome((async () => ask({ ...app.one, scopes }))())))
  expect(await outcomes(new Set(), reads)).toEqual(reads.map(() => 'forbidden'))
  expect(await outcomes(new Set(['read']), reads)).toEqual(reads.map(() => 'done'))
  expect(await outcomes(new Set(['read']), writes)).toEqual(writes.map(() => 'forbidden'))
  expect(await outcomes(new Set(['write']), writes)).toEqual(writes.map(() => 'done'))
})
