import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, type Person, sender, told } from './kit.ts'

type Send = ReturnType<typeof sender>

let served: Served
let user: Person
let admin: Person
let send: Send
let asAdmin: Send
let asOther: Send
let asTenant: Send
beforeAll(async () => {
  served = await serve()
  user = await newPerson(served)
  admin = await newPerson(served, { admin: true })
  send = sender(served, user.key)
  asAdmin = sender(served, admin.key)
  asOther = sender(served, (await newPerson(served)).key)
  asTenant = sender(served, served.key)
}, SERVER_START_MS)
afterAll(() => served.close())

async function ok(as: Send, method: string, path: string, body?: unknown): Promise<JsonObject> {
  const [status, answer] = await told(as(method, path, body))
  expect([status, answer]).toEqual([200, expect.anything()])
  return answer as JsonObject
}
const make = (body: object = {}, as: Send = send) => ok(as, 'POST', '/assistants', { name: 'A', model: 'm', ...body })
const NOT_FOUND: [number, unknown] = [404, { detail: 'Assistant not found' }]

describe('an assistant', () => {
  test('has the defaults of the contract', async () => {
    const made = await make()
    expect(made).toEqual({
      ...{ id: expect.stringMatching(/^asst_[A-Za-z0-9]{22}$/), user_id: user.id, object: 'assistant', created_at: expect.any(Number) },
      ...{ name: 'A', description: '', model: 'm', instructions: '', tools: null, meta_data: {} },
      ...{ top_p: 1, temperature: 1, response_format: 'auto', vector_stores: [] },
    })
    expect(await ok(send, 'GET', `/assistants/${made.id}`)).toEqual(made)
  })

  test('is read as it was sent, tools of any form and fractions included', async () => {
    const sent = {
      ...{ name: 'Exact', model: 'm2', description: 'D', instructions: 'I', tools: [{ type: 'free', deep: [{ x: null }] }, { y: 1 }] },
      ...{ meta_data: { n: 1, nested: { list: [true] } }, top_p: 0.35, temperature: 0.7, response_format: 'json_object' },
    }
    const made = await make(sent)
    expect(made).toMatchObject(sent)
    expect(await ok(send, 'GET', `/assistants/${made.id}`)).toMatchObject(sent)
    expect((await make({ response_format: 'of my own' })).response_format).toBe('of my own')
  })

  test('is changed where the body says so', async () => {
    const made = await make({ temperature: 0.2, tools: [{ a: 1 }], meta_data: { k: 'v' }, response_format: 'own' })
    const change = { name: 'B', temperature: 0.3, tools: [{ b: 2 }], model: null }
    expect(await ok(send, 'PUT', `/assistants/${made.id}`, change)).toEqual({ ...made, name: 'B', temperature: 0.3, tools: [{ b: 2 }] })
    const cleared = await ok(send, 'PUT', `/assistants/${made.id}`, {
      temperature: null,
      response_format: 'text',
      meta_data: null,
      tools: null,
    })
    expect(cleared).toEqual({ ...made, name: 'B', temperature: 1, tools: null, meta_data: {}, response_format: 'text' })
    expect(await ok(send, 'PUT', `/assistants/${made.id}`, {})).toEqual(cleared)
  })

  test('is removed, and its id is free', async () => {
    await make({ id: 'gone' })
    expect(await ok(send, 'DELETE', '/assistants/gone')).toEqual({ id: 'gone', object: 'assistant', deleted: true })
    expect(await told(send('GET', '/assistants/gone'))).toEqual(NOT_FOUND)
    await make({ id: 'gone' }, asOther)
  })

  test('is made once, however often the request is repeated', async () => {
    const again = () =>
      told(send('POST', '/assistants', { name: 'Once', model: 'm', id: 'once' }, { headers: { 'idempotency-key': 'a-1' } }))
    const first = await again()
    expect(first[0]).toBe(200)
    expect(await again()).toEqual(first)
  })

  test.each([
    [{ model: 'm' }, 'name', 'missing'],
    [{ name: 'A' }, 'model', 'missing'],
    [{ name: 'A', model: 'm', temperature: 2.5 }, 'temperature', 'less_than_equal'],
    [{ name: 'A', model: 'm', top_p: -1 }, 'top_p', 'greater_than_equal'],
    [{ name: 'A'.repeat(129), model: 'm' }, 'name', 'string_too_long'],
    [{ name: 'A', model: 'm', tools: ['x'] }, 'tools', 'dict_type'],
    [{ name: 'A', model: 'm', id: 'i'.repeat(65) }, 'id', 'string_too_long'],
  ])('is refused with %j', async (body, field, type) => {
    const [status, { detail }] = (await told(send('POST', '/assistants', body))) as [number, { detail: { loc: string[]; type: string }[] }]
    expect([status, detail[0]?.loc.slice(0, 2), detail[0]?.type]).toEqual([422, ['body', field], type])
  })
})

describe('an id that the client chose', () => {
  test('names the assistant wherever it is asked for, and is given once', async () => {
    const made = await make({ id: 'default', name: 'Shared' }, asAdmin)
    expect(made.id).toBe('default')
    expect((await ok(send, 'GET', '/assistants/default')).name).toBe('Shared')
    expect(await told(send('POST', '/assistants', { id: 'default', name: 'A', model: 'm' }))).toEqual([
      400,
      { detail: "Assistant with ID 'default' already exists" },
    ])
    expect(await told(sender(served, served.otherKey)('GET', '/assistants/default'))).toEqual(NOT_FOUND)
  })

  test('may look like one of ours', async () => {
    for (const id of ['asst_0000000000000000000abc', 'asst_zzzzzzzzzzzzzzzzzzzzzz', 'asst_11112222333344445555666677778888']) {
      expect((await make({ id })).id).toBe(id)
      expect((await ok(send, 'GET', `/assistants/${id}`)).id).toBe(id)
      expect((await told(send('POST', '/assistants', { id, name: 'A', model: 'm' })))[0]).toBe(400)
    }
  })
})

