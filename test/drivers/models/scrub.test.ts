import { expect, test } from 'bun:test'
import { scrubber } from '../../../src/drivers/models/scrub.ts'

test('the key and what is left of it never show', () => {
  const key = 'my/secret+key"with=marks0123'
  const scrub = scrubber(key)
  for (const text of [key, encodeURIComponent(key), JSON.stringify(key), `Bearer ${key}, again ${key}`, `${key.slice(0, 12)}...`]) {
    expect(scrub(`bad: ${text}`)).not.toContain('my/secre')
    expect(scrub(`bad: ${text}`)).not.toContain('marks0123')
  }
})

test('key-like words go even when they are not the key', () => {
  const scrub = scrubber(null)
  expect(scrub('Incorrect API key provided: sk-proj-********wxyz. Find yours')).toBe('Incorrect API key provided: [key] Find yours')
  expect(scrub("key 'sk-abcdefgh12345678' is bad")).toBe("key '[key]' is bad")
  expect(scrub('ab***yz is bad')).toBe('[key] is bad')
})

test('ordinary words stay', () => {
  const scrub = scrubber('key')
  expect(scrubber('none')('disk-management, task-1234567890, api_version, a ** b')).toBe(
    'disk-management, task-1234567890, api_version, a ** b',
  )
  expect(scrub('no\u0000thing')).toBe('no thing')
})
