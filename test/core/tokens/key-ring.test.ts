import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { dropTokenKey } from '../../../src/core/tokens/kept-keys.ts'
import { dropRetiredKeys, TokenKeys, type TokenKeysOptions } from '../../../src/core/tokens/key-ring.ts'
import type { Db } from '../../../src/drivers/records/port.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { noSignals } from '../../support/no-signals.ts'
import { openWorkshop } from './forgeries.ts'
import { auth, claimsAt, newPair, serverOn, statusesOf } from './kit.ts'

const DAY_MS = 86_400_000

let app: TestApp
beforeEach(async () => {
  app = await openTestApp({ slots: 0 })
}, OPEN_MS)
afterEach(() => app.close())

const server = (options: Partial<TokenKeysOptions> = {}, secret?: string): TokenKeys => serverOn(app, options, secret)
const claimsOf = (use: 'access' | 'refresh', lifeMs?: number): JsonObject => claimsAt(app.clock.now(), use, lifeMs)
const statuses = (): Promise<string[]> => statusesOf(app)

/** The app's database with other transactions. */
const breaking = (transaction: (work: (db: Db) => Promise<unknown>) => Promise<unknown>): Db =>
  Object.assign(Object.create(app.db) as Db, { transaction })

const refused = { code: 'unauthenticated', facts: { why: 'invalid_token' } }

test('the first use makes a key that signs and one that will be next, sealed', async () => {
  const { token, kid } = await server().sign(claimsOf('access'))
  expect(kid).toMatch(/^ed25519-[0-9a-f]{12}$/)
  expect(await statuses()).toEqual(['active', 'next'])
  const rows = await app.db.query<{ kid: string; row: string }>('select kid, row_to_json(k)::text as row from token_key k')
  const { ours } = await openWorkshop(app, token)
  const d = String(ours.export({ format: 'jwk' }).d)
  for (const { row } of rows) {
    expect(row).not.toContain(d)
    expect(row).not.toContain('"d')
  }
})

test('servers that start together make one pair of keys', async () => {
  const made = await Promise.all(Array.from({ length: 12 }, () => server().sign(claimsOf('access'))))
  expect(new Set(made.map(({ kid }) => kid)).size).toBe(1)
  expect(await statuses()).toEqual(['active', 'next'])
})

test('verifying makes no keys', async () => {
  const { token } = await server().sign(claimsOf('access'))
  await app.db.query('delete from token_key')
  await expect(server().verify(token, 'access')).rejects.toMatchObject(refused)
  expect(await statuses()).toEqual([])
})

test('issuer and audience come with the signature; refresh tokens are for nobody else', async () => {
  const keys = server({ issuer: 'us', audience: ['a', 'b'] })
  const access = await keys.verify((await keys.sign(claimsOf('access'))).token, 'access')
  expect(access).toMatchObject({ iss: 'us', aud: ['a', 'b'] })
  const refresh = await keys.verify((await keys.sign(claimsOf('refresh'))).token, 'refresh')
  expect(refresh.iss).toBe('us')
  expect(refresh.aud).toBeUndefined()
})

test('a token for one use is none for the other', async () => {
  const keys = server()
  const [access, refresh] = await Promise.all([keys.sign(claimsOf('access')), keys.sign(claimsOf('refresh'))])
  await expect(keys.verify(access.token, 'refresh')).rejects.toMatchObject(refused)
  await expect(keys.verify(refresh.token, 'access')).rejects.toMatchObject(refused)
})

test('an expired token says so, and is taken by those who ask for it', async () => {
  const keys = server()
  const { token } = await keys.sign(claimsOf('refresh', 60_000))
  app.clock.advance(60_000)
  await expect(keys.verify(token, 'refresh')).rejects.toMatchObject({ code: 'unauthenticated', facts: { expired: true } })
  expect((await keys.verify(token, 'refresh', { expired: true })).token_use).toBe('refresh')
  await expect(keys.verify(token, 'access', { expired: true })).rejects.toMatchObject(refused)
})

test('the same claims are signed again to the same text, by the key that is named', async () => {
  const claims = claimsOf('refresh')
  const keys = server()
  const { token, kid } = await keys.sign(claims)
  await keys.rotate()
  expect(await keys.signAgain(claims, kid)).toBe(token)
  expect(await server().signAgain(claims, kid)).toBe(token)
  expect(await keys.signAgain(claims, 'ed25519-000000000000')).toBeUndefined()
})

