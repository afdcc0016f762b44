import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createAssistant, getAssistant } from '../../../src/core/assistants/assistants.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { Fault } from '../../../src/core/fault.ts'
import { getFile } from '../../../src/core/files/files.ts'
import { newId } from '../../../src/core/id.ts'
import { createOwnKey } from '../../../src/core/identity/user-keys.ts'
import { deleteUser } from '../../../src/core/identity/user-removal.ts'
import { createUser, getUser } from '../../../src/core/identity/users.ts'
import { associate, associated } from '../../../src/core/ownership/associations.ts'
import { findAlias, own, ownerOf } from '../../../src/core/ownership/ownership.ts'
import { createThread, getThread } from '../../../src/core/threads/threads.ts'
import { createTool, getTool } from '../../../src/core/tools/tools.ts'
import { createStore, getStore } from '../../../src/core/vector-stores/stores.ts'
import type { Db } from '../../../src/drivers/records/port.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { UNKNOWN_ID } from '../../support/runs.ts'
import { recordFile } from '../../support/stores.ts'
import { type KeyedUser, newAdmin, newUser } from '../../support/users.ts'

let app: TestApp
let bob: KeyedUser
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
  bob = await newUser(app, app.one)
}, OPEN_MS)
afterAll(() => app.close())

interface Belongings {
  user: KeyedUser
  /** Nobody else takes part in them. */
  threads: string[]
  /** Of the user, Bob takes part; and of Bob, the user takes part. */
  shared: string[]
  file: string
  store: string
  assistant: string
  tool: string
}

async function thread(caller: Caller, participants: readonly string[]): Promise<string> {
  const { id } = await createThread(app, caller, {})
  await own(app, caller, { kind: 'thread', id })
  for (const to of participants) await associate(app, caller, { kind: 'thread_user', from: id, to })
  return id
}

/** Somebody with one of everything. */
async function fill(user: KeyedUser): Promise<Belongings> {
  const { caller } = user
  const threads = [await thread(caller, [user.user.id]), await thread(caller, []), await thread(app.one, [user.user.id])]
  const shared = [await thread(caller, [user.user.id, bob.user.id]), await thread(bob.caller, [bob.user.id, user.user.id])]
  const file = (await recordFile(app, caller)).id
  await own(app, caller, { kind: 'file', id: file })
  const store = (await createStore(app, caller, {})).id
  await own(app, caller, { kind: 'vector_store', id: store })
  const assistant = (await createAssistant(app, caller, { model: 'echo' })).id
  await own(app, caller, { kind: 'assistant', id: assistant, alias: `helper of ${user.user.id}` })
  const tool = (await createTool(app, caller, { name: `look-${user.user.id}`, type: 'function', definition: null })).id
  await associate(app, caller, { kind: 'assistant_tool', from: assistant, to: tool })
  await associate(app, caller, { kind: 'assistant_store', from: assistant, to: store })
  await associate(app, caller, { kind: 'assistant_user', from: assistant, to: user.user.id })
  await own(app, caller, { kind: 'message', id: newId(), threadId: shared[1] ?? '' })
  return { user, threads, shared, file, store, assistant, tool }
}

const gone = { code: 'not_found' }
/** A word for what became of it: cheaper than `rejects` where there are hundreds. */
const endOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'there',
    (error) => (error instanceof Fault ? error.code : String(error)),
  )

/** Every table with the user's id in it. */
const traces = (userId: string) =>
  app.records.db.query<{ place: string }>(
    `select 'ownership ' || kind as place from ownership where user_id = $1
    union all select 'association ' || kind from association where to_id = $1 or from_id = $1
    union all select 'tool' from tool where user_id = $1
    union all select 'key' from api_key where user_id = $1
    union all select 'user' from app_user where id = $1`,
    [userId],
  )

async function expectGone({ user, threads, shared, file, store, assistant, tool }: Belongings): Promise<void> {
  expect(await traces(user.user.id)).toEqual([])
  const asked = [
    ...threads.map((id) => getThread(app, app.one, id)),
    ...[getFile(app, app.one, file), getStore(app, app.one, store), getAssistant(app, app.one, assistant), getTool(app, app.one, tool)],
  ]
  expect(new Set(await Promise.all(asked.map(endOf)))).toEqual(new Set(['not_found']))
  expect(await endOf(app.keys.resolve(user.secret))).toBe('unauthenticated')
  for (const id of shared) {
    expect((await getThread(app, app.one, id)).id).toBe(id)
    expect(await associated(app, app.one, { kind: 'thread_user', from: id })).toEqual([bob.user.id])
  }
  expect(await associated(app, app.one, { kind: 'assistant_tool', from: assistant })).toEqual([])
}

