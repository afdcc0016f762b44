import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import type { ScriptTurn } from '../../../src/drivers/models/port.ts'
import { Calls } from '../../support/calls.ts'
import { EventReader, readEvents, type SeenEvent } from '../../support/events.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

const asks = (n: number): ScriptTurn => ({
  calls: ['a', 'b'].map((at) => ({ id: `call_${at}${n}`, name: 'look', arguments: { at }, argumentChunks: ['{"a', `t":"${at}"}`] })),
})

const SCRIPTS: Record<string, ScriptTurn[]> = {
  speaker: [{ text: ['one ', 'two ', 'three'] }],
  caller: [asks(1), asks(2), { text: ['both ', 'seen'] }],
  broken: [{ text: ['Hel'], fail: { status: 500, message: 'down' } }],
  held: [{ text: ['Hel', 'lo'], pauseMs: 3_600_000 }],
}

let served: Served
let calls: Calls

beforeAll(async () => {
  served = await serve({ scripts: SCRIPTS, retriesMax: 0 }, { worker: true })
  calls = new Calls(served)
}, SERVER_START_MS)
afterAll(() => served.close())

interface Told {
  path: string
  threadId: string
  runId: string
  frames: SeenEvent[]
}

/** The id of the run that a stream from its start begins with. */
function runIdOf([created]: readonly SeenEvent[]): string {
  if (created?.event !== 'thread.run.created') throw new Error(`A stream begins with ${created?.event}`)
  return String((created.data as JsonObject).id)
}

const pathOf = (threadId: string, runId: string): string => `/v1/threads/${threadId}/runs/${runId}/stream`

/** A run that is streamed from its start until it ends or waits. */
async function tell(model: string): Promise<Told> {
  const threadId = await calls.thread()
  const frames = await readEvents(await calls.stream(threadId, await calls.assistant(model)))
  const runId = runIdOf(frames)
  return { threadId, runId, path: pathOf(threadId, runId), frames }
}

const follow = async (path: string, after?: string): Promise<SeenEvent[]> =>
  readEvents(await served.send('GET', path, undefined, after === undefined ? {} : { headers: { 'last-event-id': after } }))

/** A run that was told from start to end, over as many rounds as its script has. */
async function tellAll(model: string): Promise<Told> {
  const told = await tell(model)
  const frames = [...told.frames]
  for (let round = 1; frames.at(-2)?.event === 'thread.run.requires_action'; round++) {
    frames.pop()
    const outputs = { [`call_a${round}`]: 'A', [`call_b${round}`]: 'B' }
    frames.push(...(await readEvents(await calls.submit(told.threadId, told.runId, outputs, { stream: true }))))
  }
  return { ...told, frames }
}

describe('a stream is continued after any of its frames', () => {
  for (const model of ['speaker', 'caller', 'broken']) {
    test(`of a finished run whose model is ${model}: each event once, in order`, async () => {
      const { path, frames } = await tellAll(model)
      const ids = frames.map(({ id }) => id)
      expect(ids.pop()).toBeUndefined()
      expect(new Set(ids).size).toBe(ids.length)
      expect(await follow(path)).toEqual(frames)
      for (const [i, id] of ids.entries()) expect([id, await follow(path, id)]).toEqual([id, frames.slice(i + 1)])
    })
  }

  test('of a run that waits for outputs: up to the end of what is there', async () => {
    const { path, frames } = await tell('caller')
    expect(frames.at(-2)?.event).toBe('thread.run.requires_action')
    for (const [i, { id }] of frames.entries()) {
      if (id !== undefined) expect([id, await follow(path, id)]).toEqual([id, frames.slice(i + 1)])
    }
  })

  test('of a run that goes on meanwhile: the rest comes when it happens', async () => {
    const threadId = await calls.thread()
    const first = new EventReader(await calls.stream(threadId, await calls.assistant('held')))
    const seen = await first.until('thread.message.delta')
    await first.leave()
    const runId = runIdOf(seen)
    const path = pathOf(threadId, runId)
    const readers = await Promise.all(
      seen.map(async ({ id = '' }) => new EventReader(await served.send('GET', path, undefined, { headers: { 'last-event-id': id } }))),
    )
    await calls.ok('POST', `/v1/threads/${threadId}/runs/${runId}/cancel`)
    const whole = await follow(path)
    expect(whole.slice(0, seen.length)).toEqual(seen)
    expect(whole.at(-2)?.event).toBe('thread.run.cancelled')
    for (const [i, reader] of readers.entries()) expect(await reader.rest()).toEqual(whole.slice(i + 1))
  })

  test('over two rounds of outputs: a reader of round one sees round two in its own stream', async () => {
    const { path, threadId, runId, frames } = await tell('caller')
    const early = frames[4]
    await readEvents(await calls.submit(threadId, runId, { call_a1: 'A', call_b1: 'B' }, { stream: true }))
    const second = await follow(path, early?.id)
    expect(second.slice(0, frames.length - 6)).toEqual(frames.slice(5, -1))
    expect(second.filter(({ event }) => event === 'thread.run.requires_action').length).toBe(2)
    expect(second.filter(({ event }) => event === 'done').length).toBe(1)
    const done = await readEvents(await calls.submit(threadId, runId, { call_a2: 'A', call_b2: 'B' }, { stream: true }))
    const whole = await follow(path)
    expect(whole.slice(-done.length)).toEqual(done)
    expect(whole.filter(({ event }) => event === 'thread.run.requires_action').length).toBe(2)
    expect(whole.at(-2)?.event).toBe('thread.run.completed')
  })
})

