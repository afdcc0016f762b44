import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { JsonObject } from '../../../src/core/json.ts'
import type { TokenKeys, TokenKeysOptions } from '../../../src/core/tokens/key-ring.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { temporaryFolder } from '../../support/postgres.ts'
import { openWorkshop } from './forgeries.ts'
import { claimsAt, newPair, type Pair, serverOn, statusesOf } from './kit.ts'

let app: TestApp
beforeEach(async () => {
  app = await openTestApp({ slots: 0 })
}, OPEN_MS)
afterEach(() => app.close())

const dir = temporaryFolder()
afterAll(() => rm(dir, { recursive: true, force: true }))

const server = (options: Partial<TokenKeysOptions> = {}, secret?: string): TokenKeys => serverOn(app, options, secret)
const claimsOf = (use: 'access' | 'refresh'): JsonObject => claimsAt(app.clock.now(), use)
const statuses = (): Promise<string[]> => statusesOf(app)

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
