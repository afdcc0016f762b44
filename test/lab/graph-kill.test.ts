import { expect, setDefaultTimeout, test } from 'bun:test'
import { runGraphLab } from './graph-lab.ts'

setDefaultTimeout(120_000)

const SMOKE = { clients: 8, leaseMs: 1000, finely: false, refusing: false }

test('no run, state or item of a graph is lost when the server and its Postgres are killed', async () => {
  const report = await runGraphLab({ ...SMOKE, records: 'embedded', replicas: 1, kills: 2, seed: 21 })
  expect(report.violations).toEqual([])
  expect(report.kills).toBe(2)
  expect(report.acked.runs).toBeGreaterThan(20)
})

test('nor when one of two servers on an outside Postgres is killed, and their statements never wait for each other', async () => {
  const report = await runGraphLab({ ...SMOKE, records: 'external', replicas: 2, kills: 3, seed: 22 })
  expect(report.violations).toEqual([])
  expect(report.counts.resumes).toBeGreaterThan(0)
  expect(report.runs.deadlocks).toBe(0)
})
