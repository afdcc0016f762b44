import { describe, expect, test } from 'bun:test'
import { Fault, type FaultCode, notFound } from '../../../src/core/fault.ts'
import type { ErrorFields, Log } from '../../../src/core/needs.ts'
import { type Asked, toReply } from '../../../src/surfaces/openai/errors.ts'
import { Refusal } from '../../../src/surfaces/openai/refusal.ts'

const THREAD = '01928374-0000-7000-8000-000000000002'
const RUN = '01928374-0000-7000-8000-000000000001'
const T = 'thread_01928374000070008000000000000002'
const R = 'run_01928374000070008000000000000001'

const logged: { event: string; fields: ErrorFields | undefined }[] = []
const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (event, fields) => void logged.push({ event, fields }),
}
const asked: Asked = { method: 'POST', path: '/v1/threads', key: 'sk-a-key-that-is-long-enough', requestId: 'req-1' }
const reply = (error: unknown, over: Partial<Asked> = {}) => toReply(error, { ...asked, ...over }, log)

const SENTENCES: [title: string, fault: Fault, status: number, message: string, param: string | null, code: string | null][] = [
  [
    'a missing assistant',
    notFound('assistant', THREAD),
    404,
    "No assistant found with id 'asst_01928374000070008000000000000002'.",
    null,
    null,
  ],
  ['a missing thread', notFound('thread', THREAD), 404, `No thread found with id '${T}'.`, null, null],
  ['a thread id that cannot be', notFound('thread', 'thread_abc'), 404, "No thread found with id 'thread_abc'.", null, null],
  ['a missing run', notFound('run', RUN), 404, `No run found with id '${R}'.`, null, null],
  ['a missing message', notFound('message', RUN), 404, "No message found with id 'msg_01928374000070008000000000000001'.", null, null],
  ['a missing step', notFound('step', RUN), 404, "No step found with id 'step_01928374000070008000000000000001'.", null, null],
  ['a missing vector store', notFound('vector_store', 'vs_x'), 404, "No vector store found with id 'vs_x'.", null, null],
  ['a missing file', notFound('file', 'file-abc123'), 404, 'No such File object: file-abc123', 'id', null],
  [
    'a message to a busy thread',
    new Fault('busy', '', { threadId: THREAD, runId: RUN, action: 'append' }),
    400,
    `Can't add messages to ${T} while a run ${R} is active.`,
    null,
    null,
  ],
  [
    'a run on a busy thread',
    new Fault('busy', '', { threadId: THREAD, runId: RUN, action: 'create_run' }),
    400,
    `Thread ${T} already has an active run ${R}.`,
    null,
    null,
  ],
  [
    'outputs for a run that does not wait',
    new Fault('wrong_state', '', { status: 'running', action: 'submit' }),
    400,
    'Runs in status "in_progress" do not accept tool outputs.',
    null,
    null,
  ],
  [
    'outputs that are not complete',
    new Fault('invalid', '', { action: 'submit', expected: ['call_A', 'call_B'], got: ['call_A'] }),
    400,
    "Expected tool outputs for call_ids ['call_A', 'call_B'], got ['call_A']",
    null,
    null,
  ],
  [
    'a cancellation too late',
    new Fault('wrong_state', '', { status: 'completed', action: 'cancel' }),
    400,
    "Cannot cancel run with status 'completed'.",
    null,
    null,
  ],
  [
    'a value that a rule of core refuses',
    new Fault('invalid', 'No.', { param: 'after', reason: 'value' }),
    400,
    'No.',
    'after',
    'invalid_value',
  ],
  ['a body that is no JSON', new Fault('invalid', 'Not JSON.', { reason: 'syntax' }), 400, 'Not JSON.', null, null],
]

describe('the sentence of', () => {
  for (const [title, fault, status, message, param, code] of SENTENCES) {
    test(title, () => {
      const { status: got, body } = reply(fault)
      expect({ status: got, ...body }).toEqual({ status, message, type: 'invalid_request_error', param, code })
    })
  }
})

const STATUSES: Record<FaultCode, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  exists: 400,
  busy: 400,
  wrong_state: 400,
  too_large: 413,
  rate_limited: 429,
  key_reused: 400,
  unsupported: 501,
  model_not_found: 404,
  upstream: 502,
  unavailable: 503,
  internal: 500,
}

test('every fault has its status, none is 409, and all four keys are there', () => {
  for (const [code, status] of Object.entries(STATUSES)) {
    const { status: got, body } = reply(new Fault(code as FaultCode, 'why'))
    expect(got).toBe(status)
    expect(Object.keys(body).sort()).toEqual(['code', 'message', 'param', 'type'])
    expect(body.message).not.toBe('')
  }
})

test('a wrong key is named so that its owner knows it, and no more of it is told', () => {
  const { body } = reply(new Fault('unauthenticated', ''))
  expect(body.message).toStartWith('Incorrect API key provided: sk-a********ough.')
  expect(body.code).toBe('invalid_api_key')
  expect(reply(new Fault('unauthenticated', ''), { key: 'My API Key' }).body.message).toStartWith('Incorrect API key provided: ********.')
})

test('no key at all has a sentence of its own', () => {
  const { body } = reply(new Fault('unauthenticated', ''), { key: undefined })
  expect(body.message).toStartWith('Incorrect API key provided: none.')
  expect(body.code).toBeNull()
})

test('a 5xx after a committed effect asks clients not to repeat', () => {
  expect(reply(new Fault('unavailable', 'full', { committed: true })).headers['x-should-retry']).toBe('false')
  expect(reply(new Fault('unavailable', 'full')).headers['x-should-retry']).toBeUndefined()
  expect(reply(new Error('boom')).headers['x-should-retry']).toBe('false')
  expect(reply(new Error('boom'), { method: 'GET' }).headers['x-should-retry']).toBeUndefined()
  expect(reply(new Fault('unsupported', 'no')).headers['x-should-retry']).toBe('false')
})

test('a rate limit says how long to wait, in whole seconds and at least one', () => {
  expect(reply(new Fault('rate_limited', 'slow')).headers['retry-after']).toBe('1')
  const { headers } = reply(new Fault('rate_limited', 'slow', { retryAfterMs: 2100 }))
  expect(headers['retry-after']).toBe('3')
  expect(headers['retry-after-ms']).toBe('2100')
})

test('our own mistakes are logged with the request id and told without details', () => {
  logged.length = 0
  const { status, body } = reply(new Error('password is hunter2'))
  expect(status).toBe(500)
  expect(body.type).toBe('server_error')
  expect(JSON.stringify(body)).not.toContain('hunter2')
  expect(logged).toHaveLength(1)
  expect(logged[0]?.fields).toMatchObject({ requestId: 'req-1', path: '/v1/threads' })
  expect(String(logged[0]?.fields?.cause)).toContain('hunter2')
})

test('a refusal of the wire is answered as it is and not logged', () => {
  logged.length = 0
  const refusal = new Refusal(405, { message: 'no', code: 'c' })
  expect(reply(refusal)).toEqual({
    status: 405,
    body: { message: 'no', type: 'invalid_request_error', param: null, code: 'c' },
    headers: {},
  })
  expect(logged).toHaveLength(0)
})
