import { afterAll, beforeAll, expect, test } from 'bun:test'
import { deleteRun } from '../../../src/core/runs/removal.ts'
import { patchMetadata, readHeads } from '../../../src/core/threads/checkpoints.ts'
import { createThread, getThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { type Started, startRun, UNKNOWN_ID, untilEnd } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const newest = async (threadId: string) => {
  const thread = { ...(await getThread(app, app.one, threadId)), graph: 'assistant' }
  const state = await app.graphs.state(app.one, { thread, at: {}, subgraphs: false })
  return { ...state, texts: (state.values as { messages?: { content: string }[] }).messages?.map((m) => m.content) ?? [] }
}
const turns = async (n: number): Promise<Started[]> => {
  const done: Started[] = []
  for (let i = 0; i < n; i++) {
    const threadId = done[0]?.threadId
    const started = await startRun(app, { text: `q${i}`, turns: [{ text: [`a${i}`] }], ...(threadId ? { threadId } : {}) })
    await untilEnd(app, started)
    done.push(started)
  }
  return done
}

test('metadata is merged into the newest checkpoint, and what it says of itself stays', async () => {
  const [started] = await turns(1)
  const threadId = started?.threadId ?? ''
  const { checkpoint, metadata } = await newest(threadId)
  expect(await patchMetadata(app, app.one, { threadId, metadata: { mine: { a: 1 } } })).toEqual(checkpoint)
  await patchMetadata(app, app.one, { threadId, metadata: { mine: 2, more: null } })
  expect((await newest(threadId)).metadata).toEqual({ ...metadata, mine: 2, more: null })
  for (const name of ['source', 'step', 'parents', 'thread_id', 'run_id'])
    await expect(patchMetadata(app, app.one, { threadId, metadata: { [name]: 'x' } })).rejects.toMatchObject({
      code: 'invalid',
      facts: { param: `metadata.${name}` },
    })
})

test('a thread without checkpoints has nothing to merge into, and a missing thread is missing', async () => {
  const { id } = await createThread(app, app.one, {})
  expect(await patchMetadata(app, app.one, { threadId: id, metadata: { a: 1 } })).toBeNull()
  await expect(patchMetadata(app, app.two, { threadId: id, metadata: { a: 1 } })).rejects.toMatchObject({ code: 'not_found' })
  const reader = { ...app.one, scopes: new Set(['read'] as const) }
  await expect(patchMetadata(app, reader, { threadId: id, metadata: { a: 1 } })).rejects.toMatchObject({ code: 'forbidden' })
})

test('heads of threads that are not there, or of another tenant, are not there', async () => {
  const [started] = await turns(1)
  const ids = [started?.threadId ?? '', UNKNOWN_ID]
  expect((await readHeads(app, app.one.tenantId, ids)).threads.map((t) => t.id)).toEqual([ids[0] ?? ''])
  expect(await readHeads(app, app.two.tenantId, ids)).toEqual({ threads: [], checkpoints: [], blobs: [] })
  expect(await readHeads(app, app.one.tenantId, [])).toEqual({ threads: [], checkpoints: [], blobs: [] })
})

test('a list whose beginning a removed run had written is whole all the same', async () => {
  const runs = await turns(14)
  const threadId = runs[0]?.threadId ?? ''
  const all = runs.flatMap((_, i) => [`q${i}`, `a${i}`])
  const based = await app.records.db.query('select 1 from channel_blob where thread_id = $1 and base is not null', [threadId])
  expect(based.length).toBeGreaterThan(5)
  for (const at of [9, 11, 12]) await deleteRun(app, app.one, { threadId, id: runs[at]?.run.id ?? '' })
  expect((await newest(threadId)).texts).toEqual(all)
  await deleteRun(app, app.one, { threadId, id: runs[13]?.run.id ?? '' })
  expect((await newest(threadId)).texts.slice(0, 22)).toEqual(all.slice(0, 22))
  const next = await startRun(app, { threadId, text: 'more', turns: [{ text: ['end'] }] })
  await untilEnd(app, next)
  expect((await newest(threadId)).texts.slice(-2)).toEqual(['more', 'end'])
})
