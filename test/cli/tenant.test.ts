import { afterAll, beforeAll, expect, test } from 'bun:test'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { newMember } from '../support/members.ts'
import { FakeTerminal } from '../support/terminal.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

async function run(...args: string[]): Promise<FakeTerminal & { code: number }> {
  const [row] = await app.records.db.query<{ url: string }>(
    `select 'postgres://' || current_user || '@localhost/' || current_database() || '?host=' || split_part(current_setting('unix_socket_directories'), ',', 1) as url`,
  )
  const terminal = new FakeTerminal('/', { DATABASE_URL: row?.url ?? '' })
  return Object.assign(terminal, { code: await terminal.run(...args) })
}

test('tenants are listed by slug, title and how many users they have', async () => {
  await app.records.db.query(`update tenant set title = 'The One' where id = $1`, [app.one.tenantId])
  await newMember(app, { tenantId: app.one.tenantId })
  const tenants = JSON.parse((await run('tenant', 'list', '--json')).stdout)
  expect(tenants).toContainEqual({ id: app.one.tenantId, slug: 'one', title: 'The One', users: 1, created_at: expect.any(String) })
  expect((await run('tenant', 'list')).stdout).toMatch(/^one +The One +1 +\d{4}-/m)
})

test('the users of a tenant are listed with their roles, and an owner is replaced', async () => {
  const owner = await newMember(app, { tenantId: app.two.tenantId, role: 'owner' })
  const heir = await newMember(app, { tenantId: app.two.tenantId, role: 'viewer' })
  const promoted = await run('user', 'role', heir.email, 'owner', '--tenant', 'two')
  expect([promoted.code, promoted.stdout]).toEqual([0, `${heir.email}: owner, active.\n`])
  expect((await run('user', 'status', owner.userId, 'disabled', '--tenant', 'two')).code).toBe(0)
  const users: { id: string }[] = JSON.parse((await run('tenant', 'users', 'two', '--json')).stdout)
  expect(users).toEqual([
    expect.objectContaining({ id: owner.userId, email: owner.email, role: 'owner', status: 'disabled', is_operator: false }),
    expect.objectContaining({ id: heir.userId, role: 'owner', status: 'active' }),
  ])
  expect((await run('tenant', 'users', 'two')).stdout).toContain(`${heir.userId}  ${heir.email}  -     owner  active    no `)
})

test('what is not there and what cannot be is said by name', async () => {
  const { email } = await newMember(app, { tenantId: app.two.tenantId })
  const cases: [string[], number, string][] = [
    [['tenant', 'users', 'none'], 1, "There is no tenant 'none'."],
    [['user', 'role', 'nobody@x.org', 'owner', '--tenant', 'two'], 1, "There is no user 'nobody@x.org' in the tenant 'two'."],
    [['user', 'role', email, 'owner'], 1, `There is no user '${email}' in the tenant 'default'.`],
    [['user', 'role', email, 'king', '--tenant', 'two'], 2, "'king' is not among what a user can be."],
    [['user', 'status', email, 'gone', '--tenant', 'two'], 2, "'gone' is not among what a user can be."],
    [['user', 'operator', email], 2, 'It is not said whether the user is to run the server.'],
    [['user', 'operator', email, '--on'], 1, `There is no user '${email}' in the tenant 'default'.`],
  ]
  for (const [args, code, what] of cases) {
    const { code: ended, stderr, stdout } = await run(...args)
    expect([args, ended, stderr.split('\n')[0], stdout]).toEqual([args, code, what, ''])
  }
  expect((await app.records.db.query(`select 1 from tenant where name = 'none'`)).length).toBe(0)
})
