import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Principal } from '../../../src/core/access/principal.ts'
import { newId } from '../../../src/core/id.ts'
import { createKey } from '../../../src/core/identity/keys.ts'
import { operator } from '../../../src/core/identity/tenants.ts'
import { listMails, readMail } from '../../../src/core/mail/mail.ts'
import { type InviteStatus, issueInvite, listInvites, revokeInvite } from '../../../src/core/sign-up/invites.ts'
import { claimInvite } from '../../../src/core/sign-up/operator.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { refusalOf } from '../../support/members.ts'
import { machineOf } from '../../support/sign-ins.ts'
import { invited, memberOf, newEmail, operatorOf, registerWith } from '../../support/sign-up.ts'

let app: TestApp
let runner: Principal
let admin: Principal
let owner: Principal
let stranger: Principal
beforeAll(async () => {
  app = await openTestApp()
  runner = await operatorOf(app)
  const { tenantId } = await app.newTenant()
  admin = await memberOf(app, tenantId, 'admin')
  owner = await memberOf(app, tenantId, 'owner')
  stranger = await memberOf(app, (await app.newTenant()).tenantId, 'owner')
}, OPEN_MS)
afterAll(() => app.close())

const page = { limit: 50, offset: 0 }
const HOUR_MS = 3_600_000

/** Who did what with an invite, by the records. */
const recorded = (inviteId: string) =>
  app.records.db.query(`select event, details::json->>'by' as by from audit_event where details::json->>'invite' = $1 order by id`, [
    inviteId,
  ])