test('the address may name the place too, and the header is the newer word', async () => {
  const { path, frames } = await tellAll('speaker')
  const [one, other] = [frames[2]?.id ?? '', frames[6]?.id ?? '']
  expect(await follow(`${path}?after=${one}`)).toEqual(frames.slice(3))
  expect(await follow(`${path}?after=${one}`, other)).toEqual(frames.slice(7))
  expect(await follow(`${path}?after=`)).toEqual(frames)
})

test('after the last frame there is only the end', async () => {
  const { path, frames } = await tellAll('speaker')
  expect((await follow(path, frames.at(-2)?.id)).map(({ event }) => event)).toEqual(['done'])
})

test('a place that no stream has is refused by name', async () => {
  const { path } = await tell('speaker')
  for (const bad of ['abc', '-1', '1.2.3', '1e3', '99999999999', "1' or 1=1", '1.9999']) {
    const inHeader = await served.send('GET', path, undefined, { headers: { 'last-event-id': bad } })
    expect([bad, inHeader.status]).toEqual([bad, 400])
    expect(await inHeader.json()).toMatchObject({ error: { code: 'invalid_value', param: 'Last-Event-ID' } })
    const inQuery = await served.send('GET', `${path}?after=${encodeURIComponent(bad)}`)
    expect([bad, inQuery.status]).toEqual([bad, 400])
    expect(await inQuery.json()).toMatchObject({ error: { code: 'invalid_value', param: 'after' } })
  }
})

test('a place far behind the end of a finished run is the end', async () => {
  const { path } = await tell('speaker')
  const response = await served.send('GET', path, undefined, { headers: { 'last-event-id': '999999' } })
  expect(response.status).toBe(200)
  expect((await readEvents(response)).map(({ event }) => event)).toEqual(['done'])
})

test('runs and threads that are not there, wrong keys and unknown parameters are refused before the stream', async () => {
  const { path, threadId, runId } = await tell('speaker')
  const none = '0'.repeat(32)
  const status = async (at: string, key?: string | null) =>
    (await served.send('GET', at, undefined, key === undefined ? {} : { key })).status
  expect(await status(pathOf(threadId, `run_${none}`))).toBe(404)
  expect(await status(pathOf(`thread_${none}`, runId))).toBe(404)
  expect(await status(pathOf(await calls.thread(), runId))).toBe(404)
  expect(await status(path, served.otherKey)).toBe(404)
  expect(await status(path, 'wrong')).toBe(401)
  expect(await status(path, null)).toBe(401)
  expect(await status(`${path}?from=1`)).toBe(400)
})

test('the stream of a run whose thread is deleted ends instead of waiting for ever', async () => {
  const threadId = await calls.thread()
  const reader = new EventReader(await calls.stream(threadId, await calls.assistant('held')))
  const runId = runIdOf(await reader.until('thread.message.delta'))
  const follower = new EventReader(await served.send('GET', pathOf(threadId, runId)))
  await follower.until('thread.message.delta')
  await calls.ok('DELETE', `/v1/threads/${threadId}`)
  expect((await served.send('GET', pathOf(threadId, runId))).status).toBe(404)
  for (const open of [reader, follower]) expect((await open.rest()).at(-1)?.event).toMatch(/^(?:error|done)$/)
})
