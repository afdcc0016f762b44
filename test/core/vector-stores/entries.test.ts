import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import type { Fault } from '../../../src/core/fault.ts'
import { deleteFile } from '../../../src/core/files/removal.ts'
import { newId } from '../../../src/core/id.ts'
import {
  addEntry,
  attributesOf,
  changeEntry,
  ENTRIES_MAX,
  listEntries,
  type NewEntry,
  removeEntry,
} from '../../../src/core/vector-stores/entries.ts'
import { attachStore, createOwnedStore, deleteOwnedStore, getOwnedStore, storesFor } from '../../../src/core/vector-stores/owned-stores.ts'
import { getStoreFile, listStoreFiles } from '../../../src/core/vector-stores/store-files.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { newFile } from '../../support/ingesting.ts'
import { startRun, untilEnd } from '../../support/runs.ts'
import { SEARCH_TOOL, searches, toldByTools } from '../../support/searching.ts'
import { complete, fail, jobsOf, recordFile } from '../../support/stores.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const userOf = (manager: Caller): Caller => ({ ...manager, userId: newId(), scopes: new Set(['read', 'write'] as const) })

/** A user with a store. */
async function ground(): Promise<{ caller: Caller; storeId: string }> {
  const caller = userOf(await app.newTenant())
  const input = { alias: `vect_${newId()}`, name: 'notes', userId: caller.userId, vectorSize: 384, metric: 'COSINE', config: {} }
  return { caller, storeId: (await createOwnedStore(app, caller, input)).id }
}

const draft = (given: Partial<NewEntry> = {}): NewEntry => ({
  ...{ alias: `vsf_${newId()}`, fileName: 'a.txt', filePath: '/docs/a.txt', metadata: {}, fileId: null },
  ...given,
})
const add = (caller: Caller, storeId: string, given: Partial<NewEntry> = {}) => addEntry(app, caller, { storeId, entry: draft(given) })

const faultOf = (work: Promise<unknown>): Promise<Fault> =>
  work.then(
    () => Promise.reject(new Error('no fault')),
    (fault: Fault) => fault,
  )
const codeOf = async (work: Promise<unknown>): Promise<string> => (await faultOf(work)).code

const filesIn = async (caller: Caller, storeId: string): Promise<string[]> =>
  (await listStoreFiles(app, caller, { storeId, page: { limit: 100, order: 'asc' } })).items.map(({ fileId }) => fileId)

test('an entry is completed unless its client says otherwise, and counted', async () => {
  const { caller, storeId } = await ground()
  const now = app.clock.now()
  expect(await add(caller, storeId, { metadata: { k: [1] } })).toMatchObject({
    status: 'completed',
    processedAt: now,
    metadata: { k: [1] },
  })
  expect(await add(caller, storeId, { status: 'pending' })).toMatchObject({ status: 'pending', processedAt: null, error: null })
  expect(await getOwnedStore(app, caller, storeId)).toMatchObject({ entries: 2, updatedAt: now })
})

test('entries are listed in the order in which they came', async () => {
  const { caller, storeId } = await ground()
  const added = [await add(caller, storeId), await add(caller, storeId), await add(caller, storeId)]
  expect(await listEntries(app, caller, storeId)).toEqual(added)
})

test('an id that is taken is refused, also in another store, and changes nothing', async () => {
  const { caller, storeId } = await ground()
  const other = await createOwnedStore(app, caller, {
    ...{ alias: 'vect_other', name: 'other', userId: caller.userId, vectorSize: 3, metric: 'DOT', config: {} },
  })
  await add(caller, storeId, { alias: 'vsf_1' })
  expect(await codeOf(add(caller, storeId, { alias: 'vsf_1' }))).toBe('exists')
  expect(await codeOf(add(caller, other.id, { alias: 'vsf_1' }))).toBe('exists')
  expect(await getOwnedStore(app, caller, other.id)).toMatchObject({ entries: 0, updatedAt: null })
})

test('entries that come at once are all counted', async () => {
  const { caller, storeId } = await ground()
  await Promise.all(Array.from({ length: 12 }, () => add(caller, storeId)))
  expect(await getOwnedStore(app, caller, storeId)).toMatchObject({ entries: 12 })
})

