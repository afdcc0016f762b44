import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeTerminal } from '../support/terminal.ts'

const folders: string[] = []
afterAll(() => {
  for (const dir of folders) rmSync(dir, { recursive: true, force: true })
})

function folder(file?: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'tetraport-cli-'))
  folders.push(dir)
  if (file !== undefined) writeFileSync(join(dir, 'tetraport.toml'), file)
  return dir
}

const terminal = (env: Record<string, string> = {}, file?: string) => new FakeTerminal(folder(file), env)

describe('help', () => {
  test('no command shows the help', async () => {
    const t = terminal()
    expect(await t.run()).toBe(0)
    for (const verb of ['serve', 'key', 'health', 'config', 'doctor', 'version']) expect(t.stdout).toContain(`  ${verb}`)
  })

  test('every command explains itself', async () => {
    const verbs = ['serve', 'key', 'key create', 'key list', 'key revoke', 'health', 'config', 'config show', 'doctor', 'version']
    for (const verb of verbs) {
      const t = terminal()
      expect([verb, await t.run(...verb.split(' '), '--help')]).toEqual([verb, 0])
      expect(t.stdout).toContain(`Usage: tetraport ${verb}`)
      expect(t.stderr).toBe('')
    }
  })

  test('config show --help lists settings that have no flag', async () => {
    const t = terminal()
    await t.run('config', 'show', '--help')
    expect(t.stdout).toContain('engine.lease_ms, TETRAPORT_ENGINE_LEASE_MS')
  })
})

describe('wrong usage', () => {
  test('is three lines and exit 2, with a suggestion where one is near', async () => {
    for (const [args, what, why] of [
      [['srve'], "Unknown command 'srve'.", 'Did you mean serve?'],
      [['serve', '--lisen', 'x'], "Unknown option '--lisen'.", 'Did you mean --listen?'],
      [['key', 'revoke'], "Missing required argument 'id'.", undefined],
      [['key'], "'tetraport key' needs a command after it.", undefined],
      [['key', 'create', '--scope', 'all'], undefined, undefined],
      [['key', 'create', '--expires', 'soon'], "--expires 'soon' is not a time in the future.", undefined],
    ] as const) {
      const t = terminal()
      expect([args, await t.run(...args)]).toEqual([args, 2])
      const lines = t.stderr.trimEnd().split('\n')
      expect([args, lines.length]).toEqual([args, 3])
      if (what !== undefined) expect(lines[0]).toBe(what)
      if (why !== undefined) expect(lines[1]).toBe(why)
    }
  })

  test('all mistakes of the configuration are told, and no server starts', async () => {
    const t = terminal({ TETRAPORT_LISTN: 'x', TETRAPORT_ENGINE_SLOTS: 'many' }, 'dta = "x"\n')
    expect(await t.run('serve')).toBe(2)
    expect(t.stderr).toContain('The configuration has 3 mistakes.')
    expect(t.stderr).toContain("Did you mean 'TETRAPORT_LISTEN'?")
    expect(t.stderr).toContain("tetraport.toml: unknown key 'dta'. Did you mean 'data'?")
  })

  test('with --json the error is one object', async () => {
    const t = terminal()
    expect(await t.run('serve', '--listen', 'x', '--json')).toBe(2)
    expect(JSON.parse(t.stderr)).toMatchObject({ error: { exit_code: 2, why: expect.stringContaining('host:port') } })
  })
})

describe('config show', () => {
  const env = { TETRAPORT_BOOTSTRAP_KEY: 'hunter2', DATABASE_URL: 'postgres://u:hunter2@h/d' }

  test('shows values with their origin and masks secrets', async () => {
    const t = terminal(env, '[log]\nlevel = "warn"\n')
    expect(await t.run('config', 'show', '--listen', '0.0.0.0:1')).toBe(0)
    expect(t.stdout).toMatch(/listen +0\.0\.0\.0:1 {2}\(flag --listen\)/)
    expect(t.stdout).toMatch(/log\.level +warn {2}\(file tetraport\.toml\)/)
    expect(t.stdout).toMatch(/records\.url +postgres:\/\/u:\*+@h\/d {2}\(environment DATABASE_URL\)/)
    expect(t.stdout).not.toContain('hunter2')
  })

  test('prints JSON for programs', async () => {
    const t = terminal(env)
    expect(await t.run('config', 'show', '--json')).toBe(0)
    expect(JSON.parse(t.stdout)).toContainEqual({ key: 'engine.attempts_max', value: 3, origin: 'default' })
    expect(t.stdout).not.toContain('hunter2')
  })

  test('--watch takes no value, and --graphs names a file from where the command runs', async () => {
    const t = terminal()
    expect(await t.run('config', 'show', '--json', '--watch', '--graphs', './langgraph.json')).toBe(0)
    const shown = JSON.stringify(JSON.parse(t.stdout))
    expect(shown).toContain(join(t.cwd, 'langgraph.json'))
    expect(shown).toMatch(/"watch"[^}]*true/)
  })

  test('a configuration file that was asked for must be there', async () => {
    expect(await terminal().run('config', 'show', '--config', 'absent.toml')).toBe(2)
    expect(await terminal({ TETRAPORT_CONFIG: 'absent.toml' }).run('config', 'show')).toBe(2)
  })
})

test('the version comes with what it was made of', async () => {
  const t = terminal()
  expect(await t.run('version', '--json')).toBe(0)
  expect(JSON.parse(t.stdout)).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/), bun: Bun.version })
})
