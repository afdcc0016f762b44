import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../../../src/config.ts'
import { newId } from '../../../src/core/id.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { dropTokenKey } from '../../../src/core/tokens/kept-keys.ts'
import { dropRetiredKeys, TokenKeys, type TokenKeysOptions } from '../../../src/core/tokens/key-ring.ts'
import type { Db } from '../../../src/drivers/records/port.ts'
import { openVault } from '../../../src/drivers/vault/vault.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { noSignals } from '../../support/no-signals.ts'
import { openWorkshop } from './forgeries.ts'

const { auth } = readConfig({}).config
const DAY_MS = 86_400_000

let app: TestApp
beforeEach(async () => {
  app = await openTestApp({ slots: 0 })
}, OPEN_MS)
afterEach(() => app.close())

const dir = mkdtempSync(join(tmpdir(), 'tetraport-token-keys-'))
afterAll(() => rm(dir, { recursive: true, force: true }))

/** A server on this database: with the secret of the app, or with another. */
const server = (options: Partial<TokenKeysOptions> = {}, secret?: string): TokenKeys =>
  new TokenKeys({ ...app, vault: secret === undefined ? app.vault : openVault({ key: secret }, { dir }) }, { ...auth, ...options })

const claimsOf = (use: 'access' | 'refresh', lifeMs = auth.accessMs): JsonObject => {
  const iat = Math.floor(app.clock.now() / 1000)
  return { sub: `user:${newId()}`, token_use: use, jti: newId(), iat, nbf: iat, exp: iat + lifeMs / 1000 }
}

/** The app's database with other transactions. */
const breaking = (transaction: (work: (db: Db) => Promise<unknown>) => Promise<unknown>): Db =>
  Object.assign(Object.create(app.db) as Db, { transaction })

const refused = { code: 'unauthenticated', facts: { why: 'invalid_token' } }
const statuses = async (): Promise<string[]> =>
  (await app.db.query<{ status: string }>('select status from token_key order by status')).map(({ status }) => status)

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

/** As another server of this contract keeps them. */
function keyFile(name: string, { active, next, retired }: Record<'active' | 'next' | 'retired', Pair | undefined>): Promise<string> {
  const entry = (pair: Pair | undefined, isOver = false) =>
    pair && {
      kid: pair.kid,
      ...(isOver ? {} : { private_key: pair.key.export({ format: 'pem', type: 'pkcs8' }) }),
      public_jwk: { kty: 'OKP', crv: 'Ed25519', kid: pair.kid, x: pair.key.export({ format: 'jwk' }).x, use: 'sig', alg: 'EdDSA' },
      created_at: '2026-01-02T03:04:05+00:00',
      not_before: null,
      not_after: null,
      ...(isOver ? { retired_at: new Date(app.clock.now()).toISOString() } : {}),
    }
  const set = {
    schema_version: 1,
    active: entry(active),
    next: entry(next) ?? null,
    ...(retired ? { retired: [entry(retired, true)] } : {}),
  }
  return writeFile(name, JSON.stringify(set))
}

async function writeFile(name: string, text: string): Promise<string> {
  const path = join(dir, name)
  await Bun.write(path, text)
  return path
}

interface Pair {
  kid: string
  key: KeyObject
}
const newPair = (kid = `ed25519-${newId().slice(-12)}`): Pair => ({ kid, key: generateKeyPairSync('ed25519').privateKey })

