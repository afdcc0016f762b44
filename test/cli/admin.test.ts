import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openClient } from '../../src/drivers/records/client.ts'
import { eventually } from '../support/eventually.ts'
import { openMailServer } from '../support/mail-server.ts'
import { PASSWORD } from '../support/members.ts'
import { cloneDatabase, silentLog, type TestDatabase, temporaryFolder } from '../support/postgres.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { ROOT } from '../support/source-tree.ts'
import { FakeTerminal } from '../support/terminal.ts'

let database: TestDatabase
let dir: string
beforeAll(async () => {
  database = await cloneDatabase()
  dir = temporaryFolder()
})
afterAll(async () => {
  await database.drop()
  rmSync(dir, { recursive: true, force: true })
})

const terminalOn = (url: string, env: Record<string, string> = {}): FakeTerminal =>
  new FakeTerminal(dir, { DATABASE_URL: url, TETRAPORT_DATA: dir, ...env })

async function run(args: string[], { typed = '', url = database.url, env = {} } = {}): Promise<FakeTerminal & { code: number }> {
  const terminal = terminalOn(url, env)
  terminal.typed = typed
  const code = await terminal.run(...args)
  return Object.assign(terminal, { code })
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n$/
const operators = async (): Promise<{ id: string; email: string }[]> => JSON.parse((await run(['admin', 'list', '--json'])).stdout)

describe('an operator', () => {
  test('is made with the password that is typed, which is shown and stored nowhere', async () => {
    const made = await run(['admin', 'create', '--email', 'Ada@x.org', '--name', 'Ada'], { typed: PASSWORD })
    expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(UUID)])
    expect(made.stderr).toContain('ada@x.org runs this server now')
    expect(made.stdout + made.stderr).not.toContain(PASSWORD)
    expect(await operators()).toEqual([
      expect.objectContaining({ id: made.stdout.trim(), email: 'ada@x.org', name: 'Ada', status: 'active' }),
    ])
    expect((await run(['admin', 'list'])).stdout).toMatch(/^ID +EMAIL .*\n\S+ +ada@x\.org +Ada +active /)
    const { db, close } = await openClient(database.target, { poolMax: 1, log: silentLog, shared: true })
    const [stored] = await db.query<{ all: string }>(
      `select (select string_agg(c::text, '') from credential c) || (select string_agg(a::text, '') from audit_event a) as all`,
    )
    await close()
    expect(stored?.all).not.toContain(PASSWORD)
  })

  test('is made with the first line of a file', async () => {
    writeFileSync(join(dir, 'secret'), `${PASSWORD}\nsecond line\n`)
    const made = await run(['admin', 'create', '--email', 'file@x.org', '--password-file', 'secret', '--json'])
    expect(JSON.parse(made.stdout)).toEqual({ id: expect.any(String), email: 'file@x.org' })
    const missing = await run(['admin', 'create', '--email', 'b@x.org', '--password-file', 'none'])
    expect([missing.code, missing.stderr.split('\n')[0]]).toEqual([2, "The file with the operator's password cannot be read."])
  })

  test('is not made with a weak password, a bad address or one that is in use, and it is said why', async () => {
    const weak = await run(['admin', 'create', '--email', 'weak@x.org'], { typed: 'Weak-secret-1' })
    expect([weak.code, weak.stderr]).toEqual([1, expect.stringContaining('at least 14 characters')])
    expect(weak.stderr).not.toContain('Weak-secret-1')
    const nothing = await run(['admin', 'create', '--email', 'weak@x.org'], { typed: '' })
    expect(nothing.code).toBe(1)
    const address = await run(['admin', 'create', '--email', 'nobody'], { typed: PASSWORD })
    expect([address.code, address.stderr.split('\n')[0]]).toEqual([2, "'nobody' is no e-mail address."])
    const before = await operators()
    for (const typed of [PASSWORD, 'another Gravel 71 orbit']) {
      const twice = await run(['admin', 'create', '--email', 'ada@x.org'], { typed })
      expect([twice.code, twice.stdout, twice.stderr.split('\n')[0]]).toEqual([
        1,
        '',
        "There is an account with the e-mail address 'ada@x.org'.",
      ])
    }
    expect(await operators()).toEqual(before)
    expect((await run(['admin', 'create'])).code).toBe(2)
  })

  test('is made by a process whose standard input is the password', async () => {
    const env = { PATH: process.env.PATH, HOME: dir, DATABASE_URL: database.url, TETRAPORT_DATA: dir }
    const args = [process.execPath, join(ROOT, 'src/main.ts'), 'admin', 'create', '--email', 'piped@x.org']
    const child = Bun.spawn(args, { cwd: dir, env, stdin: new Blob([`${PASSWORD}\n`]), stdout: 'pipe', stderr: 'pipe' })
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
    expect([code, out, err]).toEqual([0, expect.stringMatching(UUID), expect.stringContaining('piped@x.org')])
    expect((await operators()).map(({ email }) => email)).toContain('piped@x.org')
  })
})

