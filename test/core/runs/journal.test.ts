import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Scope } from '../../../src/core/caller.ts'
import { purgeJournal } from '../../../src/core/runs/claims.ts'
import { appendEvents } from '../../../src/core/runs/commits.ts'
import type { RunEvent, Segment } from '../../../src/core/runs/events.ts'
import { followRun, readJournal } from '../../../src/core/runs/journal.ts'
import type { Reader } from '../../../src/core/runs/signals.ts'
import { cancelRun } from '../../../src/core/runs/stop.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import {
  answer,
  callsFunctions,
  isText,
  journalOf,
  type Started,
  saysThenHangs,
  sketch,
  startRun,
  storyOf,
  until,
  untilEnd,
  untilEvent,
} from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ shared: true })
}, OPEN_MS)
afterAll(() => app.close())

const follow = (by: TestApp, { run }: Started, rest: { first?: Segment; signal?: AbortSignal } = {}) =>
  followRun(by, app.one, { run, signal: AbortSignal.timeout(4_000), ...rest })
const flat = (segments: Segment[]): RunEvent[] => segments.flatMap((segment) => segment.events)
const text = (seq: number): Segment => ({ seq, events: [{ type: 'text', text: `${seq}` }] })
const end = (seq: number): Segment => ({ seq, events: [{ type: 'status', status: 'completed', at: 0 }] })
const manyChunks = (n: number) => [{ text: Array.from({ length: n }, (_, i) => `${i} `) }]

/** A run that nobody executes, whose events a test writes and tells by itself. */
async function stagedRun(): Promise<{
  started: Started
  write(...segments: Segment[]): Promise<void>
  tell(...segments: Segment[]): void
}> {
  const started = await startRun(await app.replica({ slots: 0, shared: false }))
  const { id: runId } = started.run
  await app.records.db.query(`update run set status = 'running', lease_until = now() + interval '1 hour' where id = $1`, [runId])
  return {
    started,
    async write(...segments) {
      for (const segment of segments) expect(await appendEvents(app, { runId, fence: 1, ...segment })).toBe(true)
    },
    tell(...segments) {
      for (const segment of segments) app.signals.publish(runId, segment)
    },
  }
}

test('a reader in the process of the run gets its events from memory, without reading the table', async () => {
  const { started, tell } = await stagedRun()
  const reader = follow(app, started, { first: started.first })
  expect((await reader.next()).value).toEqual(started.first)
  // Told and not written: nobody else could know of these.
  tell(text(2), text(3), end(4))
  expect(await Array.fromAsync(reader)).toEqual([text(2), text(3), end(4)])
})

test('what readers get from memory is what the journal holds', async () => {
  const started = await startRun(app, { turns: manyChunks(200) })
  const segments = await Array.fromAsync(follow(app, started, { first: started.first }))
  expect(flat(segments)).toEqual(await journalOf(app, started.run.id))
})

test('a reader that comes after the end gets the whole story from the table', async () => {
  const started = await startRun(app, { turns: manyChunks(50) })
  await untilEnd(app, started)
  expect(flat(await Array.fromAsync(follow(app, started)))).toEqual(await journalOf(app, started.run.id))
})

test('a reader that was given the first events and comes late misses nothing and hardly waits', async () => {
  const started = await startRun(app, { turns: manyChunks(5) })
  await untilEnd(app, started)
  const from = performance.now()
  const segments = await Array.fromAsync(follow(app, started, { first: started.first }))
  expect(performance.now() - from).toBeLessThan(2_000)
  expect(flat(segments)).toEqual(await journalOf(app, started.run.id))
})

test('a journal longer than one read is read to its end', async () => {
  const { started, write } = await stagedRun()
  await write(...Array.from({ length: 450 }, (_, i) => text(i + 2)), end(452))
  const seqs = (await Array.fromAsync(follow(app, started))).map((segment) => segment.seq)
  expect(seqs).toEqual(Array.from({ length: 452 }, (_, i) => i + 1))
})

