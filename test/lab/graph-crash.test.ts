import { expect, setDefaultTimeout, test } from 'bun:test'
import { pointsOf, runCrashes } from './graph-crash.ts'

setDefaultTimeout(300_000)

/** One of each kind here; `bun scripts/lab.ts --scenario crashes` ends at all of them. */
const CHOSEN: Record<string, RegExp> = {
  steps: /^after (create|journal|commit running)$|^before commit completed$/,
  branches: /^after commit running$/,
  answered: /^before (commit waiting|free thread)$|^after (end idle run|transaction)$/,
  nested: /^before commit waiting$/,
  'nested, kept at the end': /^after commit running$/,
  enqueued: /^after (queue behind|promote: hold)$|^before promote: hold$/,
  interrupted: /^(before|after) commit cancelled$/,
  'rolled back': /^after (ask to stop|remove state|remove run|transaction)$/,
  cancelled: /^after ask to stop$/,
  updated: /^before end of transaction$/,
}

test('a process that ends at any statement of a run leaves what the next one brings to its end', async () => {
  const report = await runCrashes({
    chosen: (course, names) => pointsOf(names, 1).filter(({ side, name }) => CHOSEN[course]?.test(`${side} ${name}`)),
  })
  expect(report.violations).toEqual([])
  expect(report.points).toBeGreaterThanOrEqual(20)
  // Which of two lookers takes a run is not for this process alone to say.
  expect(report.crashed).toBeGreaterThanOrEqual(report.points - 2)
})
