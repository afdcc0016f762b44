import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { operator } from '../../../src/core/identity/tenants.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { createOperator } from '../../../src/core/sign-up/operator.ts'
import { said } from '../../contract/platform-journey.ts'
import { type Mailbox, mailServerBox } from '../../contract/platform-mails.ts'
import { RecordedLog } from '../../support/app.ts'
import { BEHIND_PROXY, Device, type Said } from '../../support/device.ts'
import { eventually } from '../../support/eventually.ts'
import { type MailServer, openMailServer } from '../../support/mail-server.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { FakeTerminal } from '../../support/terminal.ts'

const ALL_MS = 120_000
const ROOT = { email: 'root@example.com', password: 'Harbour-lantern-42-quiet' }
const SMTP_PASSWORD = 'postman-planted-9c1f'
const SERVICE_SECRET = 'signing-planted-77aa-of-enough-letters'
const FIRST = 'Copper-otter-88-window'
const SECOND = 'Seven-kites-over-Bergen-31'
const WRONG = 'never-the-right-one-5521'
const EMAIL = 'ann@example.com'

/** What nobody may find, each with what it is. */
const planted = new Map<string, string>([
  [ROOT.password, 'the password of the operator'],
  [FIRST, 'a password'],
  [SECOND, 'a new password'],
  [WRONG, 'a wrong password'],
  [SMTP_PASSWORD, 'the password of the mail server'],
  [SERVICE_SECRET, 'the secret of machines'],
])

/** Tokens: what makes them secret is their end. */
function plant(what: string, secret: unknown): string {
  const text = String(secret)
  planted.set(text.includes('.') ? text.slice(text.lastIndexOf('.') + 1) : text.slice(8), what)
  return text
}

const foundIn = (text: string): string[] => [...planted].filter(([secret]) => text.includes(secret)).map(([, what]) => what)

let mailServer: MailServer
let served: Served
let mails: Mailbox
const log = new RecordedLog()
/** Every answer that is an error. */
const errors: Said[] = []

beforeAll(async () => {
  mailServer = await openMailServer({ login: { user: 'tetraport', pass: SMTP_PASSWORD } })
  const mail = { smtpUrl: `smtp://tetraport:${SMTP_PASSWORD}@127.0.0.1:${mailServer.port}`, from: 'tetraport@example.com' }
  served = await serve({}, { ...BEHIND_PROXY, worker: true, jobs: true, log, mail, auth: { serviceSecret: SERVICE_SECRET } })
  mails = mailServerBox(mailServer)
  await createOperator(served.app, await operator(served.app), ROOT)
  await plantKeys()
  await live()
}, ALL_MS + SERVER_START_MS)
afterAll(async () => {
  await served?.close()
  await mailServer?.close()
})

/** The private keys that sign tokens. */
async function plantKeys(): Promise<void> {
  await served.app.tokens.publicKeys()
  const rows = await served.app.records.db.query<{ kid: string; sealed: string }>('select kid, sealed from token_key')
  expect(rows.length).toBeGreaterThan(0)
  for (const { kid, sealed } of rows) {
    const jwk = JSON.parse(await openedKey(kid, sealed)) as { d: string }
    planted.set(jwk.d, `the private key ${kid}`)
  }
}

const openedKey = async (kid: string, sealed: string): Promise<string> => {
  const text = await served.app.vault.open(sealed, `token_key:${kid}`)
  if (text === undefined) throw new Error(`${kid} cannot be opened`)
  return text
}

const refused = async (answer: Promise<Said>): Promise<void> => {
  const given = await answer
  expect(given.status).toBeGreaterThanOrEqual(400)
  errors.push(given)
}

