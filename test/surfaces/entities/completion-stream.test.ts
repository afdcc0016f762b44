import { expect, test } from 'bun:test'
import type { RunEvent } from '../../../src/core/runs/events.ts'
import { CompletionFrames } from '../../../src/surfaces/entities/completion-stream.ts'

const at = 0
const status = (word: Extract<RunEvent, { type: 'status' }>['status'], more: object = {}): RunEvent => ({
  type: 'status',
  status: word,
  at,
  ...more,
})

/** The frames of a journal whose events arrive one by one. */
function framesOf(events: RunEvent[], after = 0): unknown[] {
  const frames = new CompletionFrames(after)
  const text = events.map((event, i) => frames.push({ seq: i + 1, events: [event] })).join('')
  const whole = new CompletionFrames(after).push({ seq: 1, events })
  expect(whole).toBe(text)
  return text
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame) => JSON.parse(frame.slice('data: '.length)))
}

const content = (text: string) => ({ type: 'content', content: text })

test('thinking is told between its markers', () => {
  expect(
    framesOf([
      { type: 'reasoning', text: 'hm' },
      { type: 'reasoning', text: '!' },
      { type: 'text', text: 'Yes' },
    ]),
  ).toEqual([
    { type: 'reasoning', content: '<think>' },
    { type: 'reasoning', content: 'hm' },
    { type: 'reasoning', content: '!' },
    { type: 'reasoning', content: '</think>' },
    content('Yes'),
  ])
})

const STEP: RunEvent = { type: 'step', id: 's', kind: 'tool_calls', at }
const call = (index: number, name: string, more: object = {}): RunEvent => ({
  type: 'call',
  index,
  id: `c${index}`,
  tool: 'function',
  name,
  ...more,
})
const args = (index: number, text: string): RunEvent => ({ type: 'arguments', index, text })

test('a call is written as the text of an object, with its arguments as they come', () => {
  expect(framesOf([STEP, call(0, 'look'), args(0, '{"a"'), args(0, ':1}'), status('waiting')])).toEqual([
    ...['{"name": "look", "arguments": ', '{"a"', ':1}', '}'].map(content),
  ])
})

test('calls whose arguments come mixed up are told in order, and each is whole', () => {
  const frames = framesOf([call(0, 'a'), call(1, 'b'), args(1, '{"x":2}'), args(0, '{}'), call(2, 'c'), status('waiting')])
  const text = (frames as { content: string }[]).map((frame) => frame.content).join('')
  expect(text.split('\n').map((line) => JSON.parse(line))).toEqual([
    { name: 'a', arguments: {} },
    { name: 'b', arguments: { x: 2 } },
    { name: 'c', arguments: {} },
  ])
})

test('searches, and what the text has said, are told nowhere', () => {
  expect(
    framesOf([
      call(0, 'file_search', { tool: 'file_search' }),
      args(0, '{}'),
      call(1, 'look', { spoken: true }),
      args(1, '{}'),
      status('waiting'),
    ]),
  ).toEqual([])
})

test('what comes after the cursor is told, and what went before it is not', () => {
  const events: RunEvent[] = [
    ...[call(0, 'look'), args(0, '{}'), status('waiting')],
    {
      type: 'step_end',
      id: 's',
      status: 'completed',
      at,
      usage: null,
      calls: [{ id: 'c0', type: 'function', name: 'look', arguments: '{}', output: 'x' }],
    },
    ...[status('running'), { type: 'text', text: 'Seen' } as RunEvent, status('completed')],
  ]
  expect(framesOf(events, 3)).toEqual([content('Seen')])
})

test('ends that are no answer are errors', () => {
  expect(framesOf([status('cancelled')])).toEqual([{ type: 'error', content: 'Run cancelled' }])
  expect(framesOf([status('expired')])).toEqual([{ type: 'error', content: 'Run expired' }])
  expect(framesOf([status('failed', { error: { code: 'server_error', message: 'No.' } })])).toEqual([{ type: 'error', content: 'No.' }])
  expect(framesOf([status('incomplete')])).toEqual([])
})

test('a turn that is said again forgets the calls of the one that broke off', () => {
  const events: RunEvent[] = [call(0, 'look'), args(0, '{"a'), { type: 'step_end', id: 's', status: 'failed', at, usage: null }]
  expect(framesOf([...events, { type: 'restart', attempt: 2, at }, call(0, 'look'), args(0, '{}'), status('waiting')])).toEqual(
    ['{"name": "look", "arguments": ', '{"a', '{"name": "look", "arguments": ', '{}', '}'].map(content),
  )
})

test('how the newest event leaves the run is known', () => {
  const frames = new CompletionFrames(0)
  frames.push({ seq: 1, events: [status('running')] })
  expect(frames.state).toBe('open')
  frames.push({ seq: 2, events: [status('waiting', { calls: [{ id: 'c0', name: 'look', arguments: '{}' }] })] })
  expect([frames.state, [...frames.waitsFor]]).toEqual(['waiting', ['c0']])
  frames.push({ seq: 3, events: [status('completed')] })
  expect(frames.state).toBe('over')
})
