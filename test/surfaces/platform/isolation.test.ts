import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { operator } from '../../../src/core/identity/tenants.ts'
import { createOperator } from '../../../src/core/sign-up/operator.ts'
import { servedOperations } from '../../contract/operations.ts'
import { OPERATOR, said } from '../../contract/platform-journey.ts'
import { BEHIND_PROXY, Device, type Said } from '../../support/device.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { buildWorld, contentsOf, type Ids, nobody, type World } from './isolation-world.ts'

interface Call {
  method: string
  path: string
  body?: unknown
  headers?: Record<string, string>
}

const NEW = 'Mild-turnip-orchestra-57'
const ASK = { account: 'analytics-batch', scopes: ['conversations:read'], reason: 'I am an intruder.' }

/** Calls of an owner that reach for what is another tenant's, by operation. */
const CASES: Record<string, (theirs: Ids) => Call> = {
  'DELETE /auth/sessions/{session_id}': ({ session }) => ({ method: 'DELETE', path: `/auth/sessions/${session}` }),
  'GET /auth/sessions': ({ tenant }) => ({ method: 'GET', path: `/auth/sessions?tenant_id=${tenant}&include_revoked=true` }),
  'POST /auth/password/reset': ({ user }) => ({
    method: 'POST',
    path: '/auth/password/reset',
    body: { user_id: user, new_password: NEW },
  }),
  'POST /auth/invites/{invite_id}/revoke': ({ invite }) => ({ method: 'POST', path: `/auth/invites/${invite}/revoke` }),
  'GET /auth/invites': ({ email }) => ({ method: 'GET', path: `/auth/invites?email=${email}` }),
  'POST /auth/service-accounts/tokens/{jti}/revoke': ({ token }) => ({
    method: 'POST',
    path: `/auth/service-accounts/tokens/${token}/revoke`,
    body: {},
  }),
  'GET /auth/service-accounts/tokens': ({ tenant }) => ({ method: 'GET', path: `/auth/service-accounts/tokens?tenant_id=${tenant}` }),
  'POST /auth/service-accounts/browser-issue': ({ tenant }) => ({
    method: 'POST',
    path: '/auth/service-accounts/browser-issue',
    body: { ...ASK, tenant_id: tenant },
  }),
  'GET /tenants/settings': ({ tenant }) => ({ method: 'GET', path: '/tenants/settings', headers: { 'x-tenant-id': tenant } }),
  'PUT /tenants/settings': ({ tenant }) => ({
    method: 'PUT',
    path: '/tenants/settings',
    body: { billing_contacts: [], plan_metadata: {}, flags: {} },
    headers: { 'x-tenant-id': tenant },
  }),
}

/** Operations that name nothing which could be another tenant's. */
const NO_ID = [
  ...['GET /auth/me', 'GET /auth/signup-policy', 'POST /auth/email/send', 'POST /auth/email/verify', 'POST /auth/invites'],
  ...['POST /auth/logout', 'POST /auth/logout/all', 'POST /auth/password/change', 'POST /auth/password/confirm'],
  ...['POST /auth/password/forgot', 'POST /auth/refresh', 'POST /auth/register', 'POST /auth/request-access'],
  ...['POST /auth/service-accounts/exchange', 'POST /auth/service-accounts/issue', 'POST /auth/token'],
  // Of no tenant: operators only.
  ...['GET /auth/signup-requests', 'POST /auth/signup-requests/{request_id}/approve', 'POST /auth/signup-requests/{request_id}/reject'],
]

let served: Served
let root: Device
let mine: World
let theirs: World

beforeAll(async () => {
  served = await serve({}, BEHIND_PROXY)
  await createOperator(served.app, await operator(served.app), OPERATOR)
  root = new Device(served)
  said(await root.signIn(OPERATOR.email, OPERATOR.password), 200)
  mine = await buildWorld(served, root, 'mine')
  theirs = await buildWorld(served, root, 'theirs')
}, SERVER_START_MS)
afterAll(() => served?.close())

const send = (device: Device, { method, path, body, headers }: Call): Promise<Said> => device.send(method, `/api/v1${path}`, body, headers)

