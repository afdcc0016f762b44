import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFile } from '../../../src/core/files/files.ts'
import { deleteFile } from '../../../src/core/files/removal.ts'
import { findLinked, keepSigned, signedDownload, signedUpload } from '../../../src/core/files/signed.ts'
import { newId } from '../../../src/core/id.ts'
import { findSigningKey, signingKey } from '../../../src/core/identity/signing.ts'
import { OPEN_MS } from '../../support/app.ts'
import { chunksOf, openStore, type Store, storeText, textOf } from './kit.ts'

let store: Store
beforeAll(async () => {
  store = await openStore()
}, OPEN_MS)
afterAll(() => store.close())

const BASE = 'https://files.example/'
const HOUR_MS = 3_600_000
const link = { expiresInMs: HOUR_MS, base: BASE }
const wish = { filename: '../a.txt', purpose: 'assistants' as const, mediaType: 'text/plain', expiresAfterS: null }

/** What whoever holds the link does. */
const arrive = (objectId: string, text: string) =>
  store.app.files.put({ tenantId: store.app.one.tenantId, id: objectId }, chunksOf(text), { bytesMax: 1000 })

test('the key of a tenant is made once, also by two at once, and is no other tenant’s', async () => {
  const { app } = store
  const caller = await app.newTenant()
  expect(await findSigningKey(app, caller.tenantId)).toBeUndefined()
  const keys = await Promise.all(Array.from({ length: 5 }, () => signingKey(app, caller.tenantId)))
  expect(new Set(keys).size).toBe(1)
  expect(keys[0]?.length).toBeGreaterThan(40)
  expect(await findSigningKey(app, caller.tenantId)).toBe(keys[0] ?? '')
  expect(await signingKey(app, app.two.tenantId)).not.toBe(keys[0])
  expect(await findSigningKey(app, newId())).toBeUndefined()
})

test('a link to a file names its object and stands for it as long as the file is there', async () => {
  const { app } = store
  const file = await storeText(app, app.one, 'linked', { filename: 'ü.txt' })
  const url = new URL(await signedDownload(app, app.one, { ...link, fileId: file.id }))
  expect(url.origin).toBe('https://files.example')
  expect(url.pathname).toContain(file.objectId)
  const key = { tenantId: app.one.tenantId, id: file.objectId }
  expect(await findLinked(app, key)).toEqual({ signingKey: await signingKey(app, app.one.tenantId), state: 'kept' })
  await deleteFile(app, app.one, file.id)
  expect((await findLinked(app, key))?.state).toBe('gone')
})

test("nobody gets a link to another tenant's file, or to none", async () => {
  const { app } = store
  const file = await storeText(app, app.one, 'mine')
  for (const fileId of [file.id, newId()])
    await expect(signedDownload(app, app.two, { ...link, fileId })).rejects.toMatchObject({ code: 'not_found', facts: { id: fileId } })
  expect(await findLinked(app, { tenantId: app.two.tenantId, id: file.objectId })).toBeUndefined()
})

test('what came by a link becomes a file of its own, and the link cannot change it any more', async () => {
  const { app } = store
  const { objectId, url } = await signedUpload(app, app.one, { ...link, mediaType: 'text/plain', bytes: 5 })
  expect(url).toContain(objectId)
  expect((await findLinked(app, { tenantId: app.one.tenantId, id: objectId }))?.state).toBe('awaited')
  await expect(keepSigned(app, app.one, { ...wish, objectId })).rejects.toMatchObject({ code: 'wrong_state' })
  await arrive(objectId, 'hello')
  const file = await keepSigned(app, app.one, { ...wish, objectId })
  expect(file).toMatchObject({ filename: 'a.txt', bytes: 5 })
  expect(file.objectId).not.toBe(objectId)
  expect((await findLinked(app, { tenantId: app.one.tenantId, id: objectId }))?.state).toBe('gone')
  await arrive(objectId, 'EVIL!')
  expect(await textOf((await readFile(app, app.one, file.id)).content)).toBe('hello')
  await expect(keepSigned(app, app.one, { ...wish, objectId })).rejects.toMatchObject({ code: 'not_found' })
  await store.sweepAll()
  expect(store.onDisk()).not.toContain(objectId)
})

test('what comes while the link lives is swept only when nothing can come any more', async () => {
  const { app } = store
  const { objectId } = await signedUpload(app, app.one, { ...link, mediaType: 'text/plain', bytes: 5 })
  await arrive(objectId, 'hello')
  const file = await keepSigned(app, app.one, { ...wish, objectId })
  const [row] = await app.records.db.query<{ stale_at: number }>('select stale_at from file_object where id = $1', [objectId])
  expect((row?.stale_at ?? 0) - app.clock.now()).toBeGreaterThan(HOUR_MS)
  expect(file.bytes).toBe(5)
})

test('more or fewer bytes than the link is for make no file', async () => {
  const { app } = store
  for (const text of ['hell', 'hello!']) {
    const { objectId } = await signedUpload(app, app.one, { ...link, mediaType: 'text/plain', bytes: 5 })
    await arrive(objectId, text)
    await expect(keepSigned(app, app.one, { ...wish, objectId })).rejects.toThrow()
    expect(await app.records.db.query('select 1 from file where object_id = $1', [objectId])).toEqual([])
  }
})

test('kept twice at once, one file is made', async () => {
  const { app } = store
  const { objectId } = await signedUpload(app, app.one, { ...link, mediaType: 'text/plain', bytes: 5 })
  await arrive(objectId, 'hello')
  const outcomes = await Promise.allSettled([
    keepSigned(app, app.one, { ...wish, objectId }),
    keepSigned(app, app.one, { ...wish, objectId }),
  ])
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
})

test('another tenant cannot keep what came by a link, nor an object that no link is for', async () => {
  const { app } = store
  const { objectId } = await signedUpload(app, app.one, { ...link, mediaType: 'text/plain', bytes: 5 })
  await arrive(objectId, 'hello')
  const file = await storeText(app, app.two, 'plain')
  for (const id of [objectId, file.objectId, newId()])
    await expect(keepSigned(app, app.two, { ...wish, objectId: id })).rejects.toMatchObject({ code: 'not_found' })
})

test('a link for more than a file may hold is refused', async () => {
  const { app } = store
  const bytes = app.limits.fileBytesMax + 1
  await expect(signedUpload(app, app.one, { ...link, mediaType: 'text/plain', bytes })).rejects.toMatchObject({ code: 'too_large' })
})
