import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Glob } from 'bun'
import type { Principal } from '../../src/core/access/principal.ts'
import { Fault } from '../../src/core/fault.ts'
import { newId } from '../../src/core/id.ts'
import * as issue from '../../src/core/service-accounts/issue.ts'
import * as tokens from '../../src/core/service-accounts/tokens.ts'
import * as passwords from '../../src/core/sessions/passwords.ts'
import * as sessions from '../../src/core/sessions/sessions.ts'
import * as invites from '../../src/core/sign-up/invites.ts'
import * as requests from '../../src/core/sign-up/requests.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { newClient, newMember, OTHER_PASSWORD, openFor, signedInMember } from '../support/members.ts'
import { machineOf } from '../support/sign-ins.ts'
import { ROOT } from '../support/source-tree.ts'

/** What one tenant has, or ids of nothing. */
interface Ids {
  tenant: string
  user: string
  session: string
  invite: string
  request: string
  serviceToken: string
}
type Case = (principal: Principal, ids: Ids) => Promise<unknown>

let app: TestApp
let owner: Principal
/** Has every right there is, in another tenant. */
let stranger: Principal
/** In the same tenant, without rights over others. */
let neighbour: Principal
let theirs: Ids

const self = { asOperator: false, operatorReason: null }
const page = { limit: 10, offset: 0 }

beforeAll(async () => {
  app = await openTestApp()
  const [one, two] = [await app.newTenant(), await app.newTenant()]
  const { principal, signedIn } = await signedInMember(app, { tenantId: one.tenantId, role: 'owner' })
  owner = principal
  stranger = (await signedInMember(app, { tenantId: two.tenantId, role: 'owner' })).principal
  neighbour = (await signedInMember(app, { tenantId: one.tenantId, role: 'owner' })).principal
  const user = await newMember(app, { tenantId: one.tenantId })
  await openFor(app, user)
  const asked = { email: 'asks@example.com', organization: 'o', fullName: 'n', client: newClient() }
  await requests.requestAccess(app, asked)
  const [request] = await app.records.db.query<{ id: string }>('select id from signup_request')
  theirs = {
    ...{ tenant: one.tenantId, user: user.userId, session: signedIn.sessionId, request: request?.id ?? '' },
    invite: (await invites.issueInvite(app, owner, { email: 'new@example.com' })).invite.id,
    serviceToken: (await machineOf(app, { account: 'analytics-batch', tenantId: one.tenantId, scopes: ['conversations:read'] })).jti,
  }
}, OPEN_MS)
afterAll(() => app.close())

const missing = (): Ids => ({ tenant: newId(), user: newId(), session: newId(), invite: newId(), request: newId(), serviceToken: newId() })

/** Every exported function of core that takes a principal and an id. */
const CASES: Record<string, Case[]> = {
  'sessions.listSessions': [(p, ids) => sessions.listSessions(app, p, { ...page, tenantId: ids.tenant, includeRevoked: true })],
  'sessions.revokeSession': [(p, ids) => sessions.revokeSession(app, p, ids.session)],
  'passwords.resetPasswordOf': [(p, ids) => passwords.resetPasswordOf(app, p, { userId: ids.user, next: OTHER_PASSWORD })],
  'invites.issueInvite': [(p, ids) => invites.issueInvite(app, p, { email: 'x@example.com', requestId: ids.request })],
  'invites.listInvites': [(p, ids) => invites.listInvites(app, p, { ...page, requestId: ids.request })],
  'invites.revokeInvite': [(p, ids) => invites.revokeInvite(app, p, ids.invite)],
  'requests.approveRequest': [(p, ids) => requests.approveRequest(app, p, { id: ids.request })],
  'requests.rejectRequest': [(p, ids) => requests.rejectRequest(app, p, { id: ids.request })],
  'issue.issueFor': [
    (p, ids) =>
      issue.issueFor(app, p, {
        ...{ ...self, account: 'analytics-batch', tenantId: ids.tenant, scopes: ['conversations:read'], reason: 'because it is needed' },
        ...{ lifetimeMinutes: null, fingerprint: null, force: true },
      }),
  ],
  'tokens.listServiceTokens': [
    (p, ids) =>
      tokens.listServiceTokens(app, p, {
        ...{ ...self, ...page, account: null, fingerprint: null, status: 'all', tenantId: ids.tenant, includeGlobal: true },
      }),
  ],
  'tokens.revokeServiceToken': [(p, ids) => tokens.revokeServiceToken(app, p, { ...self, jti: ids.serviceToken, reason: null })],
}

