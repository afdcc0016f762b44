import { describe, expect, test } from 'bun:test'
import { findFlaw } from '../../../src/http/flaw.ts'
import { ConfigBody, fromConfig, fromTime, Timestamp, toTime, toTimeOrNull } from '../../../src/surfaces/langgraph/fields.wire.ts'

describe('a time', () => {
  test('is written in UTC with milliseconds', () => {
    expect(toTime(1_800_000_000_123)).toBe('2027-01-15T08:00:00.123Z')
    expect(toTimeOrNull(null)).toBeNull()
  })

  test('is read with any offset, and without one as UTC', () => {
    for (const text of ['2027-01-15T08:00:00Z', '2027-01-15T10:00:00+02:00', '2027-01-15T08:00:00', '2027-01-15T08:00:00.000000+00:00']) {
      expect(findFlaw(Timestamp, text)).toBeUndefined()
      expect([text, fromTime(text)]).toEqual([text, 1_800_000_000_000])
    }
  })

  test('is not any text', () => {
    for (const text of ['tomorrow', '2027-01-15', '15.01.2027 08:00', '1800000000']) expect(findFlaw(Timestamp, text)).toBeDefined()
  })
})

test('of a config only what a server reads is kept', () => {
  const sent = { tags: ['a'], recursion_limit: 3, configurable: { user: 1 }, callbacks: [] }
  expect(findFlaw(ConfigBody, sent)).toBeUndefined()
  expect(fromConfig(sent)).toEqual({ tags: ['a'], recursion_limit: 3, configurable: { user: 1 } })
  expect(fromConfig({})).toEqual({})
})
