import { afterAll, beforeAll, expect, test } from 'bun:test'
import { getFile, readFile } from '../../../src/core/files/files.ts'
import { settleObject } from '../../../src/core/files/objects.ts'
import {
  addPart,
  assembleUpload,
  cancelUpload,
  completeUpload,
  createUpload,
  expireUploads,
  type NewUpload,
  receivePart,
} from '../../../src/core/files/uploads.ts'
import { newId } from '../../../src/core/id.ts'
import { OPEN_MS } from '../../support/app.ts'
import { chunksOf, openStore, type Store, textOf } from './kit.ts'

let store: Store
beforeAll(async () => {
  store = await openStore({ uploadBytesMax: 1000, uploadPartBytesMax: 10, uploadExpiryMs: 3_600_000 })
}, OPEN_MS)
afterAll(() => store.close())

const begin = (bytes: number, more: Partial<NewUpload> = {}) =>
  createUpload(store.app, store.app.one, {
    filename: 'a.txt',
    purpose: 'assistants',
    mediaType: 'text/plain',
    bytes,
    fileExpiresS: null,
    ...more,
  })

async function add(uploadId: string, text: string): Promise<string> {
  const { app } = store
  const object = await receivePart(app, app.one, { uploadId, source: chunksOf(text) })
  return (await settleObject(app, object, () => addPart(app, app.one, { uploadId, object }))).id
}

async function complete(id: string, partIds: string[], md5?: string) {
  const { app } = store
  const assembly = await assembleUpload(app, app.one, { id, partIds })
  const input = { id, assembly, ...(md5 === undefined ? {} : { md5 }) }
  return settleObject(app, assembly.object, () => completeUpload(app, app.one, input))
}

const objectsOf = async (uploadId: string): Promise<string[]> => {
  const sql = 'select object_id from upload_part where upload_id = $1 order by id'
  return (await store.app.records.db.query<{ object_id: string }>(sql, [uploadId])).map((row) => row.object_id)
}

test('parts become one file in the order of their ids in the list, not of their arrival', async () => {
  const { app } = store
  const upload = await begin(11, { filename: '../ü.md', purpose: 'vision', mediaType: 'text/markdown', fileExpiresS: 7200 })
  expect(upload).toMatchObject({ status: 'pending', bytes: 11, filename: 'ü.md', file: null, expiresAt: app.clock.now() + 3_600_000 })
  const [b, a] = [await add(upload.id, ' world'), await add(upload.id, 'hello')]
  const unused = await add(upload.id, 'unused')
  expect(unused).not.toBe(a)
  const parts = await objectsOf(upload.id)
  const done = await complete(upload.id, [a, b], '5EB63BBBE01EEED093CB22BB8F5ACDC3')
  expect(done).toMatchObject({ id: upload.id, status: 'completed', fileId: done.file?.id })
  expect(done.file).toMatchObject({ filename: 'ü.md', purpose: 'vision', mediaType: 'text/markdown', bytes: 11 })
  expect((done.file?.expiresAt ?? 0) - (done.file?.createdAt ?? 0)).toBe(7_200_000)
  const { content } = await readFile(app, app.one, done.file?.id ?? '')
  expect(await textOf(content)).toBe('hello world')
  expect(await objectsOf(upload.id)).toEqual([])
  await store.sweepAll()
  expect(store.onDisk().filter((name) => parts.includes(name))).toEqual([])
})

test('parts that arrive at the same time are all there', async () => {
  const upload = await begin(60)
  const texts = Array.from({ length: 12 }, (_, i) => `part${String.fromCharCode(97 + i)}`)
  const ids = await Promise.all(texts.map((text) => add(upload.id, text)))
  const { file } = await complete(upload.id, ids)
  expect(await textOf((await readFile(store.app, store.app.one, file?.id ?? '')).content)).toBe(texts.join(''))
})

