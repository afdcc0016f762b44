import { describe, expect, test } from 'bun:test'
import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { PendingBody } from '../../../src/http/pending-body.ts'
import { plainJson } from '../../../src/http/plain-json.ts'
import { replyResponse, toReply } from '../../../src/surfaces/langgraph/errors.ts'
import { ConfigBody, LIMITS, Metadata, maybe, oneOf, Uuid } from '../../../src/surfaces/langgraph/fields.wire.ts'
import { answers, answersNothing, asks, paths, takes } from '../../../src/surfaces/langgraph/route.ts'
import { RecordedLog } from '../../support/app.ts'

const ID = 'fe096781-5601-53d2-b2f6-0d3403f7e9ca'
const Query = t.Object({
  wait: t.Optional(t.Boolean()),
  select: t.Optional(t.Array(t.String())),
  mode: t.Optional(t.Union([oneOf('x', 'y'), t.Array(oneOf('x', 'y'))])),
  xray: t.Optional(t.Union([t.Boolean(), t.Integer()])),
  key: t.Optional(t.String()),
  ...LIMITS,
})
const Body = t.Object({
  name: t.Optional(t.String()),
  id: maybe(Uuid),
  config: maybe(ConfigBody),
  metadata: maybe(Metadata),
  mode: t.Optional(t.Union([oneOf('x', 'y'), t.Array(oneOf('x', 'y'))])),
})

const log = new RecordedLog()
const named = { id: 'op', summary: 'An operation' }
const plugin = new Elysia()
  .onParse(({ request }) => new PendingBody(request, { bodyBytesMax: 1000, bodyIdleMs: 1000, jsonDepthMax: 20 }))
  .mapResponse(plainJson)
  .onError(({ error }) => replyResponse(toReply(error, { method: '', path: '', requestId: null }, log), 'json'))
  .use(
    new Elysia()
      .post('/things/:thread_id', ({ params, body, query }) => ({ params, body, query }), {
        ...paths({ thread_id: Uuid }),
        ...asks(Query),
        ...takes(Body),
        ...answers(named, t.Any(), 202),
      })
      .get('/null', () => null, answers(named, t.Null()))
      .get('/text', () => 'text', answers(named, t.String()))
      .get(
        '/count',
        ({ set }) => {
          set.headers['content-location'] = '/here'
          return 4
        },
        answers(named, t.Integer()),
      )
      .get('/raw', () => new Response('raw') as unknown as number, answers(named, t.Integer()))
      .get('/wrong', () => 'wrong' as unknown as number, answers(named, t.Integer()))
      .delete('/things', () => undefined, answersNothing(named)),
  )

const send = (method: string, path: string, body?: string, type = 'application/json') =>
  plugin.handle(
    new Request(`http://localhost${path}`, { method, ...(body === undefined ? {} : { body, headers: { 'content-type': type } }) }),
  )
const post = (query: string, body = '{}', type?: string) => send('POST', `/things/${ID}${query}`, body, type)
const queryOf = async (text: string): Promise<unknown> => ((await (await post(text)).json()) as { query: unknown }).query
const detailOf = async (response: Response): Promise<unknown[]> => {
  const { detail } = (await response.json()) as { detail: unknown }
  return [response.status, Array.isArray(detail) && detail.length === 1 ? detail[0] : detail]
}

describe('a query', () => {
  test('has booleans in every spelling of the SDKs', async () => {
    for (const text of ['1', 'true', 'True', 'yes', 'YES']) expect(await queryOf(`?wait=${text}`)).toEqual({ wait: true })
    for (const text of ['0', 'false', 'False', 'no']) expect(await queryOf(`?wait=${text}`)).toEqual({ wait: false })
  })

  test('has lists as JSON, as a repeated key and with commas', async () => {
    const select = ['a', 'b']
    for (const text of ['select=["a","b"]', 'select=%5B%22a%22%2C%22b%22%5D', 'select=a&select=b', 'select=a,b', 'select=a,%20b'])
      expect(await queryOf(`?${text}`)).toEqual({ select })
    expect(await queryOf('?select=a')).toEqual({ select: ['a'] })
    expect(await queryOf('?select=')).toEqual({ select: [] })
  })

  test('has one value or several where both will do', async () => {
    expect(await queryOf('?mode=x')).toEqual({ mode: 'x' })
    expect(await queryOf('?mode=["x"]')).toEqual({ mode: 'x' })
    expect(await queryOf('?mode=x&mode=y')).toEqual({ mode: ['x', 'y'] })
  })

  test('keeps commas, brackets and digits of plain text', async () => {
    expect(await queryOf('?key=a,b')).toEqual({ key: 'a,b' })
    expect(await queryOf('?key=["a"]')).toEqual({ key: '["a"]' })
    expect(await queryOf('?key=1')).toEqual({ key: '1' })
  })

  test('tells a depth from a yes or no', async () => {
    expect(await queryOf('?xray=true')).toEqual({ xray: true })
    expect(await queryOf('?xray=0')).toEqual({ xray: false })
    expect(await queryOf('?xray=2')).toEqual({ xray: 2 })
  })

  test('has unknown parameters ignored and wrong ones refused', async () => {
    expect(await queryOf('?other=1&__proto__=2&limit=5')).toEqual({ limit: 5 })
    expect(await detailOf(await post('?limit=0'))).toEqual([
      422,
      { loc: ['query', 'limit'], msg: 'limit: must be at least 1, but got 0.', type: 'greater_than_equal' },
    ])
    expect(await detailOf(await post('?wait=perhaps'))).toMatchObject([422, { loc: ['query', 'wait'], type: 'bool_type' }])
    expect(await detailOf(await post('?key=%00'))).toMatchObject([422, { loc: ['query', 'key'] }])
  })
})

