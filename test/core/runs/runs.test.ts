import { afterAll, beforeAll, expect, test } from 'bun:test'
import { changeRun, getRun } from '../../../src/core/runs/runs.ts'
import { getStep, listSteps } from '../../../src/core/runs/steps.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { answer, callsFunctions, type Started, startRun, storyOf, UNKNOWN_ID, untilEnd } from '../../support/runs.ts'

let app: TestApp
let rounds: Started
beforeAll(async () => {
  app = await openTestApp()
  const turns = [callsFunctions('c0'), { text: ['and'], ...callsFunctions('c1') }, callsFunctions('c2'), { text: ['end'] }]
  rounds = await startRun(app, { turns })
  for (const id of ['c0', 'c1', 'c2']) {
    await storyOf(app, rounds)
    await answer(app, rounds, { [id]: `out ${id}` })
  }
  await untilEnd(app, rounds)
}, OPEN_MS)
afterAll(() => app.close())

const keyOf = ({ threadId, run }: Started) => ({ threadId, id: run.id })
const stepsKey = () => ({ threadId: rounds.threadId, runId: rounds.run.id })

test('metadata of a run is replaced as a whole, and nothing else of it changes', async () => {
  const before = await getRun(app, app.one, keyOf(rounds))
  expect(await changeRun(app, app.one, keyOf(rounds))).toEqual(before)
  expect(await changeRun(app, app.one, { ...keyOf(rounds), metadata: { a: '1' } })).toEqual({ ...before, metadata: { a: '1' } })
  expect(await changeRun(app, app.one, { ...keyOf(rounds), metadata: { b: '2' } })).toEqual({ ...before, metadata: { b: '2' } })
})

test('a run is found under its own thread only', async () => {
  const other = await startRun(app)
  await untilEnd(app, other)
  const crossed = { threadId: other.threadId, id: rounds.run.id }
  const missing = { code: 'not_found', facts: { kind: 'run', id: rounds.run.id } }
  await expect(getRun(app, app.one, crossed)).rejects.toMatchObject(missing)
  await expect(changeRun(app, app.one, { ...crossed, metadata: {} })).rejects.toMatchObject(missing)
  await expect(getRun(app, app.one, { threadId: UNKNOWN_ID, id: rounds.run.id })).rejects.toMatchObject({ facts: { kind: 'thread' } })
})

test('the steps of a run are listed in the order they were taken, with calls, outputs and usage', async () => {
  const { items } = await listSteps(app, app.one, { ...stepsKey(), page: { limit: 20, order: 'asc' } })
  expect(items.map((s) => [s.kind, s.status, s.calls.map((c) => [c.id, c.output])])).toEqual([
    ['tool_calls', 'completed', [['c0', 'out c0']]],
    ['message', 'completed', []],
    ['tool_calls', 'completed', [['c1', 'out c1']]],
    ['tool_calls', 'completed', [['c2', 'out c2']]],
    ['message', 'completed', []],
  ])
  expect(items.every((s) => s.usage !== null && s.runExpiresAt === rounds.run.expiresAt && s.assistantId === rounds.assistant.id)).toBe(
    true,
  )
})

test('steps are paged from both sides, and an unknown cursor is refused', async () => {
  const ids = (await listSteps(app, app.one, { ...stepsKey(), page: { limit: 20, order: 'asc' } })).items.map((s) => s.id)
  const read = async (page: { limit: number; order: 'asc' | 'desc'; after?: string; before?: string }) => {
    const found = await listSteps(app, app.one, { ...stepsKey(), page })
    return [found.items.map((s) => ids.indexOf(s.id)), found.hasMore]
  }
  expect(await read({ limit: 2, order: 'asc' })).toEqual([[0, 1], true])
  expect(await read({ limit: 2, order: 'asc', after: ids[2] ?? '' })).toEqual([[3, 4], false])
  expect(await read({ limit: 2, order: 'desc', after: ids[2] ?? '' })).toEqual([[1, 0], false])
  expect(await read({ limit: 2, order: 'asc', before: ids[4] ?? '' })).toEqual([[2, 3], true])
  await expect(read({ limit: 2, order: 'asc', after: UNKNOWN_ID })).rejects.toMatchObject({ code: 'invalid', facts: { param: 'after' } })
})

test('a step is found under its own run only', async () => {
  const other = await startRun(app)
  await untilEnd(app, other)
  const [step] = (await listSteps(app, app.one, { ...stepsKey(), page: { limit: 1, order: 'asc' } })).items
  const id = step?.id ?? ''
  expect(await getStep(app, app.one, { ...stepsKey(), id })).toEqual(step as NonNullable<typeof step>)
  const crossed = getStep(app, app.one, { threadId: other.threadId, runId: other.run.id, id })
  await expect(crossed).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'step', id } })
})