test('a deleted store takes no entries and shows none', async () => {
  const { caller, storeId } = await ground()
  await add(caller, storeId)
  await deleteOwnedStore(app, caller, { id: storeId, forGood: false })
  expect(await codeOf(add(caller, storeId))).toBe('not_found')
  expect(await listEntries(app, caller, storeId)).toEqual([])
})

test('a full store takes no more', async () => {
  const { caller, storeId } = await ground()
  await app.records.db.query(
    `insert into store_entry (id, tenant_id, store_id, alias, file_name, file_path, status, metadata, created_at)
    select gen_random_uuid(), $1, $2, 'bulk' || n, 'n', 'n', 'completed', '{}', now() from generate_series(1, $3::int) n`,
    [caller.tenantId, storeId, ENTRIES_MAX],
  )
  expect(await codeOf(add(caller, storeId))).toBe('wrong_state')
})

test('a status replaces the error, and what is over has its time', async () => {
  const { caller, storeId } = await ground()
  const { alias } = await add(caller, storeId, { status: 'processing' })
  const change = (status: string, error: string | null = null) => changeEntry(app, caller, { storeId, alias, status, error })
  app.clock.advance(1_000)
  expect(await change('retrying')).toMatchObject({ status: 'retrying', processedAt: null })
  expect(await change('failed', 'no text')).toMatchObject({ status: 'failed', error: 'no text', processedAt: app.clock.now() })
  app.clock.advance(1_000)
  expect(await change('completed')).toMatchObject({ status: 'completed', error: null, processedAt: app.clock.now() })
  expect(await getOwnedStore(app, caller, storeId)).toMatchObject({ updatedAt: app.clock.now() })
})

test('an entry is changed through its own store only', async () => {
  const { caller, storeId } = await ground()
  const other = await ground()
  const { alias } = await add(caller, storeId)
  const mine = await createOwnedStore(app, caller, {
    ...{ alias: 'vect_mine', name: 'mine', userId: caller.userId, vectorSize: 3, metric: 'DOT', config: {} },
  })
  const change = { alias, status: 'failed', error: null }
  expect(await faultOf(changeEntry(app, caller, { ...change, storeId: mine.id }))).toMatchObject({
    code: 'not_found',
    facts: { kind: 'entry' },
  })
  expect(await faultOf(changeEntry(app, caller, { ...change, storeId: other.storeId }))).toMatchObject({ facts: { kind: 'vector_store' } })
  expect((await listEntries(app, caller, storeId))[0]?.status).toBe('completed')
})

test('a path removes the oldest entry that has it, one at a time', async () => {
  const { caller, storeId } = await ground()
  const [first, second] = [await add(caller, storeId), await add(caller, storeId)]
  await removeEntry(app, caller, { storeId, filePath: first.filePath })
  expect((await listEntries(app, caller, storeId)).map(({ alias }) => alias)).toEqual([second.alias])
  await removeEntry(app, caller, { storeId, filePath: first.filePath })
  expect(await faultOf(removeEntry(app, caller, { storeId, filePath: first.filePath }))).toMatchObject({ facts: { kind: 'entry' } })
  expect(await getOwnedStore(app, caller, storeId)).toMatchObject({ entries: 0 })
})

test('an entry for a file of this server follows its ingestion', async () => {
  const { caller, storeId } = await ground()
  const [good, bad] = [await recordFile(app, caller), await recordFile(app, caller)]
  const added = await add(caller, storeId, { fileId: good.id, status: 'completed', metadata: { year: 2024, tags: ['x'], note: 'n' } })
  await add(caller, storeId, { fileId: bad.id })
  expect(added).toMatchObject({ processedAt: null, ingestion: { status: 'in_progress', endedAt: null } })
  const document = await getStoreFile(app, caller, { storeId, fileId: good.id })
  expect(document.attributes).toEqual({ year: 2024, note: 'n' })
  await complete(app, document)
  await fail(app, await getStoreFile(app, caller, { storeId, fileId: bad.id }))
  const states = (await listEntries(app, caller, storeId)).map(({ ingestion }) => [ingestion?.status, ingestion?.problem])
  expect(states).toEqual([
    ['completed', null],
    ['failed', 'The file is empty.'],
  ])
})

