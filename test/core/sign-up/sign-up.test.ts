import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Principal } from '../../../src/core/access/principal.ts'
import { newId } from '../../../src/core/id.ts'
import { changeUser, createUser } from '../../../src/core/identity/users.ts'
import { listMails, readMail } from '../../../src/core/mail/mail.ts'
import { verifyEmail } from '../../../src/core/sessions/email.ts'
import { signIn } from '../../../src/core/sessions/sign-in.ts'
import { approveRequest, listSignupRequests, requestAccess } from '../../../src/core/sign-up/requests.ts'
import { register, signupPolicy } from '../../../src/core/sign-up/sign-up.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { newClient, newMember, OTHER_PASSWORD, PASSWORD, principalOf, refusalOf } from '../../support/members.ts'
import {
  accountsOf,
  invited,
  memberOf,
  newEmail,
  operatorOf,
  redeemedOf,
  registerWith,
  registration,
  under,
} from '../../support/sign-up.ts'
import { newUser } from '../../support/users.ts'

let app: TestApp
let open: TestApp
let runner: Principal
let tenantId: string
beforeAll(async () => {
  app = await openTestApp()
  open = under(app, 'public')
  runner = await operatorOf(app)
  tenantId = (await app.newTenant()).tenantId
}, OPEN_MS)
afterAll(() => app.close())

const WITHOUT_INVITE = { code: 'forbidden', message: 'Registering needs an invite that is good for this address.' }
const NO_TOKEN = { why: 'invalid_token' }
const TAKEN = { code: 'exists', message: 'There is an account with this e-mail address: sign in instead.' }

/** What stands in the newest mail to this address. */
async function mailTo(email: string): Promise<Record<string, unknown> | undefined> {
  const caller = { ...app.one, userId: null, keyId: null }
  for (const { id } of await listMails(app, caller, { limit: 100 })) {
    const about = (await readMail(app, caller, id))?.content?.about
    if (about?.to === email) return about as unknown as Record<string, unknown>
  }
  return undefined
}

describe('who may register', () => {
  test('the policy says what a page must show', () => {
    expect(signupPolicy(open)).toEqual({ policy: 'public', inviteRequired: false, requestAccessEnabled: false })
    for (const policy of ['invite_only', 'approval'] as const)
      expect(signupPolicy(under(app, policy))).toEqual({ policy, inviteRequired: true, requestAccessEnabled: true })
    expect(signupPolicy(app).policy).toBe('invite_only')
  })

  test('everybody, where it is public, and nobody without an invite elsewhere', async () => {
    expect(await register(open, registration())).toMatchObject({ emailVerified: false })
    for (const policy of ['invite_only', 'approval'] as const)
      for (const inviteToken of [undefined, null, '', '   '])
        expect(await refusalOf(register(under(app, policy), registration({ inviteToken })))).toMatchObject(WITHOUT_INVITE)
  })

  test('an invite that is given must be good, also where none is needed', async () => {
    expect(await refusalOf(register(open, registration({ inviteToken: 'x'.repeat(43) })))).toMatchObject(WITHOUT_INVITE)
  })

  test('whatever is wrong with an invite, the refusal is the same, and writes nothing but who was refused', async () => {
    const used = await invited(app, runner)
    await registerWith(app, used)
    const others = await invited(app, runner, { email: newEmail() })
    const old = await invited(app, runner, { expiresInHours: 1 })
    const revoked = await invited(app, runner)
    await app.records.db.query(`update invite set status = 'revoked' where id = $1`, [revoked.invite.id])
    await app.records.db.query(`update invite set expires_at = created_at where id = $1`, [old.invite.id])
    const { email } = await newMember(app, { tenantId })
    const before = await accountsOf(app)
    // A known address is no other case, for whoever does not know its password.
    const known = await refusalOf(registerWith(app, { token: 'unknown' }, { email, password: OTHER_PASSWORD }))
    expect(known).toEqual({ ...WITHOUT_INVITE, facts: NO_TOKEN })
    for (const { token } of [used, others, old, revoked, { token: 'unknown' }, { token: used.invite.tokenHint }]) {
      const { facts, ...refusal } = (await refusalOf(registerWith(app, { token }))) ?? {}
      expect([refusal, facts]).toEqual([WITHOUT_INVITE, NO_TOKEN])
    }
    expect(await accountsOf(app)).toEqual(before)
  })

  test('where requests are approved, only the answer to a request makes a tenant', async () => {
    const approving = under(app, 'approval')
    const loose = await invited(app, runner)
    expect(await refusalOf(registerWith(approving, loose))).toMatchObject(WITHOUT_INVITE)
    const email = newEmail()
    await requestAccess(app, { email, organization: 'Acme', fullName: 'Ann A', client: newClient() })
    const { requests } = await listSignupRequests(app, runner, { limit: 1, offset: 0 })
    const approved = await approveRequest(app, runner, { id: requests[0]?.id ?? '' })
    expect(await refusalOf(registerWith(approving, approved))).toMatchObject(WITHOUT_INVITE)
    expect(await registerWith(approving, approved, { email })).toMatchObject({ emailVerified: false })
    // Whom a tenant invites is its own business.
    const joining = await invited(app, await memberOf(app, tenantId, 'admin'))
    expect(await registerWith(approving, joining)).toMatchObject({ tenantId })
  })
})

