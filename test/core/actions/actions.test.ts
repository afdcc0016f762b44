import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  type Action,
  completeAction,
  completeToolOutput,
  deleteAction,
  ensureActions,
  expireActions,
  getAction,
  listActions,
  outputsOf,
} from '../../../src/core/actions/actions.ts'
import { newId } from '../../../src/core/id.ts'
import { associate } from '../../../src/core/ownership/associations.ts'
import { submitOutputs } from '../../../src/core/runs/outputs.ts'
import { cancelPlanned, continueRun } from '../../../src/core/runs/planned.ts'
import { findRun } from '../../../src/core/runs/runs.ts'
import { expireRuns } from '../../../src/core/runs/stop.ts'
import { deleteThread } from '../../../src/core/threads/threads.ts'
import { createTool } from '../../../src/core/tools/tools.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { begin, look, type Plan, plan, settled } from '../../support/planned.ts'
import { callsFunctions, journalOf, storyOf, until } from '../../support/runs.ts'

let app: TestApp
let idle: TestApp
beforeAll(async () => {
  app = await openTestApp({ shared: true })
  idle = await app.replica({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

const waiting = (...ids: string[]) => settled(app, { turns: [callsFunctions(...ids), { text: ['the end'] }] })

async function actionsFor({ caller, id }: Plan, by = app): Promise<[Action, ...Action[]]> {
  const [first, ...others] = (await look(by, { caller, id })).actions
  if (!first) throw new Error('The run has no actions.')
  return [first, ...others]
}

const give = (by: TestApp, { caller, threadId }: Plan, toolId: string, content: string) =>
  completeToolOutput(by, caller, { threadId, toolId, content })

test('each call of a waiting run is one action, whoever looks, in the order of the calls', async () => {
  const run = await waiting('call_z', 'call_a', 'call_m')
  const current = await findRun(app, run.caller, run.id)
  const seen = await Promise.all([app, idle, app, idle].map((by) => ensureActions(by, run.caller, current)))
  for (const actions of seen) expect(actions).toEqual(seen[0] as Action[])
  expect(seen[0]).toMatchObject(
    ['call_z', 'call_a', 'call_m'].map((callId) => ({
      ...{ runId: run.id, threadId: run.threadId, toolName: 'look', toolId: null, callId, arguments: { for: callId } },
      ...{ status: 'pending', output: null, result: null, expiresAt: current.expiresAt, processedAt: null },
    })),
  )
})

test("an action names the assistant's tool of that name", async () => {
  const planned = await plan(app, { turns: [callsFunctions('call_a')] })
  const tool = await createTool(app, app.one, { name: 'look', type: 'function', definition: null })
  await associate(app, app.one, { kind: 'assistant_tool', from: planned.assistantId, to: tool.id })
  await storyOf(app, { caller: planned.caller, run: await begin(app, planned) })
  expect((await actionsFor(planned))[0].toolId).toBe(tool.id)
})

test('an output is taken once, and the first one stays', async () => {
  const run = await waiting('call_a')
  const [{ id }] = await actionsFor(run)
  const taken = await Promise.all(['1', '2', '3', '4'].map((content, i) => give(i % 2 ? app : idle, run, id, content)))
  const [first, ...others] = taken.filter((each) => each?.again === false)
  expect(others).toEqual([])
  expect(await getAction(app, run.caller, id)).toMatchObject({
    ...{ status: 'completed', output: first?.action.output, result: { output: first?.action.output }, processedAt: app.clock.now() },
  })
  expect(new Set(taken.map((each) => each?.messageId)).size).toBe(1)
})

test('a run has its outputs when nothing of it is open any more', async () => {
  const run = await waiting('call_a', 'call_b')
  const [one, two] = await actionsFor(run)
  const outputs = async () => outputsOf(await findRun(app, run.caller, run.id), await listActions(app, run.caller, run.id))
  await give(app, run, two?.id ?? '', 'b')
  expect(await outputs()).toBeUndefined()
  await give(app, run, one.id, 'a')
  expect(await outputs()).toMatchObject([
    { callId: 'call_a', output: 'a' },
    { callId: 'call_b', output: 'b' },
  ])
})

test.each([
  ['completed', { rows: 3 }, '{"rows":3}'],
  ['completed', { output: 'three rows' }, 'three rows'],
  ['completed', null, ''],
  ['failed', null, 'The tool failed.'],
  ['cancelled', null, 'The tool call was cancelled.'],
] as const)('of an action that is called %s with the result %j the model is told %j', async (status, result, told) => {
  const run = await waiting('call_a')
  const [{ id }] = await actionsFor(run)
  await completeAction(app, run.caller, { id, status, result })
  await continueRun(app, run.caller, run.run)
  await storyOf(app, run)
  await until(async () => (await look(app, run)).label === 'completed')
  const events = await journalOf(app, run.id)
  expect(events.flatMap((event) => (event.type === 'step_end' ? (event.calls ?? []) : [])).at(-1)?.output).toBe(told)
  expect(await getAction(app, run.caller, id)).toMatchObject({ status, output: told })
})

test('an output that comes after the client called the action done is still told', async () => {
  const run = await waiting('call_a')
  const [{ id }] = await actionsFor(run)
  await completeAction(app, run.caller, { id, status: 'completed', result: null })
  expect(await give(app, run, id, 'late')).toMatchObject({ again: false, action: { output: 'late', status: 'completed' } })
})

test('an action that is worked on is open until it is over, and then changes no more, but for its result', async () => {
  const run = await waiting('call_a')
  const [{ id }] = await actionsFor(run)
  const change = (status: Action['status'], result: Action['result'] = null) => completeAction(app, run.caller, { id, status, result })
  expect(await change('processing')).toMatchObject({ status: 'processing', processedAt: null })
  expect((await look(app, run)).label).toBe('action_required')
  expect(await change('failed', { why: 'no' })).toMatchObject({ status: 'failed', processedAt: app.clock.now() })
  await expect(change('completed')).rejects.toMatchObject({ code: 'wrong_state', facts: { kind: 'action' } })
  expect(await change('failed')).toMatchObject({ result: { why: 'no' } })
  expect(await change('failed', { why: 'yes' })).toMatchObject({ result: { why: 'yes' } })
})

test('many who call an action by ends at the same time leave it with one of them', async () => {
  const run = await waiting('call_a')
  const [{ id }] = await actionsFor(run)
  const ends = ['completed', 'failed', 'cancelled', 'expired'] as const
  const done = await Promise.allSettled(ends.map((status) => completeAction(app, run.caller, { id, status, result: null })))
  const kept = done.flatMap((each) => (each.status === 'fulfilled' ? [each.value.status] : []))
  expect(kept).toEqual([(await getAction(app, run.caller, id)).status])
})

test('nobody wants the output of a run that was cancelled', async () => {
  const run = await waiting('call_a')
  const [{ id }] = await actionsFor(run)
  await cancelPlanned(app, run.caller, run.id)
  expect(await getAction(app, run.caller, id)).toMatchObject({ status: 'cancelled', processedAt: app.clock.now() })
  await expect(give(app, run, id, 'late')).rejects.toMatchObject({ code: 'wrong_state', facts: { action: 'submit' } })
  await expect(completeAction(app, run.caller, { id, status: 'completed', result: null })).rejects.toMatchObject({ code: 'wrong_state' })
})

test('what another API answers completes the actions', async () => {
  const run = await waiting('call_a', 'call_b')
  const [one] = await actionsFor(run)
  await give(app, run, one.id, 'ours')
  await submitOutputs(app, run.caller, {
    ...{ threadId: run.threadId, id: run.id },
    outputs: [
      { callId: 'call_a', output: 'theirs' },
      { callId: 'call_b', output: 'theirs too' },
    ],
  })
  expect((await listActions(app, run.caller, run.id)).map(({ status, output }) => [status, output])).toEqual([
    ['completed', 'theirs'],
    ['completed', 'theirs too'],
  ])
})

test('with its run an action expires, and the sweep stores it', async () => {
  const run = await waiting('call_a')
  const [{ id, expiresAt }] = await actionsFor(run)
  const stored = async () => (await app.records.db.query<{ status: string }>('select status from action where id = $1', [id]))[0]?.status
  await expireActions(app, 1000)
  expect(await stored()).toBe('pending')
  app.clock.advance(3_600_001)
  expect(await getAction(app, run.caller, id)).toMatchObject({ status: 'expired', processedAt: expiresAt })
  await expireRuns(app, 1000)
  expect((await look(app, run)).label).toBe('expired')
  await Promise.all([expireActions(app, 1000), expireActions(idle, 1000)])
  expect(await stored()).toBe('expired')
  expect(await expireActions(app, 1000)).toBe(0)
})

test('the sweep stores as cancelled what was given up with its run', async () => {
  const run = await waiting('call_a')
  const [{ id }] = await actionsFor(run)
  const at = app.clock.now()
  await cancelPlanned(app, run.caller, run.id)
  app.clock.advance(3_600_001)
  await expireActions(app, 1000)
  const rows = await app.records.db.query('select status, processed_at from action where id = $1', [id])
  expect(rows).toEqual([{ status: 'cancelled', processed_at: at }])
})

test('a deleted action that the run waits for is cancelled, as the run has to be told something', async () => {
  const run = await waiting('call_a')
  const [{ id }] = await actionsFor(run)
  await deleteAction(app, run.caller, id)
  expect((await actionsFor(run)).map(({ status }) => status)).toEqual(['cancelled'])
  await continueRun(app, run.caller, run.run)
  await storyOf(app, run)
  await until(async () => (await look(app, run)).label === 'completed')
  await deleteAction(app, run.caller, id)
  await expect(getAction(app, run.caller, id)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'action' } })
})

test("another thread's or tenant's action is missing", async () => {
  const [run, other] = [await waiting('call_a'), await waiting('call_a')]
  const [{ id }] = await actionsFor(run)
  expect(await give(app, { ...run, threadId: other.threadId }, id, 'x')).toBeUndefined()
  expect(await give(app, { ...run, caller: app.two }, id, 'x')).toBeUndefined()
  expect(await give(app, run, newId(), 'x')).toBeUndefined()
  const missing = { code: 'not_found', facts: { kind: 'action' } }
  const works: (() => Promise<unknown>)[] = [
    () => getAction(app, app.two, id),
    () => completeAction(app, app.two, { id, status: 'failed', result: null }),
    () => deleteAction(app, app.two, id),
  ]
  for (const work of works) await expect(work()).rejects.toMatchObject(missing)
  expect(await listActions(app, app.two, run.id)).toEqual([])
  expect((await getAction(app, run.caller, id)).status).toBe('pending')
})

test('reading needs a key that may read, changing one that may write', async () => {
  const run = await waiting('call_a')
  const [{ id }] = await actionsFor(run)
  const reader = { ...run.caller, scopes: new Set(['read'] as const) }
  expect((await getAction(app, reader, id)).id).toBe(id)
  const works: (() => Promise<unknown>)[] = [
    () => completeAction(app, reader, { id, status: 'failed', result: null }),
    () => completeToolOutput(app, reader, { threadId: run.threadId, toolId: id, content: '' }),
    () => deleteAction(app, reader, id),
  ]
  for (const work of works) await expect(work()).rejects.toMatchObject({ code: 'forbidden' })
})

test('actions go with their thread', async () => {
  const run = await waiting('call_a')
  await actionsFor(run)
  await deleteThread(app, run.caller, run.threadId)
  expect(await app.records.db.query('select id from action where run_id = $1', [run.id])).toEqual([])
})