test('the checksum is taken in hex and in base64, and a wrong one keeps the upload pending', async () => {
  const upload = await begin(5)
  const part = await add(upload.id, 'hello')
  await expect(complete(upload.id, [part], '00000000000000000000000000000000')).rejects.toMatchObject({
    code: 'invalid',
    facts: { param: 'md5' },
  })
  expect((await complete(upload.id, [part], 'XUFAKrxLKna5cZ2REBfFkg==')).status).toBe('completed')
})

test('an upload of no bytes is completed with no parts', async () => {
  const upload = await begin(0)
  expect((await complete(upload.id, [])).file).toMatchObject({ bytes: 0 })
})

test('the parts must hold exactly the bytes that were announced', async () => {
  const upload = await begin(6)
  const part = await add(upload.id, 'hello')
  await expect(complete(upload.id, [part])).rejects.toMatchObject({
    code: 'invalid',
    message: 'The parts hold 5 bytes, but the upload was created for 6 bytes.',
  })
  const rest = await add(upload.id, '!')
  await expect(complete(upload.id, [part, part])).rejects.toMatchObject({ facts: { param: 'part_ids[1]' } })
  expect((await complete(upload.id, [part, rest])).status).toBe('completed')
})

test('parts of another upload, and unknown ones, are not found', async () => {
  const [mine, other] = [await begin(1), await begin(1)]
  const foreign = await add(other.id, 'x')
  for (const id of [foreign, newId()])
    await expect(complete(mine.id, [id])).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'upload_part', id } })
})

test('limits: too many bytes announced, a part too large, far more parts than announced', async () => {
  await expect(begin(1001)).rejects.toMatchObject({ code: 'invalid', facts: { param: 'bytes', reason: 'too_big' } })
  const upload = await begin(1)
  await expect(add(upload.id, '12345678901')).rejects.toMatchObject({ code: 'too_large' })
  await add(upload.id, '1234567890')
  await expect(add(upload.id, '123')).rejects.toMatchObject({ code: 'invalid', facts: { param: 'data' } })
})

test.each(['completed', 'cancelled', 'expired'] as const)(
  'an upload that is %s takes no part, no completion and no cancellation',
  async (status) => {
    const { app } = store
    const upload = await begin(1)
    const part = await add(upload.id, 'x')
    if (status === 'completed') await complete(upload.id, [part])
    if (status === 'cancelled') await cancelUpload(app, app.one, upload.id)
    if (status === 'expired') app.clock.advance(3_600_000)
    const refusal = (action: string) => ({ code: 'wrong_state', message: `Cannot ${action} an upload with status '${status}'.` })
    await expect(add(upload.id, 'y')).rejects.toMatchObject(refusal('add a part to'))
    await expect(complete(upload.id, [part])).rejects.toMatchObject(refusal('complete'))
    if (status === 'cancelled') expect((await cancelUpload(app, app.one, upload.id)).status).toBe('cancelled')
    else await expect(cancelUpload(app, app.one, upload.id)).rejects.toMatchObject(refusal('cancel'))
  },
)

test('a cancelled upload and an expired one leave nothing', async () => {
  const { app } = store
  const cancelled = await begin(2)
  const expired = await begin(2)
  for (const upload of [cancelled, expired]) for (const text of ['a', 'b']) await add(upload.id, text)
  const objects = [...(await objectsOf(cancelled.id)), ...(await objectsOf(expired.id))]
  expect(objects.length).toBe(4)
  await cancelUpload(app, app.one, cancelled.id)
  app.clock.advance(3_600_000)
  await expireUploads(app, 100)
  expect((await objectsOf(expired.id)).length).toBe(2)
  app.clock.advance(15 * 60_000)
  while ((await expireUploads(app, 1)) > 0);
  expect(await objectsOf(expired.id)).toEqual([])
  await store.sweepAll()
  expect(store.onDisk().filter((name) => objects.includes(name))).toEqual([])
})

