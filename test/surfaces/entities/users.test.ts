import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, type Person, sender, told } from './kit.ts'

let served: Served
let ada: Person
let ann: Person
let asAdmin: ReturnType<typeof sender>
let asAnn: ReturnType<typeof sender>
beforeAll(async () => {
  served = await serve()
  ada = await newPerson(served, { admin: true })
  ann = await newPerson(served)
  asAdmin = sender(served, ada.key)
  asAnn = sender(served, ann.key)
}, SERVER_START_MS)
afterAll(() => served.close())

const denied = (detail: string) => [403, { detail }] as [number, unknown]
const NOBODY = ['user_0000000000000000000000', 'user_short', 'nonsense', `user_${'0'.repeat(31)}1`]
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)

async function make(body: object = {}): Promise<JsonObject> {
  const [status, user] = await told(asAdmin('POST', '/users', body))
  expect(status).toBe(201)
  return user as JsonObject
}

describe('a new user', () => {
  test("is answered as it was sent, without what is nobody's business", async () => {
    const sent = { email: 'new@x.org', full_name: 'New One', given_name: 'New', family_name: 'One', picture_url: 'https://x.org/n.png' }
    const user = await make({ ...sent, email_verified: true, oauth_provider: 'acme', provider_user_id: '7', is_admin: true, name: 'old' })
    const shown = { id: expect.stringMatching(/^user_[A-Za-z0-9]{22}$/), ...sent, email_verified: true, oauth_provider: 'acme' }
    expect(user).toEqual({ ...shown, created_at: TIME, updated_at: user.created_at } as never)
    expect(await told(asAdmin('GET', `/users/${user.id}`))).toEqual([200, user])
    const { plain_key: key } = (await told(asAdmin('POST', `/admin/users/${user.id}/keys`, {})))[1] as { plain_key: string }
    expect(await told(sender(served, key)('POST', '/users', {}))).toEqual(denied('Admin privileges required to create users.'))
  })

  test('may have nothing but an id', async () => {
    const empty = { email: null, full_name: null, given_name: null, family_name: null, picture_url: null, email_verified: false }
    for (const body of [{}, { name: 'legacy' }, { email: null, email_verified: null, oauth_provider: null }])
      expect(await make(body)).toMatchObject({ ...empty, oauth_provider: 'local' })
  })

  test('does not take the address of another', async () => {
    await make({ email: 'taken@x.org' })
    expect(await told(asAdmin('POST', '/users', { email: 'taken@x.org' }))).toEqual([
      409,
      { detail: 'User with email taken@x.org already exists.' },
    ])
  })

  test('is made once for one Idempotency-Key', async () => {
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const [first, second] = [
      await told(asAdmin('POST', '/users', { full_name: 'Once' }, { headers })),
      await told(asAdmin('POST', '/users', { full_name: 'Once' }, { headers })),
    ]
    expect(second).toEqual(first)
  })

  test.each([
    [{ email: 7 }, ['body', 'email'], 'string_type'],
    [{ full_name: 'x'.repeat(256) }, ['body', 'full_name'], 'string_too_long'],
    [{ email_verified: 'yes' }, ['body', 'email_verified'], 'bool_type'],
    ['text', ['body'], 'json_invalid'],
  ])('%j is told as a mistake of the field', async (body, loc, type) => {
    const [status, answer] = await told(asAdmin('POST', '/users', body))
    expect([status, answer]).toEqual([422, { detail: [expect.objectContaining({ loc, type })] }])
  })
})

