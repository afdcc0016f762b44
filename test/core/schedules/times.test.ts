import { expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import { nextTime, requireTimes } from '../../../src/core/schedules/times.ts'

const next = (cron: string, after: string, timezone: string | null = null): string | null => {
  const at = nextTime({ cron, timezone }, Date.parse(after))
  return at === null ? null : new Date(at).toISOString()
}

test('times are those of UTC, strictly after the one given', () => {
  expect(next('*/5 * * * *', '2026-11-22T10:05:00Z')).toBe('2026-11-22T10:10:00.000Z')
  expect(next('*/5 * * * *', '2026-11-22T10:09:59.999Z')).toBe('2026-11-22T10:10:00.000Z')
  expect(next('0 9 * * MON-FRI', '2026-11-20T09:00:00Z')).toBe('2026-11-23T09:00:00.000Z')
  expect(next('0 0 29 2 *', '2026-11-22T10:05:00Z')).toBe('2028-02-29T00:00:00.000Z')
  expect(next('@daily', '2026-11-22T10:05:00Z')).toBe('2026-11-23T00:00:00.000Z')
  expect(next('*/20 * * * * *', '2026-11-22T10:05:01Z')).toBe('2026-11-22T10:05:20.000Z')
})

test('a timezone has its summer time: a time that is skipped comes after the gap, one that comes twice comes once', () => {
  expect(next('0 9 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin')).toBe('2026-03-29T07:00:00.000Z')
  expect(next('0 9 * * *', '2026-03-27T12:00:00Z', 'Europe/Berlin')).toBe('2026-03-28T08:00:00.000Z')
  expect(next('30 2 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin')).toBe('2026-03-29T01:00:00.000Z')
  expect(next('30 2 * * *', '2026-10-25T00:30:00Z', 'Europe/Berlin')).toBe('2026-10-26T01:30:00.000Z')
})

test('a day that never comes has no time, and is not looked for long', () => {
  const began = performance.now()
  expect(next('0 0 30 2 *', '2026-11-22T10:05:00Z')).toBeNull()
  expect(performance.now() - began).toBeLessThan(1_000)
})

function paramOf(cron: string, timezone: string | null = null): string | undefined {
  try {
    requireTimes({ cron, timezone })
    return undefined
  } catch (error) {
    if (error instanceof Fault && error.code === 'invalid') return error.facts.param
    throw error
  }
}

test('what is no schedule is refused', () => {
  const wrong = [
    '',
    ' ',
    'daily',
    '* * * *',
    '* * * * * * *',
    '60 * * * *',
    '*/0 * * * *',
    'a b c d e',
    '@reboot',
    '2026-12-01T00:00:00',
    '0-59/-1 * * * *',
  ]
  for (const cron of [...wrong, `${'1,'.repeat(200)}1 * * * *`]) expect([cron, paramOf(cron)]).toEqual([cron, 'schedule'])
  for (const cron of ['* * * * *', '*/5 * * * * *', '@hourly', '0 0 L * *', '0 0 * * 7'])
    expect([cron, paramOf(cron)]).toEqual([cron, undefined])
})

test('what is no timezone is refused', () => {
  for (const zone of ['Nowhere/City', '+02:00', '', 'Europe']) expect([zone, paramOf('* * * * *', zone)]).toEqual([zone, 'timezone'])
  for (const zone of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Asia/Kolkata'])
    expect([zone, paramOf('* * * * *', zone)]).toEqual([zone, undefined])
})
