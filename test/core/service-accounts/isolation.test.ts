import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Glob } from 'bun'
import type { Principal } from '../../../src/core/access/principal.ts'
import { Fault } from '../../../src/core/fault.ts'
import { newId } from '../../../src/core/id.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { ROOT } from '../../support/source-tree.ts'
import { fillTokens, type TokenIds, tokenCases } from './isolation-cases.ts'
import { admin } from './kit.ts'

let app: TestApp
let owner: Principal
let stranger: Principal
let theirs: TokenIds
beforeAll(async () => {
  app = await openTestApp()
  owner = admin(await app.newTenant(), { role: 'owner' })
  stranger = admin(await app.newTenant(), { role: 'owner' })
  theirs = await fillTokens(app, owner)
}, OPEN_MS)
afterAll(() => app.close())

const CASES = tokenCases(() => app)

const told = (work: Promise<unknown>): Promise<string> =>
  work.then(
    (value) => JSON.stringify({ value }),
    (error) => (error instanceof Fault ? JSON.stringify([error.code, error.message, error.facts]) : Promise.reject(error)),
  )

const contents = () =>
  Promise.all(['service_token', 'audit_event', 'used_nonce'].map((table) => app.records.db.query(`select * from ${table} order by 1`)))

test.each(Object.entries(CASES))(
  "%s answers an owner for another tenant's id exactly as for one that is not there, and changes nothing",
  async (_, cases) => {
    const before = await contents()
    for (const run of cases) {
      const foreign = await told(run(stranger, theirs))
      expect(foreign).toBe(await told(run(stranger, { tenant: newId(), token: newId() })))
      expect(await contents()).toEqual(before)
      // The case does reach what is there.
      expect(foreign).not.toBe(await told(run(owner, theirs)))
    }
  },
)

test('every exported function of this module that takes a principal has such a case', () => {
  const found: string[] = []
  for (const path of new Glob('src/core/service-accounts/*.ts').scanSync(ROOT)) {
    const module = path.match(/([\w-]+)\.ts$/)?.[1] ?? ''
    const text = readFileSync(join(ROOT, path), 'utf8')
    for (const [, name] of text.matchAll(/^export (?:async )?function (\w+)\([^)]*\bprincipal: Principal/gm))
      found.push(`${module}.${name}`)
  }
  expect(found.filter((name) => name !== 'acting.heldTenant').toSorted()).toEqual(Object.keys(CASES).toSorted())
})
