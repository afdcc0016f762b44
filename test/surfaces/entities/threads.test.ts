import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, type Person, sender, told } from './kit.ts'

let served: Served
let ada: Person
let bob: Person
beforeAll(async () => {
  served = await serve()
  ada = await newPerson(served)
  bob = await newPerson(served)
}, SERVER_START_MS)
afterAll(() => served.close())

const as = (who: Person | string) => sender(served, typeof who === 'string' ? who : who.key)

async function json(response: Promise<Response>): Promise<JsonObject> {
  const [status, body] = await told(response)
  if (status !== 200) throw new Error(`answered ${status}: ${JSON.stringify(body)}`)
  return body as JsonObject
}

const newThread = async (who: Person | string, body: JsonObject = { participant_ids: [] }): Promise<string> =>
  String((await json(as(who)('POST', '/threads', body))).id)

const GONE = [404, { detail: 'Thread not found' }]

describe('a thread', () => {
  test('keeps its participants and its meta_data from the beginning', async () => {
    const meta_data = { topic: 'flights', deep: { n: 1.5, list: [null, true] } }
    const made = await json(as(ada)('POST', '/threads', { participant_ids: [ada.id, bob.id, ada.id], meta_data }))
    expect(made).toEqual({
      ...{ id: expect.stringMatching(/^thread_[A-Za-z0-9]{22}$/), object: 'thread', created_at: expect.any(Number) },
      ...{ meta_data, tool_resources: {} },
      participants: [
        { id: ada.id, email: expect.stringContaining('@example.com'), full_name: null },
        { id: bob.id, email: null, full_name: null },
      ],
    })
    expect(await json(as(ada)('GET', `/threads/${made.id}`))).toEqual(made)
    expect(Math.abs(Number(made.created_at) - Date.now() / 1000)).toBeLessThan(60)
  })

  test('shows managers the addresses of everybody', async () => {
    const id = await newThread(served.key, { participant_ids: [bob.id] })
    const { participants } = await json(as(served.key)('GET', `/threads/${id}`))
    expect(participants).toMatchObject([{ id: bob.id, email: expect.stringContaining('@') }])
  })

  test('with somebody who does not exist is not made', async () => {
    const stranger = await newPerson(served, { tenant: 'two' })
    for (const nobody of ['user_0000000000000000000000', 'nobody', stranger.id])
      expect(await told(as(ada)('POST', '/threads', { participant_ids: [ada.id, nobody] }))).toEqual([400, { detail: 'Invalid user IDs' }])
  })

  test('needs to be told who takes part, and takes 100 at most', async () => {
    const [status, body] = await told(as(ada)('POST', '/threads', {}))
    expect([status, (body as { detail: JsonObject[] }).detail[0]?.loc]).toEqual([422, ['body', 'participant_ids']])
    expect((await as(ada)('POST', '/threads', { participant_ids: Array(101).fill(ada.id) })).status).toBe(422)
    expect((await as(ada)('POST', '/threads', { participant_ids: [], meta_data: { x: 'y'.repeat(70_000) } })).status).toBe(422)
    expect((await as(ada)('POST', '/threads', { participant_ids: [], meta_data: null })).status).toBe(200)
    expect((await as(ada)('POST', '/threads', { participant_ids: [], meta_data: { x: 'nul \u0000' } })).status).toBe(422)
  })

  test('is made once, however often it is asked for with one key', async () => {
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const make = () => json(as(ada)('POST', '/threads', { participant_ids: [ada.id] }, { headers }))
    const [first, again] = [await make(), await make()]
    expect(again).toEqual(first)
  })

  test('is found under the spelling of the other surfaces too', async () => {
    const { id } = (await (await served.send('POST', '/v1/threads', { metadata: { a: 'b' } })).json()) as JsonObject
    const found = await json(as(served.key)('GET', `/threads/${id}`))
    expect(found).toMatchObject({ meta_data: { a: 'b' }, participants: [] })
    const back = await served.send('GET', `/v1/threads/${found.id}`)
    expect([back.status, ((await back.json()) as JsonObject).id]).toEqual([200, id as string])
  })
})