test('a key that another server has made meanwhile signs again before anybody said so', async () => {
  const [keys, deaf] = [server(), new TokenKeys({ ...app, signals: noSignals() }, auth)]
  await deaf.sign(claimsOf('refresh'))
  for (let n = 0; n < 2; n++) await keys.rotate()
  const claims = claimsOf('refresh')
  const { token, kid } = await keys.sign(claims)
  await deaf.verify(token, 'refresh')
  for (let n = 0; n < 2; n++) await keys.rotate()
  const later = await keys.sign(claims)
  expect(later.kid).not.toBe(kid)
  expect(await deaf.signAgain(claims, later.kid)).toBe(later.token)
})

describe('a rotation', () => {
  test('signs with the key that was announced, and logs nobody out, twice', async () => {
    const keys = server()
    const tokens = [await keys.sign(claimsOf('refresh', auth.refreshMs))]
    for (let round = 0; round < 2; round++) {
      const [, next] = (await keys.publicKeys()).keys
      await keys.rotate()
      const signed = await keys.sign(claimsOf('refresh', auth.refreshMs))
      expect<unknown>(signed.kid).toBe(next?.kid)
      tokens.push(signed)
      for (const { token } of tokens) for (const at of [keys, server()]) await at.verify(token, 'refresh')
    }
    expect(new Set(tokens.map(({ kid }) => kid)).size).toBe(3)
    expect(await statuses()).toEqual(['active', 'next', 'retired', 'retired'])
  })

  test('is known at once to another server in this process, whose tokens are verified before it heard of it', async () => {
    const [one, two] = [server(), server()]
    await two.sign(claimsOf('access'))
    await one.rotate()
    const { kid } = await one.sign(claimsOf('access'))
    expect((await two.sign(claimsOf('access'))).kid).toBe(kid)
  })

  test('that fails leaves the keys as they were', async () => {
    const keys = server()
    const { kid } = await keys.sign(claimsOf('access'))
    const db = breaking(async (work) => {
      await app.db.transaction(async (tx) => {
        await work(tx)
        throw new Error('lost')
      })
    })
    const failing = new TokenKeys({ ...app, db }, auth)
    await expect(failing.rotate()).rejects.toThrow('lost')
    expect((await server().sign(claimsOf('access'))).kid).toBe(kid)
    expect(await statuses()).toEqual(['active', 'next'])
  })

  test('of many at once is one after the other: always one active and one next', async () => {
    await Promise.all(Array.from({ length: 5 }, () => server().rotate()))
    expect(await statuses()).toEqual(['active', 'next', 'retired', 'retired', 'retired', 'retired'])
  })
})

describe('a retired key', () => {
  test('is forgotten when no token of it can be alive, and not before', async () => {
    const keys = server()
    await keys.sign(claimsOf('refresh'))
    await keys.rotate()
    app.clock.advance(auth.refreshMs)
    expect(await dropRetiredKeys(app, 100)).toBe(0)
    app.clock.advance(DAY_MS)
    expect(await dropRetiredKeys(app, 100)).toBe(1)
    expect(await statuses()).toEqual(['active', 'next'])
  })

  test('verifies no more after that time, also where the sweep has not come by', async () => {
    const keys = server()
    const { token } = await keys.sign(claimsOf('refresh', 400 * DAY_MS))
    await keys.rotate()
    await keys.verify(token, 'refresh')
    expect((await keys.publicKeys()).keys).toHaveLength(3)
    app.clock.advance(31 * DAY_MS)
    await expect(keys.verify(token, 'refresh')).rejects.toMatchObject(refused)
    expect((await keys.publicKeys()).keys).toHaveLength(2)
  })

  test('outlives the tokens of machines where those of users are short', async () => {
    const keys = server({ refreshMs: 60_000 })
    const { token } = await keys.sign(claimsOf('refresh', 30 * DAY_MS))
    await keys.rotate()
    app.clock.advance(30 * DAY_MS - 1000)
    await keys.verify(token, 'refresh')
  })
})

