import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Elysia } from 'elysia'
import { type Operation, PERMISSIONS, type Permission } from '../../../src/core/access/permissions.ts'
import { grantsOf, isAtLeast, isGranted, type Role } from '../../../src/core/access/roles.ts'
import type { Scope } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import { operator } from '../../../src/core/identity/tenants.ts'
import { issueKey } from '../../../src/core/identity/user-keys.ts'
import { userClaims } from '../../../src/core/tokens/claims.ts'
import { OPERATION, requireOperations } from '../../../src/surfaces/platform/route.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { endSession, machineOf, signedIn } from '../../support/sign-ins.ts'

/** Who asks, as the table sees him. Null: nobody whom the server knows. */
interface Standing {
  kind: 'user' | 'service' | 'key'
  role: Role | null
  grants: readonly string[]
  hasTenant: boolean
  emailVerified: boolean
}

interface Actor {
  standing: Standing | null
  /** What he is refused with before anybody looks at the table. */
  refused?: [status: number, error: string]
  /** A new one each time: some operations end the session that they are asked with. */
  headers: () => Promise<Record<string, string>> | Record<string, string>
}

interface Route {
  operation: Operation
  method: string
  path: string
}

let served: Served
let routes: Route[]
let one: string
let two: string
let actors: Record<string, Actor>

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

const user = (role: Role, input: { isOperator?: boolean; emailVerified?: boolean; tenantId?: string } = {}): Actor => {
  const { isOperator = false, emailVerified = true } = input
  return {
    standing: { kind: 'user', role, grants: grantsOf({ role, isOperator }), hasTenant: true, emailVerified },
    headers: async () => bearer((await signedIn(served.app, { tenantId: input.tenantId ?? one, role, isOperator, emailVerified })).token),
  }
}

async function keyed(role: Role, scopes: Scope[]): Promise<Actor> {
  const secret = await served.newKey('one', { scopes })
  return {
    standing: { kind: 'key', role, grants: grantsOf({ role }), hasTenant: true, emailVerified: true },
    headers: () => bearer(secret),
  }
}

/** A key that a user has beside his sessions: it reads and writes, and manages nothing. */
async function ownKey(role: Role | null): Promise<Actor> {
  const caller = await operator(served.app, 'one')
  const { userId } = await signedIn(served.app, { tenantId: caller.tenantId, role })
  const { secret } = await issueKey(served.app, caller, { userId })
  const least = isAtLeast(role, 'member') ? 'member' : role
  return {
    standing: { kind: 'key', role: least, grants: grantsOf({ role: least }), hasTenant: true, emailVerified: true },
    headers: () => bearer(secret),
  }
}

async function machine(account: string, tenantId: string | null, scopes: string[]): Promise<Actor> {
  const { token } = await machineOf(served.app, { account, tenantId, scopes })
  return {
    standing: { kind: 'service', role: null, grants: scopes, hasTenant: tenantId !== null, emailVerified: true },
    headers: () => bearer(token),
  }
}

const DEAD: [number, string] = [401, 'invalid_token']

const stranger = (refused: [number, string], headers: Actor['headers']): Actor => ({ standing: null, refused, headers })

async function expired(): Promise<Record<string, string>> {
  const { userId, tenantId, sessionId } = await signedIn(served.app, { tenantId: one, role: 'owner' })
  const now = served.app.clock.now()
  const facts = { userId, tenantId, sessionId, role: 'owner', grants: grantsOf({ role: 'owner' }), emailVerified: true }
  const claims = userClaims({ use: 'access', ...facts, issuedAt: now - 120_000, expiresAt: now - 60_000 })
  return bearer((await served.app.tokens.sign(claims)).token)
}

async function revoked(): Promise<Record<string, string>> {
  const { token, sessionId } = await signedIn(served.app, { tenantId: one, role: 'owner' })
  await endSession(served.app, sessionId)
  return bearer(token)
}

const foreign = async (): Promise<Record<string, string>> => ({
  ...bearer((await signedIn(served.app, { tenantId: two, role: 'owner' })).token),
  'x-tenant-id': one,
})

