import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Principal } from '../../../src/core/access/principal.ts'
import { newId } from '../../../src/core/id.ts'
import { listMails, readMail } from '../../../src/core/mail/mail.ts'
import { listInvites } from '../../../src/core/sign-up/invites.ts'
import {
  type AccessRequest,
  approveRequest,
  listSignupRequests,
  rejectRequest,
  requestAccess,
  type SignupRequest,
} from '../../../src/core/sign-up/requests.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { newClient, refusalOf } from '../../support/members.ts'
import { memberOf, newEmail, operatorOf, redeemedOf, registerWith, under } from '../../support/sign-up.ts'

let app: TestApp
let runner: Principal
beforeAll(async () => {
  app = await openTestApp()
  runner = await operatorOf(app)
}, OPEN_MS)
afterAll(() => app.close())

const request = (given: Partial<AccessRequest> = {}): AccessRequest => ({
  ...{ email: newEmail(), organization: 'Acme', fullName: 'Ann A', client: newClient() },
  ...given,
})

const listed = (status?: SignupRequest['status']) => listSignupRequests(app, runner, { status, limit: 200, offset: 0 })

async function asked(given: Partial<AccessRequest> = {}): Promise<SignupRequest> {
  await requestAccess(app, request(given))
  const [newest] = (await listed()).requests
  if (!newest) throw new Error('nobody has asked')
  return newest
}

test('a request is kept as it was asked, under every policy', async () => {
  const client = newClient()
  for (const policy of ['public', 'invite_only', 'approval'] as const) {
    const email = newEmail()
    await requestAccess(
      under(app, policy),
      request({ email: ` ${email.toUpperCase()}`, organization: ' Acme ', fullName: ' Ann A', message: ' Hello ', client }),
    )
    const [newest] = (await listed()).requests
    expect(newest).toMatchObject({ email, organization: 'Acme', fullName: 'Ann A', message: 'Hello', status: 'pending' })
  }
  const [row] = await app.records.db.query<{ row: string }>(
    'select r::text as row from signup_request r order by created_at desc, id desc limit 1',
  )
  expect(row?.row).not.toContain(client.ip)
  expect(row?.row).not.toContain(client.userAgent)
})

test('who asks has a name, and his organization too', async () => {
  const { total } = await listed()
  const blank = (given: Partial<AccessRequest>) => refusalOf(requestAccess(app, request(given)))
  expect(await blank({ organization: '  ' })).toMatchObject({ code: 'invalid', facts: { param: 'organization' } })
  expect(await blank({ fullName: '\t ' })).toMatchObject({ code: 'invalid', facts: { param: 'full_name' } })
  expect((await listed()).total).toBe(total)
})

test('who asks twice has asked twice; from one address three may wait', async () => {
  const client = newClient()
  const email = newEmail()
  for (let n = 0; n < 3; n++) await requestAccess(app, request({ email: n < 2 ? email : newEmail(), client }))
  expect(await refusalOf(requestAccess(app, request({ client })))).toMatchObject({
    ...{ code: 'rate_limited', facts: { retryAfterMs: expect.any(Number) } },
  })
  const waiting = (await listed('pending')).requests.filter((one) => one.email === email)
  expect(waiting).toHaveLength(2)
  await rejectRequest(app, runner, { id: waiting[0]?.id ?? '' })
  await requestAccess(app, request({ client }))
})

test('of ten that ask at once from one address three are kept', async () => {
  const client = newClient()
  const ends = await Promise.all(Array.from({ length: 10 }, () => refusalOf(requestAccess(app, request({ client })))))
  expect(ends.filter((end) => end === undefined)).toHaveLength(3)
})

test('the quotas are those of registering, counted apart', async () => {
  const email = newEmail()
  for (let n = 0; n < 3; n++) await requestAccess(app, request({ email }))
  expect(await refusalOf(requestAccess(app, request({ email })))).toMatchObject({ code: 'rate_limited' })
})

test('what fills in the hidden field is answered alike, counted alike, and kept nowhere', async () => {
  const { total } = await listed()
  const email = newEmail()
  expect(await requestAccess(app, request({ email, honeypot: ' x ' }))).toBeUndefined()
  expect((await listed()).total).toBe(total)
  for (const honeypot of ['', '  ']) expect(await requestAccess(app, request({ email, honeypot }))).toBeUndefined()
  expect((await listed()).total).toBe(total + 2)
  expect(await refusalOf(requestAccess(app, request({ email, honeypot: 'x' })))).toMatchObject({ code: 'rate_limited' })
})