describe('the published keys', () => {
  test('are the active one, the next one and those that retired, without what signs', async () => {
    const keys = server()
    const [first] = (await keys.publicKeys()).keys
    app.clock.advance(5000)
    await keys.rotate()
    const { keys: all, changedAt } = await keys.publicKeys()
    expect(all).toHaveLength(3)
    expect(all[2]).toEqual(first as JsonObject)
    for (const key of all) {
      expect(Object.keys(key)).toEqual(['kty', 'crv', 'kid', 'x', 'use', 'alg'])
      expect(key).toMatchObject({ kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA' })
    }
    expect(changedAt).toBe(app.clock.now())
  })
})

describe('servers with different secrets', () => {
  test('sign with keys of their own, verify those of each other, and say so once', async () => {
    const [one, two] = [server(), server({}, 'another secret')]
    const first = await one.sign(claimsOf('access'))
    const others = [await two.sign(claimsOf('access')), await two.sign(claimsOf('access'))]
    expect(new Set([first, ...others].map(({ kid }) => kid)).size).toBe(2)
    for (const keys of [one, two]) for (const { token } of [first, ...others]) await keys.verify(token, 'access')
    expect(app.log.count('token_key.sealed_elsewhere')).toBe(1)
    expect(await one.signAgain(claimsOf('access'), others[0]?.kid ?? '')).toBeUndefined()
  })

  test('a rotation by one makes the other take a new key, and both verify everything', async () => {
    const [one, two] = [server(), server({}, 'another secret')]
    const before = [await one.sign(claimsOf('access')), await two.sign(claimsOf('access'))]
    await one.rotate()
    const after = [await one.sign(claimsOf('access')), await two.sign(claimsOf('access'))]
    expect(new Set([...before, ...after].map(({ kid }) => kid)).size).toBe(4)
    for (const keys of [one, two]) for (const { token } of [...before, ...after]) await keys.verify(token, 'access')
  })

  test('that are gone do not fill the table: the oldest of their keys retire, and verify still', async () => {
    const first = server({}, 'secret 0')
    const tokens = [await first.sign(claimsOf('access'))]
    for (let n = 1; n < 14; n++) {
      app.clock.advance(1000)
      tokens.push(await server({}, `secret ${n}`).sign(claimsOf('access')))
    }
    expect((await statuses()).filter((status) => status !== 'retired')).toHaveLength(22)
    for (const { token } of tokens) await first.verify(token, 'access')
    // Whoever lives all the same makes another one.
    expect((await first.sign(claimsOf('access'))).kid).not.toBe(tokens[0]?.kid)
  })

  test('who cannot open what is active does not rotate', async () => {
    await server().sign(claimsOf('access'))
    await expect(server({}, 'another secret').rotate()).rejects.toMatchObject({ code: 'wrong_state' })
    expect(await statuses()).toEqual(['active', 'next'])
  })
})

test('a name that stands for another key now lets nothing in that the one before signed', async () => {
  const keys = server()
  const { token, kid } = await keys.sign(claimsOf('access'))
  await keys.verify(token, 'access')
  const { x } = newPair().key.export({ format: 'jwk' })
  await app.db.query('update token_key set public_jwk = $2 where kid = $1', [kid, JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x })])
  app.signals.keyChanged()
  await expect(keys.verify(token, 'access')).rejects.toMatchObject(refused)
})

test('a server that no signal reaches signs with the new key, and trusts none that was dropped, after ten seconds', async () => {
  const [keys, deaf] = [server(), new TokenKeys({ ...app, signals: noSignals() }, auth)]
  const { token, kid } = await deaf.sign(claimsOf('access'))
  await keys.rotate()
  await dropTokenKey(app, app.one, kid)
  expect((await deaf.sign(claimsOf('access'))).kid).toBe(kid)
  app.clock.advance(10_001)
  await expect(deaf.verify(token, 'access')).rejects.toMatchObject(refused)
  expect((await deaf.sign(claimsOf('access'))).kid).not.toBe(kid)
})

test('unknown names are looked for once a second, however many come', async () => {
  const keys = server()
  const { token } = await keys.sign(claimsOf('access'))
  const shop = await openWorkshop(app, token)
  const counting = server()
  const reads = () => app.db.sent.filter((name) => name === 'query').length
  const before = reads()
  await counting.verify(token, 'access')
  expect(reads() - before).toBe(1)
  const unknown = () =>
    counting.verify(shop.stolen({ ...shop.plain, kid: `ed25519-${newId().slice(-12)}` }), 'access').catch(() => undefined)
  for (let n = 0; n < 50; n++) await unknown()
  expect(reads() - before).toBe(2)
  app.clock.advance(1000)
  for (let n = 0; n < 50; n++) await unknown()
  expect(reads() - before).toBe(3)
})

test('a database that is away is no wrong token', async () => {
  const keys = server()
  const { token } = await keys.sign(claimsOf('access'))
  const late = server()
  app.db.failNext('query', 'before')
  await expect(late.verify(token, 'access')).rejects.toMatchObject({ code: 'unavailable' })
  await late.verify(token, 'access')
})