test('a reader that is slower than its run loses nothing', async () => {
  const started = await startRun(app, { turns: [{ text: Array.from({ length: 600 }, (_, i) => `${i} `), pauseMs: 1 }] })
  const reader = follow(app, started, { first: started.first })
  const segments = [(await reader.next()).value as Segment]
  await untilEvent(app, started, (event) => event.type === 'status' && event.status === 'completed')
  for await (const segment of reader) segments.push(segment)
  const events = flat(segments)
  expect(events.filter((e) => e.type === 'text')).toHaveLength(600)
  expect(events).toEqual(await journalOf(app, started.run.id))
  expect(segments.every((s, i) => i === 0 || s.seq === (segments[i - 1]?.seq ?? 0) + (segments[i - 1]?.events.length ?? 0))).toBe(true)
})

test('a reader keeps a bounded number of segments: past that it forgets them and reads the table', async () => {
  const { started, write, tell } = await stagedRun()
  const reader = follow(app, started, { first: started.first })
  expect((await reader.next()).value?.seq).toBe(1)
  // Told and not written: what comes back of these was kept in memory.
  tell(...Array.from({ length: 1_000 }, (_, i) => ({ seq: i + 2, events: [{ type: 'text' as const, text: 'from memory' }] })))
  await write(...Array.from({ length: 1_000 }, (_, i) => text(i + 2)), end(1_002))
  const events = flat(await Array.fromAsync(reader))
  expect(events.filter((e) => e.type === 'text' && e.text === 'from memory')).toEqual([])
  expect(events).toHaveLength(1_001)
})

test('a segment that was told of out of turn is not shown before those between are read', async () => {
  const { started, write, tell } = await stagedRun()
  const reader = follow(app, started, { first: started.first })
  await reader.next()
  const rest = Array.fromAsync(reader)
  await write(text(2), text(3), end(4))
  tell(end(4))
  expect((await rest).map((s) => s.seq)).toEqual([2, 3, 4])
})

test('a segment that was told of twice, or overlaps with what is known, is shown once', async () => {
  const { started, write, tell } = await stagedRun()
  const reader = follow(app, started, { first: started.first })
  await reader.next()
  const both: Segment = { seq: 2, events: [...text(2).events, ...text(3).events] }
  await write(both, end(4))
  tell(text(2), text(2), both, both, end(4))
  expect(flat(await Array.fromAsync(reader))).toEqual([...both.events, ...end(4).events])
})

test('a reader ends where the run waits, and a later one tells the whole story', async () => {
  const started = await startRun(app, { turns: [callsFunctions('call_e'), { text: ['end'] }] })
  const segments = await Array.fromAsync(follow(app, started))
  expect(sketch(flat(segments)).at(-1)).toBe('run waiting')
  await answer(app, started, { call_e: 'x' })
  expect(sketch(flat(await Array.fromAsync(follow(app, started)))).at(-1)).toBe('run completed')
})

test('a reader that learns of the waiting late goes on with what followed it', async () => {
  const started = await startRun(app, { turns: [callsFunctions('call_l'), { text: ['end'] }] })
  const reader = follow(app, started, { first: started.first })
  const events = flat([(await reader.next()).value as Segment])
  await until(async () => sketch(await journalOf(app, started.run.id)).at(-1) === 'run waiting')
  await answer(app, started, { call_l: 'x' })
  for await (const { events: more } of reader) events.push(...more)
  expect(sketch(events).at(-1)).toBe('run completed')
})

test('a reader stops without a fault when its signal fires, whether it waits or reads', async () => {
  const started = await startRun(app, { turns: saysThenHangs('half ') })
  await untilEvent(app, started, isText('half '))
  const abort = new AbortController()
  const reader = follow(app, started, { signal: abort.signal })
  const seen = [(await reader.next()).value as Segment]
  const rest = Array.fromAsync(reader)
  abort.abort()
  seen.push(...(await rest))
  expect(sketch(flat(seen))).not.toContain('run cancelled')
  expect(await Array.fromAsync(follow(app, started, { signal: AbortSignal.abort() }))).toEqual([])
  await cancelRun(app, app.one, { threadId: started.threadId, id: started.run.id })
})

