import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dropFolder, endAll, startStub, startTested, temporaryFolder, testedProgram } from './children.ts'
import { median, percentile } from './statistics.ts'

// Whether the time of an answer tells if an address is known: signing in, forgetting, registering, inviting; see README.md.

/** What the medians may differ by. */
const GATE_MS = 5
const OPERATOR = { email: 'root@bench.example', password: 'Harbour-lantern-42-quiet' }
const PASSWORD = 'Copper-otter-88-window'
const WRONG = 'never-the-right-one-5521'
/** Good enough to register with; who knows the right one is told more. */
const OTHER = 'Seven-kites-over-Bergen-31'
/** What limits allow for one address within the time that this takes: registering was the first of three. */
const TRIES_EACH = 2
const REDEMPTIONS = 10
const TIME_MAX_MS = 30 * 60_000

const { values } = parseArgs({
  options: {
    tries: { type: 'string', default: '500' },
    executable: { type: 'string', default: 'dist/tetraport' },
    sources: { type: 'boolean', default: false },
  },
})
const tries = Number(values.tries)
const people = Math.ceil(tries / TRIES_EACH)

let places = 0
/** Of a network of its own each, so that only addresses of people are counted. */
function newPlace(): string {
  places++
  return `10.${(places >> 8) & 255}.${places & 255}.1`
}

interface Api {
  url: string
  /** The operator's. */
  token: string
}

interface Answer {
  status: number
  ms: number
  body: Record<string, unknown>
}

async function post({ url, token }: Api, path: string, body: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json', 'x-forwarded-for': newPlace(), ...(token && { authorization: `Bearer ${token}` }) }
  const began = performance.now()
  const response = await fetch(`${url}/api/v1/auth${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await response.text()
  return { status: response.status, ms: performance.now() - began, body: JSON.parse(text) as Record<string, unknown> }
}

/** Mail domains are counted too. */
const known = (i: number): string => `known-${i}@d${i % 100}.example`
const unknown = (i: number): string => `unknown${i}@d${i % 100}.example`

const registration = (email: string, password = OTHER) => ({ email, password, tenant_name: 'Bench', accept_terms: true })

async function populate(api: Api): Promise<void> {
  let invite: unknown
  for (let i = 0; i < people; i++) {
    if (i % REDEMPTIONS === 0) invite = (await post(api, '/invites', { max_redemptions: REDEMPTIONS })).body.invite_token
    const { status, body } = await post({ ...api, token: '' }, '/register', { ...registration(known(i), PASSWORD), invite_token: invite })
    if (status !== 201) throw new Error(`${status}: ${JSON.stringify(body)}`)
    // The same for those who are not there, so that both were counted once.
    await post({ ...api, token: '' }, '/register', registration(unknown(i)))
  }
}

const CASES: Record<string, { status: number; ask: (api: Api, email: string) => Promise<Answer> }> = {
  'sign in, wrong password': { status: 401, ask: (api, email) => post({ ...api, token: '' }, '/token', { email, password: WRONG }) },
  'forgot a password': { status: 202, ask: (api, email) => post({ ...api, token: '' }, '/password/forgot', { email }) },
  'register without an invite': { status: 403, ask: (api, email) => post({ ...api, token: '' }, '/register', registration(email)) },
  'invite somebody': { status: 201, ask: (api, email) => post(api, '/invites', { invited_email: email }) },
}

interface Times {
  known: number[]
  unknown: number[]
}

async function compare(api: Api, { status, ask }: (typeof CASES)[string]): Promise<Times> {
  const times: Times = { known: [], unknown: [] }
  for (let i = 0; i < tries; i++) {
    // In turn who is first, as the one before leaves work behind.
    for (const kind of i % 2 === 0 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const)) {
      const answer = await ask(api, (kind === 'known' ? known : unknown)(i % people))
      if (answer.status !== status) throw new Error(`${answer.status} instead of ${status}: ${JSON.stringify(answer.body)}`)
      times[kind].push(answer.ms)
    }
  }
  return times
}

const shown = (ms: number): string => `${ms.toFixed(2)} ms`.padStart(10)

function report(name: string, { known: there, unknown: missing }: Times): boolean {
  const difference = Math.abs(median(there) - median(missing))
  const isFine = difference < GATE_MS
  // How much two halves of the same kind differ: what is less means nothing.
  const noise = Math.abs(median(there.filter((_, i) => i % 4 < 2)) - median(there.filter((_, i) => i % 4 >= 2)))
  const p90 = Math.abs(percentile(there, 90) - percentile(missing, 90))
  const columns = [median(there), median(missing), difference, noise, p90].map(shown).join(' ')
  console.log(`${name.padEnd(28)}${columns}  ${isFine ? 'ok' : 'MISSED'}`)
  return isFine
}

async function measure(): Promise<boolean> {
  const dir = temporaryFolder()
  const passwordFile = join(dir, 'password')
  writeFileSync(passwordFile, OPERATOR.password)
  const settings = {
    TETRAPORT_ADMIN_EMAIL: OPERATOR.email,
    TETRAPORT_ADMIN_PASSWORD_FILE: passwordFile,
    TETRAPORT_HTTP_TRUSTED_PROXIES: '127.0.0.1/32',
  }
  const tested = testedProgram({ executable: values.executable, sources: values.sources })
  const server = await startTested({ ...tested, settings }, join(dir, 'data'), await startStub())
  const { access_token: token } = (await post({ url: server.url, token: '' }, '/token', OPERATOR)).body
  if (typeof token !== 'string') throw new Error('The operator cannot sign in.')
  const api = { url: server.url, token }
  await populate(api)
  console.log(`${tries} tries each; medians, their difference, noise within one kind, difference of p90; gate ${GATE_MS} ms`)
  console.log(`${''.padEnd(28)}${['known', 'unknown', 'apart', 'noise', 'p90 apart'].map((word) => word.padStart(10)).join(' ')}`)
  const fine: boolean[] = []
  for (const [name, row] of Object.entries(CASES)) fine.push(report(name, await compare(api, row)))
  await server.stop()
  dropFolder(dir)
  return fine.every(Boolean)
}

const late = setTimeout(() => {
  void endAll().then(() => process.exit(1))
}, TIME_MAX_MS)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void endAll().then(() => process.exit(1)))
try {
  process.exitCode = (await measure()) ? 0 : 3
} finally {
  clearTimeout(late)
  await endAll()
}
