import { describe, expect, test } from 'bun:test'
import { Fault, type FaultCode, type FaultFacts, type Why } from '../../../src/core/fault.ts'
import { envelope, onError, type Tone } from '../../../src/surfaces/platform/errors.ts'
import { Refusal } from '../../../src/surfaces/platform/refusal.ts'
import { RecordedLog } from '../../support/app.ts'

const request = new Request('http://localhost/api/v1/x?token=secret', { headers: { 'x-request-id': 'r1' } })

async function told(error: unknown, tone: Tone = { missingCredentials: '401' }) {
  const log = new RecordedLog()
  const answer = onError(log, tone)({ error, request, set: { headers: { left: 'over' } } })
  return { log, answer, status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

const CODES: [FaultCode, number, string][] = [
  ['invalid', 400, 'validation_error'],
  ['unauthenticated', 401, 'unauthenticated'],
  ['forbidden', 403, 'insufficient_scope'],
  ['not_found', 404, 'not_found'],
  ['exists', 409, 'conflict'],
  ['busy', 409, 'conflict'],
  ['wrong_state', 409, 'conflict'],
  ['too_large', 413, 'too_large'],
  ['rate_limited', 429, 'rate_limited'],
  ['key_reused', 409, 'conflict'],
  ['unsupported', 400, 'unsupported'],
  ['model_not_found', 404, 'not_found'],
  ['upstream', 502, 'upstream_failed'],
  ['unavailable', 503, 'unavailable'],
]

const WHYS: [Why, number][] = [
  ['invalid_token', 403],
  ['email_unverified', 403],
  ['insufficient_scope', 403],
  ['insufficient_role', 403],
  ['tenant_required', 401],
  ['tenant_mismatch', 403],
  ['locked', 423],
  ['disabled', 403],
]

describe('a fault', () => {
  test.each(CODES)('%s is %d with the word %s, and its sentence three times', async (code, status, error) => {
    const { answer, body } = await told(new Fault(code, 'So it is.'))
    expect([answer.status, body]).toMatchObject([status, { success: false, error, message: 'So it is.', detail: 'So it is.' }])
    expect(Object.keys(body).toSorted()).toEqual(['detail', 'details', 'error', 'message', 'success'])
    expect(answer.headers.get('left')).toBeNull()
  })

  test.each(WHYS)('of somebody who may not, because of %s, is %d', async (why, status) => {
    const { body, ...answer } = await told(new Fault('forbidden', 'No.', { why }))
    expect([answer.status, body.error]).toEqual([status, why])
  })

  test('of a field names it', async () => {
    const { body, status } = await told(new Fault('invalid', 'No JSON.', { reason: 'syntax' }))
    expect([status, body]).toMatchObject([422, { error: 'ValidationError', detail: [{ type: 'json_invalid', loc: ['body'] }] }])
    expect(body.details).toEqual(body.detail)
  })

  test('of our own is told without details and logged with the request', async () => {
    for (const error of [new Error('hunter2'), new Fault('internal', 'x', { cause: new Error('hunter2') })]) {
      const { log, body, status } = await told(error)
      expect([status, body]).toMatchObject([500, { success: false, error: 'internal' }])
      expect(JSON.stringify(body)).not.toContain('hunter2')
      expect(log.entries).toMatchObject([{ event: 'request.failed', fields: { path: '/api/v1/x', requestId: 'r1' } }])
    }
  })
})

describe('headers of an error', () => {
  const headersOf = async (code: FaultCode, facts: FaultFacts = {}) => {
    const { answer, body } = await told(new Fault(code, 'No.', facts))
    return [answer.headers.get('retry-after'), answer.headers.get('www-authenticate'), body.details]
  }

  test('are told in its body as well', async () => {
    expect(await headersOf('unauthenticated')).toEqual([null, 'Bearer', { 'WWW-Authenticate': 'Bearer' }])
    expect(await headersOf('rate_limited', { retryAfterMs: 11_200 })).toEqual(['12', null, { 'Retry-After': '12' }])
    expect(await headersOf('forbidden', { why: 'locked', retryAfterMs: 60_000 })).toEqual(['60', null, { 'Retry-After': '60' }])
    expect(await headersOf('unavailable', { retryAfterMs: 1 })).toEqual(['1', null, { 'Retry-After': '1' }])
    expect(await headersOf('forbidden', { why: 'tenant_required' })).toEqual([null, 'Bearer', { 'WWW-Authenticate': 'Bearer' }])
    expect(await headersOf('not_found')).toEqual([null, null, null])
  })

  test('of a limit that names no time say one second', async () => {
    expect(await headersOf('rate_limited')).toEqual(['1', null, { 'Retry-After': '1' }])
  })
})

test('missing credentials are 403 where that is configured; wrong ones never', async () => {
  const missing = () => new Refusal(401, 'Who are you?', 'unauthenticated')
  expect((await told(missing())).status).toBe(401)
  const { status, answer } = await told(missing(), { missingCredentials: '403' })
  expect([status, answer.headers.get('www-authenticate')]).toEqual([403, null])
  expect((await told(new Fault('unauthenticated', 'Wrong.'), { missingCredentials: '403' })).status).toBe(401)
})

test('a list of mistakes is told as a sentence too', () => {
  const mistake = { type: 'missing', loc: ['body', 'email'], msg: 'Field required', input: null }
  expect(envelope({ status: 422, error: 'validation_error', detail: [mistake], headers: {} })).toEqual({
    ...{ success: false, error: 'ValidationError', message: 'body.email: Field required', details: [mistake], detail: [mistake] },
  })
})
