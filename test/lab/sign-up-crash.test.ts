import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { Principal } from '../../src/core/access/principal.ts'
import type { Caller } from '../../src/core/caller.ts'
import { operator } from '../../src/core/identity/tenants.ts'
import { createUser } from '../../src/core/identity/users.ts'
import { createOperator } from '../../src/core/sign-up/operator.ts'
import { approveRequest, requestAccess } from '../../src/core/sign-up/requests.ts'
import { register } from '../../src/core/sign-up/sign-up.ts'
import { within } from '../../src/drivers/records/errors.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { newClient, PASSWORD, refusalOf } from '../support/members.ts'
import { accountsOf, invited, memberOf, newEmail, operatorOf, registration, under } from '../support/sign-up.ts'
import { cutsOf } from './graph-crash.ts'
import { Crash, CrashDb, type CrashPoint, showPoint } from './graph-crash-db.ts'

setDefaultTimeout(300_000)

const PART_MS = 30_000

let app: TestApp
let home: Caller
let runner: Principal
let owner: Principal
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
  home = await operator(app)
  runner = await operatorOf(app)
  owner = await memberOf(app, (await app.newTenant()).tenantId, 'owner')
}, OPEN_MS)
afterAll(() => app.close())

/** What somebody asks for, as often as he does not get an answer. */
type Request = (process: TestApp) => Promise<unknown>

interface Course {
  begin(): Promise<Request>
  /** What it adds, where nothing else happens. */
  adds: Record<string, number>
  /** What a repetition is told once it is all there. */
  told: string
}

const ACCOUNT = { users: 1, credentials: 1, sessions: 1, tokens: 1, mails: 1, jobs: 1, audits: 1 }

const COURSES: Record<string, Course> = {
  'a registration': {
    async begin() {
      const input = registration()
      return (process) => register(under(process, 'public'), input)
    },
    adds: { tenants: 1, ...ACCOUNT },
    told: 'exists',
  },
  'a registration with an invite': {
    async begin() {
      const input = registration({ inviteToken: (await invited(app, runner)).token })
      return (process) => register(process, input)
    },
    adds: { tenants: 1, redeemed: 1, ...ACCOUNT },
    told: 'exists',
  },
  'the registration of somebody who had keys': {
    async begin() {
      const email = newEmail()
      await createUser(app, { ...home, tenantId: owner.tenantId ?? '' }, { email })
      const input = registration({ email, inviteToken: (await invited(app, owner, { email })).token })
      return (process) => register(process, input)
    },
    adds: { redeemed: 1, ...ACCOUNT, users: 0, roles: 1 },
    told: 'exists',
  },
  'an approval': {
    async begin() {
      const email = newEmail()
      await requestAccess(app, { email, organization: 'Acme', fullName: 'Ann A', client: newClient() })
      const [{ id } = { id: '' }] = await app.records.db.query<{ id: string }>('select id from signup_request where email = $1', [email])
      return (process) => approveRequest(process, runner, { id })
    },
    // Who asks again is told that it is decided; the token is in the mail.
    adds: { invites: 1, approved: 1, mails: 1, jobs: 1, audits: 2 },
    told: 'wrong_state',
  },
  'the making of an operator': {
    async begin() {
      const email = newEmail()
      return (process) => createOperator(process, home, { email, password: PASSWORD })
    },
    adds: { users: 1, credentials: 1, roles: 1, audits: 1 },
    told: 'exists',
  },
}

async function count(): Promise<Record<string, number>> {
  const [row] = await app.records.db.query<Record<string, number>>(`select
    (select count(*)::int from email_token) as tokens, (select count(*)::int from job) as jobs, (select count(*)::int from invite) as invites,
    (select count(*)::int from signup_request where status = 'approved') as approved, (select count(*)::int from audit_event) as audits,
    (select count(*)::int from app_user where role is not null) as roles`)
  return { ...(await accountsOf(app)), ...row }
}

function gained(before: Record<string, number>, after: Record<string, number>, adds: Record<string, number>): Record<string, number> {
  const changes = Object.entries(after).map(([name, n]) => [name, n - (before[name] ?? 0)] as const)
  return Object.fromEntries(changes.filter(([name, n]) => n !== 0 || adds[name] !== undefined))
}

interface Played {
  names: string[]
  crashed: boolean
  /** What was there when the process had ended. */
  left: 'all' | 'nothing' | Record<string, number>
  /** How the repetition in another process ended. */
  end: string | undefined
}

async function play({ begin, adds }: Course, point?: CrashPoint): Promise<Played> {
  const request = await begin()
  const ended = Promise.withResolvers<void>()
  const crash = new Crash(point, ended.resolve)
  const before = await count()
  const process = { ...app, db: new CrashDb(app.records.db, crash) } as unknown as TestApp
  await within(PART_MS, Promise.race([request(process), ended.promise]), () => new Error('the course does not end'))
  await quiet()
  const change = gained(before, await count(), adds)
  const isAll = Object.entries(adds).every(([name, n]) => change[name] === n)
  const isNothing = Object.values(change).every((n) => n === 0)
  const left = isAll ? 'all' : isNothing ? 'nothing' : change
  return { names: crash.names, crashed: crash.crashed, left, end: (await refusalOf(request(app)))?.code }
}

/** A transaction that was cut off is rolled back a moment after. */
async function quiet(): Promise<void> {
  const busy = `select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state like 'idle in%'`
  await eventually(async () => ((await app.records.db.query(busy)).length === 0 ? true : undefined), PART_MS)
}

for (const [title, course] of Object.entries(COURSES))
  test(`${title} is there as a whole or not at all, whichever statement its process ends at`, async () => {
    const whole = await play(course)
    expect(whole).toMatchObject({ crashed: false, left: 'all', end: course.told })
    const wrong: unknown[] = []
    const seen = new Set<string>()
    for (const point of cutsOf(whole.names, 3)) {
      const { crashed, left, end } = await play(course, point)
      if (crashed && typeof left === 'string') seen.add(left)
      const expected = left === 'all' ? course.told : undefined
      if (!crashed || typeof left !== 'string' || end !== expected) wrong.push([showPoint(point), { crashed, left, end }])
    }
    expect(wrong).toEqual([])
    expect([...seen].toSorted()).toEqual(['all', 'nothing'])
    expect(await accountsOf(app)).toMatchObject({ unused: 0, lost: 0, ownerless: 0 })
  })
