import { writeFileSync } from 'node:fs'
import type { Db, Records } from '../../src/drivers/records/port.ts'
import { eventually } from '../support/eventually.ts'
import { type MailServer, openMailServer } from '../support/mail-server.ts'
import { PASSWORD } from '../support/members.ts'
import { Chance } from './chance.ts'
import { checkRules } from './check-rows.ts'
import { countManners, Keeper } from './killer.ts'
import { embeddedStore, externalStore, type Store } from './postgres.ts'
import { checkAccounts, checkActs, checkSignIns } from './sign-up-check-history.ts'
import { checkMails } from './sign-up-check-mails.ts'
import { SIGN_UP_RULES } from './sign-up-check-rows.ts'
import { SignUpHistory } from './sign-up-history.ts'
import { MOMENTS, type Moment, type SignUpGround } from './sign-up-line.ts'
import { Postbox } from './sign-up-mails.ts'
import { startNewcomers } from './sign-up-traffic.ts'
import { callPlatform } from './sign-up-wire.ts'

export interface SignUpLabOptions {
  records: 'embedded' | 'external'
  kills: number
  seed: number
  clients: number
  leaseMs: number
  /** Kill 0, 7, 14, ... 294 milliseconds after requests of each kind; else soon, and do not wait for what has a time of its own. */
  finely: boolean
  progress?: (text: string) => void
  /** For the test of the checker: breaks something before it looks. */
  sabotage?: (db: Db, history: SignUpHistory, mails: MailServer) => Promise<void>
}

export interface SignUpLabReport {
  records: string
  seed: number
  kills: number
  manners: Record<string, number>
  /** Of all rows in the database. */
  rows: Record<string, number>
  counts: SignUpHistory['counts']
  refusals: Record<string, number>
  /** How many came, and how many of them once more. */
  mails: { came: number; again: number }
  /** From the end of the traffic until no mail was left to be sent. */
  settledMs: number
  seconds: number
  violations: string[]
}

const CALM_MS = { least: 100, most: 2_200, mostHurried: 500 }
const MOMENT_MAX_MS = 3_000
const FINE_STEP_MS = 7
const FINE_MAX_MS = 300
const VARIED_MAX_MS = 60_000
const SETTLE_MAX_MS = 60_000
const LOOK_MS = 50
const OPERATOR = 'operator@lab.example'

/** Clients who sign up, in and out on a server that is killed again and again; then everything they were told is looked for. */
export async function runSignUpLab(options: SignUpLabOptions): Promise<SignUpLabReport> {
  const since = performance.now()
  const chance = new Chance(options.seed)
  const store = options.records === 'embedded' ? embeddedStore() : await externalStore()
  const mails = await openMailServer()
  const keeper = new Keeper(store, environment(store, options.leaseMs, mails), chance.fork())
  try {
    await keeper.start()
    const traffic = await openTraffic(keeper, mails)
    const { history } = traffic.ground
    const clients = startNewcomers(traffic.ground, options.clients, chance.fork())
    await killAgainAndAgain(keeper, traffic, { ...options, chance: chance.fork() })
    traffic.stop()
    await clients
    const records = await eventually(() => store.look().catch(() => undefined))
    const settledMs = await settle(records.db, options.finely)
    await options.sabotage?.(records.db, history, mails)
    const violations = await check({ base: await keeper.url(), records, ...traffic.ground })
    const rows = await countRows(records.db)
    await records.close()
    const code = await keeper.stop()
    if (code !== 0) violations.push(`the last server ended with code ${code} after SIGTERM`)
    const ids = new Set(mails.received.map(({ headers }) => headers.get('message-id')))
    return {
      ...{ records: options.records, seed: options.seed, kills: keeper.killings.length, manners: countManners(keeper.killings) },
      ...{ rows, counts: history.counts, refusals: Object.fromEntries(history.refusals) },
      ...{ mails: { came: ids.size, again: mails.received.length - ids.size }, settledMs },
      ...{ seconds: Math.round((performance.now() - since) / 1000), violations },
    }
  } finally {
    await keeper.stop()
    await mails.close()
    await store.remove()
  }
}

function environment(store: Store, leaseMs: number, mails: MailServer): Record<string, string> {
  const file = `${store.dir}/operator.password`
  writeFileSync(file, PASSWORD, { mode: 0o600 })
  return {
    TETRAPORT_ADMIN_EMAIL: OPERATOR,
    TETRAPORT_ADMIN_PASSWORD_FILE: file,
    TETRAPORT_AUTH_SIGNUP: 'public',
    // That of a long course outlives it, so that a token which is refused was not just too old.
    TETRAPORT_AUTH_ACCESS_MS: String(8 * 3_600_000),
    TETRAPORT_AUTH_HASHES_AT_ONCE: '2',
    TETRAPORT_MAIL_SMTP_URL: `smtp://127.0.0.1:${mails.port}`,
    // Clients come from addresses of their own.
    TETRAPORT_HTTP_TRUSTED_PROXIES: '127.0.0.1/32',
    TETRAPORT_ENGINE_LEASE_MS: String(leaseMs),
    TETRAPORT_ENGINE_POLL_MS: '250',
  }
}

