import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createKey, KeyRing, listKeys, type NewKey, revokeKey } from '../../../src/core/identity/keys.ts'
import { ensureFirstKey, operator } from '../../../src/core/identity/tenants.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { UNKNOWN_ID, until } from '../../support/runs.ts'

let app: TestApp
let other: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
  other = await app.replica()
}, OPEN_MS)
afterAll(() => app.close())

const newKey = (key: Partial<NewKey> = {}) => createKey(app, app.one, { name: 'k', scopes: ['read', 'write'], ...key })
const refused = { code: 'unauthenticated' }
const lastUsed = async (id: string) => (await listKeys(app, app.one)).find((key) => key.id === id)?.lastUsedAt

test('a key resolves to its tenant and scopes, and to no user, whoever made it', async () => {
  const { key, secret } = await newKey({ scopes: ['read'] })
  const caller = await app.keys.resolve(secret)
  expect(caller).toEqual({ tenantId: app.one.tenantId, userId: null, keyId: key.id, scopes: new Set(['read' as const]) })
})

test('the secret is nowhere in the database, and only its first characters are listed', async () => {
  const { key, secret } = await newKey()
  const [row] = await app.records.db.query<{ row: string }>('select to_json(k)::text as row from api_key k where id = $1', [key.id])
  expect(row?.row).not.toContain(secret)
  expect(row?.row).toContain(new Bun.CryptoHasher('sha256').update(secret).digest('hex'))
  expect(key.prefix).toBe(secret.slice(0, 9))
  expect(JSON.stringify(await listKeys(app, app.one))).not.toContain(secret.slice(9))
})

test('secrets are long and never the same', async () => {
  const secrets = await Promise.all(Array.from({ length: 20 }, async () => (await newKey()).secret))
  expect(new Set(secrets).size).toBe(20)
  expect(secrets.every((secret) => /^tp_[\w-]{43}$/.test(secret))).toBe(true)
})

test('nothing of a short secret is shown', async () => {
  expect((await newKey({ secret: 'short one' })).key.prefix).toBe('')
})

test.each(['two words', ' leading and trailing ', 'ü', 'a'.repeat(500)])(
  'a preset secret %p works as it is, and only so',
  async (secret) => {
    const { key } = await newKey({ secret })
    expect((await app.keys.resolve(secret)).keyId).toBe(key.id)
    await expect(app.keys.resolve(`${secret} `)).rejects.toMatchObject(refused)
    await expect(newKey({ secret })).rejects.toMatchObject({ code: 'invalid' })
  },
)

test('an unknown key is refused, also when it is empty', async () => {
  for (const secret of ['', 'tp_unknown', '\u0000']) await expect(app.keys.resolve(secret)).rejects.toMatchObject(refused)
})

test('a revoked key is refused at once in every process that knew it', async () => {
  const { key, secret } = await newKey()
  for (const ring of [app.keys, other.keys]) expect((await ring.resolve(secret)).keyId).toBe(key.id)
  const revoked = await revokeKey(app, app.one, key.id)
  expect(revoked.revokedAt).toBe(app.clock.now())
  await expect(app.keys.resolve(secret)).rejects.toMatchObject(refused)
  // The clock stands still: only the signal can tell the other process.
  await until(() =>
    other.keys.resolve(secret).then(
      () => false,
      () => true,
    ),
  )
})

test('a key that is revoked while it is looked up is not remembered', async () => {
  const { key, secret } = await newKey()
  const pause = app.db.pauseNext('key.find', 'after')
  const first = app.keys.resolve(secret)
  await pause.reached
  await revokeKey(app, app.one, key.id)
  pause.release()
  await first.catch(() => undefined) // it began before the revocation: either answer is right
  await expect(app.keys.resolve(secret)).rejects.toMatchObject(refused)
})

test('where the signal of a revocation was lost a key is looked up again after a while', async () => {
  const deaf = new KeyRing({ ...app, signals: { ...app.signals, onKeyChanged: () => () => undefined } as unknown as TestApp['signals'] })
  const { key, secret } = await newKey()
  await deaf.resolve(secret)
  await revokeKey(app, app.one, key.id)
  app.clock.advance(10_001)
  await expect(deaf.resolve(secret)).rejects.toMatchObject(refused)
})

