import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, sender, told } from './kit.ts'

type Send = ReturnType<typeof sender>

let served: Served
let send: Send
let asAdmin: Send
let asOther: Send
beforeAll(async () => {
  served = await serve()
  send = sender(served, (await newPerson(served)).key)
  asAdmin = sender(served, (await newPerson(served, { admin: true })).key)
  asOther = sender(served, (await newPerson(served)).key)
}, SERVER_START_MS)
afterAll(() => served.close())

async function ok(as: Send, method: string, path: string, body?: unknown): Promise<JsonObject> {
  const [status, answer] = await told(as(method, path, body))
  expect([status, answer]).toEqual([method === 'POST' && path === '/tools' ? 201 : 200, expect.anything()])
  return answer as JsonObject
}
let nth = 0
const DEFINITION = { name: 'f', description: 'Does it', parameters: { type: 'object', properties: { list: { type: 'array', items: {} } } } }
const make = (body: object = {}, as: Send = send) => ok(as, 'POST', '/tools', { name: `tool-${++nth}`, type: 'function', ...body })
const assistant = async (as: Send = send) => (await ok(as, 'POST', '/assistants', { name: 'A', model: 'm' })).id as string
const DUPLICATE: [number, unknown] = [400, { detail: 'Invalid tool data or duplicate tool name' }]
const NOT_FOUND: [number, unknown] = [404, { detail: 'Tool not found' }]

describe('a tool', () => {
  test.each([
    ['nested', { function: DEFINITION }],
    ['nested too deep', { function: { function: DEFINITION } }],
    ['flat', DEFINITION],
  ])('whose function is sent %s is shown nested', async (_form, sent) => {
    const made = await make({ function: sent })
    expect(made).toEqual({
      ...{ id: expect.stringMatching(/^tool_[A-Za-z0-9]{22}$/), type: 'function', name: `tool-${nth}`, function: { function: DEFINITION } },
    })
    expect(await ok(send, 'GET', `/tools/${made.id}`)).toEqual(made)
    expect(await ok(send, 'GET', `/tools/name/${made.name}`)).toEqual(made)
  })

  test('may have no function, and keeps what a definition says beside the known', async () => {
    expect((await make({ function: null })).function).toBeNull()
    expect((await make()).function).toBeNull()
    expect((await make({ function: { function: null } })).function).toBeNull()
    const strict = { name: 'f', description: '', strict: true }
    expect((await make({ function: { ...strict, parameters: null } })).function).toEqual({ function: strict })
  })

  test.each([
    [{ function: { name: 'f' } }],
    [{ function: { description: 'd' } }],
    [{ name: 'f', description: 1 }],
    [{ function: { name: 'f', description: 'd', parameters: [] } }],
    [{ function: { function: { function: DEFINITION } } }],
    ['f'],
    [[]],
  ])('is refused with the function %j', async (sent) => {
    const [status, body] = await told(send('POST', '/tools', { name: 'refused', type: 'function', function: sent }))
    expect([status, body]).toMatchObject([
      422,
      { detail: [{ type: 'value_error', loc: ['body', 'function'], msg: 'Value error, Invalid function format' }] },
    ])
    expect((await send('GET', '/tools/name/refused')).status).toBe(404)
  })

  test('is changed where the body says so', async () => {
    const made = await make({ function: DEFINITION })
    const path = `/tools/${made.id}`
    expect(await ok(send, 'PUT', path, { name: 'renamed', type: null })).toEqual({ ...made, name: 'renamed' })
    expect((await ok(send, 'PUT', path, { function: null })).function).toBeNull()
    expect(await ok(send, 'PUT', path, { function: { ...DEFINITION, description: 'New' } })).toMatchObject({
      function: { function: { description: 'New' } },
    })
    expect((await told(send('PUT', path, { function: { name: 'f' } })))[0]).toBe(422)
  })

  test('has a name of its own among those of its owner', async () => {
    const { id } = await make({ name: 'unique' })
    expect(await told(send('POST', '/tools', { name: 'unique', type: 'function' }))).toEqual(DUPLICATE)
    const second = await make()
    expect(await told(send('PUT', `/tools/${second.id}`, { name: 'unique' }))).toEqual(DUPLICATE)
    const theirs = await make({ name: 'unique' }, asOther)
    expect((await ok(asOther, 'GET', '/tools/name/unique')).id).toBe(theirs.id ?? '')
    expect((await ok(send, 'GET', '/tools/name/unique')).id).toBe(id ?? '')
  })

  test('is made once, however often the request is repeated', async () => {
    const again = () => told(send('POST', '/tools', { name: 'repeated', type: 'function' }, { headers: { 'idempotency-key': 't-1' } }))
    const first = await again()
    expect(first[0]).toBe(201)
    expect(await again()).toEqual(first)
  })

  test('that is missing is named as the contract names it', async () => {
    expect(await told(send('GET', '/tools/tool_0000000000000000000000'))).toEqual(NOT_FOUND)
    expect(await told(send('GET', '/tools/what'))).toEqual(NOT_FOUND)
    expect(await told(send('GET', '/tools/name/no%20such'))).toEqual([404, { detail: 'Tool with name no such not found' }])
  })

  test('of one user is not there for another', async () => {
    const { id, name } = await make()
    for (const as of [asOther, sender(served, served.otherKey)]) {
      expect(await told(as('GET', `/tools/${id}`))).toEqual(NOT_FOUND)
      expect(await told(as('PUT', `/tools/${id}`, { type: 'x' }))).toEqual(NOT_FOUND)
      expect(await told(as('DELETE', `/tools/${id}`))).toEqual(NOT_FOUND)
      expect((await as('GET', `/tools/name/${name}`)).status).toBe(404)
      expect(JSON.stringify(await ok(as, 'GET', '/tools'))).not.toContain(String(id))
    }
    expect(JSON.stringify(await ok(asAdmin, 'GET', '/tools'))).toContain(String(id))
  })
})