describe('a new account', () => {
  test('is a tenant with its owner, signed in, and a mail with a link that proves the address', async () => {
    const input = registration({ email: ` ${newEmail().toUpperCase()} `, tenantName: ' Blue Öl & Co ', displayName: ' Ann A ' })
    const signedIn = await register(open, input)
    const email = input.email.trim().toLowerCase()
    expect(signedIn.tenantSlug).toBe('blue-l-co')
    expect(await principalOf(app, signedIn)).toMatchObject({
      tenantId: signedIn.tenantId,
      role: 'owner',
      isOperator: false,
      emailVerified: false,
    })
    const [row] = await app.records.db.query<Record<string, unknown>>(
      `select t.name as slug, t.title, u.email, u.name, u.role, u.status, c.email as address, c.password_hash, c.password_history
      from app_user u join tenant t on t.id = u.tenant_id join credential c on c.id = u.credential_id where u.id = $1`,
      [signedIn.userId],
    )
    expect(row).toMatchObject({
      slug: 'blue-l-co',
      title: 'Blue Öl & Co',
      email,
      address: email,
      name: 'Ann A',
      role: 'owner',
      status: 'active',
    })
    expect(row?.password_history).toBe(JSON.stringify([row?.password_hash]))
    expect(JSON.stringify(row)).not.toContain(input.password)
    expect(await signIn(app, { email, password: PASSWORD, client: newClient() })).toMatchObject({ userId: signedIn.userId })
    const mail = await mailTo(email)
    expect(mail).toMatchObject({ kind: 'verify_email', to: email })
    await verifyEmail(app, { token: String(mail?.token), client: newClient() })
    expect(await principalOf(app, signedIn)).toMatchObject({ emailVerified: true })
  })

  test('is not kept from who was invited by strangers of his domain, whom only an open server counts', async () => {
    const domain = `${newId()}.example`
    const strangers = async (on: TestApp) => {
      for (let n = 0; n < 20; n++) await refusalOf(register(on, registration({ email: `${on.identity.signup}${n}@${domain}` })))
    }
    await strangers(app)
    const email = `boss@${domain}`
    expect(await registerWith(app, await invited(app, runner, { email }), { email })).toMatchObject({ emailVerified: false })
    await strangers(open)
    expect(await refusalOf(register(open, registration({ email: `last@${domain}` })))).toMatchObject({ code: 'rate_limited' })
  })

  test('has a name that is more than blanks', async () => {
    const before = await accountsOf(app)
    const refusal = await refusalOf(register(open, registration({ tenantName: '   ' })))
    expect(refusal).toMatchObject({ code: 'invalid', facts: { param: 'tenant_name' } })
    expect(await accountsOf(app)).toEqual(before)
  })

  test('gets another slug where its name is taken, and never that of the server itself', async () => {
    const tenantName = 'Same Name'
    const slugs = [await register(open, registration({ tenantName })), await register(open, registration({ tenantName }))]
    expect(slugs.map(({ tenantSlug }) => tenantSlug)).toEqual(['same-name', expect.stringMatching(/^same-name-[0-9a-f]{4}$/)])
    expect((await register(open, registration({ tenantName: 'DEFAULT' }))).tenantSlug).toMatch(/^default-[0-9a-f]{4}$/)
  })

  test('is refused where every slug that is tried is taken, and nothing of it stays', async () => {
    const { db } = app.records
    await db.query(`create function taken() returns trigger language plpgsql as 'begin return null; end'`)
    await db.query(`create trigger taken before insert on tenant for each row when (new.name like 'no-room%') execute function taken()`)
    const before = await accountsOf(app)
    const refusal = await refusalOf(register(open, registration({ tenantName: 'No Room' })))
    expect(refusal).toMatchObject({ code: 'exists', facts: { param: 'tenant_name' } })
    expect(await accountsOf(app)).toEqual(before)
    await db.query('drop function taken cascade')
  })

  test('needs a password that is hard to guess, and one plan is all there is', async () => {
    for (const password of ['short', 'aaaaaaaaaaaaaaaaaaaa', 'Password123456!'])
      expect(await refusalOf(register(open, registration({ password })))).toMatchObject({ code: 'invalid', facts: { param: 'password' } })
    const named = registration({ password: 'Xanthippe-Quy-2026', tenantName: 'Xanthippe Quy' })
    expect(await refusalOf(register(open, named))).toMatchObject({ code: 'invalid', facts: { param: 'password' } })
    expect(await refusalOf(register(open, registration({ planCode: 'gold' })))).toMatchObject({
      ...{ code: 'not_found', facts: { param: 'plan_code' } },
    })
    for (const planCode of [null, 'starter'])
      expect(await register(open, registration({ planCode }))).toMatchObject({ emailVerified: false })
  })

  test('a taken address is told, after as many hashes as a free one took', async () => {
    const counted: string[] = []
    const { hash, verify } = app.passwords
    const passwords: TestApp['passwords'] = {
      ...app.passwords,
      hash(password) {
        counted.push('hash')
        return hash(password)
      },
      verify(password, known) {
        counted.push('verify')
        return verify(password, known)
      },
    }
    const watched = { ...open, passwords }
    const email = newEmail()
    await register(watched, registration({ email }))
    expect(await refusalOf(register(watched, registration({ email, password: OTHER_PASSWORD })))).toMatchObject(TAKEN)
    expect(counted).toEqual(['hash', 'verify', 'hash', 'verify'])
  })

  test('of two that want one address at once, one gets it, and nothing of the other stays', async () => {
    const email = newEmail()
    const before = await accountsOf(app)
    const ends = await Promise.all([1, 2, 3].map(() => refusalOf(register(open, registration({ email })))))
    expect(ends.filter((end) => end === undefined)).toHaveLength(1)
    for (const end of ends) if (end) expect(end).toMatchObject(TAKEN)
    const after = await accountsOf(app)
    expect([after.tenants, after.users, after.sessions]).toEqual([before.tenants, before.users, before.sessions].map((n = 0) => n + 1))
  })
})

