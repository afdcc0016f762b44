import { describe, expect, test } from 'bun:test'
import { Fault, type FaultCode, type FaultFacts, notFound } from '../../../src/core/fault.ts'
import { newId } from '../../../src/core/id.ts'
import { type Reply, replyResponse, toReply } from '../../../src/surfaces/entities/errors.ts'
import { spell } from '../../../src/surfaces/entities/ids.ts'
import { Refusal, refuseField } from '../../../src/surfaces/entities/refusal.ts'
import { RecordedLog } from '../../support/app.ts'

const ID = newId()
const log = new RecordedLog()
const reply = (error: unknown): Reply => toReply(error, { method: 'POST', path: '/entities/threads', requestId: null }, log)
const fault = (code: FaultCode, facts: FaultFacts = {}): Reply => reply(new Fault(code, 'What core says.', facts))

describe('a missing record', () => {
  const cases: [Fault, string][] = [
    [notFound('thread', ID), 'Thread not found'],
    [notFound('assistant', 'default'), 'Assistant not found'],
    [notFound('user', ID), 'User not found'],
    [notFound('tool', ID), 'Tool not found'],
    [notFound('action', ID), `Action with ID ${spell('action', ID)} not found`],
    [notFound('file', ID), `File with ID ${spell('file', ID)} not found`],
    [notFound('vector_store', 'vect_mine'), "Vector store 'vect_mine' not found."],
    [notFound('key', 'ea_12345'), "API Key with prefix 'ea_12345' not found for this user."],
  ]
  for (const [error, detail] of cases) test(`is 404: ${detail}`, () => expect(reply(error)).toEqual({ status: 404, detail, headers: {} }))
})

describe('a wrong value', () => {
  test('that core found is 422 with the place of the field', () => {
    expect(fault('invalid', { param: 'tools[1].name', reason: 'too_long' })).toMatchObject({
      status: 422,
      detail: [{ type: 'string_too_long', loc: ['body', 'tools', 1, 'name'], msg: 'Value error, What core says.', input: null }],
    })
    expect(fault('invalid', { param: 'Idempotency-Key' })).toMatchObject({ detail: [{ loc: ['header', 'Idempotency-Key'] }] })
  })

  test('has a list of details whoever refuses it', () => {
    for (const code of ['invalid', 'model_not_found', 'key_reused'] as const)
      expect(fault(code)).toMatchObject({ status: 422, detail: [{ loc: ['body'], type: 'value_error' }] })
    expect(reply(new Refusal(422, 'Not so.'))).toMatchObject({ detail: [{ loc: ['body'], msg: 'Value error, Not so.' }] })
    expect(reply(refuseField(['a', 0], 'not so', { place: 'query', input: 1 }))).toMatchObject({
      status: 422,
      detail: [{ type: 'value_error', loc: ['query', 'a', 0], msg: 'Value error, not so', input: 1 }],
    })
  })

  test('in a body that is no JSON is named as such', () => {
    expect(fault('invalid', { reason: 'syntax' })).toMatchObject({
      detail: [{ type: 'json_invalid', loc: ['body'], msg: 'JSON decode error', input: {}, ctx: { error: 'What core says.' } }],
    })
  })
})

test('what failed here is plain text without details, and is logged', async () => {
  const answer = replyResponse(reply(new Error('the password is hunter2')))
  expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
    500,
    'text/plain; charset=utf-8',
    'Internal Server Error',
  ])
  expect(log.count('request.failed')).toBe(1)
})

test('what clients would repeat is answered otherwise once it is committed', () => {
  expect(fault('unavailable').status).toBe(503)
  expect(fault('unavailable', { committed: true }).status).toBe(409)
})

test('who is to wait is told how long', () => {
  expect(fault('rate_limited').headers).toEqual({ 'retry-after': '1' })
  expect(fault('unavailable', { retryAfterMs: 2500 }).headers).toEqual({ 'retry-after': '3' })
})
