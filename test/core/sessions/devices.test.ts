import { expect, test } from 'bun:test'
import { fingerprintOf } from '../../../src/core/sessions/client.ts'
import { deviceOf } from '../../../src/core/sessions/devices.ts'

const WEBKIT = 'AppleWebKit/537.36 (KHTML, like Gecko)'
const WINDOWS = `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT}`
const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)'
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)'

const AGENTS: Record<string, [string | null, string | null, string | null]> = {
  [`${WINDOWS} Chrome/140.0.0.0 Safari/537.36`]: ['Windows', 'Chrome', 'desktop'],
  [`${WINDOWS} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0`]: ['Windows', 'Edge', 'desktop'],
  [`${WINDOWS} Chrome/140.0.0.0 Safari/537.36 OPR/120.0.0.0`]: ['Windows', 'Opera', 'desktop'],
  'Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko': ['Windows', 'Internet Explorer', 'desktop'],
  [`${MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15`]: ['macOS', 'Safari', 'desktop'],
  [`${MAC} ${WEBKIT} Chrome/140.0.0.0 Safari/537.36 Arc/1.20`]: ['macOS', 'Arc', 'desktop'],
  [`${MAC} ${WEBKIT} Brave Chrome/140.0.0.0 Safari/537.36`]: ['macOS', 'Brave', 'desktop'],
  [`${IPHONE} Version/18.5 Mobile/15E148 Safari/604.1`]: ['iOS', 'Safari', 'mobile'],
  [`${IPHONE} CriOS/140.0.7339.39 Mobile/15E148 Safari/604.1`]: ['iOS', 'Chrome', 'mobile'],
  [`${IPHONE} FxiOS/142.0 Mobile/15E148 Safari/605.1.15`]: ['iOS', 'Firefox', 'mobile'],
  'Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1': [
    'iPadOS',
    'Safari',
    'tablet',
  ],
  [`Mozilla/5.0 (Linux; Android 15; Pixel 9) ${WEBKIT} Chrome/140.0.0.0 Mobile Safari/537.36`]: ['Android', 'Chrome', 'mobile'],
  [`Mozilla/5.0 (Linux; Android 15; SM-X910) ${WEBKIT} Chrome/140.0.0.0 Safari/537.36`]: ['Android', 'Chrome', 'tablet'],
  [`Mozilla/5.0 (X11; CrOS x86_64 16033.0.0) ${WEBKIT} Chrome/140.0.0.0 Safari/537.36`]: ['ChromeOS', 'Chrome', 'desktop'],
  'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0': ['Linux', 'Firefox', 'desktop'],
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)': [null, null, 'bot'],
  'curl/8.5.0': [null, null, 'bot'],
  'python-requests/2.32.0': [null, null, 'bot'],
  'something nobody has heard of': [null, null, null],
  ' ': [null, null, null],
  '': [null, null, null],
}

for (const [agent, [platform, browser, device]] of Object.entries(AGENTS))
  test(`${agent.slice(0, 120) || 'an empty one'} is told as ${[platform, browser, device].join(', ')}`, () => {
    expect(deviceOf(agent)).toEqual({ platform, browser, device })
  })

test('nothing is told of nobody', () => {
  expect(deviceOf(null)).toEqual({ platform: null, browser: null, device: null })
  expect(fingerprintOf({ ip: null, userAgent: null })).toBeNull()
})

test('a fingerprint tells devices apart and names neither address nor program', () => {
  const client = { ip: '203.0.113.7', userAgent: 'curl/8.5.0' }
  expect(fingerprintOf(client)).toMatch(/^[0-9a-f]{64}$/)
  expect(fingerprintOf(client)).toBe(fingerprintOf({ ...client }))
  const others = [
    { ...client, ip: '203.0.113.8' },
    { ...client, userAgent: 'curl/8.6.0' },
    { ...client, ip: null },
  ]
  expect(new Set([client, ...others].map(fingerprintOf)).size).toBe(4)
})