describe('issuing', () => {
  test("an operator's invite makes a tenant, once, within three days", async () => {
    const { invite, token } = await invited(app, runner)
    expect(token).toMatch(/^[\w-]{43}$/)
    expect(invite).toEqual({
      ...{ id: invite.id, tenantId: null, role: null, isOperator: false, tokenHint: token.slice(0, 8), email: null, status: 'active' },
      ...{ redemptionsMax: 1, redeemed: 0, note: null, requestId: null, issuedBy: runner.userId, createdAt: app.clock.now() },
      expiresAt: app.clock.now() + 72 * HOUR_MS,
    })
    const [row] = await app.records.db.query<{ row: string }>('select i::text as row from invite i where id = $1', [invite.id])
    expect(row?.row).not.toContain(token)
  })

  test("an admin's leads into his tenant, as a member unless he says otherwise, and never above himself", async () => {
    expect((await invited(app, admin)).invite).toMatchObject({ tenantId: admin.tenantId, role: 'member' })
    for (const role of ['viewer', 'member', 'admin'] as const)
      expect((await invited(app, admin, { role })).invite).toMatchObject({ tenantId: admin.tenantId, role })
    expect(await refusalOf(invited(app, admin, { role: 'owner' }))).toMatchObject({
      code: 'forbidden',
      facts: { why: 'insufficient_role' },
    })
    expect((await invited(app, owner, { role: 'owner' })).invite).toMatchObject({ role: 'owner' })
  })

  test('an operator who names a role invites into his own tenant', async () => {
    const { invite } = await invited(app, runner, { role: 'admin' })
    expect(invite).toMatchObject({ tenantId: (await operator(app)).tenantId, role: 'admin', isOperator: false })
  })

  test('nobody below an admin invites, whatever his token says; keys of admins do', async () => {
    for (const role of ['viewer', 'member'] as const) {
      const principal = await memberOf(app, admin.tenantId ?? '', role)
      expect(await refusalOf(invited(app, principal))).toMatchObject({ code: 'forbidden', facts: { why: 'insufficient_scope' } })
    }
    // As X-Tenant-Role lowers it.
    expect(await refusalOf(invited(app, { ...admin, role: 'member' }))).toMatchObject({ facts: { why: 'insufficient_role' } })
    const { secret } = await createKey(app, { ...app.one, tenantId: admin.tenantId ?? '' }, { name: 'k', scopes: ['admin'] })
    const key = await app.keys.principal(secret)
    const { invite } = await invited(app, key)
    expect(invite).toMatchObject({ tenantId: admin.tenantId, issuedBy: null })
    expect(await recorded(invite.id)).toEqual([{ event: 'invite.issue', by: key.caller?.keyId }])
  })

  test('a service account of the whole server makes invites to tenants, and must choose one for roles', async () => {
    const { token } = await machineOf(app, { account: 'support-console', tenantId: null, scopes: ['support:*'] })
    const machine = await app.keys.principal(token)
    expect((await invited(app, machine)).invite).toMatchObject({ tenantId: null, issuedBy: null })
    expect(await refusalOf(invited(app, machine, { role: 'member' }))).toMatchObject({ facts: { why: 'tenant_required' } })
  })

  test('what is out of bounds is refused by name', async () => {
    const flaws: [object, string][] = [
      [{ redemptionsMax: 0 }, 'max_redemptions'],
      [{ redemptionsMax: 11 }, 'max_redemptions'],
      [{ redemptionsMax: 1.5 }, 'max_redemptions'],
      [{ expiresInHours: 0 }, 'expires_in_hours'],
      [{ expiresInHours: 337 }, 'expires_in_hours'],
      [{ note: 'x'.repeat(513) }, 'note'],
      [{ email: 'a b@example.com' }, 'email'],
    ]
    for (const [given, param] of flaws)
      expect([given, await refusalOf(invited(app, runner, given))]).toMatchObject([given, { code: 'invalid', facts: { param } }])
    expect(await refusalOf(invited(app, runner, { requestId: newId() }))).toMatchObject({
      code: 'not_found',
      facts: { kind: 'signup_request' },
    })
    expect(await refusalOf(invited(app, runner, { requestId: 'none' }))).toMatchObject({ code: 'not_found' })
    expect(await refusalOf(invited(app, admin, { requestId: newId() }))).toMatchObject({ code: 'invalid' })
    expect((await invited(app, runner, { redemptionsMax: 10, expiresInHours: null })).invite).toMatchObject({ expiresAt: null })
  })

  test('who is invited by name gets a mail with the token, and nobody else does', async () => {
    const email = newEmail()
    const caller = { ...app.one, userId: null, keyId: null }
    const before = (await listMails(app, caller, { limit: 1000 })).length
    await invited(app, admin)
    const { token, invite } = await invited(app, admin, { email: email.toUpperCase(), role: 'viewer' })
    const mails = await listMails(app, caller, { limit: 1000 })
    expect(mails).toHaveLength(before + 1)
    const opened = await readMail(app, caller, mails[0]?.id ?? '')
    expect(opened?.content?.about).toMatchObject({ kind: 'invite', to: email, token, expiresAt: invite.expiresAt, role: 'viewer' })
    expect(opened?.tenantId).toBe(admin.tenantId)
    expect(invite.email).toBe(email)
  })

  test('of one tenant a hundred a day, as each may be a mail to a stranger', async () => {
    const busy = await memberOf(app, (await app.newTenant()).tenantId, 'owner')
    for (let n = 0; n < 100; n++) await invited(app, busy)
    expect(await refusalOf(invited(app, busy))).toMatchObject({ code: 'rate_limited' })
    await invited(app, owner)
    app.clock.advance(25 * HOUR_MS)
    await invited(app, busy)
  })
})

