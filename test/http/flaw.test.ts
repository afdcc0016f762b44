import { describe, expect, test } from 'bun:test'
import { Type as t } from '@sinclair/typebox'
import { enumerate, findFlaw, shorten } from '../../src/http/flaw.ts'

const Thing = t.Object(
  {
    id: t.Optional(t.String({ format: 'uuid' })),
    at: t.Optional(t.String({ format: 'date-time' })),
    tags: t.Optional(t.Array(t.String({ maxLength: 3 }), { maxItems: 2 })),
    size: t.Optional(t.Integer({ minimum: 0, maximum: 9 })),
    shape: t.Optional(
      t.Union([t.Object({ kind: t.Literal('a'), n: t.Integer() }), t.Object({ kind: t.Literal('b'), s: t.String() }), t.Null()]),
    ),
    free: t.Optional(t.Unsafe({})),
  },
  { additionalProperties: false },
)

describe('the first flaw', () => {
  test('of a sound value there is none, whatever free JSON holds', () => {
    const value = {
      id: 'FE096781-5601-53d2-b2f6-0d3403f7e9ca',
      at: '2031-12-31T00:00:00+02:00',
      tags: ['a'],
      size: 9,
      shape: { kind: 'b', s: '' },
      free: { anything: [null, 1] },
    }
    expect(findFlaw(Thing, value)).toBeUndefined()
    expect(findFlaw(Thing, { shape: null })).toBeUndefined()
  })

  const cases: [title: string, value: unknown, path: (string | number)[], mistake: object][] = [
    ['a list where an object belongs', [], [], { kind: 'type', expected: ['an object'], got: 'an array' }],
    ['a field nobody knows', { other: 1 }, ['other'], { kind: 'unknown' }],
    ['text that is no UUID', { id: 'x' }, ['id'], { kind: 'format', format: 'uuid', got: 'x' }],
    ['a month there is not', { at: '2031-13-01T00:00:00Z' }, ['at'], { kind: 'format', format: 'date-time', got: '2031-13-01T00:00:00Z' }],
    ['text too long inside a list', { tags: ['a', 'bcde'] }, ['tags', 1], { kind: 'size', of: 'string', bound: 'max', limit: 3, got: 4 }],
    ['a list too long', { tags: ['a', 'b', 'c'] }, ['tags'], { kind: 'size', of: 'array', bound: 'max', limit: 2, got: 3 }],
    ['a number too small', { size: -1 }, ['size'], { kind: 'size', of: 'integer', bound: 'min', limit: 0, got: -1 }],
    ['a fraction for an integer', { size: 0.5 }, ['size'], { kind: 'type', expected: ['an integer'], got: 'a decimal' }],
    ['a branch that is not there', { shape: { kind: 'c' } }, ['shape', 'kind'], { kind: 'value', allowed: ['a', 'b'], got: 'c' }],
    ['a field missing in the branch that was meant', { shape: { kind: 'b' } }, ['shape', 's'], { kind: 'missing' }],
    ['no branch at all', { shape: 3 }, ['shape'], { kind: 'type', expected: ['an object'], got: 'an integer' }],
  ]
  for (const [title, value, path, mistake] of cases) {
    test(`is ${title}`, () => {
      expect(findFlaw(Thing, value)).toEqual({ path, mistake } as ReturnType<typeof findFlaw>)
    })
  }
})

test('words are listed as in a sentence, and long ones are cut', () => {
  expect([enumerate(['a'], 'or'), enumerate(['a', 'b'], 'and'), enumerate(['a', 'b', 'c'], 'or')]).toEqual(['a', 'a and b', 'a, b, or c'])
  expect(shorten('x'.repeat(101))).toBe(`${'x'.repeat(100)}...`)
  expect(shorten('x'.repeat(100))).toBe('x'.repeat(100))
})

test('an e-mail address has one @, a dot behind it, and nothing that cannot be seen', () => {
  const Email = t.String({ format: 'email' })
  for (const good of ['a@b.c', 'ann.lee+x@mail.example.com', 'ä@exämple.de'])
    expect([good, findFlaw(Email, good)]).toEqual([good, undefined])
  for (const bad of [
    '',
    'a',
    'a@b',
    '@b.c',
    'a@.c',
    'a@b.',
    'a@b..c',
    'a@b@c.d',
    'a b@c.d',
    '\u202ea@b.c',
    'a\u200b@b.c',
    'a@b\u2066.c',
    'a@b.c\0',
    `${'a@b.'.repeat(20_000)}`,
  ])
    expect(findFlaw(Email, bad)?.mistake.kind).toBe('format')
})
