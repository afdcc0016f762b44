import { describe, expect, test } from 'bun:test'
import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { PendingBody } from '../../../src/http/pending-body.ts'
import { plainJson } from '../../../src/http/plain-json.ts'
import { replyResponse, toReply } from '../../../src/surfaces/entities/errors.ts'
import { CLOSED, maybe, oneOf, PathId } from '../../../src/surfaces/entities/fields.wire.ts'
import { answers, answersNothing, asks, paths, takes } from '../../../src/surfaces/entities/route.ts'
import { RecordedLog } from '../../support/app.ts'

const Query = t.Object({
  limit: t.Optional(t.Integer({ minimum: 0, maximum: 1000 })),
  all: t.Optional(t.Boolean()),
  name: t.Optional(t.String()),
})
const Body = t.Object({
  name: t.String({ maxLength: 5 }),
  role: maybe(oneOf('user', 'assistant', 'tool')),
  count: maybe(t.Integer({ minimum: 1 })),
  list: maybe(t.Array(t.String(), { maxItems: 1 })),
})

const log = new RecordedLog()
const named = { id: 'op', summary: 'An operation' }
const plugin = new Elysia()
  .onParse(({ request }) => new PendingBody(request, { bodyBytesMax: 10_000, bodyIdleMs: 1000, jsonDepthMax: 20 }))
  .mapResponse(plainJson)
  .onError(({ error }) => replyResponse(toReply(error, { method: '', path: '', requestId: null }, log)))
  .use(
    new Elysia()
      .post('/things/:thing_id', ({ params, body, query }) => ({ params, body, query }), {
        ...paths({ thing_id: PathId }),
        ...asks(Query),
        ...takes(Body),
        ...answers(named, t.Any(), 201),
      })
      .post('/closed', () => true, { ...takes(t.Object({ name: t.Optional(t.String()) }, CLOSED)), ...answers(named, t.Boolean()) })
      .get('/wrong', () => 'wrong' as unknown as number, answers(named, t.Integer()))
      .delete('/things', () => undefined, answersNothing(named)),
  )

const send = (method: string, path: string, body?: string) =>
  plugin.handle(new Request(`http://localhost${path}`, { method, ...(body === undefined ? {} : { body }) }))
const post = (body: object, query = '') => send('POST', `/things/x${query}`, JSON.stringify(body))
const told = async (response: Response): Promise<unknown[]> => [response.status, ((await response.json()) as { detail?: unknown }).detail]

describe('a mistake is told as FastAPI tells it', () => {
  const cases: [what: string, sent: object, query: string, detail: object][] = [
    ['a missing field', { role: 'user' }, '', { type: 'missing', loc: ['body', 'name'], msg: 'Field required', input: { role: 'user' } }],
    ['a wrong type', { name: 1 }, '', { type: 'string_type', loc: ['body', 'name'], msg: 'Input should be a valid string', input: 1 }],
    [
      'an unknown word',
      { name: 'a', role: 'nobody' },
      '',
      {
        type: 'enum',
        loc: ['body', 'role'],
        msg: "Input should be 'user', 'assistant' or 'tool'",
        input: 'nobody',
        ctx: { expected: "'user', 'assistant' or 'tool'" },
      },
    ],
    [
      'a long text',
      { name: 'abcdef' },
      '',
      {
        type: 'string_too_long',
        loc: ['body', 'name'],
        msg: 'String should have at most 5 characters',
        input: 'abcdef',
        ctx: { max_length: 5 },
      },
    ],
    [
      'a small number',
      { name: 'a', count: 0 },
      '',
      { type: 'greater_than_equal', loc: ['body', 'count'], msg: 'Input should be greater than or equal to 1', input: 0, ctx: { ge: 1 } },
    ],
    [
      'a long list',
      { name: 'a', list: ['a', 'b'] },
      '',
      {
        type: 'too_long',
        loc: ['body', 'list'],
        msg: 'List should have at most 1 items after validation, not 2',
        input: ['a', 'b'],
        ctx: { field_type: 'List', max_length: 1, actual_length: 2 },
      },
    ],
    [
      'a query that is no number',
      { name: 'a' },
      '?limit=many',
      {
        type: 'int_parsing',
        loc: ['query', 'limit'],
        msg: 'Input should be a valid integer, unable to parse string as an integer',
        input: 'many',
      },
    ],
    [
      'a negative query',
      { name: 'a' },
      '?limit=-1',
      { type: 'greater_than_equal', loc: ['query', 'limit'], msg: 'Input should be greater than or equal to 0', input: -1, ctx: { ge: 0 } },
    ],
  ]
  for (const [what, sent, query, detail] of cases)
    test(what, async () => expect(await told(await post(sent, query))).toEqual([422, [detail]]))

  test('without the megabytes that were sent', async () => {
    const [, detail] = await told(await post({ name: 'x'.repeat(5000) }))
    expect(JSON.stringify(detail).length).toBeLessThan(1500)
  })
})

test('unknown fields are ignored, unless the shape is closed', async () => {
  const answer = await post({ name: 'a', new: 1 }, '?other=1')
  expect(answer.status).toBe(201)
  expect(await told(await send('POST', '/closed', '{"other":1}'))).toEqual([
    422,
    [{ type: 'extra_forbidden', loc: ['body', 'other'], msg: 'Extra inputs are not permitted', input: 1 }],
  ])
})

test('an answer that breaks its own schema is a failure of the server', async () => {
  const answer = await send('GET', '/wrong')
  expect([answer.status, await answer.text()]).toEqual([500, 'Internal Server Error'])
})

test('a bare value is JSON, and an answer without content has its status alone', async () => {
  const bare = await send('POST', '/closed', '{}')
  expect([bare.headers.get('content-type'), await bare.text()]).toEqual([expect.stringContaining('application/json'), 'true'])
  const none = await send('DELETE', '/things')
  expect([none.status, await none.text()]).toEqual([204, ''])
})
