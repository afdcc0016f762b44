import { expect, test } from 'bun:test'
import { requireName, slugAt, slugOf } from '../../../src/core/sign-up/slug.ts'

test('a slug is lower case letters, digits and single dashes', () => {
  expect(slugOf('Acme Inc.')).toBe('acme-inc')
  expect(slugOf('  --A/B__c  9!')).toBe('a-b-c-9')
  expect(slugOf('Ünïcode Gmbh')).toBe('n-code-gmbh')
})

test('a name without any of them is a tenant', () => {
  for (const name of ['', '---', '日本', '\u0130'.repeat(0)]) expect(slugOf(name)).toBe('tenant')
})

test('a slug has at most sixty characters and no dash at its end, also behind a tail', () => {
  expect(slugOf('x'.repeat(200))).toHaveLength(60)
  expect(slugOf(`${'x'.repeat(59)} yy`)).toBe('x'.repeat(59))
  expect(slugAt('x'.repeat(60), 3)).toMatch(/^x{55}-[0-9a-f]{4}$/)
  expect(slugAt(`${'x'.repeat(54)}-yyyyy`, 1)).toMatch(/^x{54}-[0-9a-f]{4}$/)
})

test('the first attempt is the slug itself, every other one has a tail of its own', () => {
  expect(slugAt('acme', 0)).toBe('acme')
  const tails = new Set(Array.from({ length: 8 }, (_, n) => slugAt('acme', n + 1)))
  expect(tails.size).toBeGreaterThan(1)
  for (const slug of tails) expect(slug).toMatch(/^acme-[0-9a-f]{4}$/)
})

test("the server's own tenant is given to nobody", () => {
  expect(slugAt('default', 0)).toMatch(/^default-[0-9a-f]{4}$/)
})

test('a name is taken without the blanks around it, and is not made of them', () => {
  expect(requireName('tenant_name', ' Acme  Inc ')).toBe('Acme  Inc')
  for (const blank of ['', '   ', '\t\n', '\u00a0\u2003'])
    expect(() => requireName('tenant_name', blank)).toThrow(
      expect.objectContaining({ code: 'invalid', facts: { param: 'tenant_name', reason: 'value' } }),
    )
})