describe('the list', () => {
  let mine: Principal
  let ids: Record<InviteStatus, string>
  const email = newEmail()
  beforeAll(async () => {
    mine = await memberOf(app, (await app.newTenant()).tenantId, 'admin')
    const [active, revoked, exhausted, expired] = [
      await invited(app, mine),
      await invited(app, mine, { email }),
      await invited(app, mine),
      await invited(app, mine, { expiresInHours: 1, note: 'old' }),
    ]
    ids = { active: active.invite.id, revoked: revoked.invite.id, exhausted: exhausted.invite.id, expired: expired.invite.id }
    await revokeInvite(app, mine, ids.revoked)
    await registerWith(app, exhausted)
    app.clock.advance(2 * HOUR_MS)
  })

  test('shows what became of each, newest first', async () => {
    const { invites, total } = await listInvites(app, mine, page)
    expect(total).toBe(4)
    expect(invites.map(({ id, status }) => [status, id])).toEqual(
      (['expired', 'exhausted', 'revoked', 'active'] as const).map((s) => [s, ids[s]]),
    )
    expect(invites[0]).toMatchObject({ note: 'old' })
  })

  test('is filtered by status, address and request, and paged', async () => {
    for (const status of ['active', 'revoked', 'exhausted', 'expired'] as const)
      expect(await listInvites(app, mine, { ...page, status })).toMatchObject({ invites: [{ id: ids[status] }], total: 1 })
    expect(await listInvites(app, mine, { ...page, email: email.toUpperCase() })).toMatchObject({
      invites: [{ id: ids.revoked }],
      total: 1,
    })
    expect(await listInvites(app, mine, { ...page, requestId: newId() })).toEqual({ invites: [], total: 0 })
    const second = await listInvites(app, mine, { limit: 2, offset: 1 })
    expect([second.invites.map(({ id }) => id), second.total]).toEqual([[ids.exhausted, ids.revoked], 4])
    expect(await listInvites(app, mine, { limit: 2, offset: 9 })).toEqual({ invites: [], total: 4 })
  })

  test("is of one's own tenant, without those that make tenants or operators; an operator's is of all", async () => {
    const home = await memberOf(app, (await operator(app)).tenantId, 'admin')
    const tenantMaking = (await invited(app, runner)).invite.id
    const claim = (await claimInvite(app, await operator(app))).invite.id
    const seen = async (principal: Principal) => (await listInvites(app, principal, { limit: 200, offset: 0 })).invites.map(({ id }) => id)
    for (const principal of [mine, home, stranger]) {
      const list = await seen(principal)
      expect([tenantMaking, claim].filter((id) => list.includes(id))).toEqual([])
    }
    expect(await seen(stranger)).not.toContain(ids.active)
    const all = await seen(runner)
    for (const id of [tenantMaking, claim, ids.active]) expect(all).toContain(id)
  })
})

describe('revoking', () => {
  test('ends an invite at once, and twice is the same as once', async () => {
    const made = await invited(app, admin)
    const revoked = await revokeInvite(app, owner, made.invite.id)
    expect(revoked).toEqual({ ...made.invite, status: 'revoked' })
    expect(await revokeInvite(app, admin, made.invite.id)).toEqual(revoked)
    expect(await refusalOf(registerWith(app, made))).toMatchObject({ code: 'forbidden' })
    const events = [
      { event: 'invite.issue', by: admin.userId },
      { event: 'invite.revoke', by: owner.userId },
    ]
    expect(await recorded(made.invite.id)).toEqual(expect.arrayContaining(events))
  })

  test('leaves alone what is used up', async () => {
    const made = await invited(app, admin)
    await registerWith(app, made)
    expect(await revokeInvite(app, admin, made.invite.id)).toMatchObject({ status: 'exhausted', redeemed: 1 })
  })

  test("another tenant's invite is a missing one, and so are those that make tenants or operators", async () => {
    const missing = { code: 'not_found', facts: { kind: 'invite' } }
    const theirs = (await invited(app, admin)).invite.id
    const home = await memberOf(app, (await operator(app)).tenantId, 'owner')
    const cases: [Principal, string][] = [
      [stranger, theirs],
      [admin, (await invited(app, runner)).invite.id],
      [home, (await claimInvite(app, await operator(app))).invite.id],
      [admin, newId()],
      [admin, 'none'],
    ]
    for (const [principal, id] of cases)
      expect(await refusalOf(revokeInvite(app, principal, id))).toMatchObject({ ...missing, facts: { id } })
    expect(await revokeInvite(app, runner, theirs)).toMatchObject({ status: 'revoked' })
  })

  test('during a registration counts, or comes too late', async () => {
    const first = await invited(app, runner)
    const held = app.db.pauseNext('transaction', 'before')
    const registering = refusalOf(registerWith(app, first))
    await held.reached
    expect(await revokeInvite(app, runner, first.invite.id)).toMatchObject({ status: 'revoked' })
    held.release()
    expect(await registering).toMatchObject({ code: 'forbidden' })
    const second = await invited(app, runner)
    const late = app.db.pauseNext('transaction', 'before')
    const revoking = revokeInvite(app, runner, second.invite.id)
    await late.reached
    await registerWith(app, second)
    late.release()
    expect(await revoking).toMatchObject({ status: 'exhausted', redeemed: 1 })
  })
})

test('what nobody may is refused before anything is looked up', async () => {
  const member = await memberOf(app, admin.tenantId ?? '', 'member')
  for (const work of [issueInvite(app, member, {}), listInvites(app, member, page), revokeInvite(app, member, newId())])
    expect(await refusalOf(work)).toMatchObject({ code: 'forbidden', facts: { why: 'insufficient_scope' } })
})
