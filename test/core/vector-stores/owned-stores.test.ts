import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import type { Fault } from '../../../src/core/fault.ts'
import { newId } from '../../../src/core/id.ts'
import { requireStore } from '../../../src/core/ownership/access.ts'
import { addEntry } from '../../../src/core/vector-stores/entries.ts'
import {
  ATTACHED_MAX,
  attachedStores,
  attachStore,
  createOwnedStore,
  deleteOwnedStore,
  detachStore,
  getOwnedStore,
  listOwnedStores,
  type NewOwnedStore,
  storesFor,
} from '../../../src/core/vector-stores/owned-stores.ts'
import { attachFile } from '../../../src/core/vector-stores/store-files.ts'
import { createStore, deleteStore } from '../../../src/core/vector-stores/stores.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { complete, recordFile } from '../../support/stores.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const userOf = (manager: Caller): Caller => ({ ...manager, userId: newId(), scopes: new Set(['read', 'write'] as const) })

const draft = (caller: Caller, given: Partial<NewOwnedStore> = {}): NewOwnedStore => ({
  ...{ alias: `vect_${newId()}`, name: 'notes', userId: caller.userId, vectorSize: 384, metric: 'COSINE', config: { a: 1 } },
  ...given,
})
const create = (caller: Caller, given: Partial<NewOwnedStore> = {}) => createOwnedStore(app, caller, draft(caller, given))

const faultOf = (work: Promise<unknown>): Promise<Fault> =>
  work.then(
    () => Promise.reject(new Error('no fault')),
    (fault: Fault) => fault,
  )
const codeOf = async (work: Promise<unknown>): Promise<string> => (await faultOf(work)).code

/** As after its ingestion. */
async function fill(caller: Caller, storeId: string): Promise<void> {
  const { id: fileId } = await recordFile(app, caller)
  await complete(app, await attachFile(app, caller, { storeId, file: { fileId } }))
}

test('a store keeps what its client said of the index, and is found by its own id and by the chosen one', async () => {
  const ana = userOf(await app.newTenant())
  const store = await create(ana, { alias: 'vect_ana' })
  expect(store).toMatchObject({ alias: 'vect_ana', userId: ana.userId, name: 'notes', vectorSize: 384, metric: 'COSINE', config: { a: 1 } })
  expect(store).toMatchObject({ deleted: false, updatedAt: null, entries: 0, createdAt: app.clock.now() })
  expect((await requireStore(app, ana, { alias: 'vect_ana' })).store.id).toBe(store.id)
  expect(await getOwnedStore(app, ana, store.id)).toEqual(store)
})

test('an id that is taken in the tenant is refused and makes no store; another tenant may choose it', async () => {
  const manager = await app.newTenant()
  await create(userOf(manager), { alias: 'vect_one' })
  const count = async () => (await app.records.db.query('select 1 from vector_store where tenant_id = $1', [manager.tenantId])).length
  expect(await codeOf(create(userOf(manager), { alias: 'vect_one' }))).toBe('exists')
  expect(await count()).toBe(1)
  await create(await app.newTenant(), { alias: 'vect_one' })
})

test('only managers make stores for others', async () => {
  const manager = await app.newTenant()
  const [ana, ben] = [userOf(manager), userOf(manager)]
  expect(await codeOf(create(ana, { userId: ben.userId }))).toBe('forbidden')
  expect(await codeOf(create(ana, { userId: null }))).toBe('forbidden')
  const store = await create(manager, { userId: ben.userId })
  expect(await listOwnedStores(app, ben, ben.userId ?? '')).toEqual([store])
})

test('a list has the stores of one user that are not deleted, and nothing for others', async () => {
  const manager = await app.newTenant()
  const [ana, ben] = [userOf(manager), userOf(manager)]
  const [first, second] = [await create(ana), await create(ana)]
  await create(ben)
  const listed = async (caller: Caller) => (await listOwnedStores(app, caller, ana.userId ?? '')).map(({ id }) => id)
  expect(await listed(ana)).toEqual([first.id, second.id])
  expect(await listed(manager)).toEqual([first.id, second.id])
  expect(await listed(ben)).toEqual([])
  await deleteOwnedStore(app, ana, { id: first.id, forGood: false })
  expect(await listed(ana)).toEqual([second.id])
})

test('a deleted store can be read and deleted again; deleted for good it is gone, and its id is free', async () => {
  const ana = userOf(await app.newTenant())
  const { id } = await create(ana, { alias: 'vect_x' })
  await addEntry(app, ana, { storeId: id, entry: { alias: 'vsf_x', fileName: 'a', filePath: 'a', metadata: {}, fileId: null } })
  app.clock.advance(5_000)
  for (const _ of [1, 2]) await deleteOwnedStore(app, ana, { id, forGood: false })
  expect(await getOwnedStore(app, ana, id)).toMatchObject({ deleted: true, updatedAt: app.clock.now(), vectorSize: 384, entries: 1 })
  await deleteOwnedStore(app, ana, { id, forGood: true })
  expect(await codeOf(getOwnedStore(app, ana, id))).toBe('not_found')
  expect(await codeOf(deleteOwnedStore(app, ana, { id, forGood: false }))).toBe('not_found')
  expect(await create(ana, { alias: 'vect_x' })).toMatchObject({ entries: 0, deleted: false })
})

