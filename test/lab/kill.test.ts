import { expect, setDefaultTimeout, test } from 'bun:test'
import { runLab } from './lab.ts'

setDefaultTimeout(120_000)

test('nothing that was acknowledged is lost when the server and its Postgres are killed', async () => {
  const report = await runLab({ records: 'embedded', kills: 4, seed: 11, clients: 20, leaseMs: 1000, finely: false })
  expect(report.violations).toEqual([])
  expect(report.kills).toBe(4)
  expect(report.counts.resumes).toBeGreaterThan(0)
})

test('nothing that was acknowledged is lost when a server on an outside Postgres is killed', async () => {
  const report = await runLab({ records: 'external', kills: 3, seed: 12, clients: 20, leaseMs: 1000, finely: false })
  expect(report.violations).toEqual([])
  expect(report.runs.takenOver).toBeGreaterThan(0)
})
