import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { deleteRun } from '../../src/core/runs/removal.ts'
import { cancelRun } from '../../src/core/runs/stop.ts'
import { deleteExpiredThreads } from '../../src/core/threads/removal.ts'
import { webhookSecret } from '../../src/core/webhooks/signature.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { GRAPHS, type GraphStart, type StartedGraph, startGraph } from '../support/graph-runs.ts'
import { currentRun, storyOf, untilEnd } from '../support/runs.ts'
import { isSigned, openReceiver, type Received, type WebhookReceiver } from '../support/webhook-receiver.ts'

let app: TestApp
let receiver: WebhookReceiver
beforeAll(async () => {
  receiver = openReceiver()
  app = await openTestApp({ graphs: GRAPHS, jobs: true, webhooks: { allowPrivate: true, attemptsMax: 3, timeoutMs: 500 } })
}, OPEN_MS)
afterEach(async () => {
  receiver.received.length = 0
  receiver.statuses.length = 0
  app.log.entries.length = 0
  await app.records.db.query('delete from job')
})
afterAll(async () => {
  await app.close()
  await receiver.close()
})

const SAID = { messages: [{ role: 'user', content: 'hi' }] }
const start = (rest: Partial<GraphStart> & { url?: string } = {}): Promise<StartedGraph> =>
  startGraph(app, { graph: 'echo', input: SAID, ...rest, call: { webhook: rest.url ?? `${receiver.url}/hook?token=secret`, ...rest.call } })

interface JobRow {
  attempt: number
  run_at: number
  error: string | null
  payload: string
  worker_id: string | null
}
const jobs = () => app.records.db.query<JobRow>(`select attempt, run_at, error, payload, worker_id from job where kind = 'webhook'`)
const done = () => eventually(async () => ((await jobs()).length === 0 ? true : undefined))
/** After attempt `attempt` its job waits for the next one. */
const waits = (attempt: number) =>
  eventually(async () => {
    const [job] = await jobs()
    return job?.attempt === attempt && job.worker_id === null && job.error !== null ? job : undefined
  })
const bodyOf = (received: Received | undefined) => JSON.parse(received?.body ?? 'null')

async function told(count = 1): Promise<Received[]> {
  app.jobs.wake()
  return receiver.until(count)
}

test('the end of a run is told: what run it was, when, and the values of its last checkpoint', async () => {
  const started = await start({ run: { metadata: { a: 1 } } })
  const run = await untilEnd(app, started)
  const [got] = await told()
  await done()
  expect(bodyOf(got)).toEqual({
    run_id: run.id,
    thread_id: run.threadId,
    assistant_id: run.assistantId,
    status: 'success',
    created_at: new Date(run.createdAt).toISOString(),
    updated_at: new Date(run.updatedAt).toISOString(),
    run_started_at: new Date(run.startedAt ?? 0).toISOString(),
    run_ended_at: new Date(run.endedAt ?? 0).toISOString(),
    webhook_sent_at: new Date(app.clock.now()).toISOString(),
    metadata: { a: 1, created_by: 'system' },
    multitask_strategy: 'reject',
    kwargs: expect.objectContaining({ input: SAID, webhook: `${receiver.url}/hook?token=secret` }),
    values: { messages: [expect.objectContaining({ type: 'human', content: 'hi' }), expect.objectContaining({ type: 'ai' })] },
  })
  expect(got?.path).toBe('/hook?token=secret')
})

test('a receiver can see who sent it: JSON, signed with the secret of the tenant', async () => {
  await untilEnd(app, await start())
  const [got] = await told()
  expect(got?.headers.get('content-type')).toBe('application/json')
  expect(got && isSigned(got, await webhookSecret(app, app.one.tenantId))).toBe(true)
  expect(Number(got?.headers.get('webhook-timestamp'))).toBe(Math.floor(app.clock.now() / 1000))
})

test('a run that failed is told with its error, and with what it had reached', async () => {
  const run = await untilEnd(app, await start({ graph: 'failing' }))
  const body = bodyOf((await told())[0])
  expect([body.status, body.error]).toEqual(['error', run.error?.message])
})

test('a run without a thread of its own is told too, although its thread is hidden by then', async () => {
  await untilEnd(app, await start({ thread: { temporary: true } }))
  const body = bodyOf((await told())[0])
  expect([body.status, body.values.messages.length, body.kwargs.temporary]).toEqual(['success', 2, true])
})

test('a run that is cancelled before it began is told as interrupted', async () => {
  const idle = await app.replica({ slots: 0, jobs: false })
  const { run, threadId } = await startGraph(idle, {
    graph: 'echo',
    input: SAID,
    call: { webhook: receiver.url },
    run: { delayMs: 60_000 },
  })
  await cancelRun(idle, idle.one, { threadId, id: run.id })
  const body = bodyOf((await told())[0])
  expect([body.run_id, body.status, body.run_started_at, body.values]).toEqual([run.id, 'interrupted', null, null])
})

