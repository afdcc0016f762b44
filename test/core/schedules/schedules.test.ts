import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { Fault } from '../../../src/core/fault.ts'
import {
  changeSchedule,
  countSchedules,
  deleteSchedule,
  getSchedule,
  type ScheduleSearch,
  searchSchedules,
} from '../../../src/core/schedules/schedules.ts'
import { createThread, deleteThread, getThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { UNKNOWN_ID } from '../../support/runs.ts'
import { newSchedule } from '../../support/schedules.ts'

let app: TestApp
let caller: Caller
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
}, OPEN_MS)
beforeEach(async () => {
  caller = await app.newTenant()
})
afterAll(() => app.close())

const faultOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    (error) => (error instanceof Fault ? [error.code, error.facts.param ?? error.facts.kind] : error),
  )
const MINUTE = 60_000
/** The clock of tests stands on a full minute, plus what it was moved. */
const nextMinute = (): number => Math.floor(app.clock.now() / MINUTE) * MINUTE + MINUTE

const search = (rest: Partial<ScheduleSearch> = {}) =>
  searchSchedules(app, caller, { filter: {}, sortBy: 'createdAt', descending: true, limit: 10, offset: 0, ...rest })

test('a new schedule is due at its next time', async () => {
  const schedule = await newSchedule(app, caller, { metadata: { a: 1 }, timezone: 'Europe/Berlin' })
  expect(schedule).toMatchObject({ nextAt: nextMinute(), enabled: true, threadId: null, onCompletion: 'delete', endAt: null, error: null })
  expect(await getSchedule(app, caller, schedule.id)).toEqual(schedule)
})

test('a schedule that is not enabled, or whose end comes before, has no next time', async () => {
  expect((await newSchedule(app, caller, { enabled: false })).nextAt).toBeNull()
  expect((await newSchedule(app, caller, { endAt: nextMinute() - 1 })).nextAt).toBeNull()
  expect((await newSchedule(app, caller, { endAt: nextMinute() })).nextAt).toBe(nextMinute())
})

test('what cannot be is refused, and nothing of it is kept', async () => {
  expect(await faultOf(newSchedule(app, caller, { cron: 'often' }))).toEqual(['invalid', 'schedule'])
  expect(await faultOf(newSchedule(app, caller, { timezone: 'Mars/Base' }))).toEqual(['invalid', 'timezone'])
  expect(await faultOf(newSchedule(app, caller, { call: { webhook: 'http://10.0.0.1/' } }))).toEqual(['invalid', 'webhook'])
  expect(await faultOf(newSchedule(app, caller, { assistantId: UNKNOWN_ID }))).toEqual(['not_found', 'assistant'])
  expect(await faultOf(newSchedule(app, caller, { threadId: UNKNOWN_ID }))).toEqual(['not_found', 'thread'])
  const { id: threadId } = await createThread(app, caller, {})
  expect(await faultOf(newSchedule(app, caller, { threadId, onCompletion: 'delete' }))).toEqual(['invalid', 'on_run_completed'])
  expect(await countSchedules(app, caller, {})).toBe(0)
})

test('a thread that is missing is made where that is wanted', async () => {
  const threadId = crypto.randomUUID()
  await newSchedule(app, caller, { threadId, createThread: true })
  expect((await getThread(app, caller, threadId)).id).toBe(threadId)
  expect((await newSchedule(app, caller, { threadId, createThread: true })).threadId).toBe(threadId)
})

test('only what a change names is changed', async () => {
  const schedule = await newSchedule(app, caller, { metadata: { a: 1 }, call: { input: { messages: [] }, config: { tags: ['x'] } } })
  const changed = await changeSchedule(app, caller, { id: schedule.id, change: { call: { input: { other: true } }, metadata: { b: 2 } } })
  expect(changed).toEqual({
    ...schedule,
    metadata: { b: 2 },
    run: { call: { ...schedule.run.call, input: { other: true } } },
    updatedAt: app.clock.now(),
  })
  expect(await getSchedule(app, caller, schedule.id)).toEqual(changed)
})

test('a change of the time is reckoned from now; without one the next time stays', async () => {
  const schedule = await newSchedule(app, caller)
  const due = nextMinute()
  app.clock.advance(30_000)
  expect((await changeSchedule(app, caller, { id: schedule.id, change: { metadata: {} } })).nextAt).toBe(due)
  const hourly = await changeSchedule(app, caller, { id: schedule.id, change: { cron: '0 * * * *' } })
  expect(new Date(hourly.nextAt ?? 0).getUTCMinutes()).toBe(0)
})

