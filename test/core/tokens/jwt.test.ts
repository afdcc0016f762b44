import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import { kidOf, TOKEN_CHARS_MAX } from '../../../src/core/tokens/jwt.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { signedIn } from '../../support/sign-ins.ts'
import { type Forgery, forgeriesOf, openWorkshop } from './forgeries.ts'

let app: TestApp
let token: string
let forgeries: Forgery[]
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
  ;({ token } = await signedIn(app, { tenantId: app.one.tenantId, role: 'owner' }))
  forgeries = forgeriesOf(await openWorkshop(app, token))
}, OPEN_MS)
afterAll(() => app.close())

/** Names of those that were taken; anything but a refusal of the credential fails the test. */
async function taken(of: Forgery[], take: (token: string) => Promise<unknown>): Promise<string[]> {
  const names: string[] = []
  for (const { name, token } of of) {
    const error = await take(token).then(
      () => undefined,
      (cause) => cause,
    )
    if (!(error instanceof Fault && error.code === 'unauthenticated')) names.push(`${name}: ${error ?? 'taken'}`)
  }
  return names
}

describe('of more than 120 forged tokens', () => {
  test('there are that many, no two alike, and the one they are made of is good', async () => {
    expect(new Set(forgeries.map((forgery) => forgery.token)).size).toBe(forgeries.length)
    expect(forgeries.length).toBeGreaterThan(200)
    expect(new Set(forgeries.map(({ name }) => name)).size).toBe(forgeries.length)
    expect(await app.tokens.verify(token, 'access')).toMatchObject({ token_use: 'access', iss: 'tetraport' })
    expect((await app.keys.resolve(token)).scopes).toEqual(new Set(['read', 'write', 'admin']))
  })

  test('none is verified, for no use', async () => {
    expect(await taken(forgeries, (forged) => app.tokens.verify(forged, 'access'))).toEqual([])
    // One of them is a good refresh token but for what stands in it.
    const others = forgeries.filter(({ name }) => name !== 'token_use, signed by us: "refresh"')
    expect(await taken(others, (forged) => app.tokens.verify(forged, 'refresh'))).toEqual([])
  })

  test('none resolves, on no way, before and after the good one was remembered', async () => {
    await app.keys.resolve(token)
    expect(await taken(forgeries, (forged) => app.keys.resolve(forged))).toEqual([])
    expect(await taken(forgeries, (forged) => app.keys.principal(forged))).toEqual([])
    expect(await taken(forgeries, (forged) => app.keys.principal(forged, { fresh: true }))).toEqual([])
  })

  test('none gets further than its form where the form is wrong: no key is looked for', () => {
    for (const { name, token: forged } of forgeries)
      if (/^(alg|label|jku|jwk|x5|crit|form)/.test(name)) expect([name, kidOf(forged)]).toEqual([name, undefined])
  })
})

test('the time of a megabyte is that of looking at its length', () => {
  const long = `${token.slice(0, -1)}${'A'.repeat(1_000_000)}`
  const began = performance.now()
  for (let n = 0; n < 1000; n++) kidOf(long)
  expect(performance.now() - began).toBeLessThan(500)
  expect(TOKEN_CHARS_MAX).toBe(8192)
})

test('claims of time are taken within five seconds, an end not a moment too late', async () => {
  const shop = await openWorkshop(app, token)
  const seconds = app.clock.now() / 1000
  for (const claim of ['iat', 'nbf']) {
    await app.tokens.verify(shop.withClaims({ [claim]: seconds + 5 }), 'access')
    await expect(app.tokens.verify(shop.withClaims({ [claim]: seconds + 6 }), 'access')).rejects.toMatchObject({ code: 'unauthenticated' })
  }
  await app.tokens.verify(shop.withClaims({ exp: seconds + 0.001 }), 'access')
  await expect(app.tokens.verify(shop.withClaims({ exp: seconds }), 'access')).rejects.toMatchObject({ facts: { expired: true } })
})

test('one audience among others is enough, also as a text', async () => {
  const shop = await openWorkshop(app, token)
  for (const aud of ['agent-api', ['elsewhere', 'agent-api']]) await app.tokens.verify(shop.withClaims({ aud }), 'access')
})

test('a token of another library, which orders its header otherwise, is taken', async () => {
  const shop = await openWorkshop(app, token)
  await app.tokens.verify(shop.withHeader({ typ: 'JWT', kid: shop.kid, alg: 'EdDSA' }), 'access')
})
