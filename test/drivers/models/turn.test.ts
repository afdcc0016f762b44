import { expect, test } from 'bun:test'
import type { CallDelta } from '../../../src/drivers/models/calls.ts'
import { Turn } from '../../../src/drivers/models/turn.ts'
import { RecordingSink } from './recording.ts'

const SOURCE = { name: 'stub', scrub: (text: string) => text }

function play(...chunks: unknown[]) {
  const sink = new RecordingSink()
  const turn = new Turn(SOURCE, sink)
  for (const chunk of chunks) turn.take(JSON.stringify(chunk))
  return { parts: sink.parts, turn, generated: turn.finish() }
}

const delta = (part: unknown, finish: string | null = null) => ({ choices: [{ index: 0, delta: part, finish_reason: finish }] })
const calls = (...deltas: CallDelta[]) => delta({ tool_calls: deltas })
const fn = (name: string, text: string) => ({ function: { name, arguments: text } })

test('text, refusal and reasoning reach the sink in order', () => {
  const { parts, generated } = play(
    delta({ role: 'assistant', content: '' }),
    delta({ reasoning_content: 'hm' }),
    delta({ reasoning: 'so' }),
    delta({ content: 'a' }),
    delta({ content: 'b', refusal: null }),
    delta({ refusal: 'no' }),
    delta({}, 'stop'),
  )
  expect(parts).toEqual(['reasoning: hm', 'reasoning: so', 'text: a', 'text: b', 'refusal: no'])
  expect(generated).toEqual({ text: 'ab', refusal: 'no', calls: [], finish: 'stop', usage: null })
})

test('content in parts gives its text', () => {
  const { generated } = play(
    delta(
      {
        content: [
          { type: 'thinking', thinking: [] },
          { type: 'text', text: 'a' },
        ],
      },
      'stop',
    ),
  )
  expect(generated.text).toBe('a')
})

test('the usage may come with no choices, in every chunk, or never', () => {
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, prompt_tokens_details: { cached_tokens: 1 } }
  expect(play(delta({}, 'stop'), { choices: [], usage }).generated.usage).toEqual({
    promptTokens: 3,
    completionTokens: 2,
    totalTokens: 5,
    cachedTokens: 1,
  })
  const growing = [1, 2].map((n) => ({ ...delta({ content: 'x' }), usage: { prompt_tokens: 3, completion_tokens: n } }))
  expect(play(...growing).generated.usage).toEqual({ promptTokens: 3, completionTokens: 2, totalTokens: 5 })
  expect(play({ choices: null, usage: null }).generated.usage).toBeNull()
})

test('finish words become ours, and a turn with calls ended for them', () => {
  expect(play(delta({}, 'length')).generated.finish).toBe('length')
  expect(play(delta({}, 'content_filter')).generated.finish).toBe('content_filter')
  expect(play(delta({}, 'eos')).generated.finish).toBe('stop')
  expect(play(calls({ index: 0, id: 'c', ...fn('f', '{}') }), delta({}, 'stop')).generated.finish).toBe('tool_calls')
  expect(play(calls({ index: 0, id: 'c', ...fn('f', '{"a') }), delta({}, 'length')).generated.finish).toBe('length')
})

test('only the first choice counts', () => {
  expect(play({ choices: [{ index: 1, delta: { content: 'x' } }] }).generated.text).toBe('')
})

test('a turn is started by its first part, and whole by its finish reason', () => {
  expect(play(delta({ role: 'assistant', content: '' })).turn.started).toBe(false)
  expect(play(delta({ content: 'a' })).turn).toMatchObject({ started: true, whole: false, done: false })
  expect(play(calls({ index: 0, id: 'c' })).turn.started).toBe(true)
  expect(play(delta({}, 'stop')).turn).toMatchObject({ started: false, whole: true, done: false })
})

test('a chunk that is not an object, or reports an error, fails', () => {
  const turn = new Turn(SOURCE, new RecordingSink())
  expect(() => turn.take('{')).toThrow('not a JSON object')
  expect(() => turn.take('null')).toThrow('not a JSON object')
  expect(() => turn.take('{"error":{"message":"overloaded"}}')).toThrow("Model provider 'stub' failed: overloaded")
  expect(() => turn.take('{"error":"overloaded"}')).toThrow('overloaded')
  expect(() => turn.take('{"object":"error","message":"bad","code":400}')).toThrow('bad')
})

interface Variant {
  name: string
  chunks: unknown[]
  calls: { id: string; name: string; arguments: string }[]
}

const A = { id: 'a', name: 'f', arguments: '{"x":1}' }
const B = { id: 'b', name: 'g', arguments: '{"y":2}' }