describe('an owner', () => {
  test('and managers have the assistant; to others it is not there', async () => {
    const { id } = await make()
    for (const as of [asAdmin, asTenant])
      expect((await ok(as, 'PUT', `/assistants/${id}`, { description: 'by a manager' })).id).toBe(String(id))
    for (const as of [asOther, sender(served, served.otherKey)]) {
      expect(await told(as('GET', `/assistants/${id}`))).toEqual(NOT_FOUND)
      expect(await told(as('PUT', `/assistants/${id}`, { name: 'X' }))).toEqual(NOT_FOUND)
      expect(await told(as('DELETE', `/assistants/${id}`))).toEqual(NOT_FOUND)
    }
  })

  test("lets others use the tenant's assistant, and nobody but managers change it", async () => {
    const { id } = await make({}, asTenant)
    expect((await ok(send, 'GET', `/assistants/${id}`)).id).toBe(String(id))
    expect(await told(send('PUT', `/assistants/${id}`, { name: 'X' }))).toEqual([
      403,
      { detail: 'Only its owner may change this assistant.' },
    ])
    expect((await told(send('DELETE', `/assistants/${id}`)))[0]).toBe(403)
  })
})

describe('the OpenAI surface', () => {
  test('shows the same assistant, and what is changed on one side is seen on the other', async () => {
    const made = await make({ name: 'Both', instructions: 'I', temperature: 0.4, meta_data: { n: 1 }, response_format: 'json_object' })
    const list = (await (await served.send('GET', '/v1/assistants?limit=1')).json()) as { data: JsonObject[] }
    const there = list.data[0] ?? {}
    expect(there).toMatchObject({
      name: 'Both',
      instructions: 'I',
      temperature: 0.4,
      metadata: { n: '1' },
      response_format: { type: 'json_object' },
    })
    const path = `/v1/assistants/${there.id}`
    await served.send('POST', path, { instructions: 'J', temperature: 0.9, response_format: { type: 'text' } })
    const changed = await ok(send, 'GET', `/assistants/${made.id}`)
    expect(changed).toEqual({ ...made, instructions: 'J', temperature: 0.9, response_format: 'text' })
    expect(await ok(send, 'GET', `/assistants/${there.id}`)).toEqual(changed)
    await served.send('DELETE', path)
    expect(await told(send('GET', `/assistants/${made.id}`))).toEqual(NOT_FOUND)
  })

  test('makes assistants that managers find here', async () => {
    const tools = [{ type: 'function', function: { name: 'f' } }]
    const response = await served.send('POST', '/v1/assistants', { model: 'm', name: 'There', tools, metadata: { a: 'b' } })
    const { id } = (await response.json()) as { id: string }
    const here = await ok(asTenant, 'GET', `/assistants/${id}`)
    expect(here).toMatchObject({ name: 'There', model: 'm', tools, meta_data: { a: 'b' }, user_id: null, description: null })
    expect((await ok(asTenant, 'PUT', `/assistants/${here.id}`, { tools: [{ own: 1 }] })).tools).toEqual([{ own: 1 }])
  })
})

describe('a user', () => {
  const LINKED = { message: 'Assistant associated with user successfully' }

  test('has the assistants that were given to him', async () => {
    const guest = await newPerson(served)
    const asGuest = sender(served, guest.key)
    const { id } = await make({ id: 'given' })
    const path = `/users/${guest.id}/assistants`
    expect(await ok(asGuest, 'GET', path)).toEqual([] as never)
    expect(await ok(send, 'POST', `${path}/${id}`)).toEqual(LINKED)
    expect(await ok(send, 'POST', `${path}/${id}`)).toEqual(LINKED)
    expect(await ok(asGuest, 'GET', path)).toMatchObject([{ id: 'given', name: 'A' }])
    expect((await ok(asGuest, 'GET', `/assistants/${id}`)).id).toBe('given')
    const gone = await asGuest('DELETE', `${path}/${id}`)
    expect([gone.status, await gone.text()]).toEqual([204, ''])
    expect(await told(send('DELETE', `${path}/${id}`))).toEqual([400, { detail: 'Assistant not associated with the user' }])
    expect(await told(asGuest('GET', `/assistants/${id}`))).toEqual(NOT_FOUND)
  })

  test('is not looked at by others', async () => {
    const missing: [number, unknown] = [404, { detail: 'User not found' }]
    expect(await told(asOther('GET', `/users/${user.id}/assistants`))).toEqual(missing)
    expect(await told(asAdmin('GET', '/users/user_nobody/assistants'))).toEqual(missing)
    expect(await told(asAdmin('POST', '/users/user_nobody/assistants/default'))).toEqual(missing)
    expect(await told(asAdmin('POST', `/users/${user.id}/assistants/none`))).toEqual(NOT_FOUND)
    expect(await ok(asAdmin, 'GET', `/users/${user.id}/assistants`)).toEqual([] as never)
  })
})

test('the same paths answer without /v1', async () => {
  const { id } = await make()
  expect((await ok(sender(served, user.key, '/entities'), 'GET', `/assistants/${id}`)).id).toBe(String(id))
})
