import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  emailVerifyLimits,
  passwordResetLimits,
  serviceAccountLimits,
  signupLimits,
  signupRequestLimits,
} from '../../../src/core/rates/quotas.ts'
import { dropRateWindows, type Limit, takeLimit } from '../../../src/core/rates/rates.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

let keys = 0
const limitOf = (max: number, more: Partial<Limit> = {}): Limit => ({ name: 'test', key: `key ${++keys}`, max, windowMs: 60_000, ...more })
/** Milliseconds after which it may come again; undefined: it was let through. */
const taken = (limits: readonly Limit[], on: TestApp = app): Promise<number | undefined> =>
  takeLimit(on, limits).then(
    () => undefined,
    (error) => {
      if (error.code !== 'rate_limited') throw error
      return error.facts.retryAfterMs
    },
  )
const rows = (): Promise<{ bucket: string; count: number }[]> => app.records.db.query('select bucket, count from rate_window')

test('so many are let through in a window, and the next is told when', async () => {
  const limit = limitOf(3)
  for (let n = 0; n < 3; n++) expect(await taken([limit])).toBeUndefined()
  expect(await taken([limit])).toBe(60_000)
  app.clock.advance(45_000)
  expect(await taken([limit])).toBe(15_000)
  app.clock.advance(14_900)
  expect(await taken([limit])).toBe(1000)
  app.clock.advance(100)
  for (let n = 0; n < 3; n++) expect(await taken([limit])).toBeUndefined()
  expect(await taken([limit])).toBe(60_000)
})

test('others are not counted with it', async () => {
  const limit = limitOf(1)
  await taken([limit])
  expect(await taken([{ ...limit, key: 'another' }])).toBeUndefined()
  expect(await taken([{ ...limit, name: 'other' }])).toBeUndefined()
  expect(await taken([limit])).toBe(60_000)
})

test('many at once are counted as many one after the other', async () => {
  const limit = limitOf(5)
  const results = await Promise.all(Array.from({ length: 40 }, () => taken([limit])))
  expect(results.filter((wait) => wait === undefined).length).toBe(5)
})

test('replicas share what is left, and a new process knows it', async () => {
  const other = await app.replica()
  const limit = limitOf(4)
  const results = await Promise.all(Array.from({ length: 20 }, (_, n) => taken([limit], n % 2 ? app : other)))
  expect(results.filter((wait) => wait === undefined).length).toBe(4)
  expect(await taken([limit], await app.replica())).toBe(60_000)
})

test('of several limits the one that lasts longest says when', async () => {
  const [short, long] = [limitOf(1), limitOf(1, { windowMs: 3_600_000 })]
  await taken([short, long])
  expect(await taken([short, long])).toBe(3_600_000)
})

test('what one limit refuses uses up none of the others, and leaves no row', async () => {
  const [own, shared] = [limitOf(1), limitOf(3)]
  await taken([own, shared])
  for (let n = 0; n < 5; n++) expect(await taken([own, shared, limitOf(1)])).toBe(60_000)
  const before = (await rows()).length
  await taken([own, limitOf(9)])
  expect((await rows()).length).toBe(before)
  expect([await taken([shared]), await taken([shared]), await taken([shared])]).toEqual([undefined, undefined, 60_000])
})

test('limits that many take at once in different orders do not wait for each other in a circle', async () => {
  const limits = Array.from({ length: 6 }, () => limitOf(1000))
  const mixed = (n: number): Limit[] => limits.map((_, at) => limits[(at * 5 + n) % 6] as Limit)
  const results = await Promise.all(Array.from({ length: 60 }, (_, n) => taken(mixed(n))))
  expect(results.every((wait) => wait === undefined)).toBe(true)
})

test('a limit of nothing is none, and one that is named twice counts once', async () => {
  for (let n = 0; n < 3; n++) expect(await taken([limitOf(0), limitOf(-1)])).toBeUndefined()
  const limit = limitOf(2)
  expect([await taken([limit, limit]), await taken([limit, limit])]).toEqual([undefined, undefined])
  expect(await taken([limit])).toBe(60_000)
})

test('the table does not say whom it counted', async () => {
  await taken(signupLimits({ email: 'planted.person@secret.example', ip: '198.51.100.77' }))
  const text = JSON.stringify(await rows())
  for (const word of ['planted', 'secret.example', '198.51.100.77']) expect(text).not.toContain(word)
})

