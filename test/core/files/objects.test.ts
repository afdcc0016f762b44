import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import { createFile } from '../../../src/core/files/files.ts'
import { giveUpObject, keepObject, settleObject, sweepObjects, writeObject } from '../../../src/core/files/objects.ts'
import { OPEN_MS } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { chunksOf, openStore, receive, type Store, storeText } from './kit.ts'

let store: Store
beforeAll(async () => {
  store = await openStore()
}, OPEN_MS)
afterAll(() => store.close())

const BYTES_MAX = 1_000_000
const write = (...chunks: Parameters<typeof chunksOf>) =>
  writeObject(store.app, store.app.one.tenantId, { source: chunksOf(...chunks), bytesMax: BYTES_MAX })

/** Waits until a half object lies on the disk, or none any more. */
const halfWritten = (there: boolean) =>
  eventually(() => (store.onDisk().some((name) => name.endsWith('.part')) === there ? true : undefined))

const stateOf = async (id: string): Promise<string | undefined> => (await store.states())[id]

test('an object knows its size and its sums', async () => {
  const object = await write('ab', 'c')
  expect(object).toMatchObject({
    tenantId: store.app.one.tenantId,
    bytes: 3,
    sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    md5: '900150983cd24fb0d6963f7d28e17f72',
  })
  expect(await stateOf(object.id)).toBe('writing')
})

test('the row of an object is there before its first byte', async () => {
  const { app } = store
  const pause = app.files.pauseNext('put', 'before')
  const before = Object.keys(await store.states())
  const writing = write('x')
  await pause.reached
  const added = Object.entries(await store.states()).filter(([id]) => !before.includes(id))
  expect(added.map(([, state]) => state)).toEqual(['writing'])
  pause.release()
  expect((await writing).id).toBe(added[0]?.[0] ?? '')
})

test('a source that breaks off leaves nothing behind, and its own error is told', async () => {
  const before = store.onDisk()
  const error = new Error('the client is gone')
  await expect(write('half', error)).rejects.toBe(error)
  await store.sweepAll()
  expect(store.onDisk().filter((name) => !before.includes(name))).toEqual([])
})

test('more bytes than allowed are refused as too large', async () => {
  const source = chunksOf('12345', '67890')
  await expect(writeObject(store.app, store.app.one.tenantId, { source, bytesMax: 8 })).rejects.toMatchObject({ code: 'too_large' })
})

test('a database that is away before the first byte keeps the file store untouched', async () => {
  const before = store.onDisk()
  store.app.db.failNext('hot', 'before')
  await expect(write('x')).rejects.toMatchObject({ code: 'unavailable' })
  expect(store.onDisk()).toEqual(before)
})

test('what nobody keeps is swept a minute after its writer was last heard of, not before', async () => {
  const object = await write('nobody wants this')
  store.app.clock.advance(59_000)
  await sweepObjects(store.app, 100)
  expect(await stateOf(object.id)).toBe('writing')
  store.app.clock.advance(2_000)
  await sweepObjects(store.app, 100)
  expect(store.onDisk()).not.toContain(object.id)
  await store.sweepAll()
  expect(await stateOf(object.id)).toBeUndefined()
})

test('what is kept is never swept', async () => {
  const file = await storeText(store.app, store.app.one, 'kept')
  await store.sweepAll()
  expect(await stateOf(file.objectId)).toBe('kept')
  expect(store.onDisk()).toContain(file.objectId)
})

test('an object that was swept meanwhile cannot be kept, and no file is made of it', async () => {
  const { app } = store
  const object = await receive(app, app.one, 'late')
  app.clock.advance(61_000)
  await sweepObjects(app, 100)
  const input = { object, filename: 'late.txt', purpose: 'assistants' as const, mediaType: 'text/plain', expiresAfterS: null }
  await expect(createFile(app, app.one, input)).rejects.toMatchObject({ code: 'unavailable' })
  expect(await app.records.db.query('select 1 from file where object_id = $1', [object.id])).toEqual([])
})

test("another tenant's object cannot be kept", async () => {
  const { app } = store
  const object = await receive(app, app.two, 'theirs')
  await expect(keepObject(app.db, app.one.tenantId, object)).rejects.toMatchObject({ code: 'unavailable' })
  await keepObject(app.db, app.two.tenantId, object)
})

test('a writer says that it lives as long as it writes', async () => {
  const { app } = store
  const gate = Promise.withResolvers<void>()
  async function* slow() {
    yield new Uint8Array(1)
    await gate.promise
    yield new Uint8Array(1)
  }
  const lease = { ms: 60_000, renewMs: 5 }
  const writing = writeObject(app, app.one.tenantId, { source: slow(), bytesMax: 10, lease })
  app.clock.advance(50_000)
  const due = app.clock.now() + lease.ms
  await eventually(async () => {
    const [row] = await app.records.db.query<{ n: number }>(
      'select count(*)::int as n from file_object where stale_at >= $1::timestamptz',
      [due],
    )
    return row && row.n > 0 ? true : undefined
  })
  app.clock.advance(30_000)
  await sweepObjects(app, 100)
  gate.resolve()
  expect((await writing).bytes).toBe(2)
})