describe('a change', () => {
  test('merges by PUT and by POST, and replaces at /metadata', async () => {
    const id = await newThread(ada, { participant_ids: [ada.id], meta_data: { a: 1, b: { c: 2 } } })
    const put = await json(as(ada)('PUT', `/threads/${id}`, { meta_data: { b: { d: 3 } } }))
    expect(put.meta_data).toEqual({ a: 1, b: { d: 3 } })
    expect((await json(as(ada)('POST', `/threads/${id}`, { meta_data: { e: null } }))).meta_data).toEqual({ a: 1, b: { d: 3 }, e: null })
    expect((await json(as(ada)('PUT', `/threads/${id}/metadata`, { only: true }))).meta_data).toEqual({ only: true })
    expect((await json(as(ada)('PUT', `/threads/${id}`, {}))).meta_data).toEqual({ only: true })
    expect((await told(as(ada)('PUT', `/threads/${id}/metadata`, [1])))[0]).toBe(422)
  })

  test('twenty at once lose nothing', async () => {
    const id = await newThread(ada)
    await Promise.all(Array.from({ length: 20 }, (_, i) => json(as(ada)('PUT', `/threads/${id}`, { meta_data: { [`k${i}`]: i } }))))
    expect(Object.keys((await json(as(ada)('GET', `/threads/${id}`))).meta_data as JsonObject)).toHaveLength(20)
  })

  test('keeps tool_resources, and says anew who takes part', async () => {
    const id = await newThread(ada, { participant_ids: [ada.id, bob.id] })
    const tool_resources = { code_interpreter: { file_ids: [] } }
    const changed = await json(as(ada)('PUT', `/threads/${id}`, { tool_resources, participant_ids: [bob.id] }))
    expect(changed).toMatchObject({ tool_resources, participants: [{ id: bob.id }] })
    expect(await json(as(ada)('GET', `/threads/${id}`))).toEqual(changed)
    expect(await told(as(bob)('PUT', `/threads/${id}`, { participant_ids: [] }))).toMatchObject([
      403,
      { detail: expect.stringContaining('owner') },
    ])
    expect((await told(as(ada)('PUT', `/threads/${id}`, { participant_ids: ['user_x'] })))[0]).toBe(400)
  })
})

describe('who may', () => {
  test('take part reads and changes, only the owner or a manager deletes', async () => {
    const id = await newThread(ada, { participant_ids: [bob.id] })
    expect((await as(bob)('GET', `/threads/${id}`)).status).toBe(200)
    expect((await as(bob)('PUT', `/threads/${id}`, { meta_data: { by: 'bob' } })).status).toBe(200)
    expect((await as(bob)('DELETE', `/threads/${id}`)).status).toBe(403)
    expect(await told(as(ada)('DELETE', `/threads/${id}`))).toEqual([200, true])
    expect(await told(as(ada)('GET', `/threads/${id}`))).toEqual(GONE as [number, unknown])
    const other = await newThread(ada)
    expect(await told(as(served.key)('DELETE', `/threads/${other}`))).toEqual([200, true])
    expect(await told(as(ada)('DELETE', `/threads/${other}`))).toEqual(GONE as [number, unknown])
  })

  test('not take part finds nothing, like another tenant', async () => {
    const id = await newThread(ada)
    for (const who of [bob, served.otherKey])
      for (const [method, path, body] of [
        ['GET', '', undefined],
        ['PUT', '', {}],
        ['POST', '', {}],
        ['PUT', '/metadata', {}],
        ['DELETE', '', undefined],
      ] as const)
        expect(await told(as(who)(method, `/threads/${id}${path}`, body))).toEqual(GONE as [number, unknown])
  })
})

describe('the threads of a user', () => {
  test('are listed in both spellings, to himself and to managers', async () => {
    const carol = await newPerson(served)
    const own = await newThread(carol)
    const shared = await newThread(served.key, { participant_ids: [carol.id] })
    for (const who of [carol, served.key]) {
      expect(await told(as(who)('GET', `/threads/user/${carol.id}`))).toEqual([200, [own, shared]])
      expect(await told(as(who)('GET', `/users/${carol.id}/threads`))).toEqual([200, { thread_ids: [own, shared] }])
    }
  })

  test('are none to others, and of nobody', async () => {
    await newThread(ada)
    for (const who of [bob, served.otherKey]) {
      expect(await told(as(who)('GET', `/threads/user/${ada.id}`))).toEqual([200, []])
      expect(await told(as(who)('GET', `/users/${ada.id}/threads`))).toEqual([200, { thread_ids: [] }])
    }
    expect(await told(as(ada)('GET', '/threads/user/nobody'))).toEqual([200, []])
  })
})
