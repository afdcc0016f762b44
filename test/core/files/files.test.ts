import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { createFile, getFile, getFiles, listFiles, readContent, readFile, receiveContent } from '../../../src/core/files/files.ts'
import { deleteFile, expireFiles } from '../../../src/core/files/removal.ts'
import { newId } from '../../../src/core/id.ts'
import { attachFiles, listStoreFiles } from '../../../src/core/vector-stores/store-files.ts'
import { createStore } from '../../../src/core/vector-stores/stores.ts'
import { OPEN_MS } from '../../support/app.ts'
import { chunksOf, openStore, receive, type Store, storeText, textOf } from './kit.ts'

let store: Store
beforeAll(async () => {
  store = await openStore()
}, OPEN_MS)
afterAll(() => store.close())

const DAY_MS = 24 * 3_600_000
const readOnly = (caller: Caller): Caller => ({ ...caller, scopes: new Set(['read']) })

test('a file comes back as it was stored', async () => {
  const { app } = store
  const file = await storeText(app, app.one, 'hello', { filename: 'C:\\temp\\ü.txt', purpose: 'user_data' })
  expect(file).toEqual({
    id: expect.any(String),
    objectId: expect.any(String),
    filename: 'ü.txt',
    purpose: 'user_data',
    mediaType: 'text/plain',
    bytes: 5,
    sha256: new Bun.CryptoHasher('sha256').update('hello').digest('hex'),
    createdAt: app.clock.now(),
    expiresAt: null,
  })
  expect(await getFile(app, app.one, file.id)).toEqual(file)
  const { content } = await readFile(app, app.one, file.id)
  expect(await textOf(content)).toBe('hello')
})

test('a part of a file is read', async () => {
  const { app } = store
  const file = await storeText(app, app.one, 'hello world')
  expect(await textOf(await readContent(app, app.one, { file, range: { start: 6, bytes: 3 } }))).toBe('wor')
})

test('an empty file is a file', async () => {
  const { app } = store
  const file = await storeText(app, app.one, '')
  expect(file.bytes).toBe(0)
  expect(await textOf((await readFile(app, app.one, file.id)).content)).toBe('')
})

test('who may only read stores, deletes and streams nothing', async () => {
  const { app } = store
  const file = await storeText(app, app.one, 'x')
  const before = Object.keys(await store.states()).length
  await expect((async () => receiveContent(app, readOnly(app.one), { filename: 'a', source: chunksOf('x') }))()).rejects.toMatchObject({
    code: 'forbidden',
  })
  await expect(deleteFile(app, readOnly(app.one), file.id)).rejects.toMatchObject({ code: 'forbidden' })
  expect(Object.keys(await store.states()).length).toBe(before)
  expect((await getFile(app, readOnly(app.one), file.id)).id).toBe(file.id)
})

test('a bad name is refused before the first byte is taken', async () => {
  const { app } = store
  let taken = 0
  async function* source() {
    taken++
    yield new Uint8Array(1)
  }
  const received = (async () => receiveContent(app, app.one, { filename: '..', source: source() }))()
  await expect(received).rejects.toMatchObject({ code: 'invalid', facts: { param: 'file' } })
  expect(taken).toBe(0)
})

test('several files come in the order they are asked for, and the first that is missing is named', async () => {
  const { app } = store
  const [a, b] = [await storeText(app, app.one, 'a'), await storeText(app, app.one, 'b')]
  expect((await getFiles(app, app.one, [b.id, a.id, b.id])).map(({ id }) => id)).toEqual([b.id, a.id, b.id])
  const none = newId()
  await expect(getFiles(app, app.one, [a.id, none, newId()])).rejects.toMatchObject({
    code: 'not_found',
    facts: { kind: 'file', id: none },
  })
  expect(await getFiles(app, app.one, [])).toEqual([])
})

test('lists go by creation, filter by purpose and continue behind a file', async () => {
  const { app } = store
  const caller = await app.newTenant()
  const ids: string[] = []
  for (const purpose of ['assistants', 'vision', 'assistants', 'assistants', 'batch'] as const)
    ids.push((await storeText(app, caller, purpose, { purpose })).id)
  const list = async (input: Parameters<typeof listFiles>[2]) => {
    const { items, hasMore } = await listFiles(app, caller, input)
    return [items.map(({ id }) => ids.indexOf(id)), hasMore]
  }
  expect(await list({ page: { limit: 10, order: 'desc' } })).toEqual([[4, 3, 2, 1, 0], false])
  expect(await list({ page: { limit: 2, order: 'asc' } })).toEqual([[0, 1], true])
  expect(await list({ page: { limit: 10, order: 'asc', after: ids[2] ?? '' } })).toEqual([[3, 4], false])
  expect(await list({ page: { limit: 2, order: 'desc' }, purpose: 'assistants' })).toEqual([[3, 2], true])
  expect(await list({ page: { limit: 2, order: 'desc', after: ids[2] ?? '' }, purpose: 'assistants' })).toEqual([[0], false])
  const theirs = await storeText(app, app.two, 'x')
  for (const after of [newId(), theirs.id])
    await expect(listFiles(app, caller, { page: { limit: 2, order: 'asc', after } })).rejects.toMatchObject({ facts: { param: 'after' } })
})

