import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mountAlone, openServer, type Server } from '../../../src/server.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, type Person, sender, told } from './kit.ts'

let served: Served
let alone: Server
let person: Person
let admin: Person
beforeAll(async () => {
  served = await serve({}, { http: { bodyBytesMax: 200_000 } })
  const { app } = served
  const [own] = mountAlone({
    ...app,
    config: { ...app.config, entities: { ...app.config.entities, listen: { host: '127.0.0.1', port: 0 } } },
  })
  if (!own) throw new Error('no listener of its own')
  alone = openServer({ app, probes: {}, ...own })
  person = await newPerson(served)
  admin = await newPerson(served, { admin: true })
}, SERVER_START_MS)
afterAll(async () => {
  await alone?.close(0)
  await served?.close()
})

const send = (...args: Parameters<ReturnType<typeof sender>>) => sender(served, person.key)(...args)
const refusal = async (response: Promise<Response>): Promise<[number, unknown, string | null]> => {
  const answer = await response
  return [answer.status, ((await answer.json()) as { detail: unknown }).detail, answer.headers.get('www-authenticate')]
}

describe('a key', () => {
  const self = () => `/users/${person.id}`

  test('is taken from X-API-Key and from Authorization, and the first counts', async () => {
    const authorization = `Bearer ${person.key}`
    const anonymous = sender(served, null)
    expect((await send('GET', self())).status).toBe(200)
    expect((await anonymous('GET', self(), undefined, { headers: { authorization } })).status).toBe(200)
    expect((await send('GET', self(), undefined, { headers: { authorization: 'Bearer sk-of-a-provider' } })).status).toBe(200)
    const both = { 'x-api-key': 'ea_wrong-wrong-wrong', authorization }
    expect((await anonymous('GET', self(), undefined, { headers: both })).status).toBe(401)
  })

  test('that is missing, too short, unknown or expired is 401 in these words, with a challenge', async () => {
    const expired = await newPerson(served, { expiresAt: Date.now() - 1000 })
    const cases: [string | null, string][] = [
      [null, "Missing API Key in 'X-API-Key' header."],
      ['', "Missing API Key in 'X-API-Key' header."],
      ['ea_short', 'Invalid API Key format.'],
      [`ea_${'x'.repeat(43)}`, 'Invalid or inactive API Key.'],
      [expired.key, 'API Key has expired.'],
    ]
    for (const [key, detail] of cases) expect(await refusal(sender(served, key)('GET', self()))).toEqual([401, detail, 'APIKey'])
  })

  test('of a short text that an operator chose is good', async () => {
    const short = await served.newKey('one', { secret: 'short' })
    expect((await sender(served, short)('GET', self())).status).toBe(200)
  })

  test('of a user is refused where owners are not looked at, an admin and the tenant are not', async () => {
    const sentence = 'This key belongs to a user; it works on the Entities surface.'
    const openai = await served.send('GET', '/v1/assistants', undefined, { key: person.key })
    expect([openai.status, await openai.json()]).toMatchObject([403, { error: { message: sentence } }])
    const graphs = await served.send('POST', '/langgraph/threads', {}, { key: person.key })
    expect([graphs.status, await graphs.json()]).toEqual([403, { detail: sentence }])
    for (const key of [admin.key, served.key]) {
      expect((await served.send('GET', '/v1/assistants', undefined, { key })).status).toBe(200)
      expect((await served.send('POST', '/langgraph/threads', {}, { key })).status).toBe(200)
    }
  })

  test('of a user opens no stream of another surface either', async () => {
    const path = '/v1/threads/thread_0/runs/run_0/stream'
    expect((await served.send('GET', path, undefined, { key: person.key })).status).toBe(403)
  })
})

describe('of several mistakes', () => {
  const nobody = `ea_${'x'.repeat(43)}`
  const statusOf = async (key: string | null, path: string, body: string): Promise<unknown> => {
    const [status, answer] = await told(sender(served, key)('POST', path, body))
    const { detail } = answer as { detail: string | { type: string }[] }
    return [status, typeof detail === 'string' ? detail : detail[0]?.type]
  }

  test('broken JSON goes first, then the key, then the fields, then the rights', async () => {
    expect(await statusOf(nobody, '/users', '{')).toEqual([422, 'json_invalid'])
    expect(await statusOf(null, '/users', '{')).toEqual([422, 'json_invalid'])
    expect(await statusOf(nobody, '/users', '{"email":1}')).toEqual([401, 'Invalid or inactive API Key.'])
    expect(await statusOf(person.key, '/users', '{"email":1}')).toEqual([422, 'string_type'])
    expect(await statusOf(person.key, '/users', '{}')).toEqual([403, 'Admin privileges required to create users.'])
    expect(await statusOf(person.key, `/users/user_${'0'.repeat(22)}/apikeys`, '{}')).toEqual([
      403,
      'Not authorized to manage API keys for this user.',
    ])
    expect(await statusOf(admin.key, `/admin/users/user_${'0'.repeat(22)}/keys`, '{}')).toEqual([404, expect.stringContaining('not found')])
  })

  test('of a caller who is unknown no large body is read', async () => {
    expect(await statusOf(nobody, '/users', `{${' '.repeat(100_000)}`)).toEqual([401, 'Invalid or inactive API Key.'])
  })
})