test('a writer that cannot say that it lives stops before it is taken for dead', async () => {
  const { app } = store
  async function* endless() {
    for (;;) {
      yield new Uint8Array(1)
      await Bun.sleep(1)
    }
  }
  const replica = await app.replica()
  const parts = { ...replica, files: app.files }
  const writing = writeObject(parts, app.one.tenantId, { source: endless(), bytesMax: BYTES_MAX, lease: { ms: 2000, renewMs: 20 } })
  void writing.catch(() => undefined)
  await halfWritten(true)
  replica.db.die()
  // Its last word to the database gets no answer either: what counts is that the file store is left alone.
  await halfWritten(false)
})

test('a writer whose object was taken from it stops', async () => {
  const { app } = store
  const gate = Promise.withResolvers<void>()
  async function* held() {
    yield new Uint8Array(1)
    await gate.promise
    yield new Uint8Array(1)
  }
  const writing = writeObject(app, app.one.tenantId, { source: held(), bytesMax: 10, lease: { ms: 60_000, renewMs: 5 } })
  const outcome = writing.then(
    () => 'written',
    (error: Fault) => error.code,
  )
  await halfWritten(true)
  const taken = await eventually(async () => {
    const sql = `update file_object set state = 'removing' where state = 'writing' and tenant_id = $1 returning id`
    const rows = await app.records.db.query<{ id: string }>(sql, [app.one.tenantId])
    return rows.length > 0 ? rows : undefined
  })
  expect(taken.length).toBeGreaterThan(0)
  // The writer learns of it while it still waits for its source.
  await halfWritten(false)
  gate.resolve()
  expect(await outcome).toBe('unavailable')
})

test('work that fails gives its object up; work that kept it does not', async () => {
  const { app } = store
  const lost = await receive(app, app.one, 'lost')
  const failing = settleObject(app, lost, () => Promise.reject(new Fault('invalid', 'no')))
  await expect(failing).rejects.toMatchObject({ code: 'invalid' })
  expect(await stateOf(lost.id)).toBe('removing')

  const kept = await receive(app, app.one, 'kept')
  await settleObject(app, kept, () => keepObject(app.db, app.one.tenantId, kept))
  await giveUpObject(app, kept)
  expect(await stateOf(kept.id)).toBe('kept')
})

test('an answer that was lost behind the commit does not cost the file its content', async () => {
  const { app } = store
  const object = await receive(app, app.one, 'committed')
  app.db.failNext('transaction', 'after')
  const input = { object, filename: 'a.txt', purpose: 'assistants' as const, mediaType: 'text/plain', expiresAfterS: null }
  await expect(settleObject(app, object, () => createFile(app, app.one, input))).rejects.toMatchObject({ code: 'unavailable' })
  await store.sweepAll()
  expect(await stateOf(object.id)).toBe('kept')
  expect(store.onDisk()).toContain(object.id)
})

test('a removal that fails is tried again, later each time, until it is done', async () => {
  const { app } = store
  const object = await receive(app, app.one, 'stubborn')
  await giveUpObject(app, object)
  const down = () => app.files.failNext('remove', 'before', new Fault('unavailable', 'down'))
  const dueIn = async () => {
    const [row] = await app.records.db.query<{ stale_at: number }>('select stale_at from file_object where id = $1', [object.id])
    return (row?.stale_at ?? 0) - app.clock.now()
  }
  const waits: number[] = []
  for (let i = 0; i < 9; i++) {
    down()
    await sweepObjects(app, 1)
    waits.push(await dueIn())
    app.clock.advance((waits.at(-1) ?? 0) - 1)
    expect(await sweepObjects(app, 1)).toBe(0)
    app.clock.advance(1)
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300].map((s) => s * 1000))
  expect(app.log.count('object.not_removed')).toBe(9)
  expect(await sweepObjects(app, 1)).toBe(1)
  expect(await stateOf(object.id)).toBeUndefined()
})

test('a sweep that dies behind the removal is repeated', async () => {
  const { app } = store
  const object = await receive(app, app.one, 'twice')
  await giveUpObject(app, object)
  const pause = app.files.pauseNext('remove', 'after')
  const first = sweepObjects(app, 10)
  await pause.reached
  app.db.failNext('hot', 'before')
  pause.release()
  expect(await first).toBe(0)
  expect(await stateOf(object.id)).toBe('removing')
  app.clock.advance(5_000)
  expect(await sweepObjects(app, 10)).toBe(1)
  expect(await stateOf(object.id)).toBeUndefined()
})

test('two sweeps at once do not take the same object', async () => {
  const { app } = store
  const objects = await Promise.all(Array.from({ length: 12 }, (_, i) => receive(app, app.one, `many ${i}`)))
  for (const object of objects) await giveUpObject(app, object)
  const counts = await Promise.all([sweepObjects(app, 100), sweepObjects(app, 100), sweepObjects(app, 100)])
  expect(counts.reduce((sum, n) => sum + n, 0)).toBe(12)
})
