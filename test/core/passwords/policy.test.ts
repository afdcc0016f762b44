import { describe, expect, test } from 'bun:test'
import { requirePassword } from '../../../src/core/passwords/policy.ts'

const ABOUT = { email: 'margaret.hamilton@example.org', names: ['Margaret Hamilton'] }

/** What it is refused with; undefined: it is taken. */
const refusalOf = (password: string, about: Parameters<typeof requirePassword>[1] = ABOUT) =>
  requirePassword(password, about).then(
    () => undefined,
    ({ code, message, facts }) => ({ code, message, facts }) as { code: string; message: string; facts: object },
  )

describe('a good password is taken', () => {
  for (const password of [
    'correct horse battery staple',
    'Jk8-sunny-gate-12',
    'vKq7#mZp2!tRw9',
    'große Füße über Äcker',
    'дождь над старым городом',
    '山の上に 古い時計が 三つある',
    'x'.repeat(20) + crypto.randomUUID(),
    `${crypto.randomUUID()} `.repeat(6).slice(0, 256),
  ])
    test(password.slice(0, 40), async () => {
      expect(await refusalOf(password)).toBeUndefined()
    })
})

describe('a password that lacks something is refused with all that it lacks', () => {
  const refused = (password: string, message: string) =>
    test(JSON.stringify(password.slice(0, 30)), async () => {
      expect(await refusalOf(password)).toEqual({ code: 'invalid', message, facts: { param: 'password', reason: 'value' } })
    })
  const classes = 'two of these: small letters, capital letters, digits, other characters such as spaces'
  refused('', `A password needs at least 14 characters, and ${classes}.`)
  refused('Ab3$Ab3$Ab3$A', 'A password needs at least 14 characters.')
  refused('bcdfghjklmnpqrstvwxz', `A password needs ${classes}.`)
  refused('BCDFGHJKLMNPQRSTVWXZ', `A password needs ${classes}.`)
  refused('83625391704826153', `A password needs ${classes}.`)
  refused('a1'.repeat(129), 'A password has at most 256 characters.')
  // Seven characters of two units each.
  refused('😀'.repeat(7), `A password needs at least 14 characters, and ${classes}.`)
})

describe('a password that would be guessed is refused', () => {
  for (const password of [
    'Password1234567',
    'P@$$w0rd123456',
    'aaaaaaaaaaaaaaaa1',
    'abcdefghijklmnop1',
    '1qaz2wsx3edc4rfv',
    'qwertyuiop[]12',
    'passwordpassword1',
    'monkey123monkey123',
  ])
    test(password, async () => {
      const refusal = await refusalOf(password)
      expect(refusal).toMatchObject({ code: 'invalid', facts: { param: 'password', reason: 'value' } })
      expect(refusal?.message).toStartWith('This password is too easy to guess.')
      expect(refusal?.message).not.toContain(password)
    })
})

test('the own address and name do not make a password', async () => {
  for (const password of ['margaret.hamilton@example.org', 'margaret.hamilton1', 'Margaret Hamilton'])
    expect(await refusalOf(password)).toMatchObject({ code: 'invalid' })
  const own = 'Xanthippe-Quy-81'
  expect(await refusalOf(own)).toBeUndefined()
  expect(await refusalOf(own, { email: `${own}@example.org` })).toMatchObject({ code: 'invalid' })
  expect(await refusalOf(own, { names: [own] })).toMatchObject({ code: 'invalid' })
})

test('the fault names the field of the request', async () => {
  expect(await refusalOf('short', { param: 'new_password' })).toMatchObject({ facts: { param: 'new_password' } })
})
