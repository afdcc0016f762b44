import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { getFile } from '../../../src/core/files/files.ts'
import { createOwnedFile, type OwnedFile } from '../../../src/core/files/owned-files.ts'
import { deleteFile, expireFiles } from '../../../src/core/files/removal.ts'
import { newId } from '../../../src/core/id.ts'
import { deleteUser } from '../../../src/core/identity/user-removal.ts'
import { ownerOf } from '../../../src/core/ownership/ownership.ts'
import { OPEN_MS } from '../../support/app.ts'
import { adminOf, tenantOf, userOf } from '../../support/people.ts'
import { openStore, receive, type Store } from './kit.ts'

let store: Store
beforeAll(async () => {
  store = await openStore()
}, OPEN_MS)
afterAll(() => store.close())

async function make(caller: Caller, userId: string, more: { expiresAfterS?: number } = {}): Promise<OwnedFile> {
  const object = await receive(store.app, caller, 'hello')
  const file = { filename: 'a.txt', purpose: 'user_data' as const, mediaType: 'text/plain', expiresAfterS: null, ...more }
  return createOwnedFile(store.app, caller, { ...file, object, userId, facts: { purpose: 'mine' } })
}

const owner = (caller: Caller, id: string) => ownerOf(store.app, caller, { kind: 'file', id })

test('a file is made together with its owner', async () => {
  const { app } = store
  const user = await userOf(app, app.one)
  const { file, owned } = await make(user, user.userId)
  expect(await getFile(app, user, file.id)).toEqual(file)
  expect(owned).toMatchObject({ id: file.id, userId: user.userId, facts: { purpose: 'mine' } })
  expect(await owner(user, file.id)).toEqual(owned)
})

test('managers make files for others, nobody else does', async () => {
  const { app } = store
  const [user, other] = [await userOf(app, app.one), await userOf(app, app.one)]
  for (const caller of [tenantOf(app.one), await adminOf(app, app.one)])
    expect((await make(caller, user.userId)).owned.userId).toBe(user.userId)
  await expect(make(other, user.userId)).rejects.toMatchObject({ code: 'forbidden' })
  const stranger = await userOf(app, app.two)
  for (const userId of [newId(), stranger.userId])
    await expect(make(app.one, userId)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'user', id: userId } })
})

test('the owner goes with the file, deleted or expired', async () => {
  const { app } = store
  const user = await userOf(app, app.one)
  const { file } = await make(user, user.userId)
  await deleteFile(app, user, file.id)
  expect(await owner(user, file.id)).toBeUndefined()
  const { file: short } = await make(user, user.userId, { expiresAfterS: 1 })
  app.clock.advance(2000)
  expect(await expireFiles(app, 100)).toBe(1)
  expect(await owner(user, short.id)).toBeUndefined()
})

test('a user who is removed while files arrive leaves none behind', async () => {
  const { app } = store
  for (let round = 0; round < 5; round++) {
    const user = await userOf(app, app.one)
    const [removed, ...made] = await Promise.allSettled([
      deleteUser(app, tenantOf(app.one), user.userId),
      ...Array.from({ length: 6 }, () => make(app.one, user.userId)),
    ])
    expect(removed?.status).toBe('fulfilled')
    const left = await app.records.db.query('select 1 from ownership where user_id = $1', [user.userId])
    expect(left).toEqual([])
    for (const file of made) {
      if (file.status === 'rejected') expect(file.reason).toMatchObject({ code: 'not_found', facts: { kind: 'user' } })
      else await expect(getFile(app, app.one, (file.value as OwnedFile).file.id)).rejects.toMatchObject({ code: 'not_found' })
    }
  }
})
