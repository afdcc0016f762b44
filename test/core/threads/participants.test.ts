import { afterAll, beforeAll, expect, test } from 'bun:test'
import { requireThread } from '../../../src/core/ownership/access.ts'
import { ownerOf } from '../../../src/core/ownership/ownership.ts'
import { changeSharedThread, createSharedThread, participantsOf, threadsOf } from '../../../src/core/threads/participants.ts'
import { deleteThreads } from '../../../src/core/threads/removal.ts'
import { changeThread, createThread, deleteThread, getThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { UNKNOWN_ID } from '../../support/runs.ts'
import { newUser } from '../../support/users.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const share = (userIds: string[], caller = app.one) => createSharedThread(app, caller, { metadata: { topic: 'x' }, userIds })
const idsOf = (users: readonly { id: string }[]) => users.map(({ id }) => id)

test("a thread is its maker's, and those who take part stand in the order they were named", async () => {
  const { user: owner, caller } = await newUser(app, app.one)
  const [a, b] = [await newUser(app, app.one), await newUser(app, app.one)]
  const { thread, owned, participants } = await share([b.user.id, a.user.id], caller)
  expect(thread.metadata).toEqual({ topic: 'x' })
  expect(owned).toMatchObject({ id: thread.id, userId: owner.id })
  expect(idsOf(participants)).toEqual([b.user.id, a.user.id])
  for (const one of [caller, a.caller, b.caller]) expect((await requireThread(app, one, thread.id)).thread.id).toBe(thread.id)
  const stranger = await newUser(app, app.one)
  await expect(requireThread(app, stranger.caller, thread.id)).rejects.toMatchObject({ code: 'not_found' })
})

test('users of another tenant never take part', async () => {
  const foreign = await newUser(app, app.two)
  const { thread, participants } = await share([foreign.user.id, UNKNOWN_ID])
  expect(participants).toEqual([])
  await expect(requireThread(app, foreign.caller, thread.id)).rejects.toMatchObject({ code: 'not_found' })
})

test('who takes part can be said anew', async () => {
  const [a, b, c] = [await newUser(app, app.one), await newUser(app, app.one), await newUser(app, app.one)]
  const { thread } = await share([a.user.id, b.user.id])
  const changed = await changeSharedThread(app, app.one, { id: thread.id, change: { userIds: [b.user.id, c.user.id] } })
  expect(idsOf(changed.participants)).toEqual([b.user.id, c.user.id])
  await expect(requireThread(app, a.caller, thread.id)).rejects.toMatchObject({ code: 'not_found' })
  expect(await threadsOf(app, app.one, a.user.id)).toEqual([])
  expect(await threadsOf(app, app.one, c.user.id)).toEqual([thread.id])
})

test("a user's threads are those he made and those he takes part in, each once, oldest first", async () => {
  const { user, caller } = await newUser(app, app.one)
  const first = await share([user.id], caller)
  app.clock.advance(1000)
  const second = await share([], caller)
  app.clock.advance(1000)
  const third = await share([user.id])
  expect(await threadsOf(app, caller, user.id)).toEqual([first.thread.id, second.thread.id, third.thread.id])
  expect(await threadsOf(app, app.two, user.id)).toEqual([])
})

test('changes at the same time lose nothing', async () => {
  const { thread } = await share([])
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
  await Promise.all(
    keys.map((key) => changeSharedThread(app, app.one, { id: thread.id, change: { metadata: { [key]: 1 }, facts: { [key]: 2 } } })),
  )
  expect((await getThread(app, app.one, thread.id)).metadata).toEqual({ topic: 'x', ...Object.fromEntries(keys.map((key) => [key, 1])) })
  const owned = await ownerOf(app, app.one, { kind: 'thread', id: thread.id })
  expect(owned?.facts).toEqual(Object.fromEntries(keys.map((key) => [key, 2])))
})

test('metadata does not grow for ever', async () => {
  const { thread } = await share([])
  const grow = (key: string) => changeSharedThread(app, app.one, { id: thread.id, change: { metadata: { [key]: 'x'.repeat(40_000) } } })
  await grow('a')
  await expect(grow('b')).rejects.toMatchObject({ code: 'too_large' })
  expect(Object.keys((await getThread(app, app.one, thread.id)).metadata).sort()).toEqual(['a', 'topic'])
})

test("a thread of another dialect is the tenant's, and remembers what is said of it here", async () => {
  const { id } = await createThread(app, app.one, { metadata: { from: 'elsewhere' } })
  const { caller } = await newUser(app, app.one)
  await expect(requireThread(app, caller, id)).rejects.toMatchObject({ code: 'not_found' })
  const { owned } = await changeSharedThread(app, app.one, { id, change: { facts: { n: 1 } } })
  expect(owned).toMatchObject({ userId: null, facts: { n: 1 } })
  await expect(requireThread(app, caller, id)).rejects.toMatchObject({ code: 'not_found' })
  await changeThread(app, app.one, { id, change: { metadata: {} } })
  expect((await getThread(app, app.one, id)).metadata).toEqual({})
})

test('whoever takes part in a removed thread has nothing to do with the next one of its id', async () => {
  const { user, caller } = await newUser(app, app.one)
  for (const remove of [(id: string) => deleteThread(app, app.one, id), (id: string) => deleteThreads(app, app.one, [id])]) {
    const { thread } = await share([user.id])
    await remove(thread.id)
    expect(await ownerOf(app, app.one, { kind: 'thread', id: thread.id })).toBeUndefined()
    await createThread(app, app.one, { id: thread.id })
    await expect(requireThread(app, caller, thread.id)).rejects.toMatchObject({ code: 'not_found' })
    expect(await participantsOf(app, app.one, thread.id)).toEqual([])
    expect(await threadsOf(app, app.one, user.id)).toEqual([])
  }
})

test("another tenant's thread cannot be changed", async () => {
  const { thread } = await share([])
  await expect(changeSharedThread(app, app.two, { id: thread.id, change: { metadata: { x: 1 } } })).rejects.toMatchObject({
    code: 'not_found',
  })
  expect(await participantsOf(app, app.two, thread.id)).toEqual([])
})
