import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { Caller } from '../../src/core/caller.ts'
import { verifyEmail } from '../../src/core/sessions/email.ts'
import { createEmailToken } from '../../src/core/sessions/email-tokens.ts'
import { changePassword, confirmPasswordReset } from '../../src/core/sessions/passwords.ts'
import { refreshSession } from '../../src/core/sessions/refresh.ts'
import type { SignedIn } from '../../src/core/sessions/session.ts'
import { signOut, signOutAll } from '../../src/core/sessions/sessions.ts'
import { signIn } from '../../src/core/sessions/sign-in.ts'
import { within } from '../../src/drivers/records/errors.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import {
  type Member,
  newClient,
  newMember,
  OTHER_PASSWORD,
  openFor,
  PASSWORD,
  principalOf,
  quickPasswords,
  refusalOf,
} from '../support/members.ts'
import { Crash, CrashDb, type CrashPoint, showPoint } from './graph-crash-db.ts'

setDefaultTimeout(300_000)

const PART_MS = 30_000

let heir: TestApp
let tenant: Caller
beforeAll(async () => {
  heir = { ...(await openTestApp()), passwords: quickPasswords }
  tenant = await heir.newTenant()
}, OPEN_MS)
afterAll(() => heir.close())

/** Somebody who is signed in, before the process begins that is to end. */
interface Stage {
  member: Member
  signedIn: SignedIn
  /** To reset the password with. */
  reset: string
  verification: string
}
interface Course {
  play(app: TestApp, stage: Stage): Promise<unknown>
  /** What is wrong with what is left, seen from the next process. */
  check(stage: Stage, answer: unknown): Promise<string[]>
}

async function setStage(): Promise<Stage> {
  const member = await newMember(heir, { tenantId: tenant.tenantId, verified: false })
  const signedIn = await openFor(heir, member)
  const input = { credentialId: member.credentialId, email: member.email }
  const [reset, verification] = await Promise.all(
    (['reset_password', 'verify_email'] as const).map((kind) => createEmailToken(heir, { ...input, kind })),
  )
  return { member, signedIn, reset: reset?.token ?? '', verification: verification?.token ?? '' }
}

const refresh = (app: TestApp, refreshToken: string) => refreshSession(app, { refreshToken, client: newClient() })
const inWith = ({ email }: Member, password: string): Promise<SignedIn | undefined> =>
  signIn(heir, { email, password, client: newClient() }).catch(() => undefined)
const lives = async ({ accessToken }: SignedIn): Promise<boolean> =>
  (await refusalOf(heir.keys.principal(accessToken, { fresh: true }))) === undefined
const unless = (isRight: boolean, wrong: string): string[] => (isRight ? [] : [wrong])

const countOf = async (text: string, id: string): Promise<number> =>
  (await heir.records.db.query<{ n: number }>(`select count(*)::int as n from ${text}`, [id]))[0]?.n ?? 0

/** The old password with all sessions and links, or the new one with none, and written down. */
async function checkPassword({ member, signedIn }: Stage, event: string): Promise<string[]> {
  const about = `details::text like '%' || c.id || '%' or a.user_id = u.id`
  const noted = await countOf(
    `audit_event a, credential c join app_user u on u.credential_id = c.id
    where a.event = '${event}' and a.result = 'success' and (${about}) and c.id = $1`,
    member.credentialId,
  )
  const links = await countOf(`email_token where kind = 'reset_password' and credential_id = $1`, member.credentialId)
  const isLive = await lives(signedIn)
  const isOld = (await inWith(member, PASSWORD)) !== undefined
  const isNew = (await inWith(member, OTHER_PASSWORD)) !== undefined
  const isWhole = isOld ? isLive && !isNew && links === 1 && noted === 0 : !isLive && isNew && links === 0 && noted === 1
  return unless(isWhole, JSON.stringify({ isOld, isNew, isLive, links, noted }))
}