test('who cannot count does not let through', async () => {
  app.db.failNext('hot', 'before')
  expect(await takeLimit(app, [limitOf(5)]).catch((error) => error)).toMatchObject({ code: 'unavailable' })
})

test('windows that are over are dropped, a bounded number at a time, others stay', async () => {
  const lasting = limitOf(1, { windowMs: 3_600_000_000 })
  await taken([lasting])
  for (let n = 0; n < 5; n++) await taken([limitOf(1)])
  app.clock.advance(86_400_000)
  expect(await dropRateWindows(app, 3)).toBe(3)
  while ((await dropRateWindows(app, 100)) > 0);
  expect((await rows()).length).toBe(1)
  expect(await taken([lasting])).toBeGreaterThan(0)
})

describe('quotas', () => {
  /** How often it is let through, with the limits that `of` makes of each try. */
  async function times(of: (n: number) => Limit[], most = 120): Promise<number> {
    for (let n = 0; n < most; n++) if ((await taken(of(n))) !== undefined) return n
    return most
  }
  const address = (n: number): string => `person${n}@d${n}.example`

  test('of registering: 20 an hour from one address, 3 a day for one e-mail address, 20 a day for one domain', async () => {
    expect(await times((n) => signupLimits({ email: address(n), ip: '198.51.100.1' }))).toBe(20)
    expect(await times((n) => signupLimits({ email: n % 2 ? 'One@x.example' : ' one@X.example', ip: `198.51.99.${n}` }))).toBe(3)
    expect(await times((n) => signupLimits({ email: `p${n}@one.example`, ip: `203.0.113.${n}` }))).toBe(20)
  })

  test('of registering: 100 a day from one address', async () => {
    let through = 0
    for (let hour = 0; hour < 6; hour++) {
      for (let n = 0; n < 20; n++)
        if ((await taken(signupLimits({ email: address(1000 + through), ip: '198.51.100.9' }))) === undefined) through++
      app.clock.advance(3_600_000)
    }
    expect(through).toBe(100)
  })

  test('of asking for access they are counted apart, and those of unknown address together', async () => {
    const ip = '198.51.100.40'
    await times((n) => signupLimits({ email: address(2000 + n), ip }))
    expect(await times((n) => signupRequestLimits({ email: address(2000 + n), ip }))).toBe(20)
    expect(await times((n) => signupRequestLimits({ email: address(3000 + n), ip: null }))).toBe(20)
  })

  test('of mails: 5 resets for one e-mail address and 20 for one address, 3 verifications for one user and 10 for one address', async () => {
    expect(await times((n) => passwordResetLimits({ email: 'a@b.example', ip: `198.51.101.${n}` }))).toBe(5)
    expect(await times((n) => passwordResetLimits({ email: address(n), ip: '2001:db8::1' }))).toBe(20)
    expect(await times((n) => passwordResetLimits({ email: address(n), ip: '2001:db8::2' }))).toBe(0)
    expect(await times((n) => emailVerifyLimits({ userId: 'u', ip: `198.51.102.${n}` }))).toBe(3)
    expect(await times((n) => emailVerifyLimits({ userId: `u${n}`, ip: '198.51.103.1' }))).toBe(10)
    expect(await times((n) => passwordResetLimits({ email: `x${n}@y.example`, ip: null }), 30)).toBe(30)
  })

  test('of tokens for machines: 5 a minute for one account, 30 for all of a tenant, and none of another tenant', async () => {
    const tenantId = 'one'
    expect(await times(() => serviceAccountLimits({ account: 'billing-worker', tenantId }))).toBe(5)
    app.clock.advance(60_000)
    expect(await times((n) => serviceAccountLimits({ account: `account-${n}`, tenantId }))).toBe(30)
    expect(await times((n) => serviceAccountLimits({ account: `account-${n}`, tenantId: 'two' }))).toBe(30)
    expect(await times((n) => serviceAccountLimits({ account: `account-${n}`, tenantId: null }))).toBe(30)
    expect(await times((n) => serviceAccountLimits({ account: 'demo-bot', tenantId: n % 2 ? 'ab' : 'AB' }))).toBe(5)
  })
})