/** Without an id of somebody's in their input. `signOut` takes a token, whose signature says whose it is. */
const NO_ID = new Set(
  `sessions.requireCredential sessions.signOut sessions.signOutAll passwords.changePassword email.sendVerification
  permissions.requireOperatorOf principal.whoIs invites.isOperator invites.requireGrant requests.listSignupRequests
  acting.heldTenant`.split(/\s+/),
)

async function outcome(run: () => Promise<unknown>, ids: Ids): Promise<string> {
  const told = await run().then(
    (value) => ({ value }),
    (error) => (error instanceof Fault ? { code: error.code, message: error.message, facts: error.facts } : { error: String(error) }),
  )
  return Object.entries(ids).reduce((text, [name, id]) => text.replaceAll(id, `<${name}>`), JSON.stringify(told) ?? 'undefined')
}

const contents = () =>
  Promise.all(
    [
      ...['session', 'app_user', 'invite', 'service_token', 'audit_event'].map((table) => [
        `select * from ${table} where tenant_id = $1 order by 1`,
        theirs.tenant,
      ]),
      ['select * from used_nonce where $1::text is not null order by 1', theirs.tenant],
      [`select * from credential c where c.id in (select credential_id from app_user where tenant_id = $1) order by 1`, theirs.tenant],
    ].map(([text = '', tenant = '']) => app.records.db.query(text, [tenant])),
  )

test.each(Object.entries(CASES))("%s answers for another tenant's id exactly as for one that is not there", async (_, cases) => {
  const before = await contents()
  for (const run of cases) {
    const none = missing()
    const foreign = await outcome(() => run(stranger, theirs), theirs)
    expect(foreign).toBe(await outcome(() => run(stranger, none), none))
    expect(foreign).not.toContain('"error"')
  }
  expect(await contents()).toEqual(before)
})

test("another person's session is missing to everybody of the tenant", async () => {
  const none = missing()
  for (const name of ['sessions.revokeSession', 'sessions.listSessions'])
    for (const run of CASES[name] ?? []) {
      const before = await contents()
      const foreign = await outcome(() => run(neighbour, { ...theirs, tenant: none.tenant }), { ...theirs, tenant: none.tenant })
      expect(foreign).toBe(await outcome(() => run(neighbour, none), none))
      expect(await contents()).toEqual(before)
    }
})

test('to those they belong to the same calls mean something, so that the cases above do reach the records', async () => {
  const told = async (name: string): Promise<string> => {
    const [run = () => Promise.reject(new Error(`no case for ${name}`))] = CASES[name] ?? []
    return outcome(() => run(owner, theirs), theirs)
  }
  expect(await told('sessions.listSessions')).toContain('<session>')
  expect(await told('invites.revokeInvite')).toContain('"status":"revoked"')
  expect(await told('tokens.listServiceTokens')).toContain('<serviceToken>')
  expect(await told('tokens.revokeServiceToken')).toBe('{"value":true}')
  expect(await told('issue.issueFor')).toStartWith('{"value":{')
  expect(await told('passwords.resetPasswordOf')).toBe('{}')
  expect(await told('sessions.revokeSession')).toBe('{}')
  const [operator = owner] = [(await signedInMember(app, { tenantId: theirs.tenant, role: 'owner', isOperator: true })).principal]
  expect(await outcome(() => requests.rejectRequest(app, operator, { id: theirs.request }), theirs)).toContain('<request>')
})

test('every exported function of core that takes a principal has such a case', () => {
  const known = new Set([...Object.keys(CASES), ...NO_ID])
  const found: string[] = []
  for (const path of new Glob('src/core/*/*.ts').scanSync(ROOT)) {
    const module = path.match(/([\w-]+)\.ts$/)?.[1] ?? ''
    const text = readFileSync(join(ROOT, path), 'utf8')
    for (const [, name] of text.matchAll(
      /^export (?:async )?(?:function |const )(\w+)[^\n]*\((?:\n?[^)]*\bprincipal: Principal\b|[^)]*\}: Principal\))/gm,
    ))
      found.push(`${module}.${name}`)
  }
  expect(found.length).toBeGreaterThan(10)
  expect(found.filter((name) => !known.has(name))).toEqual([])
  expect([...known].filter((name) => !found.includes(name))).toEqual([])
})
