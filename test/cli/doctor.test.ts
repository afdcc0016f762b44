import { afterAll, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { newProject } from '../support/graph-project.ts'
import { openMailServer } from '../support/mail-server.ts'
import { cloneDatabase, temporaryFolder } from '../support/postgres.ts'
import { FakeTerminal } from '../support/terminal.ts'

const dir = temporaryFolder()
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface Finding {
  check: string
  state: string
  found: string
}

async function examine(env: Record<string, string>): Promise<{ code: number; findings: Record<string, Finding>; text: string }> {
  const json = new FakeTerminal(dir, env)
  const code = await json.run('doctor', '--json')
  const plain = new FakeTerminal(dir, env)
  await plain.run('doctor')
  const findings = JSON.parse(json.stdout) as Finding[]
  return {
    code,
    findings: Object.fromEntries(findings.map((finding) => [finding.check, finding])),
    text: json.stdout + plain.stdout + plain.stderr,
  }
}

const answering = (status: number) => Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => Response.json({}, { status }) })

describe('doctor', () => {
  test('an empty machine is fit, with a word on models', async () => {
    const { code, findings } = await examine({ TETRAPORT_LISTEN: '127.0.0.1:0', TETRAPORT_DATA: `${dir}/new` })
    expect(code).toBe(0)
    expect(findings.data).toMatchObject({ state: 'ok', found: `${dir}/new will be made in ${dir}` })
    expect(findings.models).toMatchObject({ state: 'warn' })
  })

  test('a database is asked for its version', async () => {
    const database = await cloneDatabase()
    const { code, findings } = await examine({ TETRAPORT_LISTEN: '127.0.0.1:0', DATABASE_URL: database.url })
    expect(code).toBe(0)
    expect(findings.database).toMatchObject({ state: 'ok', found: expect.stringMatching(/Postgres \d+\.\d+/) })
    await database.drop()
  })

  test('what cannot work fails with a hint and without secrets', async () => {
    const other = answering(200)
    const { code, findings, text } = await examine({
      TETRAPORT_LISTEN: `127.0.0.1:${other.port}`,
      DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x',
      OPENAI_BASE_URL: 'http://127.0.0.1:1/v1',
      OPENAI_API_KEY: 'sk-hunter2',
    })
    expect(code).toBe(1)
    for (const check of ['address', 'database', 'models']) expect(findings[check]?.state).toBe('fail')
    expect(text).not.toContain('hunter2')
    await other.stop(true)
  })

  test('a mail server is asked whether it lets this server in, and nothing is sent', async () => {
    const server = await openMailServer({ login: { user: 'robot', pass: 'hunter2' } })
    const env = { TETRAPORT_LISTEN: '127.0.0.1:0', TETRAPORT_DATA: `${dir}/new`, TETRAPORT_MAIL_FROM: 'robot@example.com' }
    const urlOf = (pass: string): string => `smtp://robot:${pass}@127.0.0.1:${server.port}`
    const right = await examine({ ...env, SMTP_URL: urlOf('hunter2') })
    expect([right.code, right.findings.mail?.state, right.text.includes('hunter2')]).toEqual([0, 'ok', false])
    const wrong = await examine({ ...env, SMTP_URL: urlOf('hunter3') })
    expect([wrong.code, wrong.findings.mail?.state, wrong.text.includes('hunter3')]).toEqual([1, 'fail', false])
    expect(wrong.findings.mail?.found).toContain('535')
    const local = await examine({ ...env, TETRAPORT_MAIL_FROM: 'robot@localhost', SMTP_URL: urlOf('hunter2') })
    expect([local.code, local.findings.mail?.state]).toEqual([0, 'warn'])
    expect(server.received).toEqual([])
    await server.close()
    expect((await examine({ ...env, SMTP_URL: urlOf('hunter2') })).findings.mail).toMatchObject({ state: 'fail' })
  })

  test('graphs are loaded: what does not load is told, a manifest that cannot be used fails', async () => {
    const project = newProject({
      'langgraph.json': { graphs: { good: './good.ts:make', bad: './bad.ts:make' } },
      'good.ts': 'export const make = () => null\n',
    })
    const env = { TETRAPORT_LISTEN: '127.0.0.1:0', TETRAPORT_DATA: `${dir}/new`, TETRAPORT_GRAPHS: project.dir }
    const { code, findings } = await examine(env)
    expect([code, findings.graphs?.state]).toEqual([0, 'warn'])
    expect(findings.graphs?.found).toContain('there is no such file')
    project.write({ 'langgraph.json': '{}' })
    const broken = await examine(env)
    expect([broken.code, broken.findings.graphs?.state]).toEqual([1, 'fail'])
    project.remove()
  })

  test.each([
    ['LangGraph', 'TETRAPORT_LANGGRAPH_LISTEN', '--listen-langgraph'],
    ['Entities', 'TETRAPORT_ENTITIES_LISTEN', '--listen-entities'],
  ])("the %s surface's own address is looked at too", async (_, variable, flag) => {
    const other = answering(200)
    const taken = `127.0.0.1:${other.port}`
    const { code, findings } = await examine({ TETRAPORT_LISTEN: '127.0.0.1:0', [variable]: taken })
    expect(code).toBe(1)
    expect(findings.address).toMatchObject({
      state: 'fail',
      found: expect.stringContaining(taken),
      hint: expect.stringContaining(flag),
    })
    await other.stop(true)
  })

  test('a file store and a vectors server that do not answer fail without their secrets', async () => {
    const { code, findings, text } = await examine({
      TETRAPORT_LISTEN: '127.0.0.1:0',
      TETRAPORT_DATA: `${dir}/stores`,
      TETRAPORT_FILES_S3_BUCKET: 'kept',
      TETRAPORT_FILES_S3_ENDPOINT: 'http://127.0.0.1:1',
      TETRAPORT_FILES_S3_ACCESS_KEY_ID: 'someone',
      TETRAPORT_FILES_S3_SECRET_ACCESS_KEY: 'hunter2',
      TETRAPORT_VECTORS_ADAPTER: 'qdrant',
      QDRANT_URL: 'http://127.0.0.1:1',
      QDRANT_API_KEY: 'hunter3',
    })
    expect(code).toBe(1)
    expect(findings.files).toMatchObject({ state: 'fail', found: expect.stringContaining('bucket kept') })
    expect(findings.vectors).toMatchObject({ state: 'fail', found: expect.stringContaining('Qdrant') })
    expect(text).not.toMatch(/hunter/)
  })

  test('a provider that refuses the key is told from one that answers', async () => {
    for (const [status, state] of [
      [200, 'ok'],
      [401, 'fail'],
      [503, 'warn'],
    ] as const) {
      const provider = answering(status)
      const { findings } = await examine({ TETRAPORT_LISTEN: '127.0.0.1:0', OPENAI_BASE_URL: `http://127.0.0.1:${provider.port}/v1` })
      expect([status, findings.models?.state]).toEqual([status, state])
      await provider.stop(true)
    }
  })

  test('mistakes of the configuration are findings, and exit 2', async () => {
    const { code, findings } = await examine({ TETRAPORT_LISTEN: 'x' })
    expect(code).toBe(2)
    expect(findings.config).toMatchObject({ state: 'fail', found: expect.stringContaining('host:port') })
  })
})

describe('health', () => {
  async function ask(status: number, body: object): Promise<FakeTerminal & { code: number }> {
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => Response.json(body, { status }) })
    const terminal = new FakeTerminal(dir, { TETRAPORT_LISTEN: `0.0.0.0:${server.port}` })
    const code = await terminal.run('health')
    await server.stop(true)
    return Object.assign(terminal, { code })
  }

  test('a ready server is exit 0, asked on this machine also when it listens everywhere', async () => {
    const { code, stdout } = await ask(200, { status: 'ready', checks: { database: 'ok' } })
    expect([code, stdout]).toEqual([0, expect.stringContaining('ready: http://127.0.0.1:')])
  })

  test('a server that is not ready is exit 1 and says why', async () => {
    const { code, stderr } = await ask(503, { checks: { database: 'does not answer', worker: 'ok' } })
    expect([code, stderr.split('\n')[1]]).toEqual([1, 'database: does not answer'])
  })

  test('no server is exit 3', async () => {
    const terminal = new FakeTerminal(dir, {})
    expect(await terminal.run('health', '--url', 'http://127.0.0.1:1')).toBe(3)
    expect(terminal.stderr.trimEnd().split('\n')).toHaveLength(3)
  })
})
