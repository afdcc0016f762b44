import { expect, test } from 'bun:test'
import { Refusal } from '../../../src/surfaces/openai/refusal.ts'
import { requireReadable, unknownUrl } from '../../../src/surfaces/openai/unknown-url.ts'

const ROUTES = [
  { method: 'GET', path: '/v1/threads/:thread_id' },
  { method: 'POST', path: '/v1/threads/:thread_id' },
  { method: 'WS', path: '/v1/threads/:thread_id/stream' },
]

function refusalOf(method: string, path: string): Refusal {
  const refuse: (context: { request: Request }) => unknown = unknownUrl(ROUTES)
  try {
    refuse({ request: new Request(`http://localhost${path}`, { method }) })
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error('Nothing was refused.')
}

test('a path that no route has is named without its query', () => {
  const { status, body } = refusalOf('GET', '/v1/foo?secret=1')
  expect(status).toBe(404)
  expect(body.code).toBe('unknown_url')
  expect(body.message).toStartWith('Unknown request URL: GET /v1/foo. ')
})

test('a known path under another method says which methods it has', () => {
  const { status, body } = refusalOf('PUT', '/v1/threads/thread_1')
  expect(status).toBe(405)
  expect(body.message).toContain('Not allowed to PUT on /v1/threads/thread_1.')
  expect(body.message).toContain('GET, POST')
})

test('a parameter matches one segment only, and a socket is no method', () => {
  expect(refusalOf('PUT', '/v1/threads/a/b').status).toBe(404)
  expect(refusalOf('PUT', '/v1/threads/a/stream').status).toBe(404)
})

test('a path that cannot be decoded is the mistake of who sent it', () => {
  expect(() => requireReadable({ thread_id: null })).toThrow('not percent-encoded')
  requireReadable({ thread_id: 'thread_1' })
})
