import { expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import { RequestRate } from '../../../src/core/identity/request-rate.ts'

/** How long the key is told to wait; 0: its request is let through. */
function waitOf(rate: RequestRate, key: string, now: number): number {
  try {
    rate.take(key, now)
    return 0
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'rate_limited') throw error
    return error.facts.retryAfterMs ?? Number.NaN
  }
}

test('a quiet key may make ten seconds of its requests at once, and then as many as the time allows', () => {
  const rate = new RequestRate(2)
  for (let i = 0; i < 20; i++) expect(waitOf(rate, 'a', 1000)).toBe(0)
  expect(waitOf(rate, 'a', 1000)).toBe(500)
  expect(waitOf(rate, 'a', 1400)).toBe(100)
  expect(waitOf(rate, 'a', 1500)).toBe(0)
  expect(waitOf(rate, 'a', 1500)).toBe(500)
})

test('one key takes nothing from another, and a clock that goes back takes nothing from any', () => {
  const rate = new RequestRate(1)
  for (let i = 0; i < 10; i++) rate.take('a', 5000)
  expect(waitOf(rate, 'a', 4000)).toBe(1000)
  expect(waitOf(rate, 'b', 4000)).toBe(0)
})

test('without a limit a key asks as often as it likes', () => {
  const rate = new RequestRate(0)
  for (let i = 0; i < 1000; i++) expect(waitOf(rate, 'a', 0)).toBe(0)
})
