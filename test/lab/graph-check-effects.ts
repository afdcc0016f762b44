import { existsSync, readFileSync } from 'node:fs'
import type { Db } from '../../src/drivers/records/port.ts'
import type { Effect } from './graph-project/state.ts'

export function readEffects(file: string): Effect[] {
  if (!existsSync(file)) return []
  const effects = readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Effect)
  return effects.sort((a, b) => a.at - b.at)
}

/** No two runs are at work on one thread at the same time. What a killed process had begun has no end. */
export function checkOneWriter(effects: readonly Effect[]): string[] {
  const violations: string[] = []
  for (const [thread, all] of Map.groupBy(effects, (effect) => effect.thread)) {
    const ends = new Map(all.filter(({ what }) => what === 'end').map((end) => [nameOf(end), end.at]))
    const begins = all.filter(({ what }) => what === 'begin')
    for (const [n, one] of begins.entries()) {
      const until = ends.get(nameOf(one))
      if (until === undefined) continue
      const other = begins.slice(n + 1).find(({ run, at }) => run !== one.run && at < until)
      if (other) violations.push(`thread ${thread}: ${nameOf(other)} began at ${other.at}, before ${nameOf(one)} had ended at ${until}`)
    }
  }
  return violations
}

const nameOf = ({ run, attempt, node }: Effect): string => `${run}#${attempt} ${node}`

/**
 * The steps of a run follow each other; a new attempt goes on with the step that was begun last, as the ones before are
 * committed. Where a run asked not to wait for its commits it may go further back.
 */
export async function checkSteps(db: Db, effects: readonly Effect[]): Promise<{ violations: string[]; repeated: number }> {
  const violations: string[] = []
  let repeated = 0
  const rows = await db.query<{ id: string; durability: string }>(
    `select id, call::json ->> 'durability' as durability from run where call::json ->> 'graph' = 'work'`,
  )
  const durability = new Map(rows.map((row) => [row.id, row.durability]))
  const begins = effects.filter(({ what, node }) => what === 'begin' && /^\d+$/.test(node))
  for (const [run, all] of Map.groupBy(begins, (effect) => effect.run)) {
    const steps = all.map(({ attempt, node, at }) => ({ attempt, step: Number(node), at }))
    steps.sort((a, b) => a.attempt - b.attempt || a.at - b.at)
    for (const [n, { attempt, step }] of steps.entries()) {
      const before = steps[n - 1]
      if (!before) continue
      const forward = step - before.step
      if (forward <= 0) repeated++
      const fits =
        attempt === before.attempt ? forward === 1 : forward === 1 || forward === 0 || (durability.get(run) !== 'sync' && forward < 0)
      if (!fits)
        violations.push(`run ${run}: step ${step} of attempt ${attempt} came after step ${before.step} of attempt ${before.attempt}`)
    }
  }
  return { violations, repeated }
}