/** What a person does, well and badly. */
async function live(): Promise<void> {
  const root = new Device(served)
  const ann = new Device(served)
  said(await root.signIn(ROOT.email, ROOT.password), 200)
  plant('an access token', root.access)
  plant('a refresh token', root.refresh)
  const invite = plant('an invite', said(await root.auth('POST', '/invites', { invited_email: EMAIL }), 201).invite_token)
  const body = { email: EMAIL, password: FIRST, tenant_name: 'Ann', invite_token: invite }
  await refused(ann.register({ ...body, email: 'eve@example.com' }))
  await refused(ann.register({ ...body, tenant_name: 'x' }))
  said(await ann.register(body), 201)
  await refused(new Device(served).register(body))
  const verification = plant('a verification token', await mails.secretTo(EMAIL, 'verify-email'))
  await refused(ann.send('GET', `/api/v1/auth/email/verify?token=${verification}`))
  said(await ann.auth('POST', '/email/verify', { token: verification }), 200)
  await refused(ann.auth('POST', '/email/verify', { token: verification }))
  await refused(ann.signIn(EMAIL, WRONG))
  said(await ann.signIn(EMAIL, FIRST), 200)
  plant('an access token', ann.access)
  plant('a refresh token', ann.refresh)
  await misspell(ann)
  await repeatAndRun(ann)
  await machines(ann)
  await breakTables(ann)
  said(await ann.auth('POST', '/password/change', { current_password: FIRST, new_password: SECOND }), 200)
  said(await ann.auth('POST', '/password/forgot', { email: EMAIL }), 202)
  const reset = plant('a reset token', await mails.secretTo(EMAIL, 'reset-password'))
  await refused(ann.auth('POST', '/password/confirm', { token: reset, new_password: FIRST }))
  await refused(ann.auth('POST', '/password/confirm', { token: `${reset.slice(0, -1)}x`, new_password: FIRST }))
  said(await ann.auth('POST', '/password/forgot', { email: EMAIL }), 202)
  plant('a second reset token', await mails.secretTo(EMAIL, 'reset-password'))
}

/** Requests that are wrong, with secrets in them. */
async function misspell(ann: Device): Promise<void> {
  const json = { 'content-type': 'application/json' }
  for (const broken of [
    `{"email":"${EMAIL}","password":"${FIRST}"`,
    `{"email":"${EMAIL}","password":${FIRST}}`,
    `password=${FIRST}&email=${EMAIL}`,
    `"${FIRST}"`,
    `["${FIRST}"]`,
  ]) {
    await refused(ann.auth('POST', '/token', broken, json))
    await refused(ann.auth('POST', '/register', broken, json))
  }
  await refused(ann.auth('POST', '/token', { email: FIRST, password: FIRST }))
  await refused(ann.auth('POST', '/token', { email: EMAIL, password: [FIRST] }))
  await refused(ann.auth('POST', '/token', { email: EMAIL, passwort: FIRST }))
  await refused(ann.auth('POST', '/token', { email: EMAIL, password: FIRST, tenant_id: FIRST }))
  await refused(ann.auth('POST', `/token?password=${FIRST}`, {}))
  await refused(ann.auth('GET', `/me?access_token=${ann.access}`, undefined, { authorization: 'Bearer none' }))
  await refused(ann.auth('POST', '/refresh', { refresh_token: ann.access }))
  await refused(ann.auth('POST', '/logout', { refresh_token: { a: ann.refresh } }))
  await refused(ann.auth('POST', '/password/change', { current_password: WRONG, new_password: SECOND }))
  await refused(ann.auth('POST', '/password/change', { current_password: FIRST, new_password: FIRST }))
  const basic = `Basic ${btoa(`${EMAIL}:${FIRST}`)}`
  planted.set(btoa(`${EMAIL}:${FIRST}`), 'basic credentials')
  await refused(ann.auth('GET', '/me', undefined, { authorization: basic }))
  await refused(ann.auth('GET', '/me', undefined, { authorization: `Bearer ${ann.refresh}` }))
  await refused(ann.auth('GET', '/me', undefined, { authorization: `Bearer ${FIRST}` }))
  await refused(ann.auth('GET', '/invites', undefined, { 'x-tenant-id': FIRST }))
}

/** Repeated with a key, so that answers would be kept; and a run, for the journal. */
async function repeatAndRun(ann: Device): Promise<void> {
  const once = { 'idempotency-key': 'planted-once' }
  plant('an invite', said(await ann.auth('POST', '/invites', { role: 'viewer' }, once), 201).invite_token)
  const { id } = said(await ann.send('POST', '/v1/assistants', { model: 'echo' }, once), 200)
  const run = { assistant_id: id, thread: { messages: [{ role: 'user', content: 'Hello' }] }, stream: true }
  expect((await ann.send('POST', '/v1/threads/runs', run, { 'openai-beta': 'assistants=v2' })).text).toContain('thread.run.completed')
}