describe('a key set of another server', () => {
  test('signs from the first use on, and what it signed before is good', async () => {
    const own = await server().sign(claimsOf('access'))
    const [active, next, retired] = [newPair(), newPair(), newPair()]
    const keySet = await keyFile('all.json', { active, next, retired })
    const keys = server({ keySet })
    expect((await keys.sign(claimsOf('access'))).kid).toBe(active.kid)
    const shop = await openWorkshop(app, own.token)
    for (const pair of [active, next, retired]) {
      const token = shop.signed({ ...shop.plain, kid: pair.kid }, JSON.stringify({ ...shop.claims }), pair.key)
      for (const at of [keys, server()]) await at.verify(token, 'access')
    }
    await keys.verify(own.token, 'access')
    expect(await statuses()).toEqual(['active', 'next', 'retired', 'retired', 'retired'])
    await keys.rotate()
    expect((await keys.sign(claimsOf('access'))).kid).toBe(next.kid)
  })

  test('is brought once: a start after a rotation does not undo it', async () => {
    const active = newPair()
    const keySet = await keyFile('once.json', { active, next: undefined, retired: undefined })
    await server({ keySet }).sign(claimsOf('access'))
    expect(await statuses()).toEqual(['active', 'next'])
    await server({ keySet }).rotate()
    const { kid } = await server({ keySet }).sign(claimsOf('access'))
    expect(kid).not.toBe(active.kid)
    expect(await statuses()).toEqual(['active', 'next', 'retired'])
  })

  test('may advance by itself: its next key signs when the file says so', async () => {
    const [one, two, three] = [newPair(), newPair(), newPair()]
    await server({ keySet: await keyFile('before.json', { active: one, next: two, retired: undefined }) }).sign(claimsOf('access'))
    const keySet = await keyFile('after.json', { active: two, next: three, retired: one })
    expect((await server({ keySet }).sign(claimsOf('access'))).kid).toBe(two.kid)
    expect(await statuses()).toEqual(['active', 'next', 'retired'])
  })

  test('signs on every server that has the file, whatever its secret', async () => {
    const active = newPair()
    const keySet = await keyFile('shared.json', { active, next: undefined, retired: undefined })
    for (const keys of [server({ keySet }), server({ keySet }, 'another secret')])
      expect((await keys.sign(claimsOf('access'))).kid).toBe(active.kid)
    expect(app.log.count('token_key.sealed_elsewhere')).toBe(0)
  })

  test('that is wrong is refused as a whole, with what is wrong and no key', async () => {
    const pair = newPair()
    const good = JSON.parse(await Bun.file(await keyFile('good.json', { active: pair, next: undefined, retired: undefined })).text())
    const other = newPair().key.export({ format: 'pem', type: 'pkcs8' })
    const cases: [string, string][] = [
      ['not JSON', '{'],
      ['must be an object', '[]'],
      ['schema_version', JSON.stringify({ ...good, schema_version: 2 })],
      ["'active' must be an object", JSON.stringify({ ...good, active: null })],
      ['kid', JSON.stringify({ ...good, active: { ...good.active, kid: '../x' } })],
      ['no key of Ed25519', JSON.stringify({ ...good, active: { ...good.active, public_jwk: { kty: 'RSA' } } })],
      ['private_key', JSON.stringify({ ...good, active: { ...good.active, private_key: 'x' } })],
      ['not of one key', JSON.stringify({ ...good, active: { ...good.active, private_key: other } })],
      ['same kid', JSON.stringify({ ...good, next: good.active })],
      ['retired', JSON.stringify({ ...good, retired: {} })],
    ]
    for (const [words, text] of cases) {
      const keys = server({ keySet: await writeFile('wrong.json', text) })
      const error = await keys.sign(claimsOf('access')).catch((cause) => cause)
      expect(error).toMatchObject({ code: 'unavailable' })
      expect(String(error.facts.cause)).toContain(words)
      expect(String(error) + String(error.facts.cause)).not.toContain('PRIVATE')
    }
    await expect(server({ keySet: join(dir, 'missing.json') }).sign(claimsOf('access'))).rejects.toMatchObject({ code: 'unavailable' })
    expect(await statuses()).toEqual([])
  })

  test('with another key of a name that is here already is refused', async () => {
    const { kid } = await server().sign(claimsOf('access'))
    const keySet = await keyFile('same.json', { active: newPair(kid), next: undefined, retired: undefined })
    await expect(server({ keySet }).sign(claimsOf('access'))).rejects.toMatchObject({ code: 'unavailable' })
    expect(await statuses()).toEqual(['active', 'next'])
  })
})
