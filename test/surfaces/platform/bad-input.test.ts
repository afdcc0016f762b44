import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { operator } from '../../../src/core/identity/tenants.ts'
import { createOperator } from '../../../src/core/sign-up/operator.ts'
import { fill, type Operation, servedOperations } from '../../contract/operations.ts'
import { OPERATOR, said } from '../../contract/platform-journey.ts'
import { type AskWith, failures, takenTexts, unnamedFaults, withBody } from '../../contract/wrong-bodies.ts'
import { BEHIND_PROXY, Device, type Said } from '../../support/device.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

const ALL_MS = 120_000
const NONE = '00000000-0000-4000-8000-000000000000'
const PARAMS = { session_id: NONE, request_id: NONE, invite_id: NONE, jti: NONE }

let served: Served
/** An operator may begin everything. */
let root: Device
let operations: Operation[]
beforeAll(async () => {
  served = await serve({}, { ...BEHIND_PROXY, auth: { serviceSecret: 'what-machines-sign-with' } })
  await createOperator(served.app, await operator(served.app), OPERATOR)
  root = new Device(served)
  said(await root.signIn(OPERATOR.email, OPERATOR.password), 200)
  operations = (await servedOperations(served.url, 'platform')).filter(({ path }) => path.startsWith('/api/v1/'))
}, SERVER_START_MS)
afterAll(() => served?.close())

const json = { 'content-type': 'application/json' }
const ask = ({ method }: Operation, path: string, body?: string): Promise<Said> => root.send(method, path, body, json)

/** Undefined for a refusal in the form of this surface. */
function unsound({ status, body, text }: Said, { method, path }: Operation): string | undefined {
  const isRefusal = status >= 400 && status < 500 && body.success === false && typeof body.error === 'string'
  const isTold = status === 422 ? Array.isArray(body.details) && Array.isArray(body.detail) : typeof body.detail === 'string'
  return isRefusal && isTold ? undefined : `${method} ${path}: ${status} ${text.slice(0, 200)}`
}

test('there are bodies to be wrong', () => {
  expect(withBody(operations).length).toBeGreaterThanOrEqual(18)
})

describe('every operation with a body refuses', () => {
  for (const body of ['{', 'null', '[]', '"x"', '1', '{"note":"\\u0000"}', '{"reason":"\\ud800"}', `${'['.repeat(200)}${']'.repeat(200)}`])
    test(
      `the body ${body.slice(0, 40)}`,
      async () => {
        const found: (string | undefined)[] = []
        for (const operation of withBody(operations))
          found.push(unsound(await ask(operation, fill(operation, { params: PARAMS }), body), operation))
        expect(found.filter((line) => line !== undefined)).toEqual([])
      },
      ALL_MS,
    )
})

describe('every operation with an id in its path refuses', () => {
  for (const [name, value] of Object.entries({
    'NUL in an id': 'a%00b',
    'an id that is not UTF-8': '%ff%fe',
    'a half-encoded id': '%E0%A4%A',
    'a long id': 'x'.repeat(5000),
    'a path that climbs': '..%2f..%2fetc%2fpasswd',
    'a quote': "'%22%3B--",
  }))
    test(name, async () => {
      const found: (string | undefined)[] = []
      for (const operation of operations.filter(({ params }) => params.length > 0)) {
        const path = operation.path.replaceAll(/\{\w+\}/g, value)
        const answer = await ask(operation, path, operation.body === undefined ? undefined : '{}')
        // Whatever is no token that could be revoked is revoked already.
        if (!(operation.params.includes('jti') && answer.status === 200)) found.push(unsound(answer, operation))
      }
      expect(found.filter((line) => line !== undefined)).toEqual([])
    })
})

test('a query that cannot be is refused, or means nothing', async () => {
  const asking = operations.filter(({ query }) => query.length > 0)
  expect(asking.length).toBeGreaterThanOrEqual(4)
  for (const value of ['%00', '-1', '1e99', '999999999999999', '99999999999999999999', 'x'.repeat(1000), '%ff', "';--"])
    for (const operation of asking)
      for (const { name } of operation.query) {
        const answer = await ask(operation, `${fill(operation, { params: PARAMS })}?${name}=${value}`)
        if (answer.status !== 200) expect(unsound(answer, operation)).toBeUndefined()
      }
})

const answered: AskWith = async (operation, sent) => {
  const { status, text, body } = await ask(operation, fill(operation, { params: PARAMS }), JSON.stringify(sent))
  const [first] = (status === 422 ? body.details : []) as { loc: unknown[] }[]
  return { status, text, loc: first?.loc }
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

test('unknown fields are ignored where the contract ignores them, and refused where it does not', async () => {
  const body = { email: OPERATOR.email, password: OPERATOR.password, more: { a: 1 } }
  said(await new Device(served).auth('POST', '/token', body), 200)
  said(await root.send('PUT', '/api/v1/tenants/settings', { billing_contacts: [], plan_metadata: {}, flags: {}, more: 1 }), 422)
})

test('what is too large is refused', async () => {
  const huge = JSON.stringify({ email: OPERATOR.email, password: 'x'.repeat(12 * 1024 * 1024) })
  const answer = await new Device(served).auth('POST', '/token', huge, json)
  expect(answer.body).toMatchObject({ success: false })
  expect([413, 422]).toContain(answer.status)
})

test(
  'whatever is sent, nothing fails',
  async () => {
    expect(await failures(withBody(operations), answered)).toEqual([])
    expect((await root.send('GET', '/health')).status).toBe(200)
  },
  ALL_MS,
)
