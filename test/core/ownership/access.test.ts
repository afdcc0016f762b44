import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createAssistant } from '../../../src/core/assistants/assistants.ts'
import { createOwnedAssistant, giveAssistant } from '../../../src/core/assistants/owned-assistants.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import {
  isShared,
  requireAssistant,
  requireMessage,
  requireRun,
  requireStore,
  requireThread,
  requireUser,
} from '../../../src/core/ownership/access.ts'
import { associate } from '../../../src/core/ownership/associations.ts'
import { own } from '../../../src/core/ownership/ownership.ts'
import { createRun } from '../../../src/core/runs/create.ts'
import { createMessage, deleteMessage } from '../../../src/core/threads/messages.ts'
import { createThread } from '../../../src/core/threads/threads.ts'
import { createStore } from '../../../src/core/vector-stores/stores.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { adminOf, faultOf, tenantOf, userOf } from '../../support/people.ts'

let app: TestApp
let user: Caller & { userId: string }
let other: Caller & { userId: string }
/** Those who are above users, and those to whom nothing of theirs is there. */
let managers: Caller[]
let strangers: Caller[]
beforeAll(async () => {
  app = await openTestApp()
  user = await userOf(app, app.one)
  other = await userOf(app, app.one)
  managers = [app.one, tenantOf(app.one), await adminOf(app, app.one)]
  strangers = [other, app.two, tenantOf(app.two), await userOf(app, app.two)]
}, OPEN_MS)
afterAll(() => app.close())

async function threadOf(caller: Caller) {
  const thread = await createThread(app, caller, {})
  await own(app, caller, { kind: 'thread', id: thread.id })
  return thread
}

/** Found by those, and by nobody else. */
async function seenBy(look: (caller: Caller) => Promise<unknown>, seers: Caller[], others: Caller[]) {
  for (const caller of seers) expect(await faultOf(look(caller))).toBeUndefined()
  for (const caller of others) expect(await faultOf(look(caller))).toBe('not_found')
}

describe('a thread', () => {
  test('is there for its owner, who takes part in it, and managers', async () => {
    const { id } = await threadOf(user)
    const guest = await userOf(app, app.one)
    await associate(app, user, { kind: 'thread_user', from: id, to: guest.userId })
    await seenBy((caller) => requireThread(app, caller, id), [user, guest, ...managers], strangers)
    expect((await requireThread(app, guest, id)).owned?.userId).toBe(user.userId)
  })

  test('that another dialect made is there for managers only', async () => {
    const { id } = await createThread(app, app.one, {})
    await seenBy((caller) => requireThread(app, caller, id), managers, [user, ...strangers])
  })

  test('lends its messages and runs who may see it', async () => {
    const { id: threadId } = await threadOf(user)
    const message = await createMessage(app, user, { threadId, message: { role: 'user', content: 'hi' } })
    await seenBy((caller) => requireMessage(app, caller, message.id), [user, ...managers], strangers)
    const announced = await own(app, user, { kind: 'message', id: newId(), threadId })
    await seenBy((caller) => requireMessage(app, caller, announced.id), [user, ...managers], strangers)
    await deleteMessage(app, user, { threadId, id: message.id })
    expect(await faultOf(requireMessage(app, user, message.id))).toBe('not_found')

    const planned = await own(app, user, { kind: 'run', id: newId(), threadId })
    await seenBy((caller) => requireRun(app, caller, planned.id), [user, ...managers], strangers)
    expect((await requireRun(app, user, planned.id)).run).toBeUndefined()
    const model = app.models.script([{ text: ['hello'] }])
    const assistant = await createAssistant(app, app.one, { model })
    const { run } = await createRun(app, app.one, { threadId, run: { assistantId: assistant.id, options: {} } })
    await seenBy((caller) => requireRun(app, caller, run.id), [user, ...managers], strangers)
    expect((await requireRun(app, user, run.id)).run?.id).toBe(run.id)
    expect(await faultOf(requireRun(app, user, newId()))).toBe('not_found')
  })
})