test('a deleted file is gone at once, and its content with the next sweep', async () => {
  const { app } = store
  const file = await storeText(app, app.one, 'gone')
  await deleteFile(app, app.one, file.id)
  await expect(getFile(app, app.one, file.id)).rejects.toMatchObject({ code: 'not_found' })
  await expect(readFile(app, app.one, file.id)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'file' } })
  await expect(deleteFile(app, app.one, file.id)).rejects.toMatchObject({ code: 'not_found' })
  expect((await store.states())[file.objectId]).toBe('removing')
  await store.sweepAll()
  expect(store.onDisk()).not.toContain(file.objectId)
  expect((await store.states())[file.objectId]).toBeUndefined()
})

test('a deleted file leaves its vector stores', async () => {
  const { app } = store
  const caller = await app.newTenant()
  const [kept, gone] = [await storeText(app, caller, 'kept'), await storeText(app, caller, 'gone')]
  const { id: storeId } = await createStore(app, caller, {})
  await attachFiles(app, caller, { storeId, files: [{ fileId: kept.id }, { fileId: gone.id }] })
  await deleteFile(app, caller, gone.id)
  const { items } = await listStoreFiles(app, caller, { storeId, page: { limit: 10, order: 'asc' } })
  expect(items.map(({ fileId }) => fileId)).toEqual([kept.id])
})

test.each(['before', 'after'] as const)('a deletion whose transaction breaks %s the commit is whole or has not happened', async (side) => {
  const { app } = store
  const file = await storeText(app, app.one, side)
  app.db.failNext('transaction', side)
  await expect(deleteFile(app, app.one, file.id)).rejects.toMatchObject({ code: 'unavailable' })
  const [state, there] = [(await store.states())[file.objectId], await getFile(app, app.one, file.id).catch(() => undefined)]
  expect([state, there?.id]).toEqual(side === 'before' ? ['kept', file.id] : ['removing', undefined])
})

test('an upload that dies before its commit leaves no file, and nothing behind the sweep', async () => {
  const { app } = store
  const object = await receive(app, app.one, 'half way')
  app.db.failNext('transaction', 'before')
  const input = { object, filename: 'a.txt', purpose: 'assistants' as const, mediaType: 'text/plain', expiresAfterS: null }
  await expect(createFile(app, app.one, input)).rejects.toMatchObject({ code: 'unavailable' })
  expect(await app.records.db.query('select 1 from file where object_id = $1', [object.id])).toEqual([])
  await store.sweepAll()
  expect(store.onDisk()).not.toContain(object.id)
})

test('a file expires when it was told to, batch files after 30 days', async () => {
  const { app } = store
  const caller = await app.newTenant()
  const short = await storeText(app, caller, 'short', { expiresAfterS: 3600 })
  const batch = await storeText(app, caller, 'batch', { purpose: 'batch' })
  const chosen = await storeText(app, caller, 'chosen', { purpose: 'batch', expiresAfterS: 7200 })
  const forever = await storeText(app, caller, 'forever')
  const lifetimes = [short, batch, chosen, forever].map((f) => f.expiresAt && f.expiresAt - f.createdAt)
  expect(lifetimes).toEqual([3_600_000, 30 * DAY_MS, 7_200_000, null])

  app.clock.advance(3_600_000)
  const shown = async () => (await listFiles(app, caller, { page: { limit: 10, order: 'asc' } })).items.map(({ id }) => id)
  expect(await shown()).toEqual([batch.id, chosen.id, forever.id])
  await expect(getFile(app, caller, short.id)).rejects.toMatchObject({ code: 'not_found' })
  await expect(deleteFile(app, caller, short.id)).rejects.toMatchObject({ code: 'not_found' })

  app.clock.advance(30 * DAY_MS)
  while ((await expireFiles(app, 2)) > 0);
  await store.sweepAll()
  expect(await shown()).toEqual([forever.id])
  expect(store.onDisk()).not.toContain(batch.objectId)
  expect(
    await app.records.db.query('select 1 from file where expires_at is not null and expires_at <= $1::timestamptz', [app.clock.now()]),
  ).toEqual([])
})

test('content that was lost is our mistake, content of a file that went meanwhile is not found', async () => {
  const { app } = store
  const file = await storeText(app, app.one, 'lost')
  await app.files.remove({ tenantId: app.one.tenantId, id: file.objectId })
  await expect(readFile(app, app.one, file.id)).rejects.toMatchObject({ code: 'internal' })
  await deleteFile(app, app.one, file.id)
  await expect(readContent(app, app.one, { file })).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'file' } })
})
