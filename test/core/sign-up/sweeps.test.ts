import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Principal } from '../../../src/core/access/principal.ts'
import { dropInvites, listInvites, revokeInvite } from '../../../src/core/sign-up/invites.ts'
import { dropSignupRequests, listSignupRequests, requestAccess } from '../../../src/core/sign-up/requests.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { newClient } from '../../support/members.ts'
import { invited, newEmail, operatorOf } from '../../support/sign-up.ts'

const DAY_MS = 86_400_000
const page = { limit: 200, offset: 0 }

let app: TestApp
let runner: Principal
beforeAll(async () => {
  app = await openTestApp()
  runner = await operatorOf(app)
}, OPEN_MS)
afterAll(() => app.close())

test('requests for access go after half a year, a bounded number at once', async () => {
  const ask = () => requestAccess(app, { email: newEmail(), organization: 'Acme', fullName: 'Ann A', client: newClient() })
  for (let i = 0; i < 3; i++) await ask()
  app.clock.advance(180 * DAY_MS)
  await ask()
  expect(await dropSignupRequests(app, 200)).toBe(0)
  app.clock.advance(1)
  expect([await dropSignupRequests(app, 2), await dropSignupRequests(app, 2)]).toEqual([2, 1])
  expect((await listSignupRequests(app, runner, page)).total).toBe(1)
})

test('invites that are good for nobody go after half a year, others stay', async () => {
  const lasting = await invited(app, runner, { expiresInHours: null })
  const revoked = await invited(app, runner, { expiresInHours: null })
  await revokeInvite(app, runner, revoked.invite.id)
  await invited(app, runner, { expiresInHours: 1 })
  app.clock.advance(180 * DAY_MS + 1)
  const fresh = await invited(app, runner)
  expect(await dropInvites(app, 1)).toBe(1)
  expect(await dropInvites(app, 200)).toBe(1)
  expect((await listInvites(app, runner, page)).invites.map(({ id }) => id)).toEqual([fresh.invite.id, lasting.invite.id])
})
