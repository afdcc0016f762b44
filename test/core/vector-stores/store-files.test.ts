import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Attributes } from '../../../src/core/attributes.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { Fault } from '../../../src/core/fault.ts'
import { deleteFile } from '../../../src/core/files/removal.ts'
import { newId } from '../../../src/core/id.ts'
import { applyAttributes, changeAttributes, tellAttributes } from '../../../src/core/vector-stores/file-attributes.ts'
import { readStoreFileContent } from '../../../src/core/vector-stores/file-content.ts'
import { completeIngestion } from '../../../src/core/vector-stores/ingestion.ts'
import {
  attachFiles,
  getStoreFile,
  listStoreFiles,
  type NewStoreFile,
  removeStoreFile,
  type StoreFile,
} from '../../../src/core/vector-stores/store-files.ts'
import { createStore, deleteStore, getStore } from '../../../src/core/vector-stores/stores.ts'
import type { Vectors } from '../../../src/drivers/vectors/port.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { begin, complete, fail, jobsOf, recordFile, recordFiles, write } from '../../support/stores.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!(error instanceof Fault)) throw new Error(`no fault: ${String(error)}`)
  return error
}

/** A tenant with a store. */
async function ground(): Promise<{ caller: Caller; storeId: string }> {
  const caller = await app.newTenant()
  return { caller, storeId: (await createStore(app, caller, {})).id }
}

async function attachOne(caller: Caller, storeId: string, given: Partial<NewStoreFile> = {}): Promise<StoreFile> {
  const fileId = given.fileId ?? (await recordFile(app, caller)).id
  const [file] = await attachFiles(app, caller, { storeId, files: [{ ...given, fileId }] })
  if (!file) throw new Error('nothing was attached')
  return file
}

test('an added file is in progress with what was said of it, and 800/400 where nothing was', async () => {
  const { caller, storeId } = await ground()
  const attributes = { year: 2024, draft: false, name: 'ü', half: 0.5 }
  const file = await attachOne(caller, storeId, { attributes, chunking: { tokensMax: 4096, overlapTokens: 2048 } })
  expect(file).toMatchObject({
    status: 'in_progress',
    attributes,
    chunking: { tokensMax: 4096, overlapTokens: 2048 },
    error: null,
    usageBytes: 0,
  })
  expect(await getStoreFile(app, caller, file)).toEqual(file)
  const plain = await attachOne(caller, storeId)
  expect(plain).toMatchObject({ attributes: {}, chunking: { tokensMax: 800, overlapTokens: 400 } })
})

test('a cut or a number that cannot be is refused, and nothing is written', async () => {
  const { caller, storeId } = await ground()
  const [fileId = ''] = await recordFiles(app, caller, 1)
  const wrong: Partial<NewStoreFile>[] = [
    { chunking: { tokensMax: 99, overlapTokens: 0 } },
    { chunking: { tokensMax: 4097, overlapTokens: 0 } },
    { chunking: { tokensMax: 101, overlapTokens: 51 } },
    { chunking: { tokensMax: 100, overlapTokens: -1 } },
    { chunking: { tokensMax: Number.NaN, overlapTokens: 0 } },
    { attributes: { big: Number.POSITIVE_INFINITY } },
  ]
  for (const given of wrong) {
    expect((await faultOf(attachFiles(app, caller, { storeId, files: [{ fileId }, { ...given, fileId }] }))).code).toBe('invalid')
  }
  const many = Array.from({ length: 10_001 }, () => ({ fileId }))
  expect((await faultOf(attachFiles(app, caller, { storeId, files: many }))).facts.reason).toBe('too_many_items')
  expect((await getStore(app, caller, storeId)).counts.total).toBe(0)
})

test('of missing files the first one given is named, and the others are not added', async () => {
  const { caller, storeId } = await ground()
  const [there = ''] = await recordFiles(app, caller, 1)
  const expired = await recordFile(app, caller, { expiresAt: app.clock.now() })
  const files = [{ fileId: there }, { fileId: expired.id }, { fileId: newId() }]
  const fault = await faultOf(attachFiles(app, caller, { storeId, files }))
  expect([fault.code, fault.facts]).toEqual(['not_found', { kind: 'file', id: expired.id }])
  expect(await jobsOf(app, caller)).toEqual([])
})

test('a file that is named twice in one call is added once, as it was named last', async () => {
  const { caller, storeId } = await ground()
  const [fileId = ''] = await recordFiles(app, caller, 1)
  const attached = await attachFiles(app, caller, { storeId, files: [{ fileId }, { fileId, attributes: { last: true } }] })
  expect(attached).toMatchObject([{ fileId, attributes: { last: true } }])
  expect(await jobsOf(app, caller)).toHaveLength(1)
})