test('a reader unsubscribes when it ends, when it is left, and when it fails', async () => {
  const readers = new Set<Reader>()
  const signals = Object.assign(Object.create(app.signals), {
    subscribe(_: string, reader: Reader) {
      readers.add(reader)
      return () => readers.delete(reader)
    },
  }) as TestApp['signals']
  const parts = { db: app.db, signals }
  const started = await startRun(app, { turns: manyChunks(3) })
  await untilEnd(app, started)
  const input = { run: started.run, signal: AbortSignal.timeout(4_000) }
  await Array.fromAsync(followRun(parts, app.one, input))
  for await (const _ of followRun(parts, app.one, input)) break
  const missing = { ...started.run, id: started.threadId }
  await expect(Array.fromAsync(followRun(parts, app.one, { ...input, run: missing }))).rejects.toMatchObject({ code: 'not_found' })
  expect(readers.size).toBe(0)
})

test('a reader in another process follows by NOTIFY and sees the same story, as it happens', async () => {
  const other = await app.replica({ slots: 0 })
  const gate = Promise.withResolvers<void>()
  const started = await startRun(app, { turns: [{ text: ['a ', 'b '] }], gate: gate.promise })
  const reader = follow(other, started)
  const events = flat([(await reader.next()).value as Segment])
  expect(sketch(events)).toEqual(['run queued', 'run running'])
  const from = performance.now()
  gate.resolve()
  for await (const segment of reader) events.push(...segment.events)
  expect(performance.now() - from).toBeLessThan(2_000)
  expect(events).toEqual(await journalOf(app, started.run.id))
})

test('a reader whose notifications were lost looks by itself', async () => {
  const { started, write } = await stagedRun()
  const reader = follow(app, started, { first: started.first })
  await reader.next()
  await write(text(2), end(3))
  expect((await Array.fromAsync(reader)).map((s) => s.seq)).toEqual([2, 3])
})

test('a run whose journal was purged says so to its readers instead of keeping them', async () => {
  const started = await startRun(app, { turns: manyChunks(3) })
  await untilEnd(app, started)
  expect(await purgeJournal(app, app.clock.now() + 1, 10_000)).toBeGreaterThan(0)
  await expect(Array.fromAsync(follow(app, started))).rejects.toMatchObject({ code: 'invalid', facts: { param: 'run_id' } })
  const { value } = await follow(app, started, { first: started.first }).next()
  expect(value).toEqual(started.first)
})

test('a purge leaves journals of runs that are not over, and of those that ended later', async () => {
  const [over, open] = [await startRun(app, { turns: manyChunks(3) }), await startRun(app, { turns: saysThenHangs('half ') })]
  await untilEvent(app, open, isText('half '))
  await untilEnd(app, over)
  await purgeJournal(app, app.clock.now(), 10_000)
  expect(await journalOf(app, over.run.id)).not.toEqual([])
  await purgeJournal(app, app.clock.now() + 1, 10_000)
  expect(await journalOf(app, over.run.id)).toEqual([])
  expect(sketch(await journalOf(app, open.run.id))).toContain('text half ')
})

test('reading on begins inside a segment where it has to', async () => {
  const { started, write } = await stagedRun()
  await write({ seq: 2, events: [...text(2).events, ...text(3).events, ...text(4).events] })
  expect(await readJournal(app, started.run.id, 3)).toEqual([text(4)])
  expect(await readJournal(app, started.run.id, 4)).toEqual([])
})

test('a key without the read scope follows nothing', async () => {
  const started = await startRun(app)
  const reader = followRun(app, { ...app.one, scopes: new Set<Scope>() }, { run: started.run, signal: AbortSignal.timeout(1_000) })
  await expect(reader.next()).rejects.toMatchObject({ code: 'forbidden' })
  await storyOf(app, started)
})
