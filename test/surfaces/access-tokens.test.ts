import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { operator } from '../../src/core/identity/tenants.ts'
import { forgeriesOf, openWorkshop } from '../core/tokens/forgeries.ts'
import { until } from '../support/runs.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { changeUser, endSession, machineOf, type SignedInInput, signedIn } from '../support/sign-ins.ts'

let served: Served
let replica: Served
let tenantId: string
beforeAll(async () => {
  served = await serve()
  replica = await serve({}, { beside: served })
  ;({ tenantId } = await operator(served.app, 'one'))
}, SERVER_START_MS)
afterAll(async () => {
  await replica.close()
  await served.close()
})

const user = (input: Partial<SignedInInput> = {}) => signedIn(served.app, { tenantId, ...input })
const status = async (key: string, [method, path, body]: Ask, at = served): Promise<number> => {
  const response = await at.send(method, path, body, { key })
  await response.arrayBuffer()
  return response.status
}

type Ask = readonly [method: string, path: string, body?: unknown]
const READS = {
  '/v1': ['GET', '/v1/assistants'],
  '/langgraph': ['POST', '/langgraph/threads/search', {}],
  '/entities': ['GET', '/entities/v1/runs'],
} as const satisfies Record<string, Ask>
const WRITES = {
  '/v1': ['POST', '/v1/threads', {}],
  '/langgraph': ['POST', '/langgraph/threads', {}],
  '/entities': ['POST', '/entities/v1/threads', { participant_ids: [] }],
} as const satisfies Record<string, Ask>
const SURFACES = ['/v1', '/langgraph', '/entities'] as const

describe.each(SURFACES)('on %s', (surface) => {
  const isDone = async (key: string, ask: Ask, at = served) => [200, 201].includes(await status(key, ask, at))

  test('a member reads and writes with an access token', async () => {
    const { token } = await user({ role: 'member' })
    expect([await isDone(token, READS[surface]), await isDone(token, WRITES[surface])]).toEqual([true, true])
  })

  test('a viewer reads and does not write', async () => {
    const { token } = await user({ role: 'viewer' })
    expect([await isDone(token, READS[surface]), await status(token, WRITES[surface])]).toEqual([true, 403])
  })

  test('a role that is taken away counts with the next request', async () => {
    const { token, userId } = await user({ role: 'admin' })
    expect(await isDone(token, WRITES[surface])).toBe(true)
    await changeUser(served.app, userId, { role: 'viewer' })
    expect(await status(token, WRITES[surface])).toBe(403)
  })

  test('an ended session is refused at once, in a replica too', async () => {
    const { token, sessionId } = await user()
    expect([await isDone(token, READS[surface]), await isDone(token, READS[surface], replica)]).toEqual([true, true])
    await endSession(served.app, sessionId)
    expect(await status(token, READS[surface])).toBe(401)
    await until(async () => (await status(token, READS[surface], replica)) === 401)
  })

  test('a machine with a tenant is let in, one of the whole server is not, and nobody with its refresh token', async () => {
    const scopes = ['conversations:read', `test:${surface.slice(1)}`]
    const own = await machineOf(served.app, { account: 'analytics-batch', tenantId, scopes })
    const whole = await machineOf(served.app, { account: 'demo-bot', tenantId: null, scopes })
    expect(await isDone(own.token, READS[surface])).toBe(true)
    expect(await status(own.token, WRITES[surface])).toBe(403)
    expect(await status(whole.token, READS[surface])).toBe(403)
    expect(await status(own.refreshToken, READS[surface])).toBe(401)
  })

  test('a user whose address is not verified is not let in', async () => {
    expect(await status((await user({ emailVerified: false })).token, READS[surface])).toBe(403)
  })

  test('none of more than 120 forged tokens is let in, and the genuine one is', () => letsNoneIn(READS[surface]))
})

describe('on /api/v1', () => {
  const me: Ask = ['GET', '/api/v1/auth/me']

  test('a session that is over is refused at once, and by a replica', async () => {
    const { token, sessionId } = await user()
    expect([await status(token, me), await status(token, me, replica)]).toEqual([200, 200])
    await endSession(served.app, sessionId)
    expect(await status(token, me)).toBe(401)
    await until(async () => (await status(token, me, replica)) === 401)
  })

  test('of all forged tokens none is let in, and the one they are made of is', () => letsNoneIn(me))
})

/** Asks with every forged token, and with the one they are made of before and after. */
async function letsNoneIn(ask: Ask): Promise<void> {
  const { token } = await user({ role: 'owner' })
  expect(await status(token, ask)).toBe(200)
  const forged = forgeriesOf(await openWorkshop(served.app, token)).filter(({ token: text }) => isSendable(text))
  expect(forged.length).toBeGreaterThan(200)
  const letIn: string[] = []
  for (const { name, token: text } of forged) {
    const got = await status(text, ask).catch(() => 0)
    // A head that is too long is refused by the server itself.
    if (![401, ...(text.length > 8192 ? [0, 400, 413, 431] : [])].includes(got)) letIn.push(`${name}: ${got}`)
  }
  expect(letIn).toEqual([])
  expect(await status(token, ask)).toBe(200)
}

/** A header holds Latin-1 and no line breaks. */
const isSendable = (text: string): boolean => /^[\x20-\x7e\xa0-\xff]+$/.test(text)