describe('a path', () => {
  test('may have its UUID in capitals', async () => {
    const answer = await send('POST', `/things/${ID.toUpperCase()}`, JSON.stringify({ id: ID.toUpperCase() }))
    expect(await answer.json()).toMatchObject({ params: { thread_id: ID }, body: { id: ID } })
  })

  test('without a UUID is refused by the name of the parameter', async () => {
    expect(await detailOf(await send('POST', '/things/x', '{}'))).toEqual([
      422,
      { loc: ['path', 'thread_id'], msg: "thread_id: expected a UUID, but got 'x'.", type: 'uuid_parsing' },
    ])
    expect(await detailOf(await send('POST', '/things/%E0%A4%A', '{}'))).toMatchObject([422, { loc: ['path', 'thread_id'] }])
  })
})

describe('a body', () => {
  test('is read whatever its content type says, and may hold fields that nobody knows', async () => {
    for (const type of ['application/json', 'text/plain;charset=UTF-8', 'application/octet-stream']) {
      const answer = await post('', '{"name":"n","new_field":1}', type)
      expect([answer.status, await answer.json()]).toMatchObject([202, { body: { name: 'n' } }])
    }
  })

  test('may have null for what is optional', async () => {
    expect((await post('', '{"id":null,"config":null,"metadata":null}')).status).toBe(202)
  })

  const refused: [title: string, body: string, detail: object][] = [
    [
      'a field of another type',
      '{"name":1}',
      { loc: ['body', 'name'], msg: 'name: expected a string, but got an integer.', type: 'string_type' },
    ],
    [
      'a word that is not offered',
      '{"mode":"z"}',
      { loc: ['body', 'mode'], msg: "mode: expected 'x' or 'y', but got 'z'.", type: 'literal_error' },
    ],
    [
      'such a word in a list',
      '{"mode":["x","z"]}',
      { loc: ['body', 'mode', 1], msg: "mode[1]: expected 'x' or 'y', but got 'z'.", type: 'literal_error' },
    ],
    [
      'neither of two types',
      '{"mode":3}',
      { loc: ['body', 'mode'], msg: 'mode: expected a string or an array, but got an integer.', type: 'type_error' },
    ],
    [
      'a flaw far inside',
      '{"config":{"tags":[1]}}',
      { loc: ['body', 'config', 'tags', 0], msg: 'config.tags[0]: expected a string, but got an integer.', type: 'string_type' },
    ],
    ['no object', '[]', { loc: ['body'], msg: 'body: expected an object, but got an array.', type: 'dict_type' }],
    ['NUL in a text', '{"name":"\\u0000"}', { loc: ['body', 'name'], type: 'value_error' }],
    ['half a surrogate pair in free JSON', '{"metadata":{"a":["\\ud800"]}}', { loc: ['body', 'metadata', 'a', 0], type: 'value_error' }],
    ['broken JSON', '{', { loc: ['body'], type: 'json_invalid' }],
  ]
  for (const [title, body, detail] of refused) {
    test(`with ${title} is refused`, async () => {
      expect(await detailOf(await post('', body))).toMatchObject([422, detail])
    })
  }

  test('that is too large is refused before it is read', async () => {
    const answer = await post('', JSON.stringify({ name: 'x'.repeat(2000) }))
    expect([answer.status, await answer.json()]).toEqual([413, { detail: 'The request body is larger than 1000 bytes.' }])
  })
})

describe('an answer', () => {
  test('is JSON also where it is null, a text or a number', async () => {
    for (const [path, text] of [
      ['/null', 'null'],
      ['/text', '"text"'],
      ['/count', '4'],
    ] as const) {
      const answer = await send('GET', path)
      expect([path, answer.status, await answer.text()]).toEqual([path, 200, text])
      expect(answer.headers.get('content-type')).toStartWith('application/json')
    }
  })

  test('keeps the headers of its handler', async () => {
    expect((await send('GET', '/count')).headers.get('content-location')).toBe('/here')
  })

  test('without content has its status alone', async () => {
    const answer = await send('DELETE', '/things')
    expect([answer.status, await answer.text()]).toEqual([204, ''])
  })

  test('that is a response already goes out as it is', async () => {
    expect(await (await send('GET', '/raw')).text()).toBe('raw')
  })

  test('that breaks its own schema is our mistake, told to the log only', async () => {
    const answer = await send('GET', '/wrong')
    expect([answer.status, await answer.json()]).toEqual([500, { detail: 'Internal server error' }])
    expect(log.count('request.failed')).toBe(1)
  })
})
