import { afterAll, beforeAll, expect, test } from 'bun:test'
import { submitOutputs } from '../../../src/core/runs/outputs.ts'
import { getThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import {
  callsFunctions,
  currentRun,
  journalOf,
  type Started,
  sketch,
  startRun,
  storyOf,
  UNKNOWN_ID,
  until,
  untilEnd,
} from '../../support/runs.ts'

let app: TestApp
/** On the same database, executes nothing. */
let idle: TestApp
beforeAll(async () => {
  app = await openTestApp({ shared: true })
  idle = await app.replica({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

const waiting = async (...ids: string[]): Promise<Started> => {
  const started = await startRun(app, { turns: [callsFunctions(...ids), { text: ['end'] }] })
  await storyOf(app, started)
  return started
}
const submit = (by: TestApp, { caller, threadId, run }: Started, outputs: [string, string][]) =>
  submitOutputs(by, caller, { threadId, id: run.id, outputs: outputs.map(([callId, output]) => ({ callId, output })) })

const wrong: [string, [string, string][]][] = [
  ['no output', []],
  ['some of the outputs', [['call_a', '1']]],
  [
    'an output for a call that is not there',
    [
      ['call_a', '1'],
      ['call_b', '2'],
      ['call_c', '3'],
    ],
  ],
  [
    'an output for a call that is not there in place of another',
    [
      ['call_a', '1'],
      ['call_c', '2'],
    ],
  ],
  [
    'two outputs for one call',
    [
      ['call_a', '1'],
      ['call_a', '2'],
    ],
  ],
  [
    'two outputs for one call beside the others',
    [
      ['call_a', '1'],
      ['call_b', '2'],
      ['call_a', '3'],
    ],
  ],
]
test.each(wrong)('%s is refused, saying what was expected and got, and the run still waits', async (_, outputs) => {
  const started = await waiting('call_a', 'call_b')
  await expect(submit(app, started, outputs)).rejects.toMatchObject({
    code: 'invalid',
    facts: { action: 'submit', expected: ['call_a', 'call_b'], got: outputs.map(([id]) => id) },
  })
  expect((await currentRun(app, started)).status).toBe('waiting')
  await until(() => app.worker.busy === 0)
  await submit(app, started, [
    ['call_b', '2'],
    ['call_a', '1'],
  ])
  expect((await untilEnd(app, started)).status).toBe('completed')
})

test('outputs in any order reach the model in the order of the calls', async () => {
  const started = await waiting('call_a', 'call_b')
  await submit(app, started, [
    ['call_b', 'for b'],
    ['call_a', 'for a'],
  ])
  await untilEnd(app, started)
  const tools = app.models.requestsTo(started.model)[1]?.messages.filter((m) => m.role === 'tool')
  expect(tools?.map((m) => m.content)).toEqual(['for a', 'for b'])
})

test('the submitter is told the number of the newest event before the submission', async () => {
  const started = await waiting('call_a')
  const before = await journalOf(app, started.run.id)
  const { run, after } = await submit(idle, started, [['call_a', 'x']])
  expect(after).toBe(before.length)
  expect(run).toMatchObject({ status: 'queued', calls: null })
  const events = await storyOf(app, started)
  expect(sketch(events.slice(after, after + 3))).toEqual(['step_end completed', 'run queued', 'run running'])
  expect(events[after]).toMatchObject({ calls: [{ id: 'call_a', output: 'x' }] })
})

test('of many submissions at once exactly one is taken', async () => {
  const started = await waiting('call_a')
  const settled = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) => submit(i % 2 ? app : idle, started, [['call_a', `from ${i}`]])),
  )
  const refused = settled.filter((s) => s.status === 'rejected')
  expect(refused).toHaveLength(7)
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'wrong_state', facts: { action: 'submit' } })
  expect((await untilEnd(app, started)).status).toBe('completed')
  expect(app.models.requestsTo(started.model)).toHaveLength(2)
  const winner = settled.findIndex((s) => s.status === 'fulfilled')
  expect(app.models.requestsTo(started.model)[1]?.messages.find((m) => m.role === 'tool')?.content).toBe(`from ${winner}`)
})

test('while outputs are on their way the thread is busy with the run', async () => {
  const started = await waiting('call_a')
  const worker = app.db.pauseNext('run.commit', 'before')
  await submit(app, started, [['call_a', 'x']])
  expect(await getThread(app, app.one, started.threadId)).toMatchObject({ status: 'busy', runId: started.run.id })
  worker.release()
  await untilEnd(app, started)
})

test('a run that does not wait takes no outputs', async () => {
  const started = await startRun(app)
  await untilEnd(app, started)
  await expect(submit(app, started, [['x', 'y']])).rejects.toMatchObject({
    code: 'wrong_state',
    facts: { kind: 'run', status: 'completed', action: 'submit' },
  })
  await expect(submitOutputs(app, app.one, { threadId: started.threadId, id: UNKNOWN_ID, outputs: [] })).rejects.toMatchObject({
    code: 'not_found',
  })
  await until(() => app.worker.busy === 0)
})

test('a database that fails in the middle of a submission leaves the run waiting and the place free', async () => {
  const started = await waiting('call_a')
  app.db.failNext('transaction', 'before')
  await expect(submit(app, started, [['call_a', 'x']])).rejects.toMatchObject({ code: 'unavailable' })
  await until(() => app.worker.busy === 0)
  await submit(app, started, [['call_a', 'x']])
  expect((await untilEnd(app, started)).status).toBe('completed')
})