describe('an assistant', () => {
  const make = async (caller: Caller, alias?: string) =>
    (
      await createOwnedAssistant(app, caller, {
        ...{ name: alias === undefined ? {} : { alias }, fields: { model: 'm' }, facts: {} },
      })
    ).assistant
  const use = (id: string) => (caller: Caller) => requireAssistant(app, caller, { id, to: 'use' })
  const change = (id: string) => (caller: Caller) => requireAssistant(app, caller, { id, to: 'change' })

  test('of a user is his and the managers', async () => {
    const { id } = await make(user)
    await seenBy(use(id), [user, ...managers], strangers)
    await seenBy(change(id), [user, ...managers], strangers)
  })

  test('can be used by whoever it was given to, and changed only by its owner', async () => {
    const { id } = await make(user)
    await giveAssistant(app, user, { name: { id }, userId: other.userId })
    expect(await faultOf(use(id)(other))).toBeUndefined()
    expect(await faultOf(change(id)(other))).toBe('forbidden')
  })

  test('of the tenant or of an admin is there for everybody in the tenant', async () => {
    for (const maker of managers) {
      const { id } = await make(maker)
      await seenBy(use(id), [user, other, ...managers], strangers.slice(1))
      expect(await faultOf(change(id)(user))).toBe('forbidden')
      await seenBy(change(id), managers, strangers.slice(1))
    }
    const { id } = await createAssistant(app, app.one, { model: 'm' })
    await seenBy(use(id), [user, ...managers], strangers.slice(1))
  })

  test("is found by its client's id, and nobody's choice hides another's", async () => {
    const mine = await make(user, 'mine')
    expect((await requireAssistant(app, user, { alias: 'mine', to: 'use' })).assistant.id).toBe(mine.id)
    expect(await faultOf(requireAssistant(app, other, { alias: 'mine', to: 'use' }))).toBe('not_found')
    expect(await faultOf(requireAssistant(app, app.two, { alias: 'mine', to: 'use' }))).toBe('not_found')
    await make(other, 'asst_looks-like-mine')
    const found = await requireAssistant(app, user, { alias: 'asst_looks-like-mine', id: mine.id, to: 'use' })
    expect(found.assistant.id).toBe(mine.id)
    expect(await faultOf(requireAssistant(app, user, { to: 'use' }))).toBe('not_found')
  })
})

test('a vector store is there for its owner and managers, by either id', async () => {
  const store = await createStore(app, user, { name: 's' })
  await own(app, user, { kind: 'vector_store', id: store.id, alias: 'vect_1' })
  await seenBy((caller) => requireStore(app, caller, { id: store.id }), [user, ...managers], strangers)
  await seenBy((caller) => requireStore(app, caller, { alias: 'vect_1' }), [user, ...managers], strangers)
})

describe('a user', () => {
  const look =
    (how: 'self' | 'self_or_manager' | 'manager', hide = false) =>
    (caller: Caller) =>
      faultOf(requireUser(app, caller, { id: user.userId, how, hide }))

  test('is shown to whom it concerns, and others learn nothing', async () => {
    const admin = managers[2] as Caller
    const asked = [user, other, admin, tenantOf(app.one)]
    expect(await Promise.all(asked.map(look('self')))).toEqual([undefined, 'forbidden', 'forbidden', 'forbidden'])
    expect(await Promise.all(asked.map(look('self_or_manager')))).toEqual([undefined, 'forbidden', undefined, undefined])
    expect(await Promise.all(asked.map(look('manager')))).toEqual(['forbidden', 'forbidden', undefined, undefined])
    expect(await Promise.all(asked.map(look('self_or_manager', true)))).toEqual([undefined, 'not_found', undefined, undefined])
    expect(await look('manager')(app.two)).toBe('not_found')
    const nobody = (caller: Caller) => faultOf(requireUser(app, caller, { id: newId(), how: 'self_or_manager' }))
    expect([await nobody(user), await nobody(app.one)]).toEqual(['forbidden', 'not_found'])
  })

  test('shares what she owns while she is an admin', async () => {
    const admin = managers[2]?.userId ?? ''
    expect(await Promise.all([null, admin, user.userId, newId()].map((id) => isShared(app, other, id)))).toEqual([true, true, false, false])
    expect(await isShared(app, app.two, admin)).toBe(false)
  })
})
