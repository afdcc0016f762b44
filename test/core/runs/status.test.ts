import { expect, test } from 'bun:test'
import { isEnd, type RunStatus, requireTransition, TRANSITIONS } from '../../../src/core/runs/status.ts'

/** One line for each status, one mark for each status it may become, in the order of the lines. */
const ORDER: RunStatus[] = ['queued', 'running', 'waiting', 'cancelling', 'completed', 'incomplete', 'failed', 'expired', 'cancelled']
const TABLE: Record<RunStatus, string> = {
  queued: '.x....xxx',
  running: 'x.xxxxxxx',
  waiting: 'xx..x..xx',
  cancelling: '....xxxxx',
  completed: '.........',
  incomplete: '.........',
  failed: '.........',
  expired: '.........',
  cancelled: '.........',
}
const pairs = ORDER.flatMap((from) => ORDER.map((to, i): [RunStatus, RunStatus, boolean] => [from, to, TABLE[from][i] === 'x']))

test.each(pairs)('a run that is %s may become %s: %p', (from, to, allowed) => {
  if (allowed) requireTransition(from, to)
  else
    expect(() => requireTransition(from, to)).toThrow(
      expect.objectContaining({ code: 'wrong_state', facts: { kind: 'run', status: from } }),
    )
})

test('exactly the statuses with no way out are ends', () => {
  expect(ORDER.filter(isEnd)).toEqual(['completed', 'incomplete', 'failed', 'expired', 'cancelled'])
  expect(Object.keys(TRANSITIONS)).toEqual(ORDER)
})
