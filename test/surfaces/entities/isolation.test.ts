import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { operator } from '../../../src/core/identity/tenants.ts'
import { servedOperations } from '../../contract/operations.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { CASES, type Ids, NO_ID, outcome } from './isolation-cases.ts'
import { buildWorld, contentsOf, nobody, TOOL, WORLD_SCRIPTS } from './isolation-world.ts'
import { newPerson, type Person, sender, told } from './kit.ts'

/** Who reaches for what is not his, with a world of his own. */
interface Intruder extends Person {
  own: Ids
}

let served: Served
let owner: Person
let theirs: Ids
let tenantId: string
const intruders: Record<string, Intruder> = {}

const KINDS = {
  'a user of the same tenant': { tenant: 'one', admin: false },
  'a user of another tenant': { tenant: 'two', admin: false },
  'an admin of another tenant': { tenant: 'two', admin: true },
}

beforeAll(async () => {
  served = await serve({ scripts: WORLD_SCRIPTS }, { worker: true })
  owner = await newPerson(served)
  theirs = await buildWorld(served, owner)
  for (const [kind, options] of Object.entries(KINDS)) {
    const person = await newPerson(served, options)
    intruders[kind] = { ...person, own: await buildWorld(served, person) }
  }
  tenantId = (await operator(served.app, 'one')).tenantId
}, SERVER_START_MS)
afterAll(() => served?.close())

for (const kind of Object.keys(KINDS))
  describe(`what belongs to somebody else is exactly what is missing, and nothing of it changes: ${kind}`, () => {
    for (const [operation, cases] of Object.entries(CASES))
      test(operation, async () => {
        const intruder = intruders[kind]
        if (!intruder) throw new Error('nobody is there')
        const { key, own } = intruder
        const before = await contentsOf(served, tenantId)
        for (const [i, make] of cases.entries()) {
          const base = i % 2 === 0 ? '/entities/v1' : '/entities'
          const none = nobody()
          const foreign = await outcome(served, key, { call: make(theirs, own), ids: theirs, base })
          const missing = await outcome(served, key, { call: make(none, own), ids: none, base })
          expect(foreign).toBe(missing)
          expect(foreign).not.toContain('secret')
          // The request itself was sound.
          expect(foreign).not.toMatch(/^(?:401|405|409|422|5\d\d) /)
        }
        expect(await contentsOf(served, tenantId)).toEqual(before)
      })
  })

test('the same calls are answered otherwise to the owner and to a manager, so that the cases do reach the objects', async () => {
  const reads =
    'get_user get_assistant list_tools list_user_threads list_threads_of_user get_thread list_messages get_formatted_messages get_message'
  const others =
    'get_run get_pending_actions get_actions_by_status get_action get_file_by_id download_file_as_object get_file_as_base64 get_vector_store_endpoint'
  const admin = await newPerson(served, { admin: true })
  for (const operation of `${reads} ${others} get_tool list_files_in_vector_store_endpoint get_stores_by_user_endpoint`.split(' '))
    for (const key of [owner.key, admin.key, served.key]) {
      const [make] = CASES[operation] ?? []
      const none = nobody()
      const given = make && (await outcome(served, key, { call: make(theirs, theirs), ids: theirs, base: '/entities' }))
      expect([operation, given]).toEqual([operation, expect.stringMatching(/^200 /)])
      expect(given).not.toBe(make && (await outcome(served, key, { call: make(none, theirs), ids: none, base: '/entities' })))
    }
})

test('every operation of the document has such a case, or a reason why it needs none', async () => {
  const known = new Set([...Object.keys(CASES), ...Object.keys(NO_ID)])
  const operations = (await servedOperations(served.url, 'entities')).map(({ id }) => id)
  expect(operations.length).toBeGreaterThanOrEqual(72)
  expect(operations.filter((id) => !known.has(id))).toEqual([])
  expect([...known].filter((id) => !operations.includes(id))).toEqual([])
})

describe('what two owners name alike', () => {
  const idOf = async (key: string, path: string): Promise<unknown> =>
    ((await told(sender(served, key)('GET', path)))[1] as { id?: unknown }).id

  test('a tool is each one’s own', async () => {
    expect(await idOf(owner.key, `/tools/name/${TOOL}`)).toBe(theirs.tool)
    for (const { key, own } of Object.values(intruders)) {
      const found = await idOf(key, `/tools/name/${TOOL}`)
      expect(found).toBe(own.tool)
    }
  })

  test('an assistant is each tenant’s own', async () => {
    const body = { id: 'helper', name: 'Helper', model: 'echo' }
    expect((await sender(served, owner.key)('POST', '/assistants', body)).status).toBe(200)
    const [same, other] = [intruders['a user of the same tenant'], intruders['a user of another tenant']]
    if (!same || !other) throw new Error('nobody is there')
    expect(await told(sender(served, same.key)('POST', '/assistants', body))).toEqual([
      400,
      { detail: "Assistant with ID 'helper' already exists" },
    ])
    expect((await sender(served, other.key)('POST', '/assistants', { ...body, name: 'Other' })).status).toBe(200)
    expect(await told(sender(served, owner.key)('GET', '/assistants/helper'))).toMatchObject([200, { name: 'Helper' }])
    expect(await told(sender(served, other.key)('GET', '/assistants/helper'))).toMatchObject([200, { name: 'Other' }])
    expect((await sender(served, same.key)('GET', '/assistants/helper')).status).toBe(404)
  })
})

test('lists hold nobody else’s objects', async () => {
  for (const path of ['/tools', '/runs']) {
    const mine = await (await sender(served, owner.key)('GET', path)).text()
    expect(mine).toContain(path === '/tools' ? theirs.tool : theirs.run)
    for (const { key } of Object.values(intruders)) {
      const seen = await (await sender(served, key)('GET', path)).text()
      for (const id of Object.values(theirs)) expect(seen).not.toContain(`"${id}"`)
    }
  }
})

test('a participant of another tenant is nobody', async () => {
  const other = intruders['a user of another tenant']
  const [foreign, missing] = await Promise.all(
    [other?.id, nobody().user].map((id) => told(sender(served, owner.key)('POST', '/threads', { participant_ids: [id] }))),
  )
  expect(foreign?.[0]).toBe(400)
  expect(foreign).toEqual(missing as [number, unknown])
})

test('an owner gives his assistant to users of his own tenant, and may take it back', async () => {
  const [same, other] = [intruders['a user of the same tenant'], intruders['a user of another tenant']]
  if (!same || !other) throw new Error('nobody is there')
  const give = (method: string, user: string) => told(sender(served, owner.key)(method, `/users/${user}/assistants/${theirs.assistant}`))
  const seen = async (key: string) => (await sender(served, key)('GET', `/assistants/${theirs.assistant}`)).status
  const nobodys = nobody().user
  for (const method of ['POST', 'DELETE']) expect(await give(method, other.id)).toEqual(await give(method, nobodys))
  expect((await give('POST', same.id))[0]).toBe(200)
  expect([await seen(same.key), await seen(other.key)]).toEqual([200, 404])
  const changed = await sender(served, same.key)('PUT', `/assistants/${theirs.assistant}`, { name: 'Intruder' })
  expect(changed.status).toBe(403)
  expect((await give('DELETE', same.id))[0]).toBe(204)
  expect(await seen(same.key)).toBe(404)
})
