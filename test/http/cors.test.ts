import { expect, test } from 'bun:test'
import { openCors } from '../../src/http/cors.ts'

const ask = (headers: Record<string, string>, method = 'OPTIONS') => new Request('http://localhost/v1/threads', { method, headers })
const marked = (origins: string[], headers: Record<string, string>): Headers => {
  const answer = new Headers()
  openCors(origins).mark(ask(headers, 'GET'), answer)
  return answer
}

test('a preflight allows what the SDKs send, also headers that do not exist yet and those that users make up', () => {
  const headers = {
    origin: 'http://a',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'X-Stainless-New, x-api-key, x-mine, evil, x-spl it',
  }
  const answer = openCors(['*']).preflight(ask(headers))
  const allowed = answer?.headers.get('access-control-allow-headers')?.split(', ') ?? []
  for (const name of [
    'authorization',
    'content-type',
    'openai-beta',
    'idempotency-key',
    'last-event-id',
    'prefer',
    'x-stainless-new',
    'x-api-key',
    'x-mine',
  ]) {
    expect(allowed).toContain(name)
  }
  for (const name of ['evil', 'x-spl it']) expect(allowed).not.toContain(name)
  expect(answer?.status).toBe(204)
})

test('OPTIONS that is no preflight is left to the routes', () => {
  expect(openCors(['*']).preflight(ask({ origin: 'http://a' }))).toBeUndefined()
})

test('every origin may read the answer and its headers by default', () => {
  const answer = marked(['*'], { origin: 'http://a' })
  expect(answer.get('access-control-allow-origin')).toBe('*')
  expect(answer.get('access-control-expose-headers')).toContain('openai-poll-after-ms')
  for (const name of ['content-location', 'location', 'x-pagination-total', 'x-pagination-next', 'x-request-id']) {
    expect(answer.get('access-control-expose-headers')?.split(', ')).toContain(name)
  }
  expect(answer.get('access-control-allow-credentials')).toBeNull()
})

test('a list of origins admits those and no other', () => {
  expect(marked(['https://app.example'], { origin: 'https://app.example' }).get('access-control-allow-origin')).toBe('https://app.example')
  const other = marked(['https://app.example'], { origin: 'https://evil.example' })
  expect(other.get('access-control-allow-origin')).toBeNull()
  expect(other.get('vary')).toBe('origin')
})

test('answers to anything but a browser carry nothing of it', () => {
  expect([...marked(['*'], {})]).toEqual([])
})
