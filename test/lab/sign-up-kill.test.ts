import { expect, setDefaultTimeout, test } from 'bun:test'
import { runSignUpLab } from './sign-up-lab.ts'

setDefaultTimeout(120_000)

test('nobody who registered, was invited, approved or signed in or out loses that when the server and its Postgres are killed', async () => {
  const report = await runSignUpLab({ records: 'embedded', kills: 2, seed: 31, clients: 4, leaseMs: 1000, finely: false })
  expect(report.violations).toEqual([])
  expect(report.kills).toBe(2)
  expect(report.rows.credential).toBeGreaterThan(1)
})
