import { expect, test } from 'bun:test'
import { readMessageIds, readOutputs, wantedCalls } from '../../src/engine/tool-outputs.ts'

const call = (id: string) => ({ id, name: 'look', args: { of: id }, type: 'tool_call' as const })
const [one, two] = [call('a'), call('b')]

test.each<[string, unknown, Record<string, string>]>([
  ['an object by call id', { a: 'x', b: 'y' }, { a: 'x', b: 'y' }],
  ['outputs by call id', { outputs: { a: 'x', b: 'y' } }, { a: 'x', b: 'y' }],
  [
    'a list of outputs',
    {
      outputs: [
        { tool_call_id: 'b', output: 'y' },
        { tool_call_id: 'a', output: 'x' },
      ],
    },
    { a: 'x', b: 'y' },
  ],
  [
    'tool messages',
    [
      { type: 'tool', tool_call_id: 'a', content: 'x' },
      { tool_call_id: 'b', content: 'y' },
    ],
    { a: 'x', b: 'y' },
  ],
  ['values that are not text', { a: { deep: [1] }, b: null }, { a: '{"deep":[1]}', b: 'null' }],
])('%s answers two calls', (_, given, outputs) => {
  expect(readOutputs(given, [one, two])).toEqual(outputs)
})

test('a text answers one call, and not two', () => {
  expect(readOutputs('x', [one])).toEqual({ a: 'x' })
  expect(readOutputs('x', [one, two])).toStartWith("Expected the outputs of the calls 'a', 'b'")
})

test('a call whose id is the word outputs can be answered', () => {
  expect(readOutputs({ outputs: 'x' }, [call('outputs')])).toEqual({ outputs: 'x' })
})

test.each<[string, unknown, string]>([
  ['a number', 7, 'Expected'],
  ['nothing', null, 'Expected'],
  ['a list of texts', ['x', 'y'], 'Expected'],
  ['half of it', { a: 'x' }, "The output of the call 'b' is missing"],
  ['one call too many', { a: 'x', b: 'y', c: 'z' }, "No call 'c' is open"],
])('%s is no answer, and the reason names the calls', (_, given, reason) => {
  expect(readOutputs(given, [one, two])).toStartWith(reason)
})

test('only what the built-in graph asks for counts as calls', () => {
  expect(wantedCalls([{ id: 'i', value: { type: 'submit_tool_outputs', tool_calls: [one] } }])).toEqual([
    { id: 'a', name: 'look', arguments: '{"of":"a"}' },
  ])
  expect(wantedCalls([{ value: { question: 'really?' } }, { value: 'x' }, null])).toEqual([])
})

test('ids of messages are taken where they come beside the outputs and are UUIDs', () => {
  const id = '01a201cd-026b-861d-8c78-31fddff6e1d8'
  expect(readMessageIds({ outputs: { a: 'x', b: 'y' }, ids: { a: id, b: 'mine' } })).toEqual({ a: id })
  for (const given of [undefined, 'x', { ids: { a: id } }, { outputs: [], ids: { a: id } }, { outputs: {}, ids: [id] }])
    expect(readMessageIds(given)).toEqual({})
})