describe('beside a server', () => {
  let served: Served
  beforeAll(async () => {
    served = await serve()
  }, SERVER_START_MS)
  afterAll(() => served.close())
  const beside = (...args: string[]) =>
    run(args, { url: served.database.url, env: { APP_PUBLIC_URL: 'https://app.example' }, typed: PASSWORD })
  const register = (invite_token: string, email: string) =>
    served.send(
      'POST',
      '/api/v1/auth/register',
      { email, password: PASSWORD, tenant_name: 'None', accept_terms: true, invite_token },
      { key: null },
    )
  /** Told by the database, which is at once but not before the command has ended. The clock stands still. */
  const answers = (status: number, ask: () => Promise<Response>) => eventually(async () => (await ask()).status === status || undefined)
  const me = (key: string) => served.send('GET', '/api/v1/auth/me', undefined, { key })

  test('a claim link is for one person, and leads to the application; its token registers an operator', async () => {
    const claim = await beside('admin', 'claim-link')
    const [, token = ''] = /^https:\/\/app\.example\/register\?invite=([\w-]{43})\n$/.exec(claim.stdout) ?? []
    expect(claim.stderr).toContain(`Invite token: ${token}\n`)
    const answer = await register(token, 'claimer@x.org')
    expect(answer.status).toBe(201)
    expect(await answer.json()).toMatchObject({
      tenant_slug: 'default',
      email_verified: true,
      scopes: expect.arrayContaining(['platform:operator']),
    })
    expect((await register(token, 'late@x.org')).status).toBe(403)
  })

  test('a claim link for an address is for that one only', async () => {
    const claim = JSON.parse((await beside('admin', 'claim-link', '--email', 'Named@x.org', '--json')).stdout)
    expect(claim).toMatchObject({ link: `https://app.example/register?invite=${claim.invite_token}`, email: 'Named@x.org' })
    expect(Date.parse(claim.expires_at) - Date.now()).toBeGreaterThan(23 * 3_600_000)
    expect((await register(claim.invite_token, 'other@x.org')).status).toBe(403)
    expect((await register(claim.invite_token, 'named@x.org')).status).toBe(201)
    expect((await beside('admin', 'claim-link', '--email', 'no address')).code).toBe(2)
  })

  test('a role, a status and being an operator count at once', async () => {
    const id = (await beside('admin', 'create', '--email', 'boss@x.org')).stdout.trim()
    const answer = await served.send('POST', '/api/v1/auth/token', { email: 'boss@x.org', password: PASSWORD }, { key: null })
    const { access_token: token } = (await answer.json()) as { access_token: string }
    expect((await me(token)).status).toBe(200)
    const demoted = await beside('user', 'operator', id, '--off')
    expect(demoted.stdout).toBe('boss@x.org: owner, active.\n')
    const requests = () => served.send('GET', '/api/v1/auth/signup-requests', undefined, { key: token })
    await answers(403, requests)
    expect(JSON.parse((await beside('user', 'role', 'boss@x.org', 'viewer', '--json')).stdout)).toMatchObject({
      id,
      role: 'viewer',
      is_operator: false,
    })
    expect((await beside('user', 'status', id, 'disabled')).stdout).toBe('boss@x.org: viewer, disabled.\n')
    await answers(401, () => me(token))
  })
})