interface Traffic {
  ground: SignUpGround
  /** Resolves when a request of this kind is about to be sent. */
  next(moment: Moment): Promise<void>
  stop(): void
}

async function openTraffic(keeper: Keeper, mails: MailServer): Promise<Traffic> {
  const entered = await callPlatform(await keeper.url(), { path: '/token', body: { email: OPERATOR, password: PASSWORD } })
  if (entered.status !== 200) throw new Error(`sign-in of the operator: ${entered.status} ${JSON.stringify(entered.body)}`)
  let stopped = false
  const waiting = new Map<Moment, PromiseWithResolvers<void>>()
  return {
    ground: {
      ...{ history: new SignUpHistory(), mails: new Postbox(mails), operator: String(entered.body.access_token) },
      url: () => keeper.url(),
      onMoment(moment) {
        waiting.get(moment)?.resolve()
        waiting.delete(moment)
      },
      stopping: () => stopped,
    },
    next(moment) {
      const next = Promise.withResolvers<void>()
      waiting.set(moment, next)
      return next.promise
    },
    stop() {
      stopped = true
    },
  }
}

/** Without kills: enough of everything to be looked at. */
const isVaried = ({ counts, invites, people }: SignUpHistory): boolean =>
  people.length >= 40 &&
  counts.approved >= 4 &&
  counts.signedOut >= 2 &&
  counts.verified >= 2 &&
  invites.filter(({ email }) => email).length >= 6

async function killAgainAndAgain(keeper: Keeper, traffic: Traffic, options: SignUpLabOptions & { chance: Chance }): Promise<void> {
  const { chance, kills, finely, progress } = options
  const { history } = traffic.ground
  if (kills === 0) await eventually(() => (isVaried(history) ? true : undefined), VARIED_MAX_MS)
  for (let n = 0; n < kills; n++) {
    await Bun.sleep(chance.between(CALM_MS.least, finely ? CALM_MS.most : CALM_MS.mostHurried))
    if (finely) {
      await Promise.race([traffic.next(MOMENTS[n % MOMENTS.length] ?? 'register'), Bun.sleep(MOMENT_MAX_MS)])
      await Bun.sleep((n * FINE_STEP_MS) % FINE_MAX_MS)
    }
    // A server that is away does not begin anything: the last steps of a kill must not overlap the next one.
    await keeper.url()
    await keeper.kill()
    if ((n + 1) % 10 === 0 || n + 1 === kills)
      progress?.(`${n + 1}/${kills} kills, ${history.acked} acknowledged, ${history.complaints.length} complaints`)
  }
}

const LEFT = `select (select count(*) from job)::int + (select count(*) from mail where status = 'queued')::int as n`

/** A mail whose attempt was broken off waits for seconds. */
const HURRY = 'update job set run_at = least(run_at, now())'

/** Nobody writes any more: what is left after a minute is found by the rules. */
async function settle(db: Db, patient: boolean): Promise<number> {
  const since = performance.now()
  const elapsed = (): number => Math.round(performance.now() - since)
  while ((await db.query<{ n: number }>(LEFT))[0]?.n !== 0 && elapsed() < SETTLE_MAX_MS) {
    if (!patient) await db.query(HURRY)
    await Bun.sleep(LOOK_MS)
  }
  return elapsed()
}

interface Findings {
  base: string
  records: Records
  history: SignUpHistory
  mails: Postbox
}

/** The tables first: what is then asked over HTTP makes and ends sessions. */
async function check({ base, records: { db }, history, mails }: Findings): Promise<string[]> {
  const violations = [...history.complaints, ...(await checkRules(db, SIGN_UP_RULES))]
  violations.push(...(await checkAccounts(db, history)), ...(await checkActs(db, history)), ...(await checkMails(db, history, mails)))
  violations.push(...(await checkSignIns(base, history)))
  return violations
}

const TABLES = ['tenant', 'app_user', 'credential', 'session', 'invite', 'signup_request', 'mail', 'audit_event'] as const

async function countRows(db: Db): Promise<Record<string, number>> {
  const counts = TABLES.map((table) => `(select count(*)::int from ${table}) as ${table}`)
  const [row] = await db.query<Record<string, number>>(`select ${counts.join(', ')}`)
  return row ?? {}
}
