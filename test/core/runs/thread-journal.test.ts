import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { submitOutputs } from '../../../src/core/runs/outputs.ts'
import { deleteRun } from '../../../src/core/runs/removal.ts'
import { cancelRun } from '../../../src/core/runs/stop.ts'
import { followThread, type ThreadNews, type ThreadPlace } from '../../../src/core/runs/thread-journal.ts'
import { createThread, deleteThread, getThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { GRAPHS, type StartedGraph, startGraph, toldBy } from '../../support/graph-runs.ts'
import { callsFunctions, startRun, untilEnd } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ graphs: GRAPHS })
}, OPEN_MS)
afterAll(() => app.close())

const newThread = async (): Promise<string> => (await createThread(app, app.one, {})).id
const start = (threadId: string, graph = 'steps', input: object = {}): Promise<StartedGraph> => {
  app.clock.advance(1)
  return startGraph(app, { thread: { id: threadId, create: false }, graph, input: input as never })
}
async function ran(threadId: string, graph = 'steps', input: object = {}): Promise<string> {
  const started = await start(threadId, graph, input)
  await toldBy(app, started)
  return started.run.id
}

/** Reads news; a run is noted with the number of its last event, and how it stands there. */
class Reader {
  private readonly stop = new AbortController()
  private readonly news: AsyncGenerator<ThreadNews>
  constructor(threadId: string, from?: ThreadPlace) {
    const signal = AbortSignal.any([this.stop.signal, AbortSignal.timeout(8_000)])
    this.news = followThread(app, app.one, { threadId, signal, ...(from ? { from } : {}) })
  }
  /** The next run, up to its end or until it waits. */
  async run(): Promise<{ id: string; told: number; last: number; status: string }> {
    for (let seen = { id: '', told: 0, last: 0, status: '' }; ; ) {
      const { value, done } = await this.news.next()
      if (done) throw new Error('the news ended')
      if (value.kind === 'run') seen = { id: value.run.id, told: value.told, last: 0, status: '' }
      if (value.kind !== 'segment') continue
      seen.last = value.segment.seq + value.segment.events.length - 1
      const event = value.segment.events.at(-1)
      if (event?.type === 'status') seen.status = event.status
      if (seen.last > seen.told && ['completed', 'cancelled', 'waiting', 'failed'].includes(seen.status)) return seen
    }
  }
  next(): Promise<IteratorResult<ThreadNews>> {
    return this.news.next()
  }
  async close(): Promise<void> {
    this.stop.abort()
    await this.news.return(undefined)
  }
}

test('a reader is told the runs that come, each from its first event', async () => {
  const thread = await newThread()
  await ran(thread)
  const reader = new Reader(thread)
  const first = reader.run()
  const ids = [await ran(thread), await ran(thread)]
  expect([(await first).id, (await reader.run()).id]).toEqual(ids)
  await reader.close()
})

describe('a reader that comes back', () => {
  test('goes on with the run it knows, then with those made later', async () => {
    const thread = await newThread()
    const ids = [await ran(thread), await ran(thread), await ran(thread)]
    const reader = new Reader(thread, { runId: ids[1] ?? '', seq: 2 })
    expect(await reader.run()).toMatchObject({ id: ids[1], told: 2 })
    expect(await reader.run()).toMatchObject({ id: ids[2], told: 0 })
    await reader.close()
  })
  test('is told everything from the start, pages of runs too', async () => {
    const thread = await newThread()
    const ids: string[] = []
    for (let i = 0; i < 23; i++) ids.push(await ran(thread))
    const reader = new Reader(thread, 'start')
    const seen: string[] = []
    while (seen.length < ids.length) seen.push((await reader.run()).id)
    expect(seen).toEqual(ids)
    await reader.close()
  })
  test('behind a run that was removed meanwhile is told what came after it', async () => {
    const thread = await newThread()
    const ids = [await ran(thread), await ran(thread), await ran(thread)]
    await deleteRun(app, app.one, { threadId: thread, id: ids[1] ?? '' })
    const reader = new Reader(thread, { runId: ids[1] ?? '', seq: 4 })
    expect((await reader.run()).id).toBe(ids[2] ?? '')
    await reader.close()
  })
})

test('a run that waits is told again from where it goes on', async () => {
  const waiting = await startRun(app, { turns: [callsFunctions('c1'), { text: ['done'] }] })
  const reader = new Reader(waiting.threadId, 'start')
  const first = await reader.run()
  expect(first).toMatchObject({ id: waiting.run.id, told: 0, status: 'waiting' })
  const going = reader.run()
  await submitOutputs(app, app.one, { threadId: waiting.threadId, id: waiting.run.id, outputs: [{ callId: 'c1', output: 'seen' }] })
  const then = await going
  expect(then.status).toBe('completed')
  expect(then.last).toBeGreaterThan(first.last)
  // One that goes on before its reader has turned away is told on, in one go.
  if (then.id !== '') expect(then).toMatchObject({ id: waiting.run.id, told: first.last })
  await untilEnd(app, waiting)
  await reader.close()
})

test('a run that is removed while it is told just stops, and the next one follows', async () => {
  const thread = await newThread()
  const slow = await start(thread, 'delay', { delay_ms: 3_600_000 })
  const reader = new Reader(thread)
  const next = reader.run()
  await cancelRun(app, app.one, { threadId: thread, id: slow.run.id, rollback: true })
  // It is gone once its worker has stopped.
  while ((await getThread(app, app.one, thread)).runId !== null) await Bun.sleep(1)
  const id = await ran(thread)
  expect((await next).id).toBe(id)
  await reader.close()
})

test('a new head is told between runs, not within one', async () => {
  const thread = await newThread()
  const reader = new Reader(thread)
  const kinds: string[] = []
  const read = (async () => {
    while (kinds.at(-1) !== 'head') kinds.push((await reader.next()).value?.kind ?? 'end')
  })()
  await ran(thread)
  await read
  expect(kinds[0]).toBe('run')
  expect(kinds.filter((kind) => kind === 'head')).toHaveLength(1)
  await reader.close()
})

test('news of a thread that is removed end with that, and those of another tenant never begin', async () => {
  const thread = await newThread()
  const stranger = followThread(app, app.two, { threadId: thread, signal: AbortSignal.timeout(4_000) })
  expect(stranger.next()).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'thread' } })
  const reader = new Reader(thread)
  const news = reader.next()
  const slow = await start(thread, 'delay', { delay_ms: 3_600_000 })
  expect((await news).value).toMatchObject({ kind: 'run', run: { id: slow.run.id } })
  await deleteThread(app, app.one, thread)
  const rest = async () => {
    for (let next = await reader.next(); !next.done; next = await reader.next());
  }
  expect(rest()).rejects.toMatchObject({ code: 'not_found' })
})
