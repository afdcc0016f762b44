import { expect, test } from 'bun:test'
import { readKey } from '../../src/http/bearer.ts'
import { requestId } from '../../src/http/request-id.ts'

const key = (headers: Record<string, string>) => readKey(new Headers(headers))

test('a key is taken as sent, spaces included', () => {
  expect(key({ authorization: 'Bearer My API Key' })).toBe('My API Key')
  expect(key({ authorization: 'bearer tp_x' })).toBe('tp_x')
  expect(key({ 'x-api-key': 'two words' })).toBe('two words')
})

test('the authorization header wins, and another scheme leaves the other header', () => {
  expect(key({ authorization: 'Bearer a', 'x-api-key': 'b' })).toBe('a')
  expect(key({ authorization: 'Basic abc', 'x-api-key': 'b' })).toBe('b')
})

test('no key is undefined, never an empty one', () => {
  expect([key({}), key({ authorization: 'Bearer' }), key({ authorization: 'Bearer  ' }), key({ 'x-api-key': '' })]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})

test('a sane request id is kept, any other is replaced by a new one', () => {
  expect(requestId(new Headers({ 'x-request-id': 'req-1/a:b' }))).toBe('req-1/a:b')
  const made = [{}, { 'x-request-id': 'a b' }, { 'x-request-id': 'x'.repeat(200) }, { 'x-request-id': '<script>' }].map((headers) =>
    requestId(new Headers(headers as Record<string, string>)),
  )
  expect(new Set(made).size).toBe(4)
  for (const id of made) expect(id).toMatch(/^[0-9a-f-]{36}$/)
})
