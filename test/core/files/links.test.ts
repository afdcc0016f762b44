import { afterAll, beforeAll, expect, test } from 'bun:test'
import { findFileTenant, findLinkKey, linkKey, openLinked } from '../../../src/core/files/links.ts'
import { deleteFile } from '../../../src/core/files/removal.ts'
import { newId } from '../../../src/core/id.ts'
import { signingKey } from '../../../src/core/identity/signing.ts'
import { OPEN_MS } from '../../support/app.ts'
import { openStore, type Store, storeText, textOf } from './kit.ts'

let store: Store
beforeAll(async () => {
  store = await openStore()
}, OPEN_MS)
afterAll(() => store.close())

test('a tenant has one key for links, which is no other tenant’s and signs nothing else', async () => {
  const { app } = store
  const { tenantId } = await app.newTenant()
  expect(await findLinkKey(app, tenantId)).toBeUndefined()
  const key = await linkKey(app, tenantId)
  expect([await linkKey(app, tenantId), await findLinkKey(app, tenantId)]).toEqual([key, key])
  expect(key).not.toBe(await linkKey(app, app.two.tenantId))
  expect(key).not.toBe(await signingKey(app, tenantId))
  for (const nobody of [newId(), 'nobody', '']) expect(await findLinkKey(app, nobody)).toBeUndefined()
})

test('a file is opened for whoever knows its tenant, as long as it is there', async () => {
  const { app } = store
  const { id } = await storeText(app, app.one, 'linked')
  const { tenantId } = app.one
  expect(await findFileTenant(app, id)).toBe(tenantId)
  const { file, read } = await openLinked(app, { tenantId, id })
  expect([file.id, await textOf(await read()), await textOf(await read({ start: 1, bytes: 2 }))]).toEqual([id, 'linked', 'in'])
  const missing = { code: 'not_found', facts: { kind: 'file', id } }
  await expect(openLinked(app, { tenantId: app.two.tenantId, id })).rejects.toMatchObject(missing)
  await deleteFile(app, app.one, id)
  expect(await findFileTenant(app, id)).toBeUndefined()
  await expect(openLinked(app, { tenantId, id })).rejects.toMatchObject(missing)
})