test('of two completions at once one makes the file, and the other is told', async () => {
  const { app } = store
  const upload = await begin(1)
  const part = await add(upload.id, 'x')
  const pauses = [app.files.pauseNext('put', 'after'), app.files.pauseNext('put', 'after')]
  const both = Promise.allSettled([complete(upload.id, [part]), complete(upload.id, [part])])
  for (const pause of pauses) await pause.reached
  for (const pause of pauses) pause.release()
  const outcomes = await both
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  const refused = outcomes.find((outcome) => outcome.status === 'rejected')
  expect(refused?.reason).toMatchObject({ code: 'wrong_state', message: "Cannot complete an upload with status 'completed'." })
  const rows = await app.records.db.query<{ id: string }>('select id from file where id = (select file_id from upload where id = $1)', [
    upload.id,
  ])
  expect(rows.length).toBe(1)
  await store.sweepAll()
  const states = Object.values(await store.states())
  expect(states.filter((state) => state !== 'kept')).toEqual([])
  const [{ n } = { n: -1 }] = await app.records.db.query<{ n: number }>(
    'select (select count(*) from file) + (select count(*) from upload_part) as n',
  )
  expect(states.length).toBe(Number(n))
})

test('a cancellation while the parts are put together wins, and no file appears', async () => {
  const { app } = store
  const upload = await begin(1)
  const part = await add(upload.id, 'x')
  const pause = app.files.pauseNext('put', 'after')
  const completing = complete(upload.id, [part]).catch((error) => error)
  await pause.reached
  await cancelUpload(app, app.one, upload.id)
  pause.release()
  expect(await completing).toMatchObject({ code: 'wrong_state', message: "Cannot complete an upload with status 'cancelled'." })
})

test('parts that are swept while they are read mean that the upload ended', async () => {
  const { app } = store
  const upload = await begin(1)
  const part = await add(upload.id, 'x')
  const pause = app.files.pauseNext('read', 'before')
  const completing = complete(upload.id, [part]).catch((error) => error)
  await pause.reached
  await cancelUpload(app, app.one, upload.id)
  await store.sweepAll()
  pause.release()
  expect(await completing).toMatchObject({ code: 'wrong_state' })
})

test('a completion that begins in time may end behind the expiry', async () => {
  const { app } = store
  const upload = await begin(1)
  const part = await add(upload.id, 'x')
  const pause = app.files.pauseNext('put', 'after')
  const completing = complete(upload.id, [part])
  await pause.reached
  app.clock.advance(3_600_001)
  await expireUploads(app, 100)
  pause.release()
  expect((await completing).status).toBe('completed')
})

test.each(['before', 'after'] as const)('a completion whose transaction breaks %s the commit is whole or can be repeated', async (side) => {
  const { app } = store
  const upload = await begin(1)
  const part = await add(upload.id, 'x')
  app.db.failNext('transaction', side)
  await expect(complete(upload.id, [part])).rejects.toMatchObject({ code: 'unavailable' })
  const again = await complete(upload.id, [part]).catch((error) => error)
  if (side === 'before') expect(again).toMatchObject({ status: 'completed' })
  else expect(again).toMatchObject({ code: 'wrong_state' })
  const [row] = await app.records.db.query<{ file_id: string }>('select file_id from upload where id = $1', [upload.id])
  const { content } = await readFile(app, app.one, row?.file_id ?? '')
  expect(await textOf(content)).toBe('x')
})

test('a part that dies between its content and its row is swept', async () => {
  const { app } = store
  const upload = await begin(1)
  app.db.failNext('transaction', 'before')
  await expect(add(upload.id, 'x')).rejects.toMatchObject({ code: 'unavailable' })
  await store.sweepAll()
  expect(Object.values(await store.states()).filter((state) => state !== 'kept')).toEqual([])
})

test('a completed upload keeps its file when the parts are swept', async () => {
  const { app } = store
  const upload = await begin(1)
  const { file } = await complete(upload.id, [await add(upload.id, 'x')])
  await store.sweepAll()
  expect((await getFile(app, app.one, file?.id ?? '')).bytes).toBe(1)
})