test('a run that stops to ask is told once, as done', async () => {
  const started = await start({ graph: 'approval', input: {} })
  const [got] = await told()
  await done()
  expect(bodyOf(got).status).toBe('success')
  const next = await startGraph(app, { graph: 'approval', input: {}, thread: { id: started.threadId, create: false } })
  await storyOf(app, next)
  expect([(await currentRun(app, started)).status, (await jobs()).length, receiver.received.length]).toEqual(['completed', 0, 1])
})

test('the end of a run wakes the one who tells of it', async () => {
  await start()
  await receiver.until(1)
})

test('a receiver that fails is asked again, later and later, with the same id and a new signature', async () => {
  receiver.statuses.push(500, 503)
  await untilEnd(app, await start())
  await told()
  const first = await waits(1)
  expect(first.run_at - app.clock.now()).toBe(5_000)
  app.clock.advance(5_000)
  await told(2)
  const second = await waits(2)
  expect(second.run_at - app.clock.now()).toBe(20_000)
  app.clock.advance(20_000)
  const all = await told(3)
  await done()
  const secret = await webhookSecret(app, app.one.tenantId)
  expect(new Set(all.map(({ headers }) => headers.get('webhook-id'))).size).toBe(1)
  expect(all.map((one) => isSigned(one, secret))).toEqual([true, true, true])
  const sent = all.map((one) => bodyOf(one).webhook_sent_at)
  expect(new Set(sent).size).toBe(3)
})

test('what is told again is what was told first, also where the run is gone by then', async () => {
  receiver.statuses.push(500)
  const started = await start()
  await untilEnd(app, started)
  await told()
  await waits(1)
  await deleteRun(app, started.caller, { threadId: started.threadId, id: started.run.id })
  app.clock.advance(5_000)
  const [first, second] = (await told(2)).map(bodyOf)
  expect({ ...second, webhook_sent_at: 0 }).toEqual({ ...first, webhook_sent_at: 0 })
})

test('after the last attempt it is given up, and the log has no secret of its URL', async () => {
  receiver.statuses.push(500, 500, 500)
  await untilEnd(app, await start())
  for (const attempt of [1, 2]) {
    await told(attempt)
    await waits(attempt)
    app.clock.advance(3_600_000)
  }
  await told(3)
  await done()
  expect([app.log.count('webhook.failed'), app.log.count('webhook.given_up')]).toEqual([2, 1])
  expect(JSON.stringify(app.log.entries)).not.toContain('token')
})

test('a receiver that answers 410 is not asked again', async () => {
  receiver.statuses.push(410)
  await untilEnd(app, await start())
  await told()
  await done()
  expect(app.log.count('webhook.given_up')).toBe(1)
})

test('a path is told to this server', async () => {
  app.webhooks.serveAt(receiver.url)
  await untilEnd(app, await start({ url: '/own/hook' }))
  expect((await told())[0]?.path).toBe('/own/hook')
})

test('a slow receiver does not keep others waiting', async () => {
  const slow = openReceiver()
  const release = slow.hold()
  for (let n = 0; n < 3; n++) await untilEnd(app, await start({ url: slow.url }))
  await untilEnd(app, await start())
  await told()
  release()
  await slow.close()
})

test('a thread that goes with its run stays until the end was told', async () => {
  // From here on nobody does jobs but those that a test says.
  const idle = await app.replica({ jobs: false })
  await app.jobs.stop(0)
  const { run, threadId } = await startGraph(idle, {
    graph: 'echo',
    input: SAID,
    thread: { temporary: true },
    call: { webhook: receiver.url },
  })
  const isThere = async () => (await app.records.db.query('select 1 from thread where id = $1', [threadId])).length === 1
  await eventually(async () => ((await jobs()).length === 1 ? true : undefined))
  app.clock.advance(3_600_000)
  await deleteExpiredThreads(app, 100)
  expect(await isThere()).toBe(true)
  const telling = await app.replica({ slots: 0, jobs: true })
  expect(bodyOf((await receiver.until(1))[0])).toMatchObject({ run_id: run.id, values: { messages: expect.any(Array) } })
  await done()
  app.clock.advance(3_600_000)
  await deleteExpiredThreads(app, 100)
  expect(await isThere()).toBe(false)
  await telling.jobs.stop(0)
})

test('a run that is gone before anybody was told is told to nobody', async () => {
  const started = await start()
  await untilEnd(app, started)
  expect(await jobs()).toHaveLength(1)
  await deleteRun(app, started.caller, { threadId: started.threadId, id: started.run.id })
  const telling = await app.replica({ slots: 0, jobs: true })
  await done()
  expect(receiver.received).toEqual([])
  await telling.jobs.stop(0)
})

test('a process that is stopped in the middle hands its webhook to the next one, uncharged', async () => {
  const leaving = await app.replica({ jobs: true })
  const release = receiver.hold()
  await untilEnd(app, await start())
  leaving.jobs.wake()
  await receiver.until(1)
  await leaving.jobs.stop(0)
  expect((await jobs()).map(({ attempt, worker_id }) => [attempt, worker_id])).toEqual([[0, null]])
  release()
  const next = await app.replica({ jobs: true })
  await receiver.until(2)
  await done()
  await next.jobs.stop(0)
})