describe('limits', () => {
  test('of one e-mail address three a day, of one address on the network twenty an hour', async () => {
    const email = newEmail()
    const client = newClient()
    const trial = (given: object) => refusalOf(register(app, registration(given)))
    for (let n = 0; n < 3; n++) expect(await trial({ email, password: 'short' })).toMatchObject({ code: 'invalid' })
    const limited = await trial({ email, password: 'short' })
    expect(limited).toMatchObject({ code: 'rate_limited', facts: { retryAfterMs: expect.any(Number) } })
    for (let n = 0; n < 20; n++) expect(await trial({ client, password: 'short' })).toMatchObject({ code: 'invalid' })
    expect(await trial({ client, password: 'short' })).toMatchObject({ code: 'rate_limited' })
  })

  test('an invite that was refused can still be redeemed', async () => {
    const made = await invited(app, runner)
    expect(await refusalOf(registerWith(app, made, { password: 'short' }))).toMatchObject({ code: 'invalid' })
    expect(await refusalOf(registerWith(app, made, { planCode: 'gold' }))).toMatchObject({ code: 'not_found' })
    expect(await redeemedOf(app, made.invite.id)).toEqual({ redeemed: 0, status: 'active' })
    await registerWith(app, made)
    expect(await redeemedOf(app, made.invite.id)).toEqual({ redeemed: 1, status: 'exhausted' })
  })
})