test('a file that is added again begins anew, and what was made of it before is removed by a job', async () => {
  const { caller, storeId } = await ground()
  const old = await attachOne(caller, storeId, { attributes: { v: 1 } })
  await complete(app, old)
  app.clock.advance(1000)
  const again = await attachOne(caller, storeId, { fileId: old.fileId, attributes: { v: 2 } })
  expect(again.documentId).not.toBe(old.documentId)
  expect(await getStoreFile(app, caller, old)).toEqual(again)
  expect((await getStore(app, caller, storeId)).counts).toMatchObject({ inProgress: 1, total: 1 })
  const now = app.clock.now()
  expect(await jobsOf(app, caller)).toEqual([
    { kind: 'remove_document', subject: old.documentId, payload: { storeId }, runAt: now, begun: false },
    { kind: 'ingest_document', subject: again.documentId, payload: { storeId, fileId: old.fileId }, runAt: now, begun: false },
  ])
})

test('added again while it was waiting, the file has one job only; while it was being ingested, the old work is stopped', async () => {
  const { caller, storeId } = await ground()
  const waiting = await attachOne(caller, storeId)
  const second = await attachOne(caller, storeId, { fileId: waiting.fileId })
  expect((await jobsOf(app, caller)).map(({ subject }) => subject)).toEqual([second.documentId])
  const ingestion = await begin(app, second.documentId)
  await write(app, ingestion, ['half'])
  const third = await attachOne(caller, storeId, { fileId: waiting.fileId })
  expect(await write(app, ingestion, ['half', 'more'])).toBe(false)
  expect(await completeIngestion(app, ingestion, { usageBytes: 1, chunks: 1 })).toBe(false)
  const jobs = await jobsOf(app, caller)
  expect(jobs.map(({ kind, subject }) => [kind, subject])).toEqual([
    ['remove_document', second.documentId],
    ['ingest_document', third.documentId],
  ])
  expect(jobs[0]?.runAt).toBe(app.clock.now() + 15_000)
})

test('two that add the same file at once leave one document with one job', async () => {
  const { caller, storeId } = await ground()
  const fileIds = await recordFiles(app, caller, 3)
  const files = fileIds.map((fileId) => ({ fileId }))
  const orders = [files, [...files].reverse(), files, [...files].reverse()]
  await Promise.all(orders.map((order) => attachFiles(app, caller, { storeId, files: order })))
  const { items } = await listStoreFiles(app, caller, { storeId, page: { limit: 10, order: 'asc' } })
  expect(items).toHaveLength(3)
  const subjects = (await jobsOf(app, caller)).map(({ kind, subject }) => `${kind} ${subject}`)
  expect(subjects.sort()).toEqual(items.map(({ documentId }) => `ingest_document ${documentId}`).sort())
})

test('a file that is deleted while it is added is in no store afterwards', async () => {
  const { caller, storeId } = await ground()
  for (let i = 0; i < 10; i++) {
    const [fileId = ''] = await recordFiles(app, caller, 1)
    const attached = attachFiles(app, caller, { storeId, files: [{ fileId }] }).catch((error: unknown) => error)
    await Promise.all([attached, deleteFile(app, caller, fileId)])
    const outcome = await attached
    if (outcome instanceof Fault) expect(outcome.facts).toEqual({ kind: 'file', id: fileId })
    expect((await faultOf(getStoreFile(app, caller, { storeId, fileId }))).code).toBe('not_found')
    expect((await jobsOf(app, caller)).filter(({ payload }) => payload.fileId === fileId)).toEqual([])
  }
})

test('a file that is taken out of a store stays a file, and its chunks go by a job', async () => {
  const { caller, storeId } = await ground()
  const file = await attachOne(caller, storeId)
  await complete(app, file)
  await removeStoreFile(app, caller, file)
  expect(await jobsOf(app, caller)).toMatchObject([{ kind: 'remove_document', subject: file.documentId, payload: { storeId } }])
  const missing = { code: 'not_found', facts: { kind: 'file', id: file.fileId, storeId } }
  expect(await faultOf(getStoreFile(app, caller, file))).toMatchObject(missing)
  expect(await faultOf(removeStoreFile(app, caller, file))).toMatchObject(missing)
  expect(await attachOne(caller, storeId, { fileId: file.fileId })).toMatchObject({ status: 'in_progress' })
})

test('what nobody had begun, what failed and what was never written leaves nothing to remove', async () => {
  const { caller, storeId } = await ground()
  const waiting = await attachOne(caller, storeId)
  const failed = await attachOne(caller, storeId)
  await fail(app, failed)
  await removeStoreFile(app, caller, waiting)
  await removeStoreFile(app, caller, failed)
  expect(await jobsOf(app, caller)).toEqual([])
})

