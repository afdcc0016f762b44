import type { Attribute, Attributes, Filter } from '../../../src/core/attributes.ts'
import { chance } from './judge.ts'

const KEYS = ['year', 'title', 'open', 'a.b', 'a"b', "a'b", 'a[0]', 'ünï \u{1f600}', '', 'constructor', '__proto__', '$', '_']
const NUMBERS = [
  0,
  1,
  -1,
  1.5,
  0.1,
  0.30000000000000004,
  0.3,
  1999,
  2000,
  1e21,
  -1e-7,
  2 ** 53,
  2 ** 53 - 1,
  5e-324,
  -1.7976931348623157e308,
]
const TEXTS = [
  ...['', 'a', 'A', 'b', 'ab', '1', '1.5', '10', '9', 'true', 'é', 'e\u0301', '\uffff', '\u{1f600}', '\u{10ffff}', 'a b', '"', '\\', "'"],
  ...['2024-01-01', '2024-01-02', '2024-01-02T10:00:00Z', '2024-01-02T10:00:01Z', 'n:1', 's:a', 'x'.repeat(512), `${'x'.repeat(511)}y`],
]
const VALUES: Attribute[] = [...NUMBERS, ...TEXTS, true, false]

/** Each value under one key, and documents with several keys, and one with none. */
export const LIBRARY: Attributes[] = [
  {},
  ...VALUES.map((year) => ({ year })),
  ...KEYS.map((key) => Object.fromEntries([[key, 'a']])),
  ...KEYS.map((key, i) =>
    Object.fromEntries([
      [key, i],
      ['year', 1990 + i],
      ['title', TEXTS[i] ?? ''],
    ]),
  ),
  ...[0, 1, 2].map((i) => ({ open: i > 0, year: 2000 + i, title: `Book ${i}` })),
]

const COMPARISONS = ['gt', 'gte', 'lt', 'lte'] as const

/** All operators on all values, missing keys, other types, empty lists and nests. */
export const FILTERS: Filter[] = [
  ...VALUES.flatMap((value): Filter[] => [
    { type: 'eq', key: 'year', value },
    { type: 'ne', key: 'year', value },
  ]),
  ...COMPARISONS.flatMap((type) => [...NUMBERS, ...TEXTS].map((value): Filter => ({ type, key: 'year', value }))),
  ...KEYS.flatMap((key): Filter[] => [
    { type: 'eq', key, value: 'a' },
    { type: 'ne', key, value: 'a' },
    { type: 'gte', key, value: 0 },
    { type: 'gt', key, value: '' },
    { type: 'in', key, value: ['a', 3] },
    { type: 'nin', key, value: ['a', 3] },
  ]),
  { type: 'in', key: 'year', value: [] },
  { type: 'nin', key: 'year', value: [] },
  { type: 'in', key: 'year', value: [1999, '1', true, 'none'] },
  { type: 'nin', key: 'year', value: [1999, '1', true, 'none'] },
  { type: 'in', key: 'missing', value: [1] },
  { type: 'nin', key: 'missing', value: [1] },
  { type: 'eq', key: 'missing', value: false },
  { type: 'ne', key: 'missing', value: false },
  { type: 'lt', key: 'missing', value: 1 },
  { type: 'and', filters: [] },
  { type: 'or', filters: [] },
  { type: 'and', filters: [{ type: 'or', filters: [] }] },
  { type: 'or', filters: [{ type: 'and', filters: [] }] },
  {
    type: 'or',
    filters: [
      {
        type: 'and',
        filters: [
          { type: 'gte', key: 'year', value: 1995 },
          { type: 'lt', key: 'year', value: 2001 },
        ],
      },
      {
        type: 'and',
        filters: [
          { type: 'eq', key: 'open', value: true },
          { type: 'ne', key: 'title', value: 'Book 2' },
        ],
      },
    ],
  },
]

export function randomFilters(count: number): Filter[] {
  const random = chance(20261121)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const some = <T>(max: number, make: () => T): T[] => Array.from({ length: Math.floor(random() * (max + 1)) }, make)
  const filter = (depth: number): Filter => {
    const key = random() < 0.6 ? 'year' : pick(KEYS)
    const kind = random()
    if (depth > 0 && kind < 0.5) return { type: kind < 0.25 ? 'and' : 'or', filters: some(3, () => filter(depth - 1)) }
    if (kind < 0.65) return { type: pick(['eq', 'ne'] as const), key, value: pick(VALUES) }
    if (kind < 0.75) return { type: pick(['in', 'nin'] as const), key, value: some(5, () => pick(VALUES)) }
    return { type: pick(COMPARISONS), key, value: pick([...NUMBERS, ...TEXTS]) }
  }
  return Array.from({ length: count }, () => filter(3))
}
