import { afterAll, beforeAll, expect, test } from 'bun:test'
import { outputMessageId } from '../../../src/core/actions/action-ids.ts'
import { completeToolOutput, ensureActions } from '../../../src/core/actions/actions.ts'
import { newId } from '../../../src/core/id.ts'
import {
  beginRun,
  cancelPlanned,
  changeLabel,
  continueRun,
  deletePlanned,
  getPlanned,
  listPlanned,
  planRun,
} from '../../../src/core/runs/planned.ts'
import { deleteRun } from '../../../src/core/runs/removal.ts'
import { findRun } from '../../../src/core/runs/runs.ts'
import { createThread, deleteThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { begin, look, type Plan, plan, settled } from '../../support/planned.ts'
import {
  callsFunctions,
  currentRun,
  isText,
  messagesOf,
  saysThenHangs,
  startRun,
  storyOf,
  UNKNOWN_ID,
  until,
  untilEvent,
} from '../../support/runs.ts'

let app: TestApp
/** On the same database, executes nothing. */
let idle: TestApp
beforeAll(async () => {
  app = await openTestApp({ shared: true })
  idle = await app.replica({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

const CALLS = [callsFunctions('call_a', 'call_b'), { text: ['the end'] }]

async function give(by: TestApp, { caller, threadId, run }: Plan & { run: { id: string } }, content = 'seen'): Promise<void> {
  for (const { id: toolId } of await ensureActions(by, caller, await findRun(by, caller, run.id)))
    await completeToolOutput(by, caller, { threadId, toolId, content })
}

test('a planned run is no run yet: its thread is free, and it says what was planned', async () => {
  const planned = await plan(app)
  const view = await look(app, planned)
  expect(view).toMatchObject({ run: undefined, label: 'queued', threadId: planned.threadId, assistantId: planned.assistantId, actions: [] })
  expect(view.planned?.plan).toMatchObject({ options: { said: 'so' }, expiresAt: app.clock.now() + 3_600_000, begun: false })
  await storyOf(app, await startRun(app, { threadId: planned.threadId }))
})

test('a run on a thread that is not there is refused', async () => {
  const { assistantId } = await plan(app)
  const made = planRun(app, app.one, { threadId: UNKNOWN_ID, assistantId, options: {} })
  await expect(made).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'thread' } })
})

test('it keeps its id when it begins, and answers what the thread asks', async () => {
  const { id, caller, threadId, run } = await settled(app)
  expect([run.id, run.expiresAt]).toEqual([id, app.clock.now() + 3_600_000])
  expect((await look(app, { id, caller })).label).toBe('completed')
  expect((await messagesOf(app, caller, threadId)).map(({ role }) => role)).toEqual(['user', 'assistant'])
})

test('whoever begins it at the same time, it begins once', async () => {
  const planned = await plan(app)
  const by = [app, idle, app, idle, app, app, idle]
  const begun = await Promise.all(by.map((each) => beginRun(each, planned.caller, { id: planned.id, options: {} })))
  expect(begun.filter((each) => 'first' in each)).toHaveLength(1)
  expect(new Set(begun.map(({ run }) => run.id))).toEqual(new Set([planned.id]))
  app.worker.wake()
  await storyOf(app, { caller: planned.caller, run: await findRun(app, planned.caller, planned.id) })
  expect(await messagesOf(app, planned.caller, planned.threadId)).toHaveLength(2)
})

test('what is to be kept beside the run is there before anybody executes it, or neither is', async () => {
  const planned = await plan(app)
  const failing = beginRun(app, planned.caller, {
    ...{ id: planned.id, options: {} },
    beside: () => Promise.reject(new Error('no')),
  })
  await expect(failing).rejects.toThrow('no')
  expect(await look(app, planned)).toMatchObject({ run: undefined, label: 'queued', planned: { plan: { begun: false } } })
  expect(app.worker.busy).toBe(0)
  let seen: unknown
  const beside = async (db: TestApp['db'] | Parameters<NonNullable<Parameters<typeof beginRun>[2]['beside']>>[0]) => {
    seen = await db.query('select status from run where id = $1', [planned.id])
  }
  await beginRun(app, planned.caller, { id: planned.id, options: {}, beside })
  expect(seen).toEqual([{ status: 'running' }])
})

test('a model that is not served is refused, and the run can still begin', async () => {
  const planned = await plan(app)
  const wrong = beginRun(app, planned.caller, { id: planned.id, options: { model: 'nobody/knows' } })
  await expect(wrong).rejects.toMatchObject({ code: 'model_not_found' })
  await storyOf(app, { caller: planned.caller, run: await begin(app, planned) })
})

test.each(['completed', 'failed', 'cancelled', 'expired'] as const)(
  'a run that was called %s before it began does not begin',
  async (status) => {
    const planned = await plan(app)
    expect(await changeLabel(app, planned.caller, { id: planned.id, status })).toMatchObject({
      label: status,
      planned: { plan: { endedAt: app.clock.now() } },
    })
    const begun = beginRun(app, planned.caller, { id: planned.id, options: {} })
    await expect(begun).rejects.toMatchObject({ code: 'wrong_state', facts: { action: 'create_run' } })
  },
)

test('a run whose time is over does not begin', async () => {
  const planned = await plan(app, { expiresAt: app.clock.now() + 1000 })
  app.clock.advance(1000)
  expect((await look(app, planned)).label).toBe('expired')
  await expect(begin(app, planned)).rejects.toMatchObject({ code: 'wrong_state' })
})

test('beginning and cancelling at the same time is the one or the other', async () => {
  for (let round = 0; round < 10; round++) {
    const planned = await plan(idle, { turns: saysThenHangs('half') })
    const [begun] = await Promise.allSettled([begin(idle, planned), cancelPlanned(app, planned.caller, planned.id)])
    await until(async () => (await look(app, planned)).label === 'cancelled')
    expect((await look(app, planned)).run?.status).toBe(begun.status === 'fulfilled' ? 'cancelled' : undefined)
  }
})

test('a run waits behind one that is at work on its thread', async () => {
  const gate = Promise.withResolvers<void>()
  const first = await plan(app, { turns: [{ text: ['one'] }], gate: gate.promise })
  const second = await plan(app, { threadId: first.threadId, turns: [{ text: ['two'] }] })
  const [one, two] = [await begin(app, first), await begin(app, second)]
  expect((await look(app, second)).label).toBe('queued')
  gate.resolve()
  await storyOf(app, { caller: first.caller, run: one })
  await storyOf(app, { caller: second.caller, run: two })
  expect((await look(app, second)).label).toBe('completed')
})

test('a run that waits for outputs makes way: it is cancelled, and its actions with it', async () => {
  const first = await settled(app, { turns: CALLS })
  expect((await look(app, first)).label).toBe('action_required')
  await settled(app, { threadId: first.threadId })
  const view = await look(app, first)
  expect([view.label, ...view.actions.map(({ status }) => status)]).toEqual(['cancelled', 'cancelled', 'cancelled'])
})

test('a run that begins to wait makes way for one that is behind it', async () => {
  const gate = Promise.withResolvers<void>()
  const first = await plan(app, { turns: CALLS, gate: gate.promise })
  await begin(app, first)
  const second = await plan(app, { threadId: first.threadId })
  const run = await begin(app, second)
  gate.resolve()
  await storyOf(app, { caller: second.caller, run })
  await until(async () => (await look(app, second)).label === 'completed')
  expect((await look(app, first)).label).toBe('cancelled')
})

test('a waiting run goes on once all of its actions are done, with messages whose ids were known before', async () => {
  const waiting = await settled(app, { turns: CALLS })
  const { caller, threadId } = waiting
  const [one, two] = (await look(app, waiting)).actions
  if (!one || !two) throw new Error('no actions')
  const first = await completeToolOutput(app, caller, { threadId, toolId: one.id, content: 'first' })
  expect(await continueRun(app, caller, waiting.run)).toBeUndefined()
  expect((await look(app, waiting)).label).toBe('action_required')
  const second = await completeToolOutput(app, caller, { threadId, toolId: two.id, content: 'second' })
  expect((await look(app, waiting)).label).toBe('queued')
  const continued = await continueRun(app, caller, waiting.run)
  expect(continued?.after).toBeGreaterThan(0)
  await storyOf(app, { caller, run: waiting.run })
  const rows = await app.records.db.query(`select id, content, role from message where thread_id = $1 and role = 'tool' order by seq`, [
    threadId,
  ])
  expect(rows.map((row) => (row as { id: string }).id)).toEqual([first?.messageId ?? '', second?.messageId ?? ''])
  expect(first?.messageId).toBe(outputMessageId(one))
  expect((await messagesOf(app, caller, threadId)).at(-1)?.content).toBe('the end')
})

test('whoever lets it go on at the same time, it goes on once', async () => {
  const waiting = await settled(app, { turns: CALLS })
  await give(app, waiting)
  const by = [app, idle, app, idle, app]
  const continued = await Promise.all(by.map((each) => continueRun(each, waiting.caller, waiting.run)))
  expect(continued.filter((each) => each?.after != null)).toHaveLength(1)
  app.worker.wake()
  await storyOf(app, waiting)
  await until(async () => (await currentRun(app, waiting)).status === 'completed')
  const roles = await app.records.db.query<{ role: string }>('select role from message where thread_id = $1 order by seq', [
    waiting.threadId,
  ])
  expect(roles.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'tool', 'assistant'])
})

test('a run that was continued before it died goes on from the outputs, with the same messages', async () => {
  const waiting = await settled(app, { turns: CALLS })
  await give(idle, waiting)
  const ids = (await look(idle, waiting)).actions.map(outputMessageId)
  // Nobody here executes it: it is queued with its outputs.
  await continueRun(idle, waiting.caller, waiting.run)
  app.worker.wake()
  await storyOf(app, waiting)
  await until(async () => (await currentRun(app, waiting)).status === 'completed')
  const rows = await app.records.db.query<{ id: string }>(`select id from message where thread_id = $1 and role = 'tool' order by seq`, [
    waiting.threadId,
  ])
  expect(rows.map(({ id }) => id)).toEqual(ids)
})

test('cancelling a run that waits ends it at once, and its actions', async () => {
  const waiting = await settled(app, { turns: CALLS })
  const view = await cancelPlanned(app, waiting.caller, waiting.id)
  expect([view.label, view.run?.status]).toEqual(['cancelled', 'cancelled'])
  expect(view.actions.map(({ status }) => status)).toEqual(['cancelled', 'cancelled'])
  await expect(cancelPlanned(app, waiting.caller, waiting.id)).rejects.toMatchObject({ code: 'wrong_state', facts: { action: 'cancel' } })
})

test('cancelling a run at work stops what it generates', async () => {
  const planned = await plan(app, { turns: saysThenHangs('half') })
  const run = await begin(app, planned)
  await untilEvent(app, { caller: planned.caller, run }, isText('half'))
  expect(['cancelling', 'cancelled']).toContain((await cancelPlanned(app, planned.caller, planned.id)).label)
  await storyOf(app, { caller: planned.caller, run })
  expect((await look(app, planned)).label).toBe('cancelled')
})

test('a run at work that is called failed is stopped, and is failed then', async () => {
  const planned = await plan(app, { turns: saysThenHangs('half') })
  const run = await begin(app, planned)
  await untilEvent(app, { caller: planned.caller, run }, isText('half'))
  expect(['cancelling', 'failed']).toContain((await changeLabel(app, planned.caller, { id: planned.id, status: 'failed' })).label)
  await storyOf(app, { caller: planned.caller, run })
  expect(await look(app, planned)).toMatchObject({ label: 'failed', run: { status: 'cancelled' } })
})

test('a run at work shows how it stands, whatever is said of it', async () => {
  const planned = await plan(app, { turns: saysThenHangs('half') })
  const run = await begin(app, planned)
  await untilEvent(app, { caller: planned.caller, run }, isText('half'))
  expect((await changeLabel(app, planned.caller, { id: planned.id, status: 'action_required' })).label).toBe('in_progress')
  await cancelPlanned(app, planned.caller, planned.id)
  await storyOf(app, { caller: planned.caller, run })
})

test('what is said of a run that waits is shown until it goes on', async () => {
  const waiting = await settled(app, { turns: CALLS })
  const { caller, id } = waiting
  expect((await changeLabel(app, caller, { id, status: 'processing' })).label).toBe('processing')
  await give(app, waiting)
  expect(await continueRun(app, caller, waiting.run)).toBeDefined()
  await storyOf(app, waiting)
  await until(async () => (await look(app, waiting)).label === 'completed')
})

test('many who call a run by ends at the same time leave it with one of them', async () => {
  const waiting = await settled(app, { turns: CALLS })
  const ends = ['completed', 'failed', 'expired', 'cancelled'] as const
  const changed = await Promise.allSettled(
    ends.map((status, i) => changeLabel(i % 2 ? app : idle, waiting.caller, { id: waiting.id, status })),
  )
  const done = changed.flatMap((each) => (each.status === 'fulfilled' ? [each.value.label] : []))
  expect(done).toHaveLength(1)
  expect((await look(app, waiting)).label).toBe(done[0] as 'failed')
})

test('a run of another API is seen, and can be cancelled, but not called otherwise', async () => {
  const started = await startRun(app, { turns: CALLS })
  await storyOf(app, started)
  const { id } = started.run
  const view = await look(app, { caller: started.caller, id })
  expect([view.label, view.planned, view.actions.length]).toEqual(['action_required', undefined, 2])
  await expect(changeLabel(app, started.caller, { id, status: 'completed' })).rejects.toMatchObject({ code: 'wrong_state' })
  expect((await cancelPlanned(app, started.caller, id)).label).toBe('cancelled')
})

test('a deleted run is not there any more, begun or not', async () => {
  const [planned, ended] = [await plan(app), await settled(app)]
  for (const { caller, id } of [planned, ended]) {
    await deletePlanned(app, caller, id)
    await expect(getPlanned(app, caller, id)).rejects.toMatchObject({ code: 'not_found' })
    await expect(beginRun(app, caller, { id, options: {} })).rejects.toMatchObject({ code: 'not_found' })
  }
})

test('a run that another API removed does not begin again', async () => {
  const ended = await settled(app)
  await deleteRun(app, ended.caller, { threadId: ended.threadId, id: ended.id })
  await expect(begin(app, ended)).rejects.toMatchObject({ code: 'not_found' })
  await expect(look(app, ended)).rejects.toMatchObject({ code: 'not_found' })
  await deletePlanned(app, ended.caller, ended.id)
})

test('a run at work is not deleted', async () => {
  const planned = await plan(app, { turns: saysThenHangs('half') })
  const run = await begin(app, planned)
  await untilEvent(app, { caller: planned.caller, run }, isText('half'))
  await expect(deletePlanned(app, planned.caller, planned.id)).rejects.toMatchObject({ code: 'wrong_state', facts: { action: 'delete' } })
  expect((await look(app, planned)).label).toBe('in_progress')
  await cancelPlanned(app, planned.caller, planned.id)
  await storyOf(app, { caller: planned.caller, run })
})

test('planned runs go with their thread', async () => {
  const planned = await plan(app)
  await deleteThread(app, planned.caller, planned.threadId)
  await expect(begin(app, planned)).rejects.toMatchObject({ code: 'not_found' })
})

test('runs are listed newest first, of a user or of a thread', async () => {
  const caller = await app.newTenant()
  const user = { ...caller, userId: newId(), scopes: new Set(['read', 'write'] as const) }
  const threadId = (await createThread(app, caller, {})).id
  const ids: string[] = []
  for (const of of [user, caller, user]) ids.unshift((await plan(app, { caller: of, threadId })).id)
  const listed = async (filter: { userId?: string; threadId?: string }) =>
    (await listPlanned(app, caller, { ...filter, limit: 10 })).map(({ id }) => id)
  expect(await listed({ threadId })).toEqual(ids)
  expect(await listed({ userId: user.userId })).toEqual([ids[0] ?? '', ids[2] ?? ''])
  expect(await listed({ threadId: UNKNOWN_ID })).toEqual([])
})

test("another tenant's runs are missing", async () => {
  const waiting = await settled(app, { turns: CALLS })
  const planned = await plan(app)
  const missing = { code: 'not_found', facts: { kind: 'run' } }
  const works: ((id: string) => Promise<unknown>)[] = [
    (id) => getPlanned(app, app.two, id),
    (id) => cancelPlanned(app, app.two, id),
    (id) => deletePlanned(app, app.two, id),
    (id) => beginRun(app, app.two, { id, options: {} }),
    (id) => changeLabel(app, app.two, { id, status: 'failed' }),
    (id) => continueRun(app, app.two, { id, threadId: waiting.threadId }),
  ]
  for (const { id } of [waiting, planned]) for (const work of works) await expect(work(id)).rejects.toMatchObject(missing)
  expect((await look(app, waiting)).label).toBe('action_required')
})

test('reading needs a key that may read, changing one that may write', async () => {
  const { id, threadId, assistantId } = await plan(app)
  const reader = { ...app.one, scopes: new Set(['read'] as const) }
  expect((await getPlanned(app, reader, id)).label).toBe('queued')
  const works: (() => Promise<unknown>)[] = [
    () => planRun(app, reader, { threadId, assistantId, options: {} }),
    () => beginRun(app, reader, { id, options: {} }),
    () => continueRun(app, reader, { id, threadId }),
    () => cancelPlanned(app, reader, id),
    () => deletePlanned(app, reader, id),
  ]
  for (const work of works) await expect(work()).rejects.toMatchObject({ code: 'forbidden' })
})
