import { describe, expect, test } from 'bun:test'
import type { StreamMode } from '../../../src/core/runs/call.ts'
import type { RunEvent } from '../../../src/core/runs/events.ts'
import type { Run } from '../../../src/core/runs/runs.ts'
import { type Cursor, readCursor, START } from '../../../src/surfaces/langgraph/cursor.ts'
import { langgraphFrames } from '../../../src/surfaces/langgraph/stream.ts'
import { graphRun, IDS, mode, segment, status, story } from './story.ts'

interface Asked {
  run?: Run
  after?: Cursor
  modes?: StreamMode[]
  closing?: readonly [string, string]
}

const text = (events: RunEvent[], { run = graphRun(), after = START, modes, closing }: Asked = {}): string =>
  langgraphFrames({ run, modes: modes ? new Set(modes) : null, ...(closing ? { closing } : {}) }, after).push(segment(events))

/** `event data` of each frame. */
const told = (events: RunEvent[], asked?: Asked): string[] =>
  [...text(events, asked).matchAll(/event: (.*)\ndata: (.*)\n/g)].map(([, event, data]) => `${event} ${data}`)
const names = (events: RunEvent[], asked?: Asked): string[] => told(events, asked).map((frame) => frame.split(' ', 1)[0] ?? '')
const ids = (frames: string): string[] => [...frames.matchAll(/\nid: (.*)\n/g)].map(([, id]) => id ?? '')

const METADATA = `metadata {"run_id":"${IDS.run}","attempt":1,"thread_id":"${IDS.thread}"}`
const VALUES = mode('values', { count: 1 })

test('a frame is its name, one line of data and its id, in this order', () => {
  expect(text(story(VALUES))).toBe(
    `event: metadata\ndata: {"run_id":"${IDS.run}","attempt":1,"thread_id":"${IDS.thread}"}\nid: 1\n\n` +
      `event: values\ndata: {"count":1}\nid: 3\n\n`,
  )
})

test('a stream ends with its last mode event, without a frame for the end', () => {
  const frames = langgraphFrames({ run: graphRun(), modes: null }, START)
  frames.push(segment([status('queued'), status('running'), VALUES]))
  expect(frames.ended()).toBeFalse()
  expect(frames.push(segment([status('completed')], 4))).toBe('')
  expect(frames.ended()).toBeTrue()
})

test('an end frame is told where the server is configured to', () => {
  expect(told(story(VALUES), { closing: ['end', 'null'] }).at(-1)).toBe('end null')
})

test('the name of a frame carries the path of the subgraph that it comes from, except for those that concern the run', () => {
  const events = story(
    mode('values', {}, 'weather:1'),
    mode('updates', {}, 'a:1|b:2'),
    mode('messages', [], 'a:1'),
    mode('messages/partial', [], 'a:1'),
    mode('events', {}, 'a:1'),
  )
  expect(names(events)).toEqual(['metadata', 'values|weather:1', 'updates|a:1|b:2', 'messages|a:1', 'messages/partial', 'events'])
})

describe('how runs end', () => {
  const end = (last: RunEvent) => told([status('queued'), status('running'), VALUES, last])
  test('a failure is an error frame with the class of what was thrown', () => {
    const error = { code: 'server_error', name: 'CustomError', message: 'Boo!' }
    expect(end(status('failed', { error })).at(-1)).toBe('error {"error":"CustomError","message":"Boo!"}')
  })
  test('a failure without a class is an Error', () => {
    expect(end(status('failed', { error: { code: 'server_error', message: 'Boo!' } })).at(-1)).toBe(
      'error {"error":"Error","message":"Boo!"}',
    )
  })
  test('a run that took too long is an error too', () => {
    expect(end(status('expired')).at(-1)).toStartWith('error {"error":"TimeoutError"')
  })
  test('a run that was cancelled just ends', () => {
    expect(end(status('cancelled'))).toEqual([METADATA, 'values {"count":1}'])
  })
  test('a run that stops to ask ends, and is not told to end again when another goes on in its place', () => {
    const events = [status('queued'), status('running'), mode('values', { __interrupt__: [] }), status('waiting'), status('completed')]
    const frames = langgraphFrames({ run: graphRun(), modes: null, closing: ['metadata', '{"status":"run_done"}'] }, START)
    expect(frames.push(segment(events)).match(/run_done/g)).toHaveLength(1)
    expect(frames.ended()).toBeTrue()
  })
})

describe('modes', () => {
  const events = story(
    VALUES,
    mode('updates', { a: 1 }),
    mode('messages', [{}, {}]),
    mode('messages/partial', [{}]),
    mode('messages/complete', [{}]),
    mode('custom', 'x'),
  )
  test('a reader that asks for none is told all that was recorded', () => {
    expect(names(events)).toEqual(['metadata', 'values', 'updates', 'messages', 'messages/partial', 'messages/complete', 'custom'])
  })
  test('a reader gets what it asks for, tuples and the old messages apart', () => {
    expect(names(events, { modes: ['updates', 'custom'] })).toEqual(['metadata', 'updates', 'custom'])
    expect(names(events, { modes: ['messages-tuple'] })).toEqual(['metadata', 'messages'])
    expect(names(events, { modes: ['messages'] })).toEqual(['metadata', 'messages/partial', 'messages/complete'])
  })
  test('an interrupt reaches a reader of any mode', () => {
    const asking = story(mode('values', { a: 1 }), mode('values', { __interrupt__: [{ id: 'i', value: 1 }] }))
    expect(told(asking, { modes: ['messages-tuple'] }).slice(1)).toEqual(['values {"__interrupt__":[{"id":"i","value":1}]}'])
  })
  test('a reader of no mode is told how runs begin and end', () => {
    const failed = [status('queued'), mode('values', { __interrupt__: [] }), status('failed')]
    expect(names(failed, { modes: [] })).toEqual(['metadata', 'error'])
  })
})

describe('ids', () => {
  const events = [
    status('queued'),
    status('running'),
    VALUES,
    { type: 'restart', attempt: 2, at: 1 } as RunEvent,
    VALUES,
    status('failed', { error: { code: 'server_error', message: 'no' } }),
  ]
  const asked: Asked = { closing: ['end', 'null'] }
  const full = text(events, asked)
  test('a reader that stopped after any frame sees exactly the frames behind it', () => {
    const blocks = full.split('\n\n').slice(0, -1)
    for (const [i, id] of ids(full).entries()) {
      const after = readCursor(id)
      if (!after) throw new Error(`not an id: ${id}`)
      expect(text(events, { ...asked, after })).toBe(
        blocks
          .slice(i + 1)
          .map((block) => `${block}\n\n`)
          .join(''),
      )
    }
    expect(ids(full)).toEqual(['1', '3', '4', '5', '6.0', '6'])
  })
  test('frames do not depend on how events were cut into segments', () => {
    const frames = langgraphFrames({ run: graphRun(), modes: null, closing: ['end', 'null'] }, START)
    expect(events.map((event, i) => frames.push(segment([event], i + 1))).join('')).toBe(full)
  })
  test('another attempt is told as metadata with its number', () => {
    expect(told(events)[2]).toBe(`metadata {"run_id":"${IDS.run}","attempt":2,"thread_id":"${IDS.thread}"}`)
  })
  test('ids of a stream over several runs name the run', () => {
    const frames = langgraphFrames({ run: graphRun(), modes: null, idPrefix: `${IDS.run}:` }, START)
    expect(ids(frames.push(segment(story(VALUES))))).toEqual([`${IDS.run}:1`, `${IDS.run}:3`])
  })
})