test('a revoked key stays listed, keeps its first time of revocation, and is no key any more', async () => {
  const { key } = await newKey()
  const first = await revokeKey(app, app.one, key.id)
  app.clock.advance(5)
  expect((await revokeKey(app, app.one, key.id)).revokedAt).toBe(first.revokedAt)
  expect((await listKeys(app, app.one)).map((k) => k.id)).toContain(key.id)
  await expect(revokeKey(app, app.one, UNKNOWN_ID)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'key' } })
})

test('a key is good until its time is over, to the millisecond, also where it is remembered', async () => {
  const { secret } = await newKey({ expiresAt: app.clock.now() + 1_000 })
  await app.keys.resolve(secret)
  app.clock.advance(999)
  await app.keys.resolve(secret)
  app.clock.advance(1)
  await expect(app.keys.resolve(secret)).rejects.toMatchObject(refused)
  await expect(other.keys.resolve(secret)).rejects.toMatchObject(refused)
})

test('the last use is noted at the first use, and then at most once a minute', async () => {
  const { key, secret } = await newKey()
  expect(await lastUsed(key.id)).toBeNull()
  const first = app.clock.now()
  await app.keys.resolve(secret)
  await until(async () => (await lastUsed(key.id)) === first)
  for (let i = 0; i < 6; i++) {
    app.clock.advance(10_000)
    await app.keys.resolve(secret)
  }
  expect(await lastUsed(key.id)).toBe(first)
  app.clock.advance(1)
  await app.keys.resolve(secret)
  await until(async () => (await lastUsed(key.id)) === first + 60_001)
})

test('a use that cannot be noted harms nobody', async () => {
  const { key, secret } = await newKey()
  app.db.failNext('hot', 'before')
  expect((await app.keys.resolve(secret)).keyId).toBe(key.id)
  await until(() => app.log.count('key.use_not_noted') === 1)
})

test('only an administrator makes, lists and revokes keys', async () => {
  const { key, secret } = await newKey()
  const caller = await app.keys.resolve(secret)
  const forbidden = { code: 'forbidden' }
  await expect(createKey(app, caller, { name: 'x', scopes: ['admin'] })).rejects.toMatchObject(forbidden)
  await expect(listKeys(app, caller)).rejects.toMatchObject(forbidden)
  await expect(revokeKey(app, caller, key.id)).rejects.toMatchObject(forbidden)
})

test('the operator of a tenant is the same at every start', async () => {
  const [first, ...rest] = await Promise.all(Array.from({ length: 8 }, () => operator(app, 'started eight times at once')))
  for (const caller of rest) expect(caller.tenantId).toBe(first?.tenantId as string)
  expect(await operator(other, 'started eight times at once')).toMatchObject({ tenantId: first?.tenantId })
})

test('a first key is made once, when no live key is there, and its secret is answered once', async () => {
  const revokeAll = async () => {
    const caller = await operator(app)
    for (const { id } of await listKeys(app, caller)) await revokeKey(app, caller, id)
  }
  await revokeAll()
  const secret = await ensureFirstKey(app, null)
  expect(await app.keys.resolve(secret ?? '')).toMatchObject({ scopes: new Set(['read', 'write', 'admin'] as const) })
  expect(await ensureFirstKey(app, null)).toBeUndefined()
  await revokeAll()
  expect(await ensureFirstKey(app, null)).toBeString()
})

test('a preset key is made once over many starts, and never answered', async () => {
  const preset = 'preset with spaces'
  for (let start = 0; start < 3; start++) expect(await ensureFirstKey(app, preset)).toBeUndefined()
  const caller = await app.keys.resolve(preset)
  expect(caller.scopes.has('admin')).toBe(true)
  expect((await listKeys(app, await operator(app))).filter((key) => key.name === 'bootstrap')).toHaveLength(1)
})