describe('an invite into a tenant', () => {
  test('makes a user of it with the role it names, whatever tenant he asked for', async () => {
    const admin = await memberOf(app, tenantId, 'admin')
    const { tenants } = await accountsOf(app)
    const made = await invited(app, admin, { role: 'viewer' })
    const signedIn = await registerWith(app, made, { tenantName: 'My Own' })
    expect(await principalOf(app, signedIn)).toMatchObject({ tenantId, role: 'viewer', isOperator: false })
    expect(signedIn.tenantSlug).not.toBe('my-own')
    expect((await accountsOf(app)).tenants).toBe(tenants ?? -1)
  })

  test('adds whoever has an account to the tenant, if he was invited by name and knows his password', async () => {
    const admin = await memberOf(app, tenantId, 'admin')
    const elsewhere = await register(open, registration())
    const [{ email } = { email: '' }] = await app.records.db.query<{ email: string }>('select email from app_user where id = $1', [
      elsewhere.userId,
    ])
    const loose = await invited(app, admin)
    expect(await refusalOf(registerWith(app, loose, { email }))).toMatchObject(TAKEN)
    const named = await invited(app, admin, { email: email.toUpperCase(), role: 'member' })
    expect(await refusalOf(registerWith(app, named, { email, password: OTHER_PASSWORD }))).toMatchObject(TAKEN)
    expect([await redeemedOf(app, loose.invite.id), await redeemedOf(app, named.invite.id)]).toEqual([
      { redeemed: 0, status: 'active' },
      { redeemed: 0, status: 'active' },
    ])
    app.clock.advance(25 * 3_600_000)
    const joined = await registerWith(app, named, { email })
    const principal = await principalOf(app, joined)
    expect(principal).toMatchObject({ tenantId, role: 'member' })
    expect(joined.userId).not.toBe(elsewhere.userId)
    const [people] = await app.records.db.query<{ n: number }>('select count(*)::int as n from credential where email = $1', [email])
    expect(people?.n).toBe(1)
    // The password is one for both, so which tenant is meant must be said.
    expect(await refusalOf(signIn(app, { email, password: PASSWORD, client: newClient() }))).toMatchObject({ code: 'invalid' })
    expect(await signIn(app, { email, password: PASSWORD, tenantId, client: newClient() })).toMatchObject({ userId: joined.userId })
  })

  test('gives a password to somebody who had keys only, if he was invited by name; else his address is taken', async () => {
    const { caller, ...manager } = await memberOf(app, tenantId, 'owner')
    const email = newEmail()
    const known = await createUser(app, { ...app.one, tenantId, userId: null }, { email: email.toUpperCase(), name: 'Bob B' })
    const owner = { ...manager, caller }
    expect(await refusalOf(registerWith(app, await invited(app, owner), { email }))).toMatchObject(TAKEN)
    const joined = await registerWith(app, await invited(app, owner, { email, role: 'admin' }), { email, displayName: 'Other' })
    expect(joined.userId).toBe(known.id)
    const [row] = await app.records.db.query('select name, role, is_admin from app_user where id = $1', [known.id])
    expect(row).toEqual({ name: 'Bob B', role: 'admin', is_admin: false })
  })

  test('lends its role to no key that somebody else may hold', async () => {
    const owner = await memberOf(app, tenantId, 'owner')
    const manager = { ...app.one, tenantId, userId: null }
    const ends = async (profile: { emailVerified?: boolean; squat?: true }, role: 'member' | 'admin') => {
      const email = newEmail()
      const known = await newUser(app, manager, {
        email: profile.squat ? newEmail() : email,
        emailVerified: profile.emailVerified ?? false,
      })
      if (profile.squat) await changeUser(app, known.caller, { id: known.user.id, change: { email } })
      const joined = await registerWith(app, await invited(app, owner, { email, role }), { email })
      expect(joined.userId).toBe(known.user.id)
      return refusalOf(app.keys.principal(known.secret, { fresh: true }))
    }
    const refused = { code: 'unauthenticated' }
    // Whoever has keys writes what address he likes.
    expect(await ends({ emailVerified: true, squat: true }, 'member')).toMatchObject(refused)
    expect(await ends({}, 'member')).toMatchObject(refused)
    // An admin makes users and their keys, and says that their addresses are right.
    expect(await ends({ emailVerified: true }, 'admin')).toMatchObject(refused)
    expect(await ends({ emailVerified: true }, 'member')).toBeUndefined()
  })

  test('of somebody who may give none any more is good for nothing', async () => {
    const admin = await memberOf(app, tenantId, 'admin')
    const kept = [await invited(app, admin, { role: 'admin' }), await invited(app, admin, { role: 'viewer' })] as const
    const standing = (set: string) => app.records.db.query(`update app_user set ${set} where id = $1`, [admin.userId ?? ''])
    for (const set of ["role = 'member'", "role = 'owner', status = 'disabled'"]) {
      await standing(set)
      for (const made of kept) expect(await refusalOf(registerWith(app, made))).toMatchObject(WITHOUT_INVITE)
    }
    await standing("role = 'admin', status = 'active'")
    expect(await registerWith(app, kept[0])).toMatchObject({ tenantId })
  })

  test('is no way back in for who was shut out', async () => {
    const admin = await memberOf(app, tenantId, 'admin')
    const gone = await newMember(app, { tenantId, status: 'disabled' })
    const made = await invited(app, admin, { email: gone.email })
    expect(await refusalOf(registerWith(app, made, { email: gone.email }))).toMatchObject(TAKEN)
  })
})

