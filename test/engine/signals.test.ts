import { afterAll, beforeAll, expect, test } from 'bun:test'
import { newId } from '../../src/core/id.ts'
import type { Segment } from '../../src/core/runs/events.ts'
import { type LocalWorker, ProcessSignals } from '../../src/engine/signals.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { until } from '../support/runs.ts'

let app: TestApp
const opened: ProcessSignals[] = []
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
}, OPEN_MS)
afterAll(async () => {
  for (const signals of opened) await signals.stop()
  await app.close()
})

async function open(shared: boolean): Promise<ProcessSignals> {
  const signals = new ProcessSignals(app.db, shared, app.log)
  opened.push(signals)
  await signals.start()
  return signals
}
const segment: Segment = { seq: 1, events: [{ type: 'text', text: 'x' }] }

function listening(signals: ProcessSignals, runId: string) {
  const heard = { segments: [] as Segment[], wakes: 0 }
  signals.subscribe(runId, { onSegment: (s) => heard.segments.push(s), onWake: () => heard.wakes++ })
  return heard
}

function recordingWorker(executes: string[] = []) {
  const seen = { wakes: 0, cancelled: [] as string[] }
  const worker: LocalWorker = {
    reserve: () => undefined,
    release: () => undefined,
    hand: () => undefined,
    wake: () => seen.wakes++,
    cancel(runId) {
      seen.cancelled.push(runId)
      return executes.includes(runId)
    },
  }
  return { worker, seen }
}

test('readers in the same process get segments themselves and are not told to look, those elsewhere are', async () => {
  const [here, there] = [await open(true), await open(true)]
  const runId = newId()
  const [near, far] = [listening(here, runId), listening(there, runId)]
  const before = [near.wakes, far.wakes] as const
  here.publish(runId, segment)
  expect(near.segments).toEqual([segment])
  await until(() => far.wakes > before[1])
  expect([far.segments, near.wakes]).toEqual([[], before[0]])
})

test('nobody hears of another run', async () => {
  const [here, there] = [await open(true), await open(true)]
  const [one, other] = [newId(), newId()]
  const [near, far, marker] = [listening(here, other), listening(there, other), listening(there, one)]
  const before = far.wakes
  here.publish(one, segment)
  await until(() => marker.wakes > 0)
  expect([near.segments.length, far.wakes]).toEqual([0, before])
})

test('many runs published at once wake the readers of each of them', async () => {
  const [here, there] = [await open(true), await open(true)]
  const ids = Array.from({ length: 450 }, newId)
  const readers = ids.map((id) => listening(there, id))
  for (const id of ids) here.publish(id, segment)
  await until(() => readers.every((reader) => reader.wakes > 0))
})

test('a cancellation goes to the process that executes the run, and a queued run wakes all workers', async () => {
  const [here, there] = [await open(true), await open(true)]
  const runId = newId()
  const [near, far] = [recordingWorker(), recordingWorker([runId])]
  here.attach(near.worker)
  there.attach(far.worker)
  here.cancel(runId)
  await until(() => far.seen.cancelled.includes(runId))
  const before = far.seen.wakes
  here.wake()
  expect(near.seen.wakes).toBe(1)
  await until(() => far.seen.wakes > before)
})

test('where no other process executes runs only changes of keys are sent', async () => {
  const [alone, other] = [await open(false), await open(false)]
  app.db.sent.length = 0
  alone.publish(newId(), segment)
  alone.wake()
  alone.cancel(newId())
  let told = 0
  other.onKeyChanged(() => told++)
  alone.keyChanged()
  await until(() => told === 1)
  expect(app.db.sent.filter((name) => name === 'notify')).toHaveLength(1)
})

test('a signal that cannot be sent is logged, and the next one is sent', async () => {
  const [here, there] = [await open(true), await open(true)]
  let told = 0
  there.onKeyChanged(() => told++)
  app.db.failNext('notify', 'before')
  here.keyChanged()
  await until(() => app.log.count('signal.not_sent') === 1)
  here.keyChanged()
  await until(() => told === 1)
})

test('a reader that has left hears nothing more', async () => {
  const here = await open(false)
  const runId = newId()
  let heard = 0
  const leave = here.subscribe(runId, { onSegment: () => heard++, onWake: () => heard++ })
  leave()
  here.publish(runId, segment)
  expect(heard).toBe(0)
})
