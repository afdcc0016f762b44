import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readExpiry } from '../../src/cli/key.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { FakeTerminal } from '../support/terminal.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await cloneDatabase()
})
afterAll(() => database.drop())

async function run(...args: string[]): Promise<FakeTerminal & { code: number }> {
  const terminal = new FakeTerminal('/', { DATABASE_URL: database.url })
  const code = await terminal.run('key', ...args)
  return Object.assign(terminal, { code })
}

interface ListedKey {
  id: string
  name: string
  scopes: string[]
  expires_at: string | null
  revoked_at: string | null
}

const listed = async (): Promise<ListedKey[]> => JSON.parse((await run('list', '--json')).stdout)

describe('keys', () => {
  test('a new key is printed alone on standard output, and only its beginning is stored', async () => {
    const created = await run('create', '--name', 'ci', '--expires', '30d')
    expect(created.code).toBe(0)
    expect(created.stdout).toMatch(/^tp_[\w-]{43}\n$/)
    expect((await run('list')).stdout).not.toContain(created.stdout.trim())
    const key = (await listed()).find(({ name }) => name === 'ci')
    expect(key?.scopes).toEqual(['read', 'write'])
    expect(key?.expires_at).not.toBeNull()
  })

  test('scopes are what was asked for', async () => {
    await run('create', '--name', 'reader', '--scope', 'read')
    await run('create', '--name', 'boss', '--admin')
    const scopes = Object.fromEntries((await listed()).map((key) => [key.name, key.scopes]))
    expect(scopes).toMatchObject({ reader: ['read'], boss: ['read', 'write', 'admin'] })
  })

  test('a revoked key is listed as such', async () => {
    const { id } = JSON.parse((await run('create', '--name', 'gone', '--json')).stdout)
    expect((await run('revoke', id)).stdout).toBe(`Revoked 'gone' (${id}).\n`)
    expect((await listed()).find((key) => key.id === id)?.revoked_at).not.toBeNull()
    expect((await run('list')).stdout).toMatch(/gone.*revoked \d{4}-/)
  })

  test('revoking what is no key fails, by id and by anything else', async () => {
    for (const id of ['ci', '01a1ff9a-1070-74da-aa8b-538a494ec8b4']) {
      const { code, stderr } = await run('revoke', id)
      expect([code, stderr.split('\n')[0]]).toEqual([1, `There is no key '${id}'.`])
    }
  })
})

describe('expiry', () => {
  const now = Date.UTC(2030, 0, 1)

  test('spans and dates are read', () => {
    expect(readExpiry('90m', now) - now).toBe(90 * 60_000)
    expect(readExpiry('30d', now) - now).toBe(30 * 86_400_000)
    expect(readExpiry('2031-12-31', now)).toBe(Date.UTC(2031, 11, 31))
  })

  test('what lies in the past or is no time is refused', () => {
    for (const text of ['2029-12-31', '0d', 'soon', '-3d', '']) expect(() => readExpiry(text, now)).toThrow('not a time in the future')
  })
})