test('of twenty that redeem the last of three at once, three get in', async () => {
  const made = await invited(app, runner, { redemptionsMax: 3 })
  const before = await accountsOf(app)
  const ends = await Promise.all(Array.from({ length: 20 }, () => refusalOf(registerWith(app, made))))
  expect(ends.filter((end) => end === undefined)).toHaveLength(3)
  for (const end of ends) if (end) expect(end).toMatchObject(WITHOUT_INVITE)
  expect(await redeemedOf(app, made.invite.id)).toEqual({ redeemed: 3, status: 'exhausted' })
  const after = await accountsOf(app)
  expect([after.tenants, after.users, after.sessions]).toEqual([before.tenants, before.users, before.sessions].map((n = 0) => n + 3))
})

test('whoever repeats a registration that went well is told that he has an account', async () => {
  const made = await invited(app, runner)
  const input = registration({ inviteToken: made.token })
  await register(app, input)
  expect(await refusalOf(register(app, { ...input, password: OTHER_PASSWORD }))).toMatchObject(WITHOUT_INVITE)
  expect(await refusalOf(register(app, input))).toMatchObject(TAKEN)
})

test('neither passwords nor tokens of invites and mails can be read in the database or in the log', async () => {
  const made = await invited(app, runner, { email: 'kept@secret.example' })
  await registerWith(app, made, { email: 'kept@secret.example' })
  const mail = await mailTo('kept@secret.example')
  const tables = ['tenant', 'app_user', 'credential', 'session', 'invite', 'mail', 'email_token', 'audit_event', 'rate_window', 'job']
  for (const table of tables) {
    const [{ all } = { all: '' }] = await app.records.db.query<{ all: string | null }>(
      `select string_agg(x::text, '') as all from ${table} x`,
    )
    for (const secret of [PASSWORD, made.token, String(mail?.token)]) expect(all ?? '').not.toContain(secret)
    if (['mail', 'audit_event', 'rate_window', 'job'].includes(table)) expect(all ?? '').not.toContain('kept@secret.example')
  }
  for (const secret of [PASSWORD, made.token, String(mail?.token)]) expect(JSON.stringify(app.log.entries)).not.toContain(secret)
})
