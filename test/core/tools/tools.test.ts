import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { deleteAssistant } from '../../../src/core/assistants/assistants.ts'
import { createOwnedAssistant } from '../../../src/core/assistants/owned-assistants.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { setAdmin } from '../../../src/core/identity/users.ts'
import { HOSTED_NAMES, hostedId } from '../../../src/core/tools/hosted.ts'
import {
  changeTool,
  createTool,
  deleteTool,
  functionOf,
  getTool,
  getToolNamed,
  giveTool,
  listTools,
  type NewTool,
  TOOLS_MAX,
  TOOLS_OF_ASSISTANT_MAX,
  takeTool,
  toolsOf,
} from '../../../src/core/tools/tools.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { adminOf, faultOf, tenantOf, userOf } from '../../support/people.ts'

let app: TestApp
let user: Caller & { userId: string }
let other: Caller & { userId: string }
beforeAll(async () => {
  app = await openTestApp()
  user = await userOf(app, app.one)
  other = await userOf(app, app.one)
}, OPEN_MS)
afterAll(() => app.close())

let nth = 0
const named = (name = `tool_${++nth}`): NewTool => ({ name, type: 'function', definition: { name, description: 'D' } })
const make = (caller: Caller, name?: string) => createTool(app, caller, named(name))
const names = async (list: Promise<{ name: string }[]>) => (await list).map(({ name }) => name)
const assistantFor = async (caller: Caller) =>
  (await createOwnedAssistant(app, caller, { name: {}, fields: { model: 'm' }, facts: {} })).assistant.id

describe('a tool', () => {
  test('is read as it was made, and changed by its owner', async () => {
    const parameters = { type: 'object', properties: { deep: { type: 'array', items: {} } } }
    const made = await createTool(app, user, { name: 'flights', type: 'function', definition: { name: 'x', description: 'y', parameters } })
    expect(await getTool(app, user, made.id)).toEqual(made)
    app.clock.advance(5)
    const changed = await changeTool(app, user, { id: made.id, change: { definition: null, name: 'planes' } })
    expect(changed).toEqual({ ...made, name: 'planes', definition: null, updatedAt: made.updatedAt + 5 })
    expect(await changeTool(app, user, { id: made.id, change: {} })).toEqual(changed)
    expect(await getTool(app, user, made.id)).toEqual(changed)
  })

  test('of a user is there for him and managers', async () => {
    const { id } = await make(user)
    for (const caller of [user, app.one, tenantOf(app.one)]) expect((await getTool(app, caller, id)).id).toBe(id)
    for (const caller of [other, app.two, tenantOf(app.two)]) {
      expect(await faultOf(getTool(app, caller, id))).toBe('not_found')
      expect(await faultOf(changeTool(app, caller, { id, change: { type: 'x' } }))).toBe('not_found')
      expect(await faultOf(deleteTool(app, caller, id))).toBe('not_found')
    }
    await changeTool(app, app.one, { id, change: { type: 'changed' } })
    expect((await getTool(app, user, id)).type).toBe('changed')
  })

  test('of the tenant or an admin is there for everybody, to use only', async () => {
    for (const maker of [tenantOf(app.one), await adminOf(app, app.one)]) {
      const tool = await make(maker)
      expect((await getTool(app, user, tool.id)).id).toBe(tool.id)
      expect(await names(listTools(app, user))).toContain(tool.name)
      expect(await faultOf(changeTool(app, user, { id: tool.id, change: {} }))).toBe('forbidden')
      expect(await faultOf(deleteTool(app, user, tool.id))).toBe('forbidden')
      expect(await faultOf(getTool(app, app.two, tool.id))).toBe('not_found')
    }
  })

  test('of somebody who is no admin any more is shared no more', async () => {
    const admin = await adminOf(app, app.one)
    const { id } = await make(admin)
    await setAdmin(app, { ...app.one, keyId: null }, { id: admin.userId, isAdmin: false })
    expect(await faultOf(getTool(app, user, id))).toBe('not_found')
  })
})

describe('a name', () => {
  test('is given once by an owner, whoever else has it', async () => {
    const { id } = await make(user, 'twice')
    const second = await make(user, 'second')
    expect(await faultOf(make(user, 'twice'))).toBe('exists')
    expect(await faultOf(changeTool(app, user, { id: second.id, change: { name: 'twice' } }))).toBe('exists')
    expect((await changeTool(app, user, { id, change: { name: 'twice' } })).name).toBe('twice')
    await make(other, 'twice')
    await make(tenantOf(app.one), 'twice')
    await make(app.two, 'twice')
    expect(await faultOf(make(tenantOf(app.one), 'twice'))).toBe('exists')
  })

  test('asked for at the same time goes to one', async () => {
    const codes = await Promise.all(Array.from({ length: 6 }, () => faultOf(make(user, 'raced'))))
    expect(codes.filter((code) => code === undefined)).toHaveLength(1)
    expect(codes.filter((code) => code === 'exists')).toHaveLength(5)
  })

  test("finds the caller's own tool before the tenant's", async () => {
    const [mine, shared] = [await make(user, 'shadow'), await make(tenantOf(app.one), 'shadow')]
    expect((await getToolNamed(app, user, 'shadow')).id).toBe(mine.id)
    expect((await getToolNamed(app, other, 'shadow')).id).toBe(shared.id)
    expect((await getToolNamed(app, tenantOf(app.one), 'shadow')).id).toBe(shared.id)
    expect(await faultOf(getToolNamed(app, app.two, 'shadow'))).toBe('not_found')
  })
})

