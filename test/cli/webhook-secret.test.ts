import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { FakeTerminal } from '../support/terminal.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await cloneDatabase()
})
afterAll(() => database.drop())

async function run(...args: string[]): Promise<string> {
  const terminal = new FakeTerminal('/', { DATABASE_URL: database.url })
  expect(await terminal.run('webhook-secret', ...args)).toBe(0)
  return terminal.stdout
}

test('the secret of webhooks is printed alone, and stays the same', async () => {
  const first = await run()
  expect(first).toMatch(/^whsec_[\w+/]{43}=\n$/)
  expect(JSON.parse(await run('--json'))).toEqual({ secret: first.trim() })
})