test('a store that another dialect made is the tenant’s, and is deleted like any', async () => {
  const manager = await app.newTenant()
  const { id } = await createStore(app, manager, { name: 'plain' })
  const none = { alias: null, userId: null, vectorSize: null, metric: null, config: {}, deleted: false }
  expect(await getOwnedStore(app, manager, id)).toMatchObject({ ...none, name: 'plain' })
  await deleteOwnedStore(app, manager, { id, forGood: false })
  expect(await getOwnedStore(app, manager, id)).toMatchObject({ ...none, deleted: true, name: 'plain' })
  expect(await codeOf(requireStore(app, userOf(manager), { id }))).toBe('not_found')
})

test('a store is attached once, to any number of assistants, in order, and detached without a word', async () => {
  const ana = userOf(await app.newTenant())
  const [one, two] = [newId(), newId()]
  const [first, second] = [await create(ana), await create(ana)]
  for (const storeId of [second.id, first.id, second.id]) {
    await attachStore(app, ana, { assistantId: one, storeId })
    app.clock.advance(1)
  }
  await attachStore(app, ana, { assistantId: two, storeId: first.id })
  const attached = async (id: string) => (await attachedStores(app, ana, id)).map((store) => store.id)
  expect(await attached(one)).toEqual([second.id, first.id])
  expect(await attached(two)).toEqual([first.id])
  for (const _ of [1, 2]) await detachStore(app, ana, { assistantId: one, storeId: first.id })
  expect(await attached(one)).toEqual([second.id])
})

test('a deleted store cannot be attached, and is not among those of its assistants', async () => {
  const ana = userOf(await app.newTenant())
  const assistantId = newId()
  const [soft, hard] = [await create(ana), await create(ana)]
  for (const { id: storeId } of [soft, hard]) await attachStore(app, ana, { assistantId, storeId })
  await deleteOwnedStore(app, ana, { id: soft.id, forGood: false })
  await deleteOwnedStore(app, ana, { id: hard.id, forGood: true })
  expect(await attachedStores(app, ana, assistantId)).toEqual([])
  for (const { id: storeId } of [soft, hard]) expect(await codeOf(attachStore(app, ana, { assistantId, storeId }))).toBe('not_found')
  const left = await app.records.db.query("select 1 from association where from_id = $1 and kind = 'assistant_store'", [assistantId])
  expect(left).toHaveLength(1)
})

test('a store that is deleted elsewhere leaves neither owner nor attachment', async () => {
  const manager = await app.newTenant()
  const { id } = await create(manager)
  await attachStore(app, manager, { assistantId: newId(), storeId: id })
  await deleteStore(app, manager, id)
  for (const [table, column] of [['ownership', 'object_id'] as const, ['association', 'to_id'] as const])
    expect(await app.records.db.query(`select 1 from ${table} where ${column} = $1`, [id])).toEqual([])
})

test('an assistant has a bounded number of stores', async () => {
  const manager = await app.newTenant()
  const assistantId = newId()
  for (let i = 0; i < ATTACHED_MAX; i++) await attachStore(app, manager, { assistantId, storeId: (await create(manager)).id })
  expect(await codeOf(attachStore(app, manager, { assistantId, storeId: (await create(manager)).id }))).toBe('wrong_state')
})

test('attachments that race with a deletion leave nothing behind', async () => {
  const manager = await app.newTenant()
  for (let round = 0; round < 5; round++) {
    const { id } = await create(manager)
    const attaching = [newId(), newId(), newId()].map((assistantId) => attachStore(app, manager, { assistantId, storeId: id }))
    await Promise.allSettled([...attaching, deleteOwnedStore(app, manager, { id, forGood: true })])
    expect(await app.records.db.query('select 1 from association where to_id = $1', [id])).toEqual([])
  }
})

test('of an assistant’s stores a user sees his own', async () => {
  const manager = await app.newTenant()
  const ana = userOf(manager)
  const assistantId = newId()
  const [hers, other] = [await create(ana), await create(manager)]
  for (const { id: storeId } of [hers, other]) await attachStore(app, manager, { assistantId, storeId })
  expect((await attachedStores(app, ana, assistantId)).map(({ id }) => id)).toEqual([hers.id])
  expect(await attachedStores(app, manager, assistantId)).toHaveLength(2)
})

test('runs search the attached stores in which something can be found, whoever they belong to', async () => {
  const manager = await app.newTenant()
  const ana = userOf(manager)
  const assistantId = newId()
  const [empty, filled, deleted, foreign, pending] = await Promise.all([
    create(ana),
    create(ana),
    create(ana),
    create(manager),
    create(ana),
  ])
  for (const { id: storeId } of [empty, filled, deleted, foreign, pending]) {
    await attachStore(app, manager, { assistantId, storeId })
    app.clock.advance(1)
  }
  for (const { id } of [filled, deleted, foreign]) await fill(manager, id)
  await attachFile(app, manager, { storeId: pending.id, file: { fileId: (await recordFile(app, manager)).id } })
  await deleteOwnedStore(app, ana, { id: deleted.id, forGood: false })
  expect(await storesFor(app, ana, assistantId)).toEqual([filled.id, foreign.id])
})

test('a key that only reads changes nothing', async () => {
  const manager = await app.newTenant()
  const { id } = await create(manager)
  const reader: Caller = { ...manager, scopes: new Set(['read'] as const) }
  const calls = [
    create(reader),
    deleteOwnedStore(app, reader, { id, forGood: false }),
    deleteOwnedStore(app, reader, { id, forGood: true }),
    attachStore(app, reader, { assistantId: newId(), storeId: id }),
    detachStore(app, reader, { assistantId: newId(), storeId: id }),
  ]
  for (const call of calls) expect(await codeOf(call)).toBe('forbidden')
  expect(await getOwnedStore(app, reader, id)).toMatchObject({ deleted: false })
})
