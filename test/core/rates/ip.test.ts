import { expect, test } from 'bun:test'
import { maskIp, networkOf, sourceOf } from '../../../src/core/rates/ip.ts'

test('a masked address does not lead to anybody', () => {
  expect(maskIp('203.0.113.9')).toBe('203.0.113.*')
  expect(maskIp('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2:*:*:*:*')
  expect(maskIp('2001:db8::9')).toBe('2001:db8:0:0:*:*:*:*')
  expect(maskIp('::1')).toBe('0:0:0:0:*:*:*:*')
  expect(maskIp('::')).toBe('0:0:0:0:*:*:*:*')
  expect(maskIp('1::')).toBe('1:0:0:0:*:*:*:*')
  expect(maskIp('somebody@example.org')).toBe('*')
})

test('neighbours are of one network', () => {
  expect(networkOf('203.0.113.9')).toBe('203.0.113.0/24')
  expect(networkOf('203.0.113.250')).toBe('203.0.113.0/24')
  expect(networkOf('203.0.114.9')).not.toBe(networkOf('203.0.113.9'))
  expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
  expect(networkOf('2001:db8::9')).toBe(networkOf('2001:db8::7:7:7:7'))
  expect(networkOf('2001:db8:0:1::9')).not.toBe(networkOf('2001:db8::9'))
  expect(networkOf('unknown')).toBeNull()
})

test('a subscriber of IPv6 is one source, whichever of his addresses he takes', () => {
  expect(sourceOf('2001:db8:1:2:3:4:5:6')).toBe(sourceOf('2001:db8:1:2:9:9:9:9'))
  expect(sourceOf('203.0.113.9')).toBe('203.0.113.9')
})