describe('who asks', () => {
  test('an unknown caller is refused by every operation', async () => {
    for (const [method, path] of [
      ...[['POST', '/users'] as const, ['GET', `/users/${ann.id}`] as const, ['PUT', `/users/${ann.id}`] as const],
      ...[['DELETE', `/users/${ann.id}`] as const, ['POST', `/admin/users/${ann.id}/keys`] as const],
    ])
      expect(await told(sender(served, null)(method, path, method === 'GET' || method === 'DELETE' ? undefined : {}))).toEqual([
        401,
        { detail: "Missing API Key in 'X-API-Key' header." },
      ])
  })

  test('a user is told the same of everybody else, there or not', async () => {
    const bob = await newPerson(served)
    for (const id of [bob.id, ada.id, ...NOBODY]) {
      expect(await told(asAnn('GET', `/users/${id}`))).toEqual(denied("Insufficient permissions to access this user's details."))
      expect(await told(asAnn('PUT', `/users/${id}`, {}))).toEqual(denied('Insufficient permissions to update this user.'))
      expect(await told(asAnn('DELETE', `/users/${id}`))).toEqual(denied('Admin privileges required to delete users.'))
      expect(await told(asAnn('POST', `/admin/users/${id}/keys`, {}))).toEqual(denied('Admin privileges required for this operation.'))
    }
  })

  test('an admin of another tenant finds nobody', async () => {
    const far = sender(served, (await newPerson(served, { tenant: 'two', admin: true })).key)
    for (const id of [ann.id, ...NOBODY]) {
      for (const answer of [far('GET', `/users/${id}`), far('PUT', `/users/${id}`, { full_name: 'x' }), far('DELETE', `/users/${id}`)])
        expect(await told(answer)).toEqual([404, { detail: 'User not found' }])
      expect(await told(far('POST', `/admin/users/${id}/keys`, {}))).toEqual([404, { detail: `User with ID '${id}' not found.` }])
    }
    expect((await asAnn('GET', `/users/${ann.id}`)).status).toBe(200)
  })

  test('a key of the tenant is above its users', async () => {
    const tenant = sender(served, served.key)
    expect((await tenant('GET', `/users/${ann.id}`)).status).toBe(200)
    expect((await tenant('POST', '/users', {})).status).toBe(201)
  })
})

describe('a change', () => {
  test('leaves what is not named, clears what is null, and shows when it was', async () => {
    const user = await make({ full_name: 'Before', given_name: 'B' })
    const [status, after] = await told(asAdmin('PUT', `/users/${user.id}`, { full_name: 'After', given_name: null, unknown: 1 }))
    expect([status, after]).toEqual([200, { ...user, full_name: 'After', given_name: null, updated_at: TIME }])
    expect((after as typeof user).updated_at).not.toBe(user.updated_at)
    expect(await told(asAdmin('PUT', `/users/${user.id}`, { name: 'legacy' }))).toEqual([200, after])
  })

  test('of his own address makes it an unverified one', async () => {
    const own = { email: `${crypto.randomUUID()}@x.org` }
    await asAdmin('PUT', `/users/${ann.id}`, { email_verified: true })
    expect(await told(asAnn('PUT', `/users/${ann.id}`, own))).toEqual([200, expect.objectContaining({ ...own, email_verified: false })])
    expect(await told(asAnn('PUT', `/users/${ann.id}`, { email_verified: true }))).toEqual(
      denied('Insufficient permissions to update this user.'),
    )
  })

  test('to the address of another is refused', async () => {
    await make({ email: 'mine@x.org' })
    expect(await told(asAnn('PUT', `/users/${ann.id}`, { email: 'mine@x.org' }))).toEqual([
      409,
      { detail: 'User with email mine@x.org already exists.' },
    ])
  })
})

describe('a removal', () => {
  test('answers nothing, and the user and his keys are gone', async () => {
    const bob = await newPerson(served)
    const answer = await asAdmin('DELETE', `/users/${bob.id}`)
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect(await told(asAdmin('GET', `/users/${bob.id}`))).toEqual([404, { detail: 'User not found' }])
    expect(await told(asAdmin('DELETE', `/users/${bob.id}`))).toEqual([404, { detail: 'User not found' }])
    expect(await told(sender(served, bob.key)('GET', `/users/${bob.id}`))).toEqual([401, { detail: 'Invalid or inactive API Key.' }])
  })

  test('of himself is nothing for an admin', async () => {
    expect(await told(asAdmin('DELETE', `/users/${ada.id}`))).toEqual(denied('Admin self-deletion via API is disallowed.'))
  })
})

test('an id is read in either spelling and under every mount', async () => {
  const hex = `user_${ann.userId.replaceAll('-', '')}`
  for (const base of ['/entities', '/entities/v1'])
    for (const id of [ann.id, hex])
      expect(await told(sender(served, ann.key, base)('GET', `/users/${id}`))).toEqual([200, expect.objectContaining({ id: ann.id })])
})