test('a deleted file leaves every store it is in', async () => {
  const { caller, storeId } = await ground()
  const other = await createStore(app, caller, {})
  const here = await attachOne(caller, storeId)
  const there = await attachOne(caller, other.id, { fileId: here.fileId })
  await complete(app, here)
  await deleteFile(app, caller, here.fileId)
  for (const id of [storeId, other.id]) expect((await getStore(app, caller, id)).counts.total).toBe(0)
  expect(await jobsOf(app, caller)).toMatchObject([{ kind: 'remove_document', subject: here.documentId }])
  expect(there.documentId).not.toBe(here.documentId)
})

test('lists page in both directions, files of one call in the order in which they were made, and show one status where one is asked for', async () => {
  const { caller, storeId } = await ground()
  const fileIds = await recordFiles(app, caller, 5)
  const given = [...fileIds].reverse()
  const attached = await attachFiles(app, caller, { storeId, files: given.map((fileId) => ({ fileId })) })
  const page = async (given: { after?: string; before?: string; order?: 'asc' | 'desc'; limit?: number }) => {
    const { items, hasMore } = await listStoreFiles(app, caller, { storeId, page: { limit: 2, order: 'asc', ...given } })
    return [items.map(({ fileId }) => fileIds.indexOf(fileId)), hasMore]
  }
  expect(await page({ limit: 5 })).toEqual([[0, 1, 2, 3, 4], false])
  expect(await page({ after: fileIds[1] ?? '' })).toEqual([[2, 3], true])
  expect(await page({ order: 'desc', after: fileIds[3] ?? '' })).toEqual([[2, 1], true])
  expect(await page({ before: fileIds[4] ?? '' })).toEqual([[2, 3], true])
  const [second, first] = attached.slice(-2)
  if (!first || !second) throw new Error('no files')
  await complete(app, first)
  await fail(app, second)
  for (const [status, at] of [
    ['completed', [0]],
    ['failed', [1]],
    ['in_progress', [2, 3, 4]],
    ['cancelled', []],
  ] as const) {
    const { items } = await listStoreFiles(app, caller, { storeId, status, page: { limit: 10, order: 'asc' } })
    expect(items.map(({ fileId }) => fileIds.indexOf(fileId))).toEqual([...at])
  }
  const { id: stranger } = await recordFile(app, caller)
  const fault = await faultOf(listStoreFiles(app, caller, { storeId, page: { limit: 2, order: 'asc', after: stranger } }))
  expect([fault.code, fault.facts.param]).toEqual(['invalid', 'after'])
})

test('a failed file says why', async () => {
  const { caller, storeId } = await ground()
  const file = await attachOne(caller, storeId)
  await fail(app, file)
  expect(await getStoreFile(app, caller, file)).toMatchObject({
    status: 'failed',
    error: { code: 'invalid_file', message: 'The file is empty.' },
  })
})

/** The app with vectors that say what they were told. */
function withVectors(setAttributes: (attributes: Attributes) => Promise<void>): TestApp {
  const vectors = { ...app.vectors, setAttributes: (_key: unknown, attributes: Attributes) => setAttributes(attributes) } as Vectors
  return { ...app, vectors }
}

test('new attributes are told to the vectors, with a job for the case that nobody lives to tell them', async () => {
  const { caller, storeId } = await ground()
  const file = await attachOne(caller, storeId, { attributes: { a: 1 } })
  await complete(app, file)
  const changed = await changeAttributes(app, caller, { ...file, attributes: { b: 'two' } })
  expect(changed.attributes).toEqual({ b: 'two' })
  expect(await jobsOf(app, caller)).toMatchObject([{ kind: 'set_attributes', subject: file.documentId, runAt: app.clock.now() + 5_000 }])
  const told: Attributes[] = []
  await applyAttributes(
    withVectors(async (attributes) => void told.push(attributes)),
    caller,
    changed,
  )
  expect(told).toEqual([{ b: 'two' }])
})

test('of two changes at once the vectors end with the one that the row has', async () => {
  const { caller, storeId } = await ground()
  const file = await attachOne(caller, storeId)
  await complete(app, file)
  await changeAttributes(app, caller, { ...file, attributes: { v: 1 } })
  const told: Attributes[] = []
  const slow = withVectors(async (attributes) => {
    // While the first change is on its way to the vectors, the second one is made and told.
    if (told.push(attributes) === 1) await changeAttributes(app, caller, { ...file, attributes: { v: 2 } })
  })
  expect(await tellAttributes(slow, { tenantId: caller.tenantId, documentId: file.documentId })).toBe('told')
  expect(told).toEqual([{ v: 1 }, { v: 2 }])
})