test('pausing and going on, an end and none', async () => {
  const { id } = await newSchedule(app, caller)
  const change = (change: Parameters<typeof changeSchedule>[2]['change']) => changeSchedule(app, caller, { id, change })
  expect((await change({ enabled: false })).nextAt).toBeNull()
  expect((await change({ enabled: true })).nextAt).toBe(nextMinute())
  expect((await change({ endAt: app.clock.now() - 1 })).nextAt).toBeNull()
  expect(await change({ endAt: null })).toMatchObject({ nextAt: nextMinute(), endAt: null })
})

test('a change that cannot be leaves the schedule as it was', async () => {
  const schedule = await newSchedule(app, caller)
  for (const [change, fault] of [
    [{ cron: 'often' }, ['invalid', 'schedule']],
    [{ timezone: 'Mars/Base' }, ['invalid', 'timezone']],
    [{ call: { webhook: 'ftp://x/' } }, ['invalid', 'webhook']],
  ] as const)
    expect(await faultOf(changeSchedule(app, caller, { id: schedule.id, change }))).toEqual([...fault])
  expect(await getSchedule(app, caller, schedule.id)).toEqual(schedule)
})

test('schedules are found by assistant, thread, state and metadata, sorted and in pages', async () => {
  const { id: threadId } = await createThread(app, caller, {})
  const one = await newSchedule(app, caller, { metadata: { team: 'a', deep: { x: 1, y: 2 } } })
  app.clock.advance(1)
  const two = await newSchedule(app, caller, { threadId, cron: '0 0 * * *' })
  app.clock.advance(1)
  const three = await newSchedule(app, caller, { enabled: false })
  const ids = async (rest: Partial<ScheduleSearch>) => (await search(rest)).map(({ id }) => id)
  expect(await ids({})).toEqual([three.id, two.id, one.id])
  expect(await ids({ descending: false, limit: 2, offset: 1 })).toEqual([two.id, three.id])
  expect(await ids({ filter: { assistantId: two.assistantId } })).toEqual([two.id])
  expect(await ids({ filter: { assistantId: 'no uuid at all' } })).toEqual([])
  expect(await ids({ filter: { threadId } })).toEqual([two.id])
  expect(await ids({ filter: { enabled: false } })).toEqual([three.id])
  expect(await ids({ filter: { metadata: { deep: { x: 1 } } } })).toEqual([one.id])
  expect(await ids({ sortBy: 'nextAt', descending: false })).toEqual([one.id, two.id, three.id])
  expect(await countSchedules(app, caller, { enabled: true })).toBe(2)
})

test('a deleted schedule is gone, and one goes with its thread', async () => {
  const { id: threadId } = await createThread(app, caller, {})
  const { id } = await newSchedule(app, caller, { threadId })
  const other = await newSchedule(app, caller)
  await deleteThread(app, caller, threadId)
  await deleteSchedule(app, caller, other.id)
  for (const gone of [id, other.id]) {
    expect(await faultOf(getSchedule(app, caller, gone))).toEqual(['not_found', 'schedule'])
    expect(await faultOf(deleteSchedule(app, caller, gone))).toEqual(['not_found', 'schedule'])
  }
})

test("another tenant's schedule, thread and assistant are as if they were not there", async () => {
  const { id, assistantId } = await newSchedule(app, caller, { threadId: (await createThread(app, caller, {})).id })
  const stranger = await app.newTenant()
  const { id: threadId } = await createThread(app, caller, {})
  expect(await faultOf(getSchedule(app, stranger, id))).toEqual(['not_found', 'schedule'])
  expect(await faultOf(changeSchedule(app, stranger, { id, change: { enabled: false } }))).toEqual(['not_found', 'schedule'])
  expect(await faultOf(deleteSchedule(app, stranger, id))).toEqual(['not_found', 'schedule'])
  expect(await countSchedules(app, stranger, {})).toBe(0)
  expect(await faultOf(newSchedule(app, stranger, { assistantId }))).toEqual(['not_found', 'assistant'])
  expect(await faultOf(newSchedule(app, stranger, { threadId }))).toEqual(['not_found', 'thread'])
  expect((await getSchedule(app, caller, id)).enabled).toBe(true)
})
