import type { Db } from '../../src/drivers/records/port.ts'
import { each } from './graph-check-history.ts'
import type { Family, Person, SignUpHistory } from './sign-up-history.ts'
import { credentialsOf } from './sign-up-line.ts'
import { callPlatform, type PlatformAsk } from './sign-up-wire.ts'

interface Account {
  email: string
  user: string
  tenant: string
  verified: boolean
}

/** Who was told that he has an account has that one, who was refused has none, and nobody else is there. */
export async function checkAccounts(db: Db, { people }: SignUpHistory): Promise<string[]> {
  const violations: string[] = []
  const rows = await db.query<Account>(
    `select c.email, u.id as user, u.tenant_id as tenant, c.email_verified_at is not null as verified
    from credential c left join app_user u on u.credential_id = c.id where u.is_operator is not true`,
  )
  const accounts = Map.groupBy(rows, ({ email }) => email)
  const known = new Set(people.map(({ email }) => email))
  for (const [email, all] of accounts) {
    if (!known.has(email)) violations.push(`account ${email} was never asked for`)
    if (all.length > 1) violations.push(`account ${email} took effect ${all.length} times`)
  }
  for (const { email, state, user, tenant, verified } of people) {
    const found = accounts.get(email)?.[0]
    if (state === 'gone' && found) violations.push(`account ${email} was refused and is there`)
    if (state !== 'there') continue
    if (!found) violations.push(`acknowledged account ${email} is missing`)
    else if (found.user !== user || found.tenant !== tenant)
      violations.push(`account ${email} was acknowledged as ${user} in ${tenant} and is ${found.user} in ${found.tenant}`)
    else if (verified && !found.verified) violations.push(`the address ${email} was verified, as was acknowledged, and is not`)
  }
  return violations
}

/** Sessions that ended were ended by somebody; requests and invites are as was acknowledged. */
export async function checkActs(db: Db, { families, requests, invites }: SignUpHistory): Promise<string[]> {
  const violations: string[] = []
  const rows = await db.query<{ id: string; reason: string | null; ended: boolean }>(
    'select id, revoked_reason as reason, revoked_at is not null as ended from session',
  )
  const sessions = new Map(rows.map((row) => [row.id, row]))
  const known = new Map(families.map((family) => [family.id, family]))
  for (const { id, person, state } of families) {
    const found = sessions.get(id)
    if (!found) violations.push(`acknowledged session ${id} of ${person.email} is missing`)
    else if (state === 'live' && found.ended) violations.push(`session ${id} has ended by ${found.reason}, and nobody asked for it`)
    else if (state === 'out' && !found.ended) violations.push(`session ${id} is there, and its end was acknowledged`)
    else if (state === 'ended' && found.reason !== 'reuse') violations.push(`session ${id} is refused, and it ended by ${found.reason}`)
  }
  for (const { id, reason } of rows)
    if (reason === 'reuse' && known.get(id)?.state !== 'ended')
      violations.push(`session ${id} was ended for a token that nobody sent twice`)
  const asked = await db.query<{ id: string; email: string; status: string }>('select id, email, status from signup_request')
  const decided = new Map(asked.map(({ id, status }) => [id, status]))
  const emails = new Set(asked.map(({ email }) => email))
  for (const { email, acked, approved, rejected } of requests) {
    if (acked && !emails.has(email)) violations.push(`acknowledged request of ${email} is missing`)
    if (approved && decided.get(approved) !== 'approved')
      violations.push(`request ${approved} is ${decided.get(approved)}, acknowledged was approved`)
    for (const id of rejected)
      if (decided.get(id) !== 'rejected') violations.push(`request ${id} is ${decided.get(id)}, acknowledged was rejected`)
  }
  const there = new Set((await db.query<{ id: string }>('select id from invite')).map(({ id }) => id))
  for (const { id } of invites) if (!there.has(id)) violations.push(`acknowledged invite ${id} is missing`)
  return violations
}

/** Who was told that he is signed in, is; who signed out, is not; and whoever registered signs in with his password. */
export async function checkSignIns(base: string, { people, families }: SignUpHistory): Promise<string[]> {
  const violations: string[] = []
  const ask = (asked: PlatformAsk) => callPlatform(base, asked)
  await each(families, async (family) => void violations.push(...(await wrongOf(family, ask))))
  const settled = people.filter(({ state }) => state !== 'unknown')
  await each(settled, async (person) => void violations.push(...(await wrongSignIn(person, ask))))
  return violations
}

type Asking = (asked: PlatformAsk) => ReturnType<typeof callPlatform>

async function wrongOf({ id, access, refresh, state, person }: Family, ask: Asking): Promise<string[]> {
  const isLive = state === 'live'
  const me = await ask({ path: '/me', token: access })
  const next = await ask({ path: '/refresh', body: { refresh_token: refresh } })
  const wrong: string[] = []
  const about = `of session ${id} (${state}) of ${person.email}`
  if (me.status !== (isLive ? 200 : 401)) wrong.push(`the access token ${about} is answered ${me.status}`)
  if (next.status !== (isLive ? 200 : 401)) wrong.push(`the refresh token ${about} is answered ${next.status}`)
  else if (isLive && next.body.session_id !== id) wrong.push(`the refresh token ${about} leads to ${next.body.session_id}`)
  return wrong
}

async function wrongSignIn(person: Person, ask: Asking): Promise<string[]> {
  const { email, state, user } = person
  const { status, body } = await ask({ path: '/token', body: credentialsOf(person) })
  if (status !== (state === 'there' ? 200 : 401)) return [`sign-in of ${email} (${state}) is answered ${status}`]
  return status === 200 && body.user_id !== user ? [`sign-in of ${email} leads to ${body.user_id} instead of ${user}`] : []
}
