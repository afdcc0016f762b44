import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createAssistant, deleteAssistant, getAssistant } from '../../../src/core/assistants/assistants.ts'
import { deleteGraphAssistant } from '../../../src/core/assistants/graph-assistants.ts'
import {
  assistantsOf,
  changeOwnedAssistant,
  createOwnedAssistant,
  deleteOwnedAssistant,
  giveAssistant,
  takeAssistant,
} from '../../../src/core/assistants/owned-assistants.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import type { Name } from '../../../src/core/ownership/access.ts'
import { associate } from '../../../src/core/ownership/associations.ts'
import { ownerOf } from '../../../src/core/ownership/ownership.ts'
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

const make = (caller: Caller, name: Name = {}, facts = {}) => createOwnedAssistant(app, caller, { name, fields: { model: 'm' }, facts })

describe('an id that the client chose', () => {
  test('is the one of the row where it spells one, and remembered in any case', async () => {
    const id = newId()
    const spelled = await make(user, { alias: 'asst_spelled', id })
    expect([spelled.assistant.id, spelled.owned?.alias]).toEqual([id, 'asst_spelled'])
    const free = await make(user, { alias: 'default' })
    expect(free.owned?.alias).toBe('default')
    expect(await faultOf(make(other, { alias: 'default' }))).toBe('exists')
    expect(await faultOf(make(other, { alias: 'another', id }))).toBe('exists')
    expect(await faultOf(make(app.two, { alias: 'default', id }))).toBeUndefined()
  })

  test('leaves nothing behind where it was taken', async () => {
    await make(user, { alias: 'once' })
    const before = await app.records.db.query('select id from assistant')
    expect(await faultOf(make(user, { alias: 'once' }))).toBe('exists')
    expect(await app.records.db.query('select id from assistant')).toEqual(before)
  })

  test('given twice at the same time makes one assistant', async () => {
    const codes = await Promise.all(Array.from({ length: 5 }, () => faultOf(make(user, { alias: 'raced' }))))
    expect(codes.filter((code) => code === undefined)).toHaveLength(1)
  })

  test.each(['own dialect', 'openai', 'langgraph'])('is free again when the assistant is removed (%s)', async (dialect) => {
    const name = { alias: `free ${dialect}` }
    const { assistant } = await make(user, name, { tools: [] })
    const { id } = assistant
    await associate(app, user, { kind: 'assistant_tool', from: id, to: newId() })
    await giveAssistant(app, user, { name: { id }, userId: other.userId })
    if (dialect === 'own dialect') await deleteOwnedAssistant(app, user, name)
    else if (dialect === 'openai') await deleteAssistant(app, app.one, id)
    else await deleteGraphAssistant(app, app.one, { id, deleteThreads: false })
    expect(await ownerOf(app, user, { kind: 'assistant', id })).toBeUndefined()
    expect(await app.records.db.query('select 1 from association where from_id = $1', [id])).toEqual([])
    expect((await make(other, name)).owned?.userId).toBe(other.userId)
  })
})

describe('a change', () => {
  test('keeps what it does not name, also of what is remembered', async () => {
    const { assistant } = await make(user, {}, { tools: [{ a: 1 }], response_format: 'x' })
    const name = { id: assistant.id }
    const changed = await changeOwnedAssistant(app, user, { name, change: { name: 'N' }, facts: { response_format: 'y' } })
    expect(changed.assistant).toMatchObject({ name: 'N', model: 'm' })
    expect(changed.owned?.facts).toEqual({ tools: [{ a: 1 }], response_format: 'y' })
    const again = await changeOwnedAssistant(app, user, { name, change: {}, facts: {} })
    expect(again.owned?.facts).toEqual({ tools: [{ a: 1 }], response_format: 'y' })
  })

  test('of one that another dialect made is for managers, and leaves it the tenant’s', async () => {
    const { id } = await createAssistant(app, app.one, { model: 'm' })
    const input = { name: { id }, change: {}, facts: { tools: [] } }
    expect(await faultOf(changeOwnedAssistant(app, user, input))).toBe('forbidden')
    expect(await faultOf(changeOwnedAssistant(app, app.two, input))).toBe('not_found')
    expect((await changeOwnedAssistant(app, app.one, input)).owned).toMatchObject({ userId: null, facts: { tools: [] } })
    await deleteOwnedAssistant(app, app.one, { id })
    expect(await faultOf(getAssistant(app, app.one, id))).toBe('not_found')
  })
})

describe('giving an assistant', () => {
  const listed = async (caller: Caller, userId: string) => (await assistantsOf(app, caller, userId)).map(({ assistant }) => assistant.id)

  test('lets a user use it until it is taken again, by him, its owner or a manager', async () => {
    const guest = await userOf(app, app.one)
    const { assistant } = await make(user)
    const link = { name: { id: assistant.id }, userId: guest.userId }
    for (const taker of [guest, user, tenantOf(app.one)]) {
      await giveAssistant(app, user, link)
      await giveAssistant(app, user, link)
      expect(await listed(guest, guest.userId)).toEqual([assistant.id])
      expect(await takeAssistant(app, taker, link)).toBe(true)
      expect(await listed(tenantOf(app.one), guest.userId)).toEqual([])
    }
    expect(await takeAssistant(app, user, link)).toBe(false)
    expect(await faultOf(takeAssistant(app, guest, link))).toBe('not_found')
  })

  test('is for who may: nobody takes what is not his, or looks at what others have', async () => {
    const { assistant } = await make(user)
    const name = { id: assistant.id }
    expect(await faultOf(giveAssistant(app, other, { name, userId: other.userId }))).toBe('not_found')
    expect(await faultOf(giveAssistant(app, user, { name, userId: newId() }))).toBe('not_found')
    expect(await faultOf(giveAssistant(app, app.two, { name, userId: user.userId }))).toBe('not_found')
    expect(await faultOf(assistantsOf(app, other, user.userId))).toBe('not_found')
    expect(await faultOf(assistantsOf(app, app.two, user.userId))).toBe('not_found')
    const shared = await make(tenantOf(app.one))
    await giveAssistant(app, user, { name: { id: shared.assistant.id }, userId: user.userId })
    expect(await listed(user, user.userId)).toEqual([shared.assistant.id])
    expect(await faultOf(giveAssistant(app, user, { name: { id: shared.assistant.id }, userId: other.userId }))).toBe('forbidden')
  })
})
