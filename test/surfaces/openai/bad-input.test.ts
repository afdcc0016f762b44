import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import type { Json, JsonObject } from '../../../src/core/json.ts'
import { documentedOperations, fill, type Operation, servedOperationIds } from '../../contract/operations.ts'
import { ask, type Case, flawOf, judged, type Sent } from '../../contract/refusals.ts'
import { dice, eachText, faultsOf, garbled, sampleOf } from '../../contract/schema-faults.ts'
import { buildWorld, exampleOf, WORLD_SCRIPTS, type World } from '../../contract/world.ts'
import { Calls } from '../../support/calls.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

const operations = documentedOperations()
const withBody = operations.flatMap((operation) => (operation.body ? [{ ...operation, body: operation.body }] : []))

const TEST_MS = 30_000

let served: Served
let calls: Calls
let world: World

beforeAll(async () => {
  served = await serve({ scripts: WORLD_SCRIPTS }, { worker: true })
  calls = new Calls(served)
  world = await buildWorld(calls)
}, SERVER_START_MS)
afterAll(() => served.close())

/** Whatever was sent, the server goes on: a run made from nothing is answered. */
afterEach(async () => {
  const run = await calls.run(await calls.thread('still there'), await calls.assistant('echo'))
  expect((await calls.reached(String(run.thread_id), String(run.id))).status).toBe('completed')
})

/** The field of the body that a path leads into. */
const fieldOf = (path: string): string => path.split(/[.[]/)[0] ?? ''

const pathOf = (operation: Operation, query: Record<string, string> = {}): string =>
  fill(operation, { params: exampleOf(operation, world).params, query })

const json = (body: Json): Sent => ({ body: JSON.stringify(body) })

describe('every body is checked by the document', () => {
  for (const operation of withBody) {
    const { method, path, body: schema } = operation
    test(
      `${method} ${path} refuses each wrong field, and names it`,
      async () => {
        const cases = Array.from(faultsOf(schema), (fault) => ({
          name: `${fault.path || 'body'}: ${fault.why}`,
          place: fault.path,
          path: pathOf(operation),
          sent: json(fault.body),
        }))
        expect(cases.length).toBeGreaterThan(5)
        const places = new Map(cases.map((c) => [c as Case, c.place]))
        const flaws = await judged(served, cases, (answer, sent) => {
          const [param, place] = [answer.error?.param, places.get(sent) ?? '']
          // Where several shapes are allowed it is a matter of taste which part of the field is the wrong one.
          const named = param === null || place === '' || fieldOf(String(param)) === fieldOf(place)
          return flawOf(answer) ?? (answer.status === 400 && named ? undefined : `${answer.status} names ${param}`)
        })
        expect(flaws).toEqual([])
      },
      TEST_MS,
    )

    test(
      `${method} ${path} refuses NUL and half surrogates in every text and key`,
      async () => {
        const sample = sampleOf(schema)
        const cases: Case[] = []
        for (const bad of ['\u0000', '\ud800', '\udc00x']) {
          for (const fault of eachText(sample, (text) => text + bad)) {
            cases.push({ name: `${fault.path} ${JSON.stringify(bad)}`, path: pathOf(operation), sent: json(fault.body) })
          }
        }
        expect(await judged(served, cases)).toEqual([])
      },
      TEST_MS,
    )

    test(
      `${method} ${path} survives garbled bodies`,
      async () => {
        const roll = dice(Bun.hash.crc32(operation.id))
        const cases = Array.from({ length: 60 }, (): Case => {
          const sent = json(garbled(sampleOf(schema), roll))
          return { name: String(sent.body).slice(0, 300), path: pathOf(operation), sent }
        })
        // By chance a body may be a good one, or one that asks for what is not served yet.
        const flaws = await judged(served, cases, (answer) => (answer.status === 200 || answer.status === 501 ? undefined : flawOf(answer)))
        expect(flaws).toEqual([])
      },
      TEST_MS,
    )
  }

  test('a body with every field in it is no mistake', async () => {
    const codes = ['unknown_parameter', 'missing_required_parameter', 'invalid_type', 'string_above_max_length']
    const flaws = await judged(
      served,
      withBody.map((operation) => ({ name: operation.id, path: pathOf(operation), sent: json(sampleOf(operation.body)) })),
      ({ error }) => (codes.includes(String(error?.code)) ? JSON.stringify(error) : undefined),
    )
    expect(flaws).toEqual([])
  })
})

const bytes = (...parts: (string | number[])[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part)))))