test('vectors that cannot be reached cost no request: the job is still there', async () => {
  const { caller, storeId } = await ground()
  const file = await attachOne(caller, storeId)
  await complete(app, file)
  const changed = await changeAttributes(app, caller, { ...file, attributes: { v: 1 } })
  const broken = withVectors(() => Promise.reject(new Fault('unavailable', 'no')))
  const warned = app.log.count('attributes.later')
  await applyAttributes(broken, caller, changed)
  expect(app.log.count('attributes.later')).toBe(warned + 1)
  expect(await jobsOf(app, caller)).toHaveLength(1)
})

test('attributes that change during the ingestion are told at its end', async () => {
  const { caller, storeId } = await ground()
  const file = await attachOne(caller, storeId)
  const ingestion = await begin(app, file.documentId)
  await changeAttributes(app, caller, { ...file, attributes: { v: 1 } })
  const key = { tenantId: caller.tenantId, documentId: file.documentId }
  expect(await tellAttributes(app, key)).toBe('later')
  await completeIngestion(app, ingestion, { usageBytes: 1, chunks: 0 })
  expect(await jobsOf(app, caller)).toMatchObject([{ kind: 'set_attributes', subject: file.documentId }])
  await removeStoreFile(app, caller, file)
  expect(await tellAttributes(app, key)).toBe('gone')
})

test('the content of a file is its chunks, page by page, and nothing before it is completed', async () => {
  const { caller, storeId } = await ground()
  const file = await attachOne(caller, storeId)
  const ingestion = await begin(app, file.documentId)
  // Three of these are more than one page holds.
  const texts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(3 * 1024 * 1024))
  for (const [idx] of texts.entries()) await write(app, ingestion, texts.slice(0, idx + 1))
  expect(await readStoreFileContent(app, caller, file)).toEqual({ texts: [], next: null })
  await completeIngestion(app, ingestion, { usageBytes: 1, chunks: texts.length })
  const first = await readStoreFileContent(app, caller, file)
  expect(first.texts.map((text) => text[0])).toEqual(['a', 'b', 'c'])
  if (!first.next) throw new Error('there is more')
  const last = await readStoreFileContent(app, caller, { ...file, after: first.next })
  expect([last.texts, last.next]).toEqual([[texts[3] ?? ''], null])
  await complete(app, await attachOne(caller, storeId, { fileId: file.fileId }), ['other'])
  const fault = await faultOf(readStoreFileContent(app, caller, { ...file, after: first.next }))
  expect([fault.code, fault.facts.param]).toEqual(['invalid', 'page'])
})

test('a page of content holds at most 2000 chunks', async () => {
  const { caller, storeId } = await ground()
  const file = await attachOne(caller, storeId)
  await complete(
    app,
    file,
    Array.from({ length: 2_001 }, (_, i) => `${i}`),
  )
  const { texts, next } = await readStoreFileContent(app, caller, file)
  expect([texts.length, texts.at(-1), next]).toEqual([2_000, '1999', { documentId: file.documentId, from: 2_000 }])
  if (!next) throw new Error('there is more')
  expect(await readStoreFileContent(app, caller, { ...file, after: next })).toEqual({ texts: ['2000'], next: null })
})

test('a request whose commit failed left nothing, and one whose answer was lost left the file with its job', async () => {
  const { caller, storeId } = await ground()
  const [fileId = ''] = await recordFiles(app, caller, 1)
  const attach = () => attachFiles(app, caller, { storeId, files: [{ fileId }] })
  app.db.failNext('transaction', 'before')
  expect((await faultOf(attach())).code).toBe('unavailable')
  expect([(await getStore(app, caller, storeId)).counts.total, await jobsOf(app, caller)]).toEqual([0, []])
  app.db.failNext('transaction', 'after')
  expect((await faultOf(attach())).code).toBe('unavailable')
  const file = await getStoreFile(app, caller, { storeId, fileId })
  expect(await jobsOf(app, caller)).toMatchObject([{ kind: 'ingest_document', subject: file.documentId }])
})

test(
  'a worker that waits is woken by what there is to do, not by its clock',
  async () => {
    const woken = await openTestApp({ jobs: true })
    try {
      const caller = await woken.newTenant()
      const { id: storeId } = await createStore(woken, caller, {})
      const { id: empty } = await createStore(woken, caller, {})
      await deleteStore(woken, caller, empty)
      await eventually(async () => ((await jobsOf(woken, caller)).length === 0 ? true : undefined))
      const { id: fileId } = await recordFile(woken, caller)
      await attachFiles(woken, caller, { storeId, files: [{ fileId }] })
      // Begun, or at its end already: the content of this file is nowhere.
      await eventually(async () => ((await jobsOf(woken, caller)).every(({ begun }) => begun) ? true : undefined))
    } finally {
      await woken.close()
    }
  },
  OPEN_MS,
)