beforeAll(async () => {
  served = await serve()
  one = (await operator(served.app, 'one')).tenantId
  two = (await operator(served.app, 'two')).tenantId
  const document = (await (await fetch(`${served.url}/openapi/platform.json`)).json()) as {
    paths: Record<string, Record<string, Record<string, unknown>>>
  }
  routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      operation: operation[OPERATION] as Operation,
      method: method.toUpperCase(),
      path,
    })),
  )
  const home = (await operator(served.app)).tenantId
  actors = {
    anonymous: stranger([401, 'unauthenticated'], () => ({})),
    garbage: stranger(DEAD, () => bearer('eyJhbGciOiJFZERTQSJ9.e30.c2ln')),
    'an unknown key': stranger(DEAD, () => bearer('tp_none')),
    expired: stranger(DEAD, expired),
    revoked: stranger(DEAD, revoked),
    "a foreign tenant's owner": stranger([403, 'tenant_mismatch'], foreign),
    viewer: user('viewer'),
    member: user('member'),
    admin: user('admin'),
    owner: user('owner'),
    'an owner with an unverified address': user('owner', { emailVerified: false }),
    operator: user('owner', { isOperator: true, tenantId: home }),
    'a key that reads': await keyed('viewer', ['read']),
    'a key that writes': await keyed('member', ['read', 'write']),
    'a key of an administrator': await keyed('owner', ['read', 'write', 'admin']),
    'the own key of a user without a role': await ownKey(null),
    "a viewer's own key": await ownKey('viewer'),
    "an owner's own key": await ownKey('owner'),
    'a service account': await machine('analytics-batch', one, ['conversations:read']),
    'a service account of the whole server': await machine('support-console', null, ['support:*']),
  }
}, SERVER_START_MS)
afterAll(() => served?.close())

/** The cell: what the row of the table says to this standing. Undefined: he may. */
function cellOf({ level, grants = [], role }: Permission, { standing, refused }: Actor): [number, string] | undefined {
  if (level === 'none') return undefined
  if (standing === null) return refused
  if (level === 'user' && standing.kind !== 'user') return [403, 'insufficient_role']
  if (level === 'tenant' && !standing.hasTenant) return [401, 'tenant_required']
  if ((level === 'verified' || level === 'tenant') && !standing.emailVerified) return [403, 'email_unverified']
  if (!grants.every((grant) => isGranted(standing.grants, grant))) return [403, 'insufficient_scope']
  return role === undefined || isAtLeast(standing.role, role) ? undefined : [403, 'insufficient_role']
}

const BY_TABLE = [
  'unauthenticated',
  'invalid_token',
  'email_unverified',
  'insufficient_scope',
  'insufficient_role',
  'tenant_required',
  'tenant_mismatch',
]

async function ask({ method, path }: Route, headers: Record<string, string>): Promise<[number, string | undefined]> {
  const filled = path.replaceAll(/\{\w+\}/g, newId())
  const body = method === 'GET' || method === 'DELETE' ? undefined : {}
  const answer = await served.send(method, filled, body, { key: null, headers })
  const { error } = (await answer.json()) as { error?: string }
  return [answer.status, error]
}

test('every operation of the table is a route of the document, and every route an operation', () => {
  const hidden = ['pages']
  expect(routes.map(({ operation }) => operation).toSorted()).toEqual(
    (Object.keys(PERMISSIONS) as Operation[]).filter((operation) => !hidden.includes(operation)).toSorted(),
  )
})

test('every cell of the table holds: each operation, asked by everybody there can be', async () => {
  const wrong: unknown[] = []
  let cells = 0
  for (const [name, actor] of Object.entries(actors)) {
    for (const route of routes) {
      const cell = cellOf(PERMISSIONS[route.operation], actor)
      const [status, error] = await ask(route, await actor.headers())
      const isRight = cell ? status === cell[0] && error === cell[1] : status !== 500 && !BY_TABLE.includes(error ?? '')
      if (!isRight) wrong.push({ name, operation: route.operation, expected: cell ?? 'may', got: [status, error] })
      cells++
    }
  }
  expect(wrong).toEqual([])
  expect(cells).toBe(Object.keys(actors).length * routes.length)
}, 120_000)

const OVERRIDE = { 'x-operator-override': 'true', 'x-operator-reason': 'a customer asked for help' }
const withOperator = (): Route[] => routes.filter(({ operation }) => 'operator' in PERMISSIONS[operation])

test("the operator's path is the operator's: nobody else has it, whatever his role, and without a reason it is refused", async () => {
  expect(withOperator().length).toBeGreaterThan(0)
  for (const route of withOperator()) {
    for (const name of ['viewer', 'admin', 'owner', 'a key of an administrator'])
      expect([name, route.operation, ...(await ask(route, { ...(await actors[name]?.headers()), ...OVERRIDE }))]).toEqual([
        ...[name, route.operation, 403, 'insufficient_scope'],
      ])
    const asOperator = async (headers: Record<string, string>) => ask(route, { ...(await actors.operator?.headers()), ...headers })
    expect(BY_TABLE).not.toContain((await asOperator(OVERRIDE))[1])
    for (const reason of [undefined, '   '])
      expect(await asOperator({ 'x-operator-override': 'on', ...(reason === undefined ? {} : { 'x-operator-reason': reason }) })).toEqual([
        ...([400, 'validation_error'] as const),
      ])
  }
})

test('a route that is no operation of the table is not served', () => {
  const strange = new Elysia().get('/strange', () => 'open to all')
  expect(() => requireOperations(strange.routes)).toThrow('/strange')
  const known = new Elysia().get('/known', () => 'known', { detail: { [OPERATION]: 'root' } as object })
  expect(() => requireOperations(known.routes)).not.toThrow()
})
