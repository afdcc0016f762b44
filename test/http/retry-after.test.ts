import { expect, test } from 'bun:test'
import { Fault } from '../../src/core/fault.ts'
import { retryAfterMs, retryHeaders } from '../../src/http/retry-after.ts'

test('a time that is known is told in whole seconds, rounded up and at least one', () => {
  for (const [ms, seconds] of [
    [1, '1'],
    [1000, '1'],
    [1001, '2'],
    [59_999, '60'],
  ] as const)
    expect(retryHeaders(new Fault('unavailable', 'x', { retryAfterMs: ms }))).toEqual({ 'retry-after': seconds })
})

test('whoever was stopped by a limit waits a second where no time is known, nobody else', () => {
  expect(retryAfterMs(new Fault('rate_limited', 'x'))).toBe(1000)
  expect(retryHeaders(new Fault('unavailable', 'x'))).toEqual({})
})