const VARIANTS: Variant[] = [
  {
    name: 'as OpenAI sends them',
    chunks: [
      calls({ index: 0, id: 'a', ...fn('f', '') }),
      calls({ index: 0, function: { arguments: '{"x"' } }),
      calls({ index: 0, function: { arguments: ':1}' } }),
      calls({ index: 1, id: 'b', ...fn('g', '') }),
      calls({ index: 1, function: { arguments: '{"y":2}' } }),
    ],
    calls: [A, B],
  },
  {
    name: 'in turns',
    chunks: [
      calls({ index: 0, id: 'a', ...fn('f', '{"x"') }, { index: 1, id: 'b', ...fn('g', '{') }),
      calls({ index: 1, function: { arguments: '"y":2}' } }, { index: 0, function: { arguments: ':1}' } }),
    ],
    calls: [A, B],
  },
  {
    name: 'with id and name in every piece',
    chunks: [calls({ index: 0, id: 'a', ...fn('f', '{"x"') }), calls({ index: 0, id: 'a', ...fn('f', ':1}') })],
    calls: [A],
  },
  {
    name: 'with empty id and name in later pieces',
    chunks: [calls({ index: 0, id: 'a', ...fn('f', '{"x"') }), calls({ index: 0, id: '', ...fn('', ':1}') })],
    calls: [A],
  },
  { name: 'whole, without index', chunks: [calls({ id: 'a', ...fn('f', '{"x":1}') }, { id: 'b', ...fn('g', '{"y":2}') })], calls: [A, B] },
  {
    name: 'whole, without index and id',
    chunks: [calls(fn('f', '{"x":1}')), calls(fn('f', '{"x":1}')), calls(fn('g', '{"y":2}'))],
    calls: [
      { ...A, id: '' },
      { ...A, id: '' },
      { ...B, id: '' },
    ],
  },
  {
    name: 'whole, all with index 0',
    chunks: [calls({ index: 0, id: 'a', ...fn('f', '{"x":1}') }), calls({ index: 0, id: 'b', ...fn('f', '{"y":2}') })],
    calls: [A, { ...B, name: 'f' }],
  },
  {
    name: 'in pieces without index, the later ones bare',
    chunks: [calls({ id: 'a', ...fn('f', '') }), calls({ function: { arguments: '{"x"' } }), calls({ function: { arguments: ':1}' } })],
    calls: [A],
  },
  {
    name: 'in pieces without index, each with its id',
    chunks: [
      calls({ id: 'a', ...fn('f', '{"x"') }),
      calls({ id: 'b', ...fn('g', '{"y"') }),
      calls({ id: 'a', function: { arguments: ':1}' } }),
      calls({ id: 'b', function: { arguments: ':2}' } }),
    ],
    calls: [A, B],
  },
  {
    name: 'in pieces with the name repeated and nothing else',
    chunks: [calls(fn('f', '{"x"')), calls(fn('f', ':1}'))],
    calls: [{ ...A, id: '' }],
  },
  {
    name: 'with the whole call repeated at the end',
    chunks: [calls({ index: 0, id: 'a', ...fn('f', '{"x":1}') }), calls({ index: 0, id: 'a', ...fn('f', '{"x":1}') })],
    calls: [A],
  },
  {
    name: 'with arguments before the name',
    chunks: [calls({ index: 0, id: 'a', function: { arguments: '{"x"' } }), calls({ index: 0, ...fn('f', ':1}') })],
    calls: [A],
  },
  {
    name: 'with indexes that do not begin at 0',
    chunks: [calls({ index: 3, id: 'a', ...fn('f', '{"x":1}') }), calls({ index: 7, id: 'b', ...fn('g', '{"y":2}') })],
    calls: [A, B],
  },
  {
    name: 'with arguments as an object',
    chunks: [calls({ index: 0, id: 'a', function: { name: 'f', arguments: { x: 1 } } })],
    calls: [A],
  },
]

for (const variant of VARIANTS) {
  test(`calls are put together: ${variant.name}`, () => {
    const { generated, parts } = play(...variant.chunks, delta({}, 'tool_calls'))
    expect(generated.calls).toEqual(variant.calls)
    // The sink was told the same: each call once, and all of its arguments.
    for (const [index, call] of variant.calls.entries()) {
      expect(parts.filter((part) => part.startsWith(`call: ${index} `))).toEqual([`call: ${index} ${call.id} ${call.name}`])
      const prefix = `arguments ${index}: `
      const told = parts.filter((part) => part.startsWith(prefix)).map((part) => part.slice(prefix.length))
      expect(told.join('')).toBe(call.arguments)
    }
  })
}