test('the status of a file of this server cannot be set', async () => {
  const { caller, storeId } = await ground()
  const { alias } = await add(caller, storeId, { fileId: (await recordFile(app, caller)).id })
  expect(await codeOf(changeEntry(app, caller, { storeId, alias, status: 'completed', error: null }))).toBe('wrong_state')
})

test('a file that is missing adds no entry', async () => {
  const { caller, storeId } = await ground()
  expect(await faultOf(add(caller, storeId, { fileId: newId() }))).toMatchObject({ code: 'not_found', facts: { kind: 'file' } })
  expect(await listEntries(app, caller, storeId)).toEqual([])
})

test('two entries share one ingestion, which ends with the second of them', async () => {
  const { caller, storeId } = await ground()
  const { id: fileId } = await recordFile(app, caller)
  await add(caller, storeId, { fileId, filePath: 'one' })
  await complete(app, await getStoreFile(app, caller, { storeId, fileId }))
  expect(await add(caller, storeId, { fileId, filePath: 'two' })).toMatchObject({ ingestion: { status: 'completed' } })
  await removeEntry(app, caller, { storeId, filePath: 'one' })
  expect(await filesIn(caller, storeId)).toEqual([fileId])
  await removeEntry(app, caller, { storeId, filePath: 'two' })
  expect(await filesIn(caller, storeId)).toEqual([])
  expect((await jobsOf(app, caller)).map(({ kind }) => kind)).toEqual(['remove_document'])
})

test('a file that went wrong is read again when it is added again', async () => {
  const { caller, storeId } = await ground()
  const { id: fileId } = await recordFile(app, caller)
  await add(caller, storeId, { fileId })
  await fail(app, await getStoreFile(app, caller, { storeId, fileId }))
  expect(await add(caller, storeId, { fileId })).toMatchObject({ ingestion: { status: 'in_progress' } })
})

test('an entry whose file was deleted says so', async () => {
  const { caller, storeId } = await ground()
  const { id: fileId } = await recordFile(app, caller)
  await add(caller, storeId, { fileId })
  await deleteFile(app, caller, fileId)
  expect((await listEntries(app, caller, storeId))[0]?.ingestion).toEqual({ status: 'gone', problem: null, endedAt: null })
})

test('attributes are the plain values of the metadata, as many as a file can have', () => {
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i]))
  expect(Object.keys(attributesOf(many))).toHaveLength(16)
  const odd = { a: 'x'.repeat(513), b: [1], c: null, d: { e: 1 }, [`k${'y'.repeat(64)}`]: 1, f: false, g: 0, h: '' }
  expect(attributesOf(odd)).toEqual({ f: false, g: 0, h: '' })
})

test('a run finds what an uploaded file says, until the entry is removed', async () => {
  const { caller, storeId } = await ground()
  app.jobs.start()
  const fileId = await newFile(app, caller, { name: 'tides.txt', content: 'The harbour pilot is called Quillon.' })
  await add(caller, storeId, { fileId, filePath: 'tides.txt' })
  const assistantId = newId()
  await attachStore(app, caller, { assistantId, storeId })
  const storeIds = await eventually(async () => {
    const found = await storesFor(app, caller, assistantId)
    return found.length > 0 ? found : undefined
  })
  expect(storeIds).toEqual([storeId])
  const turns = [searches(['harbour pilot']), { text: ['Quillon.'] }]
  const run = { caller, turns, assistant: { tools: [SEARCH_TOOL] }, options: { toolResources: { fileSearch: { storeIds } } } }
  const started = await startRun(app, run)
  expect(await untilEnd(app, started)).toMatchObject({ status: 'completed' })
  expect(toldByTools(app, started.model).join()).toContain('Quillon')
  await removeEntry(app, caller, { storeId, filePath: 'tides.txt' })
  expect(await storesFor(app, caller, assistantId)).toEqual([])
})
