import { afterAll, beforeAll, expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import { createGraphThread, patchThread } from '../../../src/core/threads/graph-threads.ts'
import { deleteExpiredThreads } from '../../../src/core/threads/removal.ts'
import { countThreads } from '../../../src/core/threads/thread-search.ts'
import { getThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { rowsOf } from './kit.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const raise = { ifExists: 'raise' } as const
const says = (content: string) => ({ values: { messages: [{ role: 'user', content }] }, asNode: '__start__' })

test('a thread may have a chosen id, and belongs to the graph that its metadata names', async () => {
  const id = newId()
  const made = await createGraphThread(app, app.one, { id, metadata: { graph_id: 'assistant', k: [1] }, ttlMinutes: 2, ...raise })
  expect(made).toMatchObject({ id, graph: 'assistant', metadata: { graph_id: 'assistant', k: [1] }, ttlMinutes: 2 })
  expect(made.expiresAt).toBe(app.clock.now() + 120_000)
  expect(await getThread(app, app.one, id)).toEqual(made)
})

test('an id that is taken is refused, or answered with the thread that has it', async () => {
  const made = await createGraphThread(app, app.one, { id: newId(), metadata: { first: true }, ...raise })
  const again = { id: made.id, metadata: { first: false } }
  await expect(createGraphThread(app, app.one, { ...again, ...raise })).rejects.toMatchObject({
    code: 'exists',
    facts: { kind: 'thread', id: made.id },
  })
  expect(await createGraphThread(app, app.one, { ...again, ifExists: 'do_nothing' })).toEqual(made)
  expect(await createGraphThread(app, app.two, { ...again, ...raise })).toMatchObject({ id: made.id, metadata: { first: false } })
})

test('twenty who choose the same id at once get one thread', async () => {
  const id = newId()
  const all = Array.from({ length: 20 }, (_, n) => createGraphThread(app, app.one, { id, metadata: { n }, ifExists: 'do_nothing' }))
  expect(new Set((await Promise.all(all)).map((thread) => thread.metadata.n)).size).toBe(1)
})

test('a thread begins with the state of its steps', async () => {
  const made = await createGraphThread(app, app.one, {
    metadata: { graph_id: 'assistant' },
    ...raise,
    steps: [[says('hello')], [{ values: { messages: [{ role: 'assistant', content: 'good day' }] }, asNode: 'model' }]],
  })
  expect(made).toMatchObject({ temporary: false, status: 'idle', graph: 'assistant', expiresAt: null })
  const state = await app.graphs.state(app.one, { thread: made, at: {}, subgraphs: false })
  expect(state).toMatchObject({ next: [], values: { messages: [{ content: 'hello' }, { content: 'good day' }] } })
  expect(made.headId).toBe(state.checkpoint?.id ?? '')
})

test.each([
  ['a graph that is not there', { graph_id: 'nobody' }, 'model'],
  ['no graph', {}, 'model'],
  ['a node that is not there', { graph_id: 'assistant' }, 'nobody'],
])('steps that fail leave no thread: %s', async (_, metadata, asNode) => {
  const id = newId()
  const steps = [[says('hello')], [{ values: { messages: [] }, asNode }]]
  await expect(createGraphThread(app, app.one, { id, metadata, ...raise, steps })).rejects.toMatchObject({ name: 'Fault' })
  await expect(getThread(app, app.one, id)).rejects.toMatchObject({ code: 'not_found' })
  expect(Object.values(await rowsOf(app, id)).every((n) => n === 0)).toBe(true)
  expect(await createGraphThread(app, app.one, { id, ...raise })).toMatchObject({ id })
})

test('of a process that died between a thread and its state nothing is seen, and nothing stays', async () => {
  const caller = await app.newTenant()
  const id = newId()
  const dying = await app.replica()
  const steps = [[says('hello')]]
  const graphs = { ...dying.graphs, replay: () => new Promise<never>(() => dying.die()) }
  const left = createGraphThread({ ...dying, graphs }, caller, { id, metadata: { graph_id: 'assistant' }, ...raise, steps })
  for (;;) if ((await app.records.db.query(`select id from thread where id = $1`, [id])).length === 1) break
  await expect(getThread(app, caller, id)).rejects.toMatchObject({ code: 'not_found' })
  expect(await countThreads(app, caller, {})).toBe(0)
  app.clock.advance(5 * 60_000)
  expect(await deleteExpiredThreads(app, 10)).toBeGreaterThan(0)
  expect(await app.records.db.query(`select id from thread where id = $1`, [id])).toEqual([])
  left.catch(() => undefined)
})

test('metadata is merged, and everything else stays', async () => {
  const made = await createGraphThread(app, app.one, { metadata: { a: { x: 1 }, b: 2 }, ttlMinutes: 3, ...raise })
  app.clock.advance(10)
  const patched = await patchThread(app, app.one, { id: made.id, patch: { metadata: { a: { y: 1 }, c: null } } })
  expect(patched).toEqual({ ...made, metadata: { a: { y: 1 }, b: 2, c: null }, updatedAt: app.clock.now() })
  expect(await getThread(app, app.one, made.id)).toEqual(patched)
  expect((await patchThread(app, app.one, { id: made.id, patch: {} })).metadata).toEqual(patched.metadata)
})

test('a time to live is set, set anew and taken away', async () => {
  const { id } = await createGraphThread(app, app.one, raise)
  const at = app.clock.now()
  expect(await patchThread(app, app.one, { id, patch: { ttlMinutes: 0.5 } })).toMatchObject({ ttlMinutes: 0.5, expiresAt: at + 30_000 })
  expect(await patchThread(app, app.one, { id, patch: { ttlMinutes: 2 } })).toMatchObject({ ttlMinutes: 2, expiresAt: at + 120_000 })
  expect(await patchThread(app, app.one, { id, patch: { ttlMinutes: null } })).toMatchObject({ ttlMinutes: null, expiresAt: null })
})

test('a thread takes the graph that its metadata names later', async () => {
  const { id } = await createGraphThread(app, app.one, raise)
  expect(await patchThread(app, app.one, { id, patch: { metadata: { graph_id: 'echo' } } })).toMatchObject({ graph: 'echo' })
  expect(await patchThread(app, app.one, { id, patch: { metadata: { other: 1 } } })).toMatchObject({ graph: 'echo' })
})

test('a thread that nobody sees cannot be changed', async () => {
  const { id } = await createGraphThread(app, app.one, raise)
  await app.records.db.query(`update thread set temporary = true where id = $1`, [id])
  for (const missing of [id, newId()])
    await expect(patchThread(app, app.one, { id: missing, patch: { metadata: { a: 1 } } })).rejects.toMatchObject({
      code: 'not_found',
      facts: { kind: 'thread', id: missing },
    })
})