describe("the server's own tools", () => {
  test('are there for every tenant, and nobody else has their names', async () => {
    for (const name of HOSTED_NAMES) {
      for (const caller of [user, app.one, app.two]) {
        expect(await getTool(app, caller, hostedId(name))).toMatchObject({ name, hosted: name, userId: null })
        expect((await getToolNamed(app, caller, name)).id).toBe(hostedId(name))
        expect(await faultOf(make(caller, name))).toBe('exists')
        expect(await faultOf(changeTool(app, caller, { id: hostedId(name), change: { type: 'x' } }))).toBe('forbidden')
        expect(await faultOf(deleteTool(app, caller, hostedId(name)))).toBe('forbidden')
      }
    }
    const { id } = await make(user)
    expect(await faultOf(changeTool(app, user, { id, change: { name: 'computer' } }))).toBe('exists')
    expect((await names(listTools(app, user))).slice(0, 4)).toEqual([...HOSTED_NAMES])
  })

  test('are told to models by the server, not as functions', async () => {
    expect(functionOf(await getToolNamed(app, user, 'code_interpreter'))).toBeUndefined()
    const told = await createTool(app, user, {
      name: 'told',
      type: 'function',
      definition: { name: 'old', description: 'D', parameters: {} },
    })
    expect(functionOf(told)).toEqual({ type: 'function', function: { name: 'told', description: 'D', parameters: {} } })
    expect(functionOf({ ...told, definition: null })).toBeUndefined()
  })
})

describe('an assistant', () => {
  test('is given tools once each, in that order, and loses those that are removed', async () => {
    const assistantId = await assistantFor(user)
    const [one, two] = [await make(user), await make(user)]
    for (const toolId of [two.id, one.id, hostedId('computer'), two.id]) {
      app.clock.advance(1000)
      await giveTool(app, user, { assistantId, toolId })
    }
    expect(await names(toolsOf(app, user, assistantId))).toEqual([two.name, one.name, 'computer'])
    expect(await toolsOf(app, app.two, assistantId)).toEqual([])
    await deleteTool(app, user, two.id)
    expect(await names(toolsOf(app, user, assistantId))).toEqual([one.name, 'computer'])
    expect(await takeTool(app, user, { assistantId, toolId: one.id })).toBe(true)
    expect(await takeTool(app, user, { assistantId, toolId: one.id })).toBe(false)
    await deleteAssistant(app, user, assistantId)
    expect(await toolsOf(app, user, assistantId)).toEqual([])
  })

  test('has no two tools that calls could not tell apart', async () => {
    const assistantId = await assistantFor(user)
    const [mine, shared] = [await make(user, 'same'), await make(tenantOf(app.one), 'same')]
    await giveTool(app, user, { assistantId, toolId: mine.id })
    expect(await faultOf(giveTool(app, user, { assistantId, toolId: shared.id }))).toBe('exists')
    const renamed = await make(tenantOf(app.one), 'for now')
    app.clock.advance(1000)
    await giveTool(app, user, { assistantId, toolId: renamed.id })
    await changeTool(app, user, { id: mine.id, change: { name: 'for then' } })
    await changeTool(app, app.one, { id: renamed.id, change: { name: 'for then' } })
    expect((await toolsOf(app, user, assistantId)).map(({ id }) => id)).toEqual([mine.id])
  })

  test('is not given what its owner may not use, nor more than models take', async () => {
    const assistantId = await assistantFor(user)
    const { id } = await make(other)
    expect(await faultOf(giveTool(app, user, { assistantId, toolId: id }))).toBe('not_found')
    for (let n = 0; n < TOOLS_OF_ASSISTANT_MAX; n++) await giveTool(app, user, { assistantId, toolId: (await make(user)).id })
    expect(await faultOf(giveTool(app, user, { assistantId, toolId: (await make(user)).id }))).toBe('invalid')
    expect(await toolsOf(app, user, assistantId)).toHaveLength(TOOLS_OF_ASSISTANT_MAX)
  })

  test('is not left with a tool that is removed while it is given', async () => {
    const assistantId = await assistantFor(user)
    for (let round = 0; round < 10; round++) {
      const { id } = await make(user)
      await Promise.all([faultOf(giveTool(app, user, { assistantId, toolId: id })), deleteTool(app, user, id)])
    }
    const left = await app.records.db.query('select 1 from association where from_id = $1', [assistantId])
    expect(left).toEqual([])
  })
})

test('an owner has a bounded number of tools', async () => {
  const full = await userOf(app, app.one)
  await app.records.db.query(
    `insert into tool (id, tenant_id, user_id, name, type, created_at, updated_at)
    select gen_random_uuid(), $1, $2, 'n' || n, 'function', now(), now() from generate_series(1, $3::int) n`,
    [full.tenantId, full.userId, TOOLS_MAX],
  )
  const last = await getToolNamed(app, full, 'n1')
  expect(await faultOf(make(full))).toBe('invalid')
  expect((await changeTool(app, full, { id: last.id, change: { name: 'renamed' } })).name).toBe('renamed')
  await deleteTool(app, full, last.id)
  expect(await faultOf(make(full))).toBeUndefined()
})