const COURSES: Record<string, Course> = {
  'sign-in': {
    play: (app, { member }) => signIn(app, { email: member.email, password: PASSWORD, client: newClient() }),
    async check({ member }, answer) {
      const sessions = (await countOf('session where user_id = $1', member.userId)) - 1
      const noted = await countOf(`audit_event where event = 'session.open' and result = 'success' and user_id = $1`, member.userId)
      const again = await inWith(member, PASSWORD)
      return [
        ...unless(sessions === noted, `${sessions} sessions, ${noted} events`),
        ...unless(answer === undefined || (sessions === 1 && (await lives(answer as SignedIn))), 'answered without a session'),
        ...unless(again !== undefined && (await lives(again)), 'cannot sign in again'),
      ]
    },
  },
  refresh: {
    play: (app, { signedIn }) => refresh(app, signedIn.refreshToken),
    async check({ signedIn }, answer) {
      // The client knows the new token where it was answered, else the old one; it asks again after a moment.
      const known = (answer as SignedIn | undefined)?.refreshToken ?? signedIn.refreshToken
      heir.clock.advance(3000)
      const again = await refresh(heir, known).catch(() => undefined)
      return unless(again?.sessionId === signedIn.sessionId && (await lives(again)), 'the family is burnt')
    },
  },
  'reuse of a refresh token': {
    async play(app, { signedIn }) {
      heir.clock.advance(heir.identity.refreshGraceMs + 1)
      return refusalOf(refresh(app, signedIn.refreshToken))
    },
    async check({ signedIn }) {
      const ended = !(await lives(signedIn))
      const noted = await countOf(`audit_event where reason = 'reuse' and user_id = $1`, signedIn.userId)
      return [
        ...unless(ended === (noted === 1), `${ended ? 'ended' : 'lives'}, ${noted} events`),
        ...unless((await refusalOf(refresh(heir, signedIn.refreshToken))) !== undefined, 'the old token is good'),
        ...unless(!(await lives(signedIn)), 'the next use of the old token does not end the session'),
      ]
    },
  },
  'change of the password': {
    play: async (app, { signedIn }) =>
      changePassword(app, await principalOf(heir, signedIn), { current: PASSWORD, next: OTHER_PASSWORD, client: newClient() }),
    check: (stage) => checkPassword(stage, 'password.change'),
  },
  'reset of the password': {
    play: (app, { reset }) => confirmPasswordReset(app, { token: reset, next: OTHER_PASSWORD, client: newClient() }),
    check: (stage) => checkPassword(stage, 'password.reset'),
  },
  'verification of the address': {
    play: (app, { verification }) => verifyEmail(app, { token: verification, client: newClient() }),
    async check({ member, verification, signedIn }) {
      const isVerified = (await principalOf(heir, signedIn)).emailVerified
      const isUsed = (await refusalOf(verifyEmail(heir, { token: verification, client: newClient() }))) !== undefined
      return unless(isVerified === isUsed, `${member.email} verified ${isVerified}, link used ${isUsed}`)
    },
  },
  'signing out': {
    async play(app, { signedIn, member }) {
      const principal = await principalOf(heir, signedIn)
      await signOut(app, principal, await openFor(heir, member))
      return signOutAll(app, principal)
    },
    async check({ signedIn, member }, answer) {
      const live = await countOf('session where revoked_at is null and user_id = $1', member.userId)
      return [
        ...unless(answer === undefined || live === 0, `${live} live`),
        ...unless((await lives(signedIn)) === live > 0, `${live} live`),
      ]
    },
  },
}

/** In a process that ends at the point. */
async function play(course: Course, point?: CrashPoint): Promise<{ names: string[]; crashed: boolean; wrong: string[] }> {
  const stage = await setStage()
  if (course === COURSES['reuse of a refresh token']) await refresh(heir, stage.signedIn.refreshToken)
  const ended = Promise.withResolvers<undefined>()
  const crash = new Crash(point, () => ended.resolve(undefined))
  const app = { ...heir, db: new CrashDb(heir.records.db, crash) as unknown as TestApp['db'] }
  const answer = await within(PART_MS, Promise.race([course.play(app, stage), ended.promise]), () => new Error('the course does not end'))
  const wrong = await course.check(stage, answer)
  return { names: crash.names, crashed: crash.crashed, wrong: [...wrong, ...(await orphans())] }
}

async function orphans(): Promise<string[]> {
  const rows = await heir.records.db.query<{ id: string }>(
    `select s.id from session s left join app_user u on u.id = s.user_id and u.credential_id = s.credential_id and u.tenant_id = s.tenant_id
    left join credential c on c.id = s.credential_id where u.id is null or c.id is null`,
  )
  return rows.map(({ id }) => `session ${id} without its user`)
}

/** Before and after every statement. */
function pointsOf(names: readonly string[]): CrashPoint[] {
  const counts = new Map<string, number>()
  return names.flatMap((name) => {
    const nth = (counts.get(name) ?? 0) + 1
    counts.set(name, nth)
    return (['before', 'after'] as const).map((side) => ({ name, nth, side }))
  })
}

for (const [name, course] of Object.entries(COURSES))
  test(`${name} is done or not done, whichever statement its process ends at`, async () => {
    const whole = await play(course)
    expect(whole.wrong).toEqual([])
    const wrong: unknown[] = []
    let crashed = 0
    for (const point of pointsOf(whole.names)) {
      const played = await play(course, point)
      if (played.crashed) crashed++
      if (played.wrong.length > 0) wrong.push([showPoint(point), played.wrong])
    }
    expect(wrong).toEqual([])
    expect(crashed).toBe(whole.names.length * 2)
    expect(whole.names.length).toBeGreaterThanOrEqual(2)
  })