/** Status and words, what was sent masked. */
const told = ({ status, text }: Said, ids: Ids): string =>
  Object.values(ids).reduce((shown, id) => shown.replaceAll(id, '<id>'), `${status} ${text}`)

describe("what is another tenant's is exactly what is missing, and nothing of it changes", () => {
  for (const [operation, reach] of Object.entries(CASES))
    test(operation, async () => {
      const before = await contentsOf(served)
      const none = nobody()
      const foreign = told(await send(mine.owner, reach(theirs.ids)), theirs.ids)
      expect(foreign).toBe(told(await send(mine.owner, reach(none)), none))
      // The request itself was sound.
      expect(foreign).not.toMatch(/^(?:400|401|405|409|422|5\d\d) /)
      expect(await contentsOf(served)).toEqual(before)
    })
})

test('the same calls are answered otherwise to those whose it is, so that the cases do reach it', async () => {
  for (const [operation, reach] of Object.entries(CASES)) {
    if (operation.startsWith('DELETE') || operation.startsWith('PUT')) continue
    const { status } = await send(theirs.owner, reach(theirs.ids))
    expect([operation, status]).toEqual([operation, operation.endsWith('browser-issue') ? 201 : 200])
  }
  said(await send(theirs.owner, { method: 'DELETE', path: `/auth/sessions/${theirs.ids.session}` }), 200)
})

test('every operation has such a case, or names nothing', async () => {
  const known = new Set([...Object.keys(CASES), ...NO_ID])
  const rows = (await servedOperations(served.url, 'platform'))
    .filter(({ path }) => /\/(?:auth|tenants)\//.test(path))
    .map(({ method, path }) => `${method} ${path.replace('/api/v1', '')}`)
  expect(rows.filter((row) => !known.has(row))).toEqual([])
  expect([...known].filter((row) => !rows.includes(row))).toEqual([])
})

test('lists hold nothing of another tenant', async () => {
  for (const path of ['/auth/invites', '/auth/service-accounts/tokens?status=all', '/auth/sessions?include_revoked=true']) {
    const { text } = await send(mine.owner, { method: 'GET', path })
    for (const id of Object.values(theirs.ids)) expect(text).not.toContain(id)
  }
  const { text } = await send(mine.owner, { method: 'GET', path: '/auth/invites' })
  expect(text).toContain(mine.ids.invite)
})

test("the operator's way is closed to owners, whatever their headers say", async () => {
  const headers = { 'x-operator-override': 'true', 'x-operator-reason': 'I am an intruder.' }
  for (const reach of ['GET /auth/service-accounts/tokens', 'POST /auth/service-accounts/browser-issue'])
    expect((await send(mine.owner, { ...(CASES[reach]?.(theirs.ids) as Call), headers })).status).toBe(403)
})

test('an operator reaches both, and says why', async () => {
  const headers = { 'x-operator-override': 'true', 'x-operator-reason': 'A customer asked.' }
  for (const { ids } of [mine, theirs]) {
    const { text } = await send(root, { method: 'GET', path: `/auth/service-accounts/tokens?status=all&tenant_id=${ids.tenant}`, headers })
    expect(text).toContain(ids.tenant)
  }
})

test('objects that one tenant made by its token are not there for the other', async () => {
  const { id } = said(await mine.owner.send('POST', '/v1/assistants', { model: 'echo', name: 'Mine' }), 200)
  said(await mine.owner.send('GET', `/v1/assistants/${String(id)}`), 200)
  said(await theirs.owner.send('GET', `/v1/assistants/${String(id)}`), 404)
  const { thread_id: thread } = said(await mine.owner.send('POST', '/langgraph/threads', {}), 200)
  said(await theirs.owner.send('GET', `/langgraph/threads/${String(thread)}`), 404)
})

test('an invite into one tenant leads nowhere else', async () => {
  const { invite_token } = said(await mine.owner.auth('POST', '/invites', { role: 'viewer' }), 201)
  const joiner = new Device(served)
  const body = { email: 'joiner@third.example', password: NEW, tenant_name: 'theirs', invite_token }
  expect(said(await joiner.register(body), 201)).toMatchObject({ tenant_id: mine.ids.tenant, tenant_slug: 'mine' })
  const { sessions } = said(await joiner.auth('GET', '/sessions'), 200)
  expect(sessions).toHaveLength(1)
})