test('with a user go his keys and objects and the threads he was alone in; what others take part in stays', async () => {
  const ann = await fill(await newUser(app, app.one, { email: 'ann@x.org' }))
  const cid = await fill(await newUser(app, app.one))
  await deleteUser(app, app.one, ann.user.user.id)
  await expectGone(ann)
  expect((await ownerOf(app, app.one, { kind: 'thread', id: ann.shared[0] ?? '' }))?.userId).toBeNull()
  expect((await ownerOf(app, app.one, { kind: 'thread', id: ann.shared[1] ?? '' }))?.userId).toBe(bob.user.id)
  expect(await findAlias(app, app.one, { kind: 'assistant', alias: `helper of ${ann.user.user.id}` })).toBeUndefined()
  // Nothing of anybody else's was touched.
  expect((await getFile(app, app.one, cid.file)).id).toBe(cid.file)
  expect((await getTool(app, cid.user.caller, cid.tool)).id).toBe(cid.tool)
  expect((await app.keys.resolve(cid.user.secret)).userId).toBe(cid.user.user.id)
  // The address is free again.
  await createUser(app, app.one, { email: 'ann@x.org' })
})

/** Lets so many statements through, then loses the connection: before a statement, or with its answer. */
function cutAfter(db: Db, count: number, side: 'before' | 'after'): Db & { cut: boolean } {
  let left = count
  const through = async <R>(send: () => Promise<R>): Promise<R> => {
    const last = left-- <= 0
    if (last) cutting.cut = true
    if (last && side === 'before') throw new Fault('unavailable', 'cut')
    const result = await send()
    if (last) throw new Fault('unavailable', 'cut')
    return result
  }
  const cutting: Db & { cut: boolean } = {
    cut: false,
    query: (text, params) => through(() => db.query(text, params)),
    hot: (text, params) => through(() => db.hot(text, params)),
    batch: (statement, item) => through(() => db.batch(statement, item)),
    transaction: (work) => through(() => db.transaction(work)),
    notify: (channel, payload) => db.notify(channel, payload),
    listen: (...args) => db.listen(...args),
  }
  return cutting
}

test('wherever a removal breaks off, the user is still there without his keys or gone as a whole, and the next one ends it', async () => {
  for (let count = 0, cut = true; cut; count++) {
    const ann = await fill(await newUser(app, app.one))
    const { id } = ann.user.user
    const db = cutAfter(app.db, count >> 1, count % 2 ? 'after' : 'before')
    const failed = await deleteUser({ ...app, db }, app.one, id).then(
      () => false,
      () => true,
    )
    const left = await traces(id)
    if (left.length > 0) {
      expect(left).toContainEqual({ place: 'user' })
      await deleteUser(app, app.one, id)
    }
    expect(failed).toBe(db.cut)
    await expectGone(ann)
    cut = db.cut
  }
}, 30_000)

test('more than one transaction holds is removed all the same', async () => {
  const { user, caller } = await newUser(app, app.one)
  for (let i = 0; i < 120; i++) await thread(caller, i % 2 ? [user.id] : [user.id, bob.user.id])
  await deleteUser(app, app.one, user.id)
  expect(await traces(user.id)).toEqual([])
})

test('who is removed twice at once is gone, and nobody is told of a failure', async () => {
  const ann = await fill(await newUser(app, app.one))
  const asked = await Promise.allSettled([deleteUser(app, app.one, ann.user.user.id), deleteUser(app, app.one, ann.user.user.id)])
  expect(asked.some(({ status }) => status === 'fulfilled')).toBe(true)
  for (const one of asked) if (one.status === 'rejected') expect(one.reason).toMatchObject({ ...gone, facts: { kind: 'user' } })
  await expectGone(ann)
})

test('what an admin made for everybody goes over to the tenant', async () => {
  const ada = await fill(await newAdmin(app, app.one))
  await deleteUser(app, app.one, ada.user.user.id)
  expect(await traces(ada.user.user.id)).toEqual([])
  expect((await getAssistant(app, app.one, ada.assistant)).id).toBe(ada.assistant)
  expect((await ownerOf(app, app.one, { kind: 'assistant', id: ada.assistant }))?.userId).toBeNull()
  expect(await getTool(app, bob.caller, ada.tool)).toMatchObject({ userId: null })
  expect(await associated(app, app.one, { kind: 'assistant_tool', from: ada.assistant })).toEqual([ada.tool])
  await expect(getFile(app, app.one, ada.file)).rejects.toMatchObject(gone)
})

test('users remove nobody, admins everybody but themselves, and nobody anyone of another tenant', async () => {
  const ada = await newAdmin(app, app.one)
  const { user, caller } = await newUser(app, app.one)
  for (const id of [user.id, bob.user.id, UNKNOWN_ID])
    await expect(deleteUser(app, caller, id)).rejects.toMatchObject({ code: 'forbidden' })
  await expect(deleteUser(app, ada.caller, ada.user.id)).rejects.toMatchObject({ code: 'forbidden' })
  await expect(deleteUser(app, ada.caller, UNKNOWN_ID)).rejects.toMatchObject(gone)
  await expect(deleteUser(app, app.two, user.id)).rejects.toMatchObject(gone)
  expect((await createOwnKey(app, caller, { userId: user.id })).key.userId).toBe(user.id)
  await deleteUser(app, ada.caller, user.id)
  await expect(getUser(app, app.one, user.id)).rejects.toMatchObject(gone)
})
