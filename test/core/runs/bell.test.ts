import { expect, test } from 'bun:test'
import { Bell } from '../../../src/core/runs/bell.ts'

const HOUR = 3_600_000

test('who waits is woken by news, by the end of patience, and by the signal', async () => {
  const stop = new AbortController()
  const bell = new Bell(stop.signal)
  for (const ring of [() => bell.onWake(), () => bell.onSegment(), () => stop.abort()]) {
    bell.rung = false
    const waiting = bell.wait(HOUR)
    ring()
    await waiting
  }
  await new Bell(new AbortController().signal).wait(1)
})

test('what rang before is not waited for', async () => {
  const bell = new Bell(new AbortController().signal)
  bell.onWake()
  await bell.wait(HOUR)
  expect(bell.rung).toBe(true)
})