describe('a URL', () => {
  test('that nothing serves is 404, and one with another method 405', async () => {
    expect(await told(send('GET', '/nothing'))).toEqual([404, { detail: 'Not Found' }])
    expect(await told(sender(served, null, '/entities')('GET', '/nothing'))).toEqual([404, { detail: 'Not Found' }])
    const wrong = await send('PATCH', '/users')
    expect([wrong.status, wrong.headers.get('allow'), await wrong.json()]).toEqual([405, 'POST', { detail: 'Method Not Allowed' }])
  })

  test('with a slash at its end leads to the one without, method and body kept', async () => {
    const url = `${served.url}/entities/v1/users/?a=1`
    const answer = await fetch(url, { method: 'POST', redirect: 'manual', body: '{}' })
    expect([answer.status, answer.headers.get('location')]).toEqual([307, '/entities/v1/users?a=1'])
    expect((await send('GET', `/users/${person.id}/`)).status).toBe(200)
    expect((await fetch(`${alone.url}/users/`, { method: 'POST', redirect: 'manual' })).headers.get('location')).toBe('/users')
  })

  test('never leads to another host', async () => {
    for (const path of ['//evil.example/', '///evil.example//', '/entities//evil.example/', '/%5Cevil.example/', '//evil.example%2f/']) {
      for (const base of [served.url, alone.url]) {
        const answer = await fetch(base + path, { redirect: 'manual' })
        const location = answer.headers.get('location')
        expect([path, location === null ? 'none' : new URL(location, base).origin]).toEqual([path, location === null ? 'none' : base])
      }
    }
  })

  test('is served bare and under /v1, with the same answer', async () => {
    const [bare, versioned] = await Promise.all(
      ['/entities', '/entities/v1'].map(async (base) => told(sender(served, person.key, base)('GET', `/users/${person.id}`))),
    )
    expect(bare).toMatchObject([200, { id: person.id }])
    expect(versioned).toEqual(bare as [number, unknown])
  })

  test('of the surface itself greets, without a key', async () => {
    for (const url of [`${served.url}/entities`, `${served.url}/entities/`, alone.url])
      expect(await told(fetch(url))).toMatchObject([200, { message: 'Welcome to the API!' }])
    expect(await told(fetch(`${served.url}/entities`, { method: 'POST' }))).toEqual([405, { detail: 'Method Not Allowed' }])
  })
})

test('health needs no key and says whether the database is there', async () => {
  for (const base of ['/entities', '/entities/v1'])
    expect(await told(sender(served, null, base)('GET', '/health'))).toMatchObject([200, { database: true, status: 'healthy' }])
})

describe('a listener of its own', () => {
  test('serves the same at the root, with its own health and the documentation beside it', async () => {
    const headers = { 'x-api-key': person.key }
    for (const path of [`/users/${person.id}`, `/v1/users/${person.id}`])
      expect(await told(fetch(alone.url + path, { headers }))).toMatchObject([200, { id: person.id }])
    expect(await told(fetch(`${alone.url}/health`))).toMatchObject([200, { database: true, status: 'healthy' }])
    for (const path of ['/health/ready', '/docs', '/openapi/entities.json'])
      expect([path, (await fetch(alone.url + path)).status]).toEqual([path, 200])
  })

  test('has nothing of other surfaces', async () => {
    const headers = { 'x-api-key': served.key }
    for (const path of ['/v1/models', '/entities/health', '/langgraph/ok'])
      expect([path, (await fetch(alone.url + path, { headers })).status]).toEqual([path, 404])
  })
})

describe('an Idempotency-Key', () => {
  const headers = { 'idempotency-key': 'once' }

  test('makes a repeated request have one effect, bare and under /v1', async () => {
    const body = { email: 'once@example.com' }
    const first = await told(sender(served, admin.key)('POST', '/users', body, { headers }))
    expect(first[0]).toBe(201)
    expect(await told(sender(served, admin.key, '/entities')('POST', '/users', body, { headers }))).toEqual(first)
    expect((await sender(served, admin.key)('POST', '/users', { email: 'twice@example.com' }, { headers })).status).toBe(422)
  })

  test('of one user says nothing to another', async () => {
    const body = { participant_ids: [], meta_data: { secret: 'of one' } }
    const other = await newPerson(served)
    const [, mine] = await told(send('POST', '/threads', body, { headers }))
    const [, theirs] = await told(sender(served, other.key)('POST', '/threads', body, { headers }))
    expect(mine).toMatchObject({ id: expect.stringMatching(/^thread_/) })
    expect((theirs as { id: string }).id).not.toBe((mine as { id: string }).id)
  })
})

describe('the document', () => {
  interface Document {
    servers: { url: string }[]
    paths: Record<string, Record<string, { operationId: string }>>
  }
  const documentOf = async (url: string) => (await (await fetch(`${url}/openapi/entities.json`)).json()) as Document

  test('names each operation once, and both places where they stand', async () => {
    const { servers, paths } = await documentOf(served.url)
    expect(servers).toEqual([{ url: '/entities/v1' }, { url: '/entities' }])
    const ids = Object.values(paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId))
    expect(new Set(ids).size).toBe(ids.length)
    expect(
      Object.keys(paths)
        .filter((path) => path.startsWith('/v1/'))
        .sort(),
    ).toEqual(['/v1/files/download', '/v1/uploads/{file_id}/base64', '/v1/uploads/{file_id}/signed-url'])
    expect(Object.keys(paths)).toContain('/users/{user_id}')
  })

  test('of a listener of its own has its places', async () => {
    const { servers, paths } = await documentOf(alone.url)
    expect(servers).toEqual([{ url: '/v1' }, { url: '/' }])
    expect(Object.keys(paths)).toContain('/users/{user_id}')
  })
})
