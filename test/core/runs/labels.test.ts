import { expect, test } from 'bun:test'
import { LABEL_CHANGES, labelOf, type RunLabel, type RunPlan, requireLabelChange } from '../../../src/core/runs/labels.ts'
import type { RunStatus } from '../../../src/core/runs/status.ts'

const PLAN: RunPlan = {
  ...{ assistantId: 'a', options: {}, label: 'queued', expiresAt: 1000, endedAt: null, begun: false, waiting: null, end: null },
}
const CALLS = [{ id: 'call_a', name: 'look', arguments: '{}' }]
const ENDS: RunLabel[] = ['completed', 'failed', 'cancelled', 'expired']

test('what has ended stays as it is, and everything else can end', () => {
  for (const [from, to] of Object.entries(LABEL_CHANGES) as [RunLabel, RunLabel[]][]) {
    if (ENDS.includes(from)) expect(to).toEqual([])
    else for (const end of ENDS) expect(to).toContain(end)
  }
})

test.each<[RunLabel, RunLabel]>([
  ['queued', 'in_progress'],
  ['pending', 'action_required'],
  ['in_progress', 'queued'],
  ['retrying', 'action_required'],
  ['action_required', 'processing'],
  ['completed', 'completed'],
])('a run that is %s may become %s', (from, to) => {
  expect(() => requireLabelChange(from, to)).not.toThrow()
})

test.each<[RunLabel, RunLabel]>([
  ['completed', 'action_required'],
  ['cancelled', 'queued'],
  ['in_progress', 'pending'],
  ['cancelling', 'in_progress'],
  ['queued', 'retrying'],
])('a run that is %s cannot become %s', (from, to) => {
  expect(() => requireLabelChange(from, to)).toThrow('Invalid status transition')
})

test('a run that has not begun is as its client says, until its time is over', () => {
  const planned = { plan: { ...PLAN, label: 'processing' as const }, run: undefined, open: false }
  expect([labelOf(planned, 999), labelOf(planned, 1000)]).toEqual(['processing', 'expired'])
  expect(labelOf({ ...planned, plan: { ...PLAN, label: 'failed' } }, 2000)).toBe('failed')
})

test.each<[RunStatus, RunLabel]>([
  ['queued', 'queued'],
  ['running', 'in_progress'],
  ['cancelling', 'cancelling'],
  ['incomplete', 'completed'],
  ['completed', 'completed'],
  ['failed', 'failed'],
  ['cancelled', 'cancelled'],
])('a run that is %s shows as %s, whatever was said of it before it began', (status, label) => {
  expect(labelOf({ plan: { ...PLAN, label: 'processing', begun: true }, run: { status, calls: null }, open: false }, 5000)).toBe(label)
})

test('a run that waits requires action as long as a call is open, then it is queued', () => {
  const run = { status: 'waiting' as const, calls: CALLS }
  expect([labelOf({ plan: PLAN, run, open: true }, 0), labelOf({ plan: PLAN, run, open: false }, 0)]).toEqual(['action_required', 'queued'])
})

test('what a client says of a run that waits holds for the calls that it waits for', () => {
  const run = { status: 'waiting' as const, calls: CALLS }
  const said = (call: string) => ({ plan: { ...PLAN, waiting: { call, label: 'processing' as const } }, run, open: true })
  expect([labelOf(said('call_a'), 0), labelOf(said('call_of_before'), 0)]).toEqual(['processing', 'action_required'])
})

test('a run that was stopped is called what its client wants, one that ended by itself is not', () => {
  const plan = { ...PLAN, end: 'failed' as const }
  const ended = (status: RunStatus) => labelOf({ plan, run: { status, calls: null }, open: false }, 0)
  expect([ended('cancelled'), ended('completed'), ended('running')]).toEqual(['failed', 'completed', 'in_progress'])
})
