import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eventually } from '../../support/eventually.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, type Person, sender, told } from './kit.ts'

interface Details {
  prefix: string
  key_name: string | null
  user_id: string
  created_at: string
  expires_at: string | null
  last_used_at: string | null
  is_active: boolean
}
interface Created {
  plain_key: string
  details: Details
}

let served: Served
let ada: Person
let ann: Person
let asAdmin: ReturnType<typeof sender>
let asAnn: ReturnType<typeof sender>
let keys: string
beforeAll(async () => {
  served = await serve()
  ada = await newPerson(served, { admin: true })
  ann = await newPerson(served)
  asAdmin = sender(served, ada.key)
  asAnn = sender(served, ann.key)
  keys = `/users/${ann.id}/apikeys`
}, SERVER_START_MS)
afterAll(() => served.close())

async function make(body: object = {}, as = asAnn, path = keys): Promise<Created> {
  const [status, created] = await told(as('POST', path, body))
  expect(status).toBe(201)
  return created as Created
}

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
const NOT_YOURS: [number, unknown] = [403, { detail: 'Not authorized to manage API keys for this user.' }]

describe('a new key', () => {
  test('is shown whole this once, and works', async () => {
    const { plain_key, details } = await make({ key_name: 'laptop', expires_in_days: 30 })
    expect(plain_key).toMatch(/^ea_[A-Za-z0-9_-]{43}$/)
    const shown = { prefix: plain_key.slice(0, 8), key_name: 'laptop', user_id: ann.id, created_at: TIME, last_used_at: null }
    expect(details).toEqual({ ...shown, expires_at: TIME as never, is_active: true } as Details)
    // The clock goes on between the two.
    expect(Math.round((Date.parse(details.expires_at ?? '') - Date.parse(details.created_at)) / 1000)).toBe(30 * 86_400)
    expect((await sender(served, plain_key)('GET', `/users/${ann.id}`)).status).toBe(200)
    expect(JSON.stringify(await told(asAnn('GET', keys)))).not.toContain(plain_key.slice(8))
  })

  test('needs no name and no end', async () => {
    for (const body of [{}, { key_name: null, expires_in_days: null }])
      expect((await make(body)).details).toMatchObject({ key_name: null, expires_at: null })
  })

  test('that is asked for twice with one Idempotency-Key is not kept anywhere', async () => {
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const [, one] = await told(asAnn('POST', keys, {}, { headers }))
    const [, two] = await told(asAnn('POST', keys, {}, { headers }))
    expect((one as Created).plain_key).not.toBe((two as Created).plain_key)
  })

  test.each([
    [{ name: 'laptop' }, ['body', 'name'], 'extra_forbidden'],
    [{ expires_in_days: 0 }, ['body', 'expires_in_days'], 'greater_than_equal'],
    [{ expires_in_days: 1.5 }, ['body', 'expires_in_days'], 'int_type'],
    [{ expires_in_days: 1e9 }, ['body', 'expires_in_days'], 'less_than_equal'],
    [{ key_name: 'x'.repeat(101) }, ['body', 'key_name'], 'string_too_long'],
    [{ key_name: 'a\u0000b' }, expect.anything() as unknown as string[], 'value_error'],
  ])('%j is told as a mistake of the field, also to who may not', async (body, loc, type) => {
    for (const path of [keys, `/admin/users/${ann.id}/keys`]) {
      const [status, answer] = await told(asAnn('POST', path, body))
      expect([status, answer]).toEqual([422, { detail: [expect.objectContaining({ loc, type })] }])
    }
  })

  test('is made for anybody by an admin', async () => {
    const { plain_key, details } = await make({ key_name: 'gift' }, asAdmin, `/admin/users/${ann.id}/keys`)
    expect(details).toMatchObject({ user_id: ann.id, key_name: 'gift' })
    expect((await sender(served, plain_key)('GET', `/users/${ann.id}`)).status).toBe(200)
    expect(plain_key).toStartWith('ea_')
  })
})

describe('the keys of a user', () => {
  test('are listed newest first, revoked ones only if asked for', async () => {
    const bob = await newPerson(served)
    const asBob = sender(served, bob.key)
    const path = `/users/${bob.id}/apikeys`
    const made = [await make({}, asBob, path), await make({}, asBob, path)].map(({ details }) => details.prefix).reverse()
    expect((await asBob('DELETE', `${path}/${made[0]}`)).status).toBe(204)
    const listed = async (query: string) =>
      ((await told(asBob('GET', path + query)))[1] as { keys: Details[] }).keys.map(({ prefix, is_active }) => [prefix, is_active])
    const [first, second] = made
    const own = [bob.key.slice(0, 8), true]
    expect(await listed('')).toEqual([[second ?? '', true], own])
    expect(await listed('?include_inactive=true')).toEqual([[first ?? '', false], [second ?? '', true], own])
    expect(await told(asBob('GET', `${path}/${first}`))).toEqual([200, expect.objectContaining({ is_active: false })])
  })

  test("are nobody else's, not even an admin's or the tenant's, whether the user is there or not", async () => {
    const { details } = await make()
    const other = sender(served, (await newPerson(served)).key)
    const far = sender(served, (await newPerson(served, { tenant: 'two', admin: true })).key)
    for (const as of [other, far, asAdmin, sender(served, served.key)])
      for (const path of [keys, '/users/user_0000000000000000000000/apikeys', '/users/nonsense/apikeys']) {
        expect(await told(as('POST', path, {}))).toEqual(NOT_YOURS)
        expect(await told(as('GET', path))).toEqual(NOT_YOURS)
        expect(await told(as('GET', `${path}/${details.prefix}`))).toEqual(NOT_YOURS)
        expect(await told(as('DELETE', `${path}/${details.prefix}`))).toEqual(NOT_YOURS)
      }
    expect(((await told(asAnn('GET', `${keys}/${details.prefix}`)))[1] as Details).is_active).toBe(true)
  })

  test('are found by their first eight characters and nothing else', async () => {
    for (const prefix of ['ea_xxxxx', ann.key, ann.key.slice(0, 7), ada.key.slice(0, 8), '%20', "x'--"])
      for (const method of ['GET', 'DELETE'])
        expect(await told(asAnn(method, `${keys}/${prefix}`))).toEqual([
          404,
          { detail: `API Key with prefix '${decodeURIComponent(prefix)}' not found for this user.` },
        ])
  })
})

describe('a key', () => {
  test('revokes itself, is refused from then on, and is revoked again without harm', async () => {
    const { plain_key, details } = await make()
    const own = sender(served, plain_key)
    const answer = await own('DELETE', `${keys}/${details.prefix}`)
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect(await told(own('GET', keys))).toEqual([401, { detail: 'Invalid or inactive API Key.' }])
    expect((await asAnn('DELETE', `${keys}/${details.prefix}`)).status).toBe(204)
  })

  test('whose time is over is told so', async () => {
    const late = await newPerson(served, { expiresAt: served.app.clock.now() - 1 })
    const answer = await sender(served, late.key)('GET', `/users/${late.id}`)
    expect(answer.headers.get('www-authenticate')).toBe('APIKey')
    expect(await told(answer)).toEqual([401, { detail: 'API Key has expired.' }])
  })

  test('shows when it was used', async () => {
    const { plain_key, details } = await make()
    await sender(served, plain_key)('GET', keys)
    const used = async () => ((await told(asAnn('GET', `${keys}/${details.prefix}`)))[1] as Details).last_used_at
    expect(await eventually(async () => (await used()) ?? undefined)).toEqual(TIME)
  })
})