/** Bodies that are no JSON, or not an object. */
const BROKEN: Record<string, Bun.BodyInit> = {
  ...Object.fromEntries(
    ['{', '}', '{"a":}', '{"a":1', '[1', 'nul', '"', '"\\u12"', "{'a':1}", '{"a":1}x', 'NaN', '{a:1}', '{"a":01}', ' ', '\u0000{}'].map(
      (text) => [JSON.stringify(text), text],
    ),
  ),
  ...Object.fromEntries(['[]', '"x"', '1', 'null', 'true', '[{}]'].map((text) => [`a bare ${text}`, text])),
  'a text that ends inside a surrogate pair': '"\\ud83d',
  'a byte that UTF-8 does not have': bytes('{"metadata":{"a":"', [0xff], '"}}'),
  'a UTF-8 sequence that is cut': bytes('{"metadata":{"a":"', [0xe2, 0x82], '"}}'),
  'an overlong UTF-8 sequence': bytes('{"metadata":{"a":"', [0xc0, 0x80], '"}}'),
  'half a surrogate pair in UTF-8': bytes('{"metadata":{"a":"', [0xed, 0xa0, 0x80], '"}}'),
  'UTF-16': new Uint8Array(Buffer.from('{"metadata":{}}', 'utf16le')),
  'ten thousand open lists': '['.repeat(10_000),
  'ten thousand lists': '['.repeat(10_000) + ']'.repeat(10_000),
  'ten thousand objects in metadata': `{"metadata":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`,
  'a million open objects': '{"a":'.repeat(1_000_000),
  'gzip that says so nowhere': new Uint8Array(Bun.gzipSync(Buffer.from('{}'))),
}

for (const operation of withBody) {
  test(
    `${operation.method} ${operation.path} refuses what is no JSON object`,
    async () => {
      const cases = Object.entries(BROKEN).map(([name, body]) => ({ name, path: pathOf(operation), sent: { body } }))
      expect(await judged(served, cases)).toEqual([])
    },
    TEST_MS,
  )
}

describe('64 MB', () => {
  const CHUNK = new Uint8Array(1024 * 1024).fill(0x20)
  const CHUNKS = 64

  for (const id of ['createThread', 'createChatCompletion', 'modifyRun']) {
    const operation = withBody.find((o) => o.id === id)
    if (!operation) throw new Error(`${id} is no operation any more`)

    test(
      `declared are refused by ${id}`,
      async () => {
        const body = Buffer.concat(Array.from({ length: CHUNKS }, () => CHUNK))
        const answer = await ask(served, pathOf(operation), { body: new Uint8Array(body) })
        expect([answer.status, answer.error?.code, flawOf(answer)]).toEqual([413, 'request_too_large', undefined])
      },
      TEST_MS,
    )

    test(
      `streamed without a length are refused by ${id}`,
      async () => {
        let left = CHUNKS
        const body = new ReadableStream({
          pull: (controller) => (left-- > 0 ? controller.enqueue(CHUNK) : controller.close()),
        })
        const answer = await ask(served, pathOf(operation), { body })
        expect([answer.status, answer.error?.code, flawOf(answer)]).toEqual([413, 'request_too_large', undefined])
      },
      TEST_MS,
    )
  }
})

test(
  'the type that a body says it has decides nothing but whether it is read',
  async () => {
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'multipart/form-data; boundary=x',
      'application/xml',
      ';;',
      'x',
    ]
    const cases = types.flatMap((type) =>
      withBody.map((operation) => ({
        name: `${operation.id} as ${type}`,
        path: pathOf(operation),
        sent: { body: '{"unknown_field":', headers: { 'content-type': type } },
      })),
    )
    expect(await judged(served, cases)).toEqual([])
  },
  TEST_MS,
)

test('numbers that no column holds are stored, bounded or refused, and never break anything', async () => {
  const huge = [2 ** 31, 2 ** 53, 2 ** 63, 1e21, 1e300]
  const assistant_id = await calls.assistant('echo')
  const fields = ['max_prompt_tokens', 'max_completion_tokens']
  const bodies: JsonObject[] = huge.flatMap((n) => [
    ...fields.map((field) => ({ assistant_id, [field]: n })),
    { assistant_id, truncation_strategy: { type: 'last_messages', last_messages: n } },
  ])
  const cases = bodies.map((body) => ({ name: JSON.stringify(body), path: '/v1/threads/runs', sent: json(body) }))
  const flaws = await judged(served, cases, (answer) => (answer.status === 200 ? undefined : flawOf(answer)))
  expect(flaws).toEqual([])
  const infinite = await ask(served, '/v1/assistants', { body: '{"model":"echo","temperature":1e999}' })
  expect(flawOf(infinite)).toBeUndefined()
})

test('the tests above were made from the document that the server publishes', async () => {
  expect(await servedOperationIds(served.url)).toEqual(operations.map(({ id }) => id))
})
