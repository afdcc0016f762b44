import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { fill, type Operation, servedOperations } from '../../contract/operations.ts'
import { type AskWith, failures, takenTexts, unnamedFaults, withBody } from '../../contract/wrong-bodies.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import type { Ids } from './isolation-cases.ts'
import { buildWorld, WORLD_SCRIPTS } from './isolation-world.ts'
import { newPerson, type Person, sender } from './kit.ts'

let served: Served
let person: Person
let operations: Operation[]
/** What the paths of sound requests name. */
let world: Ids
beforeAll(async () => {
  served = await serve({ scripts: WORLD_SCRIPTS }, { worker: true })
  person = await newPerson(served, { admin: true })
  world = await buildWorld(served, person)
  operations = (await servedOperations(served.url, 'entities')).filter(({ path }) => path !== '/health')
}, SERVER_START_MS)
afterAll(() => served?.close())

const ALL_MS = 60_000

/** Answers of an operation that are no refusal with a detail. */
async function unsound(method: string, path: string, body?: string): Promise<string[]> {
  const response = await sender(served, person.key)(method, path, body)
  const text = await response.text()
  const known = response.status >= 400 && response.status < 500
  const told = known && response.headers.get('content-type')?.startsWith('application/json') === true && text.includes('"detail"')
  return told ? [] : [`${method} ${path.slice(0, 80)} ${body?.slice(0, 60) ?? ''}: ${response.status} ${text.slice(0, 200)}`]
}

const filled = (path: string, value: string): string => path.replaceAll(/\{\w+\}/g, value)
const writing = (): Operation[] => operations.filter(({ body }) => body !== undefined)
const inPath = (): Operation[] => operations.filter(({ params }) => params.length > 0)

describe('every operation refuses', () => {
  for (const body of [
    '{',
    'null',
    '[]',
    '"x"',
    '1',
    '{"content":"\\u0000"}',
    '{"meta_data":{"a":"\\ud800"}}',
    `${'['.repeat(200)}${']'.repeat(200)}`,
  ])
    test(
      `the body ${body.slice(0, 40)}`,
      async () => {
        const none = `x${crypto.randomUUID()}`
        const found = await Promise.all(writing().map(({ method, path }) => unsound(method, filled(path, none), body)))
        expect(found.flat()).toEqual([])
      },
      ALL_MS,
    )

  for (const [name, value] of Object.entries({
    'NUL in an id': 'a%00b',
    'an id that is not UTF-8': '%ff%fe',
    'a half-encoded id': '%E0%A4%A',
    'a long id': 'x'.repeat(5000),
    'an id that is none': 'run_zzzzzzzzzzzzzzzzzzzzzz',
    'a path that climbs': '..%2f..%2fetc%2fpasswd',
    'a quote': "'%22%3B--",
  }))
    test(
      name,
      async () => {
        const statusless = await Promise.all(
          inPath().map(async ({ method, path, body }) => {
            // Of others' lists an admin has everybody's, and nobody's is empty.
            const found = await unsound(method, filled(path, value), body === undefined ? undefined : '{}')
            return found.filter((line) => !/: 2\d\d (?:\[\]|\{"\w+":\[\]\}|)$/.test(line))
          }),
        )
        expect(statusless.flat()).toEqual([])
      },
      ALL_MS,
    )
})

test('a query that cannot be is refused, or means nothing', async () => {
  const asking = operations.filter(({ query }) => query.length > 0)
  const none = `x${crypto.randomUUID()}`
  for (const value of ['%00', '-1', '1e99', 'x'.repeat(1000), '%ff']) {
    const found = await Promise.all(
      asking.map(({ method, path, query }) =>
        unsound(method, `${filled(path, none)}?${query.map(({ name }) => `${name}=${value}`).join('&')}`),
      ),
    )
    expect(found.flat().filter((line) => !/: 2\d\d (?:\[\]|)$/.test(line))).toEqual([])
  }
})

const real = (operation: Operation): string => {
  const params = {
    user_id: world.user,
    target_user_id: world.user,
    assistant_id: world.assistant,
    tool_id: world.tool,
    thread_id: world.thread,
  }
  const others = {
    message_id: world.message,
    run_id: world.plannedRun,
    action_id: world.action,
    vector_store_id: world.store,
    file_id: world.entry,
  }
  return fill(operation, { params: { ...params, ...others } })
}

const answered: AskWith = async (operation, body) => {
  const response = await sender(served, person.key)(operation.method, real(operation), JSON.stringify(body))
  const text = await response.text()
  const { detail } = (response.status === 422 ? JSON.parse(text) : {}) as { detail?: { loc: unknown[] }[] }
  return { status: response.status, text, loc: detail?.[0]?.loc }
}

test(
  'every wrong field of every body is refused by its name, also where all else is right',
  async () => {
    const { wrong, tried } = await unnamedFaults(withBody(operations), answered)
    expect(wrong).toEqual([])
    expect(tried).toBeGreaterThan(200)
  },
  ALL_MS,
)

test(
  'NUL and half surrogates are refused in every text and key',
  async () => expect(await takenTexts(withBody(operations), answered)).toEqual([]),
  ALL_MS,
)

test(
  'whatever is sent, nothing fails',
  async () => {
    // A completion may well be begun, and its stream waited for; its body is looked at above.
    const others = withBody(operations).filter(({ path }) => path !== '/completions')
    expect(await failures(others, answered)).toEqual([])
    expect((await sender(served, person.key)('GET', '/health')).status).toBe(200)
  },
  ALL_MS,
)
