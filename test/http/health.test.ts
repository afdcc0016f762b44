import { expect, test } from 'bun:test'
import { openStoreState } from '../../src/http/health.ts'
import { TestClock } from '../support/app.ts'

test('a store is asked once in some seconds, however many want to know', async () => {
  const clock = new TestClock()
  let asked = 0
  const state = openStoreState(clock, () => void asked++)
  expect(await Promise.all(Array.from({ length: 50 }, () => state()))).toEqual(Array.from({ length: 50 }, () => 'healthy'))
  expect(await state()).toBe('healthy')
  expect(asked).toBe(1)
  clock.advance(5000)
  await state()
  expect(asked).toBe(2)
})

test('a store that fails is unavailable until it answers again', async () => {
  const clock = new TestClock()
  let broken = true
  const state = openStoreState(clock, () => (broken ? Promise.reject(new Error('no')) : undefined))
  expect(await state()).toBe('unavailable')
  broken = false
  expect(await state()).toBe('unavailable')
  clock.advance(5000)
  expect(await state()).toBe('healthy')
})

test('a store that takes its time is degraded', async () => {
  const clock = new TestClock()
  expect(await openStoreState(clock, () => clock.advance(1500))()).toBe('degraded')
})

test('no store is no failure', async () => {
  expect(await openStoreState(new TestClock(), undefined)()).toBe('unconfigured')
})
