import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import { associate, associated, dissociate, dissociateAll, isAssociated } from '../../../src/core/ownership/associations.ts'
import {
  changeFacts,
  disown,
  findAlias,
  isManager,
  listOwned,
  mayActFor,
  own,
  ownerOf,
  ownersOf,
  requireOwned,
} from '../../../src/core/ownership/ownership.ts'
import { createThread, deleteThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { faultOf, tenantOf, userOf } from '../../support/people.ts'

let app: TestApp
let user: Caller & { userId: string }
let other: Caller & { userId: string }
beforeAll(async () => {
  app = await openTestApp()
  user = await userOf(app, app.one)
  other = await userOf(app, app.one)
}, OPEN_MS)
afterAll(() => app.close())

test('a key of the tenant and one of an admin are above users, and a user is not', () => {
  expect([tenantOf(app.one), app.one, user].map(isManager)).toEqual([true, true, false])
  expect([user.userId, other.userId, null].map((id) => mayActFor(user, id))).toEqual([true, false, false])
  expect(mayActFor(tenantOf(app.one), user.userId)).toBe(true)
})

describe('an owner', () => {
  test('is the user of the key unless it is said otherwise', async () => {
    const mine = await own(app, user, { kind: 'file', id: newId(), facts: { a: 1 } })
    expect(await ownerOf(app, user, { kind: 'file', id: mine.id })).toEqual(mine)
    expect(mine).toMatchObject({ userId: user.userId, alias: null, threadId: null, facts: { a: 1 } })
    const given = await own(app, app.one, { kind: 'file', id: newId(), userId: other.userId })
    const found = await ownersOf(app, app.one, { kind: 'file', ids: [mine.id, given.id, newId()] })
    expect([...found.values()].map((o) => o.userId)).toEqual([user.userId, other.userId])
    expect(await ownersOf(app, app.one, { kind: 'file', ids: [] })).toEqual(new Map())
  })

  test('is the only one of an object, and of an alias within the tenant and the kind', async () => {
    const id = newId()
    await own(app, user, { kind: 'vector_store', id, alias: 'vect_taken' })
    expect(await faultOf(own(app, other, { kind: 'vector_store', id }))).toBe('exists')
    expect(await faultOf(own(app, other, { kind: 'vector_store', id: newId(), alias: 'vect_taken' }))).toBe('exists')
    await own(app, other, { kind: 'assistant', id: newId(), alias: 'vect_taken' })
    await own(app, app.two, { kind: 'vector_store', id, alias: 'vect_taken' })
    expect(await findAlias(app, user, { kind: 'vector_store', alias: 'vect_taken' })).toMatchObject({ id, userId: user.userId })
    expect(await findAlias(app, app.two, { kind: 'vector_store', alias: 'vect_taken' })).toMatchObject({ id, userId: app.two.userId })
  })

  test('and managers may change the object; to everybody else it is not there', async () => {
    const { id } = await own(app, user, { kind: 'file', id: newId() })
    for (const caller of [user, app.one, tenantOf(app.one)])
      expect(await requireOwned(app, caller, { kind: 'file', id })).toMatchObject({ userId: user.userId })
    expect(await faultOf(requireOwned(app, other, { kind: 'file', id }))).toBe('not_found')
    const unowned = newId()
    expect(await requireOwned(app, app.one, { kind: 'file', id: unowned })).toBeUndefined()
    expect(await faultOf(requireOwned(app, other, { kind: 'file', id: unowned }))).toBe('not_found')
  })

  test('has his objects listed, oldest first and no more than asked for', async () => {
    const owner = await userOf(app, app.one)
    const ids = [newId(), newId(), newId()]
    for (const id of ids) await own(app, owner, { kind: 'thread', id })
    const list = (limit: number) => listOwned(app, owner, { kind: 'thread', userId: owner.userId, limit })
    expect((await list(9)).map(({ id }) => id)).toEqual(ids)
    expect((await list(2)).map(({ id }) => id)).toEqual(ids.slice(0, 2))
    expect(await listOwned(app, app.two, { kind: 'thread', userId: owner.userId, limit: 9 })).toEqual([])
  })

  test('is forgotten with the thread that the object belongs to', async () => {
    const thread = await createThread(app, user, {})
    const { id } = await own(app, user, { kind: 'message', id: newId(), threadId: thread.id })
    await deleteThread(app, user, thread.id)
    expect(await ownerOf(app, user, { kind: 'message', id })).toBeUndefined()
  })
})

test('what is remembered is changed by one after the other, and nothing is lost', async () => {
  const { id } = await own(app, user, { kind: 'run', id: newId(), facts: { n: 0 } })
  const add = () => changeFacts(app, user, { kind: 'run', id, change: ({ n }) => ({ n: Number(n) + 1 }) })
  await Promise.all(Array.from({ length: 8 }, add))
  expect((await ownerOf(app, user, { kind: 'run', id }))?.facts).toEqual({ n: 8 })
  expect(await changeFacts(app, app.two, { kind: 'run', id, change: () => ({}) })).toBeUndefined()
  await disown(app.db, user, { kind: 'run', id })
  expect(await changeFacts(app, user, { kind: 'run', id, change: () => ({}) })).toBeUndefined()
})

test('objects belong together once, in the order in which they came, seen from both sides', async () => {
  const [from, first, second] = [newId(), newId(), newId()]
  const kind = 'assistant_tool'
  expect(await associate(app, user, { kind, from, to: first })).toBe(true)
  app.clock.advance(1000)
  expect(await associate(app, user, { kind, from, to: second })).toBe(true)
  expect(await associate(app, user, { kind, from, to: first })).toBe(false)
  expect(await associated(app, user, { kind, from })).toEqual([first, second])
  expect(await associated(app, user, { kind, to: second })).toEqual([from])
  expect(await associated(app, app.two, { kind, from })).toEqual([])
  expect(await isAssociated(app, user, { kind: 'assistant_user', from, to: first })).toBe(false)
  expect([await dissociate(app, app.two, { kind, from, to: first }), await dissociate(app, user, { kind, from, to: first })]).toEqual([
    false,
    true,
  ])
  expect(await dissociate(app, user, { kind, from, to: first })).toBe(false)
  await dissociateAll(app, user, { kind, to: second })
  expect(await associated(app, user, { kind, from })).toEqual([])
})
