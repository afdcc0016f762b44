import { describe, expect, test } from 'bun:test'
import { Fault, type FaultCode, type FaultFacts, notFound } from '../../../src/core/fault.ts'
import { type Reply, replyResponse, toReply } from '../../../src/surfaces/langgraph/errors.ts'
import { Refusal, refuseField } from '../../../src/surfaces/langgraph/refusal.ts'
import { RecordedLog } from '../../support/app.ts'

const ID = 'fe096781-5601-53d2-b2f6-0d3403f7e9ca'
const log = new RecordedLog()
const reply = (error: unknown): Reply => toReply(error, { method: 'POST', path: '/langgraph/threads', requestId: null }, log)
const fault = (code: FaultCode, facts: FaultFacts = {}): Reply => reply(new Fault(code, 'What core says.', facts))

describe('a missing record', () => {
  const cases: [Fault, string][] = [
    [notFound('thread', ID), `Thread with ID ${ID} not found`],
    [notFound('assistant', ID), 'Assistant not found'],
    [notFound('run', ID), 'Run not found'],
    [notFound('schedule', ID), 'Cron not found'],
    [notFound('checkpoint', ID), 'Checkpoint not found'],
    [notFound('graph', 'agent'), "Graph 'agent' not found"],
    [
      new Fault('not_found', '', { kind: 'assistant', id: 'agent', action: 'create_run' }),
      'No assistant found for "agent". Use the id of an assistant or of a graph.',
    ],
  ]
  for (const [error, detail] of cases) test(`is 404: ${detail}`, () => expect(reply(error)).toEqual({ status: 404, detail, headers: {} }))
})

describe('a conflict', () => {
  test('is 409 in the words that clients look for', () => {
    expect(fault('exists', { kind: 'assistant' })).toMatchObject({ status: 409, detail: 'Assistant already exists' })
    expect(fault('exists', { kind: 'thread' })).toMatchObject({ status: 409, detail: 'Thread already exists' })
    expect(fault('busy', { action: 'create_run' })).toMatchObject({
      status: 409,
      detail: expect.stringContaining('already running a task'),
    })
    expect(fault('busy')).toMatchObject({ status: 409, detail: 'Thread is busy' })
    expect(fault('wrong_state')).toMatchObject({ status: 409, detail: 'What core says.' })
  })
})

describe('a wrong value', () => {
  test('is 422 with the place of the field', () => {
    expect(fault('invalid', { param: 'supersteps[0].updates[1].as_node', reason: 'value' })).toMatchObject({
      status: 422,
      detail: [{ loc: ['body', 'supersteps', 0, 'updates', 1, 'as_node'], msg: 'What core says.', type: 'value_error' }],
    })
    expect(fault('invalid', { reason: 'syntax' })).toMatchObject({ status: 422, detail: [{ loc: ['body'], type: 'json_invalid' }] })
  })

  test('has a list of details whoever refuses it', () => {
    const detail = [{ loc: ['body'], msg: 'What core says.', type: 'value_error' }]
    for (const code of ['invalid', 'unsupported', 'model_not_found'] as const) expect(fault(code)).toMatchObject({ status: 422, detail })
    expect(reply(new Refusal(422, 'Not so.')).detail).toEqual([{ loc: ['body'], msg: 'Not so.', type: 'value_error' }])
    expect(reply(refuseField(['a', 0], 'Not so.', 'query'))).toMatchObject({ detail: [{ loc: ['query', 'a', 0], msg: 'Not so.' }] })
  })

  test('of a thread that never ran is 400, as it names no graph', () => {
    expect(fault('invalid', { kind: 'graph', param: 'thread_id', threadId: ID })).toMatchObject({
      status: 400,
      detail: `Thread ${ID} has no graph ID`,
    })
  })
})

describe('clients repeat', () => {
  const repeated = ({ status }: Reply): boolean => status !== 422 && (status < 400 || status > 409)

  test('nothing that would fail again', () => {
    const final: FaultCode[] = ['invalid', 'unauthenticated', 'forbidden', 'not_found', 'exists', 'busy', 'wrong_state', 'key_reused']
    for (const code of [...final, 'unsupported', 'model_not_found'] as const) expect([code, repeated(fault(code))]).toEqual([code, false])
  })

  test('what may go well the next time', () => {
    for (const code of ['rate_limited', 'upstream', 'unavailable', 'internal'] as const)
      expect([code, repeated(fault(code))]).toEqual([code, true])
    expect(fault('unavailable', { retryAfterMs: 2500 }).headers).toEqual({ 'retry-after': '3' })
  })

  test('nothing whose effect is committed: it would be there twice', () => {
    for (const code of ['unavailable', 'internal'] as const) expect(fault(code, { committed: true }).status).toBe(409)
  })
})

test('what is our own mistake is logged and not told', () => {
  const before = log.count('request.failed')
  expect(reply(new Error('password hunter2'))).toEqual({ status: 500, detail: 'Internal server error', headers: {} })
  expect(log.count('request.failed')).toBe(before + 1)
})

describe('an error body', () => {
  test('is an object with a detail', async () => {
    const answer = replyResponse(reply(notFound('run', ID)), 'json')
    expect([answer.status, await answer.json()]).toEqual([404, { detail: 'Run not found' }])
  })

  test('is the same words as plain text where that is configured', async () => {
    const answer = replyResponse(reply(notFound('run', ID)), 'text')
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      404,
      'text/plain; charset=utf-8',
      'Run not found',
    ])
    expect(await replyResponse(reply(refuseField(['a'], 'a: not so.')), 'text').text()).toBe('a: not so.')
  })
})