describe("the server's own tools", () => {
  const OWN: [name: string, id: string][] = [
    ['code_interpreter', 'tool_79YkQEz5cDwpJjnR7oJ80D'],
    ['web_search', 'tool_BiIwycpLo1n5Dh6BHN01v8'],
    ['vector_store_search', 'tool_MCaJpXJU3eW6vaMUybEf6i'],
    ['computer', 'tool_PJQ6VcnkmRCMankObjtRcn'],
  ]
  test.each(OWN)('%s has the id that clients know', async (name, id) => {
    expect(await ok(send, 'GET', `/tools/${id}`)).toMatchObject({ id, name, type: name, function: { function: { name } } })
    expect((await ok(send, 'GET', `/tools/name/${name}`)).id).toBe(id)
    expect(await told(send('POST', '/tools', { name, type: name }))).toEqual(DUPLICATE)
    expect((await told(asAdmin('DELETE', `/tools/${id}`)))[0]).toBe(403)
  })

  test('come first in the list', async () => {
    const { tools } = (await ok(send, 'GET', '/tools')) as unknown as { tools: { id: string }[] }
    expect(tools.slice(0, 4).map(({ id }) => id)).toEqual(OWN.map(([, id]) => id))
  })
})

describe("an assistant's tools", () => {
  const GIVEN = { message: 'Tool associated with assistant successfully' }

  test('are given, shown and taken', async () => {
    const id = await assistant()
    const tool = await make({ function: DEFINITION })
    expect(await ok(send, 'GET', `/assistants/${id}/tools`)).toEqual({ tools: [] })
    expect(await ok(send, 'POST', `/assistants/${id}/tools/${tool.id}`)).toEqual(GIVEN)
    expect(await ok(send, 'POST', `/assistants/${id}/tools/${tool.id}`)).toEqual(GIVEN)
    expect(await ok(send, 'GET', `/assistants/${id}/tools`)).toEqual({ tools: [tool] })
    const taken = await send('DELETE', `/assistants/${id}/tools/${tool.id}`)
    expect([taken.status, await taken.text()]).toEqual([204, ''])
    expect(await told(send('DELETE', `/assistants/${id}/tools/${tool.id}`))).toEqual([
      400,
      { detail: 'Tool not associated with the assistant' },
    ])
  })

  test('go away with the tool', async () => {
    const id = await assistant()
    const tool = await make()
    await ok(send, 'POST', `/assistants/${id}/tools/${tool.id}`)
    expect((await send('DELETE', `/tools/${tool.id}`)).status).toBe(204)
    expect(await ok(send, 'GET', `/assistants/${id}/tools`)).toEqual({ tools: [] })
    expect(await told(send('DELETE', `/assistants/${id}/tools/${tool.id}`))).toEqual(NOT_FOUND)
    expect(await told(send('DELETE', `/tools/${tool.id}`))).toEqual(NOT_FOUND)
  })

  test('are refused by the name of what is missing', async () => {
    const id = await assistant()
    const tool = await make()
    const noAssistant: [number, unknown] = [404, { detail: 'Assistant with id none not found' }]
    expect(await told(send('GET', '/assistants/none/tools'))).toEqual(noAssistant)
    expect(await told(send('POST', `/assistants/none/tools/${tool.id}`))).toEqual(noAssistant)
    expect(await told(send('POST', `/assistants/${id}/tools/tool_none`))).toEqual(NOT_FOUND)
    expect(await told(asOther('GET', `/assistants/${id}/tools`))).toEqual([404, { detail: `Assistant with id ${id} not found` }])
    const theirs = await make({}, asOther)
    expect(await told(send('POST', `/assistants/${id}/tools/${theirs.id}`))).toEqual(NOT_FOUND)
  })

  test('of a shared assistant are shown to everybody, and changed by managers', async () => {
    const id = await assistant(asAdmin)
    const tool = await make({}, asAdmin)
    await ok(asAdmin, 'POST', `/assistants/${id}/tools/${tool.id}`)
    expect(await ok(send, 'GET', `/assistants/${id}/tools`)).toEqual({ tools: [tool] })
    const mine = await make()
    expect((await send('POST', `/assistants/${id}/tools/${mine.id}`)).status).toBe(403)
  })
})
