import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import type { Json, JsonObject } from '../../../src/core/json.ts'
import { documentedOperations, fill, type Operation, servedOperationIds } from '../../contract/operations.ts'
import { dice, eachText, faultsOf, garbled, sampleOf } from '../../contract/schema-faults.ts'
import { buildWorld, exampleOf, WORLD_SCRIPTS, type World } from '../../contract/world.ts'
import { Calls } from '../../support/calls.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

const operations = documentedOperations()
const withBody = operations.flatMap((operation) => (operation.body ? [{ ...operation, body: operation.body }] : []))

/** Longest wait for one answer: what takes longer hangs. */
const HANGS_MS = 10_000
const AT_ONCE = 8
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

interface Sent {
  body?: Bun.BodyInit
  headers?: Record<string, string>
  method?: string
  key?: string | null
}

interface Answer {
  status: number
  error: JsonObject | undefined
  text: string
}

async function ask(path: string, { body, headers = {}, method = 'POST', key = served.key }: Sent): Promise<Answer> {
  const response = await fetch(served.url + path, {
    method,
    headers: { 'content-type': 'application/json', ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(HANGS_MS),
  })
  const text = await response.text()
  return { status: response.status, error: errorIn(text), text }
}

function errorIn(text: string): JsonObject | undefined {
  try {
    return (JSON.parse(text) as { error?: JsonObject }).error
  } catch {
    return undefined
  }
}

/** What is wrong with a refusal; undefined for a good one. Anything but a 4xx is no refusal. */
function flawOf({ status, error, text }: Answer): string | undefined {
  const shown = text.slice(0, 200)
  if (status < 400 || status > 499) return `status ${status}: ${shown}`
  if (Object.keys(error ?? {}).join() !== 'message,type,param,code') return `no envelope with ${status}: ${shown}`
  if (typeof error?.message !== 'string' || error.message === '' || error.type !== 'invalid_request_error') return `odd error: ${shown}`
  return undefined
}

interface Case {
  name: string
  path: string
  sent: Sent
}

/** Sends them all, a few at once, and lists those whose answer `judge` finds fault with. */
async function judged(cases: Iterable<Case>, judge: (answer: Answer, sent: Case) => string | undefined = flawOf): Promise<string[]> {
  const flaws: string[] = []
  const queue = cases[Symbol.iterator]()
  const work = async () => {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      const { name, path, sent } = next.value
      const flaw = await ask(path, sent).then(
        (answer) => judge(answer, next.value),
        (cause: unknown) => `no answer: ${String(cause)}`,
      )
      if (flaw !== undefined) flaws.push(`${name} -> ${flaw}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return flaws
}

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
        const flaws = await judged(cases, (answer, sent) => {
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
        expect(await judged(cases)).toEqual([])
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
        const flaws = await judged(cases, (answer) => (answer.status === 200 || answer.status === 501 ? undefined : flawOf(answer)))
        expect(flaws).toEqual([])
      },
      TEST_MS,
    )
  }

  test('a body with every field in it is no mistake', async () => {
    const codes = ['unknown_parameter', 'missing_required_parameter', 'invalid_type', 'string_above_max_length']
    const flaws = await judged(
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
      expect(await judged(cases)).toEqual([])
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
        const answer = await ask(pathOf(operation), { body: new Uint8Array(body) })
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
        const answer = await ask(pathOf(operation), { body })
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
    expect(await judged(cases)).toEqual([])
  },
  TEST_MS,
)

test(
  'every operation refuses keys that are unknown, missing, revoked, expired or no key at all',
  async () => {
    const expired = await served.newKey('one', { expiresAt: Date.now() - 1000 })
    const keys = {
      unknown: 'sk-unknown',
      missing: null,
      revoked: await served.revokedKey('one'),
      expired,
      empty: ' ',
      long: 'x'.repeat(5000),
    }
    const cases = operations.flatMap((operation) =>
      Object.entries(keys).map(([name, key]): Case => {
        const { body } = exampleOf(operation, world)
        const sent = { method: operation.method, key, ...(body ? { body: JSON.stringify(body) } : {}) }
        return { name: `${operation.id} with a key that is ${name}`, path: pathOf(operation), sent }
      }),
    )
    expect(await judged(cases, (answer) => flawOf(answer) ?? (answer.status === 401 ? undefined : `status ${answer.status}`))).toEqual([])
  },
  TEST_MS,
)

test('every operation that changes something refuses a key that may only read', async () => {
  const key = await served.newKey('one', { scopes: ['read'] })
  const cases = operations
    .filter(({ method }) => method !== 'GET')
    .map((operation): Case => {
      const { body } = exampleOf(operation, world)
      const sent = { method: operation.method, key, ...(body ? { body: JSON.stringify(body) } : {}) }
      return { name: operation.id, path: pathOf(operation), sent }
    })
  expect(await judged(cases, (answer) => flawOf(answer) ?? (answer.status === 403 ? undefined : `status ${answer.status}`))).toEqual([])
})

describe('query parameters', () => {
  const get = (operation: Operation, query: string): Case => ({
    name: `${operation.id}?${query.slice(0, 100)}`,
    path: `${pathOf(operation)}?${query}`,
    sent: { method: operation.method, ...(operation.body ? { body: '{}' } : {}) },
  })

  test(
    'that an operation does not have are refused by name',
    async () => {
      const cases = operations.flatMap((operation) => ['colour=red', 'colour', 'colour[]=1', '__proto__=1'].map((q) => get(operation, q)))
      const flaws = await judged(
        cases,
        (answer) => flawOf(answer) ?? (answer.error?.code === 'unknown_parameter' ? undefined : answer.text),
      )
      expect(flaws).toEqual([])
    },
    TEST_MS,
  )

  test(
    'that are out of their range, or of another type, are refused by name',
    async () => {
      const cases = operations.flatMap((operation) =>
        operation.query.flatMap(({ name, schema }) => {
          const values = [
            ...(schema.type === 'integer' ? ['', 'abc', '0', '-1', '101', '1.5', '1e3', '0x10', '99999999999999999999', 'null'] : []),
            ...(schema.enum ? ['', 'sideways', 'ASC'] : []),
            ...(schema.type === 'string' && !schema.enum && name !== 'model' ? ['foo', '-1', "' or 1=1", '%00', 'x'.repeat(3000)] : []),
          ]
          return values.map((value) => get(operation, `${encodeURIComponent(name)}=${value === '%00' ? value : encodeURIComponent(value)}`))
        }),
      )
      expect(cases.length).toBeGreaterThan(100)
      expect(await judged(cases, (answer) => flawOf(answer) ?? (answer.error?.param ? undefined : answer.text))).toEqual([])
    },
    TEST_MS,
  )

  test(
    'in odd spellings never break anything',
    async () => {
      const odd = [
        '%ff',
        '%',
        '%E0%A4%A',
        '%00',
        '%ED%A0%80',
        '&&&',
        '=',
        '=1',
        'limit=1&limit=2',
        'limit[]=1',
        'after[a]=1',
        'order=asc;order=desc',
      ]
      const cases = operations.flatMap((operation) => odd.map((q) => get(operation, q.includes('=') ? q : `after=${q}`)))
      // Not all of these are mistakes; but what is refused is refused well.
      const flaws = await judged(cases, (answer) => (answer.status < 300 ? undefined : flawOf(answer)))
      expect(flaws).toEqual([])
    },
    TEST_MS,
  )
})

test(
  'every id in a path may be anything, and is refused',
  async () => {
    const bad = ['foo', 'undefined', 'null', '0', 'thread_', 'thread_x', `thread_${'f'.repeat(33)}`, `thread_${'G'.repeat(32)}`]
    const odd = ["'", '%00', '%ff', '%F0%9F%92%A5', '%2F', '%3F', 'x'.repeat(3000), '%20', '*', '%24%7B7*7%7D', '0'.repeat(36)]
    const cases = operations.flatMap((operation) =>
      operation.params.flatMap((param) =>
        [...bad, ...odd].map((value): Case => {
          const { params, body } = exampleOf(operation, world)
          const path = fill(operation, { params: { ...params, [param]: 'PLACE' } }).replace('PLACE', () => value)
          return {
            name: `${operation.id} ${param} ${value.slice(0, 50)}`,
            path,
            sent: { method: operation.method, ...(body ? json(body) : {}) },
          }
        }),
      ),
    )
    expect(await judged(cases)).toEqual([])
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
  const flaws = await judged(cases, (answer) => (answer.status === 200 ? undefined : flawOf(answer)))
  expect(flaws).toEqual([])
  const infinite = await ask('/v1/assistants', { body: '{"model":"echo","temperature":1e999}' })
  expect(flawOf(infinite)).toBeUndefined()
})

test(
  'methods that a path does not have are refused in the envelope',
  async () => {
    const known = new Set(operations.map(({ method, path }) => `${method} ${path}`))
    const cases = operations.flatMap((operation) =>
      ['PUT', 'PATCH', 'DELETE', 'GET', 'POST'].flatMap((method): Case[] => {
        if (known.has(`${method} ${operation.path}`)) return []
        return [
          { name: `${method} ${operation.path}`, path: pathOf(operation), sent: { method, ...(method === 'GET' ? {} : { body: '{' }) } },
        ]
      }),
    )
    expect(await judged(cases, (answer) => flawOf(answer) ?? (answer.status === 405 ? undefined : `status ${answer.status}`))).toEqual([])
  },
  TEST_MS,
)

test('headers beyond every measure are refused or ignored', async () => {
  for (const size of [1000, 20_000, 200_000]) {
    const status = await ask('/v1/assistants', { method: 'GET', headers: { 'x-noise': 'x'.repeat(size) } }).then(
      (answer) => answer.status,
      () => 'closed',
    )
    expect([200, 431, 400, 'closed']).toContain(status)
  }
})

test('the tests above were made from the document that the server publishes', async () => {
  expect(await servedOperationIds(served.url)).toEqual(operations.map(({ id }) => id))
})
