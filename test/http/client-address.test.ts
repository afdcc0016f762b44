import { describe, expect, test } from 'bun:test'
import { clientAddress, clientOf, markClient, normalIp, openTrusted } from '../../src/http/client-address.ts'

const trusted = openTrusted(['10.0.0.0/8', '192.0.2.7/32', 'fd00::/8', '::1/128'])
const asked = (peer: string | null, forwarded?: string, isTrusted = trusted): string | null =>
  clientAddress(new Headers(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }), peer, isTrusted)

describe('an address has one spelling', () => {
  for (const [given, expected] of [
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['::FFFF:CB00:7109', '203.0.113.9'],
    ['0:0:0:0:0:ffff:203.0.113.9', '203.0.113.9'],
    ['2001:0DB8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
    ['::', '::'],
    ['unknown', null],
    ['203.0.113.256', null],
    ['203.0.113', null],
    ['2001:db8::1::2', null],
    ['', null],
    ['203.0.113.9\n', null],
    ["1.2.3.4'; drop table tenant", null],
  ] as const)
    test(JSON.stringify(given), () => {
      expect(normalIp(given)).toBe(expected)
    })
})

test('nobody is believed who is not a trusted proxy', () => {
  expect(asked('203.0.113.9', '198.51.100.1')).toBe('203.0.113.9')
  expect(asked('10.0.0.1', '198.51.100.1', openTrusted([]))).toBe('10.0.0.1')
  expect(asked(null, '198.51.100.1')).toBeNull()
})

test('a trusted proxy says who called it', () => {
  expect(asked('10.0.0.1', '198.51.100.1')).toBe('198.51.100.1')
  expect(asked('::ffff:10.0.0.1', '198.51.100.1')).toBe('198.51.100.1')
  expect(asked('::1', '2001:DB8::0:9')).toBe('2001:db8::9')
  expect(asked('10.0.0.1', ' 198.51.100.1:4711 ')).toBe('198.51.100.1')
  expect(asked('10.0.0.1', '[2001:db8::9]:4711')).toBe('2001:db8::9')
  expect(asked('10.0.0.1', '[2001:db8::9]')).toBe('2001:db8::9')
})

test('what the client wrote before them is not believed', () => {
  expect(asked('10.0.0.1', '1.1.1.1, 198.51.100.1')).toBe('198.51.100.1')
  expect(asked('10.0.0.1', '10.9.9.9, 198.51.100.1, 192.0.2.7, 10.0.0.2')).toBe('198.51.100.1')
  expect(asked('10.0.0.1', 'junk, 198.51.100.1')).toBe('198.51.100.1')
})

test('several headers are one list', () => {
  const headers = new Headers([
    ['x-forwarded-for', '198.51.100.1'],
    ['x-forwarded-for', '192.0.2.7'],
  ])
  expect(clientAddress(headers, '10.0.0.1', trusted)).toBe('198.51.100.1')
})

test('where all are trusted the first is the client', () => {
  expect(asked('10.0.0.1', '10.0.0.3, 192.0.2.7')).toBe('10.0.0.3')
})

test('what is no address is nobody, and nothing before it counts', () => {
  expect(asked('10.0.0.1', 'unknown')).toBe('10.0.0.1')
  expect(asked('10.0.0.1', '198.51.100.1, _hidden, 192.0.2.7')).toBe('192.0.2.7')
  expect(asked('10.0.0.1', '')).toBe('10.0.0.1')
  expect(asked('10.0.0.1', ',,,')).toBe('10.0.0.1')
  expect(asked('10.0.0.1', '198.51.100.1, 198.51.100.1 or 1=1')).toBe('10.0.0.1')
})

test('a list without end is read only as far as proxies can be in a row', () => {
  expect(asked('10.0.0.1', `198.51.100.1, ${Array.from({ length: 100_000 }, () => '10.0.0.2').join(',')}`)).toBe('10.0.0.2')
})

test('a surface reads who asks, and what with', () => {
  const request = new Request('http://localhost/', { headers: { 'user-agent': ` ${'a'.repeat(600)}` } })
  expect(clientOf(request)).toEqual({ ip: null, userAgent: 'a'.repeat(512) })
  markClient(request, '203.0.113.9')
  expect(clientOf(request).ip).toBe('203.0.113.9')
  expect([...request.headers.keys()]).toEqual(['user-agent'])
  expect(clientOf(new Request('http://localhost/', { headers: { 'user-agent': '  ' } })).userAgent).toBeNull()
})