async function machines(ann: Device): Promise<void> {
  const { data } = said(await ann.auth('GET', '/me'), 200) as { data: { token_payload: JsonObject } }
  const ask = { account: 'analytics-batch', scopes: ['conversations:read'], tenant_id: String(data.token_payload.tenant_id) }
  const once = { 'idempotency-key': 'planted-machine' }
  const issued = await ann.auth('POST', '/service-accounts/browser-issue', { ...ask, reason: 'For this test.' }, once)
  const refresh_token = plant('a token of a machine', said(issued, 201).refresh_token)
  plant('an access token of a machine', said(await ann.auth('POST', '/service-accounts/exchange', { refresh_token }), 200).access_token)
  await refused(ann.auth('POST', '/service-accounts/issue', ask, { authorization: `Bearer vault:${SERVICE_SECRET}` }))
  await refused(ann.auth('POST', '/service-accounts/exchange', { refresh_token: `${refresh_token}x` }))
}

/** Our own mistakes: what the database says of a statement is told to nobody but the log. */
async function breakTables(ann: Device): Promise<void> {
  const { db } = served.app.records
  for (const table of ['credential', 'session', 'rate_window', 'audit_event']) {
    await db.query(`alter table ${table} rename to gone`)
    const failed = [
      await new Device(served).signIn(EMAIL, FIRST),
      await new Device(served).register({ email: 'bob@example.com', password: FIRST, tenant_name: 'Bob', invite_token: 'none' }),
      await ann.auth('POST', '/refresh', { refresh_token: ann.refresh }),
      await ann.auth('POST', '/password/confirm', { token: `${'0'.repeat(32)}.${'1'.repeat(64)}`, new_password: SECOND }),
    ]
    await db.query(`alter table gone rename to ${table}`)
    expect(failed.some(({ status }) => status === 500)).toBe(true)
    errors.push(...failed)
    for (const { status, body } of failed) if (status === 500) expect(body).toMatchObject({ success: false, error: 'internal' })
  }
}

test('the search finds what is there', () => {
  const raw = mailServer.received.map(({ parts }) => JSON.stringify(parts)).join()
  expect(foundIn(raw)).toEqual(expect.arrayContaining(['an invite', 'a verification token', 'a reset token']))
})

test('no answer that is an error repeats a secret', () => {
  expect(errors.length).toBeGreaterThan(40)
  expect(errors.flatMap(({ text, headers }) => foundIn(text + JSON.stringify([...headers])))).toEqual([])
})

test('no secret is in the log, at whatever level', async () => {
  await eventually(() => (mailServer.received.length >= 5 ? true : undefined))
  const text = Bun.inspect(log.entries, { depth: 30 })
  expect(log.count('request.failed')).toBeGreaterThan(0)
  expect(foundIn(text)).toEqual([])
  expect(text).not.toContain('$argon2id$')
  expect(text).not.toContain('verify-email?')
})

test('no secret is in any column of any table, journal and outbox among them', async () => {
  const { db } = served.app.records
  const tables = await db.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
  )
  const found: Record<string, string[]> = {}
  let rows = 0
  for (const { name } of tables) {
    const texts = await db.query<{ row: string }>(`select to_jsonb(t)::text as row from "${name}" t`)
    rows += texts.length
    const secrets = texts.flatMap(({ row }) => foundIn(row))
    if (secrets.length > 0) found[name] = secrets
  }
  expect(found).toEqual({})
  expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(['credential', 'mail', 'run_event', 'audit_event']))
  expect(rows).toBeGreaterThan(50)
})

describe('the command line', () => {
  const env = (): Record<string, string> => ({
    TETRAPORT_MAIL_SMTP_URL: `smtp://tetraport:${SMTP_PASSWORD}@127.0.0.1:${mailServer.port}`,
    TETRAPORT_AUTH_SERVICE_SECRET: SERVICE_SECRET,
    TETRAPORT_DATA: served.app.config.data.dir,
    TETRAPORT_RECORDS_URL: served.database.url,
  })

  for (const command of [['config', 'show'], ['config', 'show', '--json'], ['doctor'], ['doctor', '--json']])
    test(`tetraport ${command.join(' ')} shows none`, async () => {
      const terminal = new FakeTerminal(served.app.config.data.dir, env())
      await terminal.run(...command)
      const shown = terminal.stdout + terminal.stderr
      expect(shown).toContain(command[0] === 'config' ? `smtp://tetraport:********@127.0.0.1:${mailServer.port}` : 'data')
      expect(foundIn(shown)).toEqual([])
    })
})