test('the list is newest first, filtered and paged', async () => {
  const first = await asked()
  const second = await asked()
  const page = await listSignupRequests(app, runner, { status: 'pending', limit: 1, offset: 1 })
  expect(page.requests).toEqual([first])
  expect(page.total).toBe((await listed('pending')).total)
  await rejectRequest(app, runner, { id: second.id, reason: 'no' })
  expect((await listed('rejected')).requests[0]).toMatchObject({ id: second.id, decisionReason: 'no', decidedBy: runner.userId })
  expect((await listed('pending')).requests.map(({ id }) => id)).not.toContain(second.id)
})

test('an approval makes one invite for the address that asked, mails it there, and is linked with it', async () => {
  const { id, email } = await asked()
  const { request: approved, invite, token } = await approveRequest(app, runner, { id, note: 'welcome' })
  expect(approved).toMatchObject({ id, status: 'approved', decisionReason: 'welcome', inviteTokenHint: token.slice(0, 8) })
  expect(invite).toMatchObject({ tenantId: null, email, requestId: id, redemptionsMax: 1, note: 'welcome', issuedBy: runner.userId })
  expect(invite.expiresAt).toBe(app.clock.now() + 72 * 3_600_000)
  expect((await listInvites(app, runner, { requestId: id, limit: 10, offset: 0 })).invites).toEqual([invite])
  const caller = { ...app.one, userId: null, keyId: null }
  const [mail] = await listMails(app, caller, { limit: 1 })
  expect((await readMail(app, caller, mail?.id ?? ''))?.content?.about).toMatchObject({ kind: 'signup_approved', to: email, token })
  await registerWith(under(app, 'approval'), { token }, { email })
  expect(await redeemedOf(app, invite.id)).toEqual({ redeemed: 1, status: 'exhausted' })
})

test('the invite lives as long as the approval says', async () => {
  const forever = await approveRequest(app, runner, { id: (await asked()).id, expiresInHours: null })
  expect(forever.invite.expiresAt).toBeNull()
  const { id } = await asked()
  expect(await refusalOf(approveRequest(app, runner, { id, expiresInHours: 1000 }))).toMatchObject({ code: 'invalid' })
  expect(await refusalOf(approveRequest(app, runner, { id, note: 'x'.repeat(513) }))).toMatchObject({ code: 'invalid' })
  expect(await refusalOf(rejectRequest(app, runner, { id, reason: 'x'.repeat(513) }))).toMatchObject({ code: 'invalid' })
  expect((await approveRequest(app, runner, { id, expiresInHours: 1 })).invite.expiresAt).toBe(app.clock.now() + 3_600_000)
})

test('what was decided stays decided', async () => {
  const approved = await asked()
  await approveRequest(app, runner, { id: approved.id })
  const rejected = await asked()
  await rejectRequest(app, runner, { id: rejected.id })
  for (const { id } of [approved, rejected]) {
    expect(await refusalOf(approveRequest(app, runner, { id }))).toMatchObject({ code: 'wrong_state' })
    expect(await refusalOf(rejectRequest(app, runner, { id }))).toMatchObject({ code: 'wrong_state' })
  }
  for (const id of [newId(), 'none']) {
    expect(await refusalOf(approveRequest(app, runner, { id }))).toMatchObject({ code: 'not_found', facts: { kind: 'signup_request' } })
    expect(await refusalOf(rejectRequest(app, runner, { id }))).toMatchObject({ code: 'not_found', facts: { kind: 'signup_request' } })
  }
})

test('of ten that decide at once one does, and there is one invite', async () => {
  const { id } = await asked()
  const ends = await Promise.all(
    Array.from({ length: 10 }, (_, n) => refusalOf(n % 2 ? approveRequest(app, runner, { id }) : rejectRequest(app, runner, { id }))),
  )
  expect(ends.filter((end) => end === undefined)).toHaveLength(1)
  const { status } = (await listed()).requests.find((one) => one.id === id) ?? {}
  expect((await listInvites(app, runner, { requestId: id, limit: 10, offset: 0 })).total).toBe(status === 'approved' ? 1 : 0)
})

test('nobody but operators sees requests or decides', async () => {
  const { id } = await asked()
  const owner = await memberOf(app, (await app.newTenant()).tenantId, 'owner')
  const works = [
    listSignupRequests(app, owner, { limit: 1, offset: 0 }),
    approveRequest(app, owner, { id }),
    rejectRequest(app, owner, { id }),
    approveRequest(app, owner, { id: newId() }),
  ]
  for (const work of works) expect(await refusalOf(work)).toMatchObject({ code: 'forbidden', facts: { why: 'insufficient_scope' } })
})