describe('the operator of the configuration', () => {
  const env = (password: string) => {
    const path = join(dir, 'operator-password')
    rmSync(path, { force: true })
    writeFileSync(path, `${password}\n`)
    chmodSync(path, 0o600)
    return {
      TETRAPORT_ADMIN_EMAIL: 'first@x.org',
      TETRAPORT_ADMIN_PASSWORD_FILE: path,
      TETRAPORT_LISTEN: '127.0.0.1:0',
      TETRAPORT_LOG_LEVEL: 'error',
    }
  }

  async function startOn(
    url: string,
    password: string,
    ...args: string[]
  ): Promise<{ terminal: FakeTerminal; code?: number; stop(): Promise<number> }> {
    const terminal = terminalOn(url, env(password))
    const exit = terminal.run('serve', ...args)
    const code = await Promise.race([terminal.printed(/"event":"listening"|^tetraport listening/m).then(() => undefined), exit])
    const stop = () => {
      terminal.stop()
      return exit
    }
    return { terminal, stop, ...(code === undefined ? {} : { code }) }
  }

  test('is made at the first start, keeps his password at the next, and the greeting asks for none', async () => {
    const own = await cloneDatabase()
    const bare = terminalOn(own.url, { TETRAPORT_LISTEN: '127.0.0.1:0', TETRAPORT_LOG_LEVEL: 'error' })
    const exit = bare.run('serve')
    await bare.printed(/^tetraport listening/m)
    expect(bare.stdout).toMatch(/^ {2}Operator +none yet: tetraport admin create --email you@example\.com$/m)
    bare.stop()
    await exit
    const first = await startOn(own.url, PASSWORD)
    expect(first.terminal.stdout).not.toContain('Operator')
    expect(first.terminal.stdout + first.terminal.stderr).not.toContain(PASSWORD)
    await first.stop()
    const second = await startOn(own.url, 'weak', '--json')
    expect(JSON.parse(second.terminal.stdout)).toMatchObject({ event: 'listening', operator: true })
    expect(await second.stop()).toBe(0)
    const listed = JSON.parse((await run(['admin', 'list', '--json'], { url: own.url })).stdout)
    expect(listed).toEqual([expect.objectContaining({ email: 'first@x.org' })])
    await own.drop()
  })

  test('keeps the server from starting where his password is weak or its file is missing', async () => {
    const own = await cloneDatabase()
    const weak = await startOn(own.url, 'Weak-secret-1')
    expect(weak.code).toBe(1)
    expect(weak.terminal.stderr).toContain('This password is too weak for first@x.org')
    expect(weak.terminal.stderr).not.toContain('Weak-secret-1')
    const missing = terminalOn(own.url, { ...env(PASSWORD), TETRAPORT_ADMIN_PASSWORD_FILE: join(dir, 'none') })
    expect(await missing.run('serve')).toBe(2)
    expect(missing.stderr).toContain("The file with the operator's password cannot be read.")
    await own.drop()
  })

  test('finds his way back by a link to the port that the server was given', async () => {
    const mails = await openMailServer()
    const smtp = { TETRAPORT_MAIL_SMTP_URL: `smtp://127.0.0.1:${mails.port}`, TETRAPORT_MAIL_FROM: 'robot@x.org' }
    const terminal = terminalOn(database.url, { ...env(PASSWORD), ...smtp })
    const exit = terminal.run('serve', '--json')
    const { url } = JSON.parse((await terminal.printed(/^.*"event":"listening".*$/m))[0])
    const body = JSON.stringify({ email: 'first@x.org' })
    const headers = { 'content-type': 'application/json' }
    await fetch(`${url}/api/v1/auth/password/forgot`, { method: 'POST', headers, body })
    const [mail] = await mails.until(1)
    expect(mail?.parts['text/plain']).toContain(`${url}/reset-password?token=`)
    terminal.stop()
    expect(await exit).toBe(0)
    await mails.close()
  })

  test('needs both an address and a file', async () => {
    const half = terminalOn(database.url, { TETRAPORT_ADMIN_EMAIL: 'first@x.org' })
    expect(await half.run('serve')).toBe(2)
    expect(half.stderr).toContain('admin_password_file is missing')
    const other = terminalOn(database.url, { TETRAPORT_ADMIN_PASSWORD_FILE: 'f' })
    expect(await other.run('config', 'show')).toBe(2)
    expect(other.stderr).toContain('admin_email is missing')
  })
})
