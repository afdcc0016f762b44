import { expect, test } from 'bun:test'
import { Assembly } from '../../../src/core/completions/assembly.ts'
import type { JsonObject } from '../../../src/core/json.ts'

function assemble(...chunks: JsonObject[]): JsonObject {
  const assembly = new Assembly()
  for (const chunk of chunks) assembly.take(chunk)
  return assembly.answer()
}

const head = { id: 'x', object: 'chat.completion.chunk', created: 7, model: 'm' }
const delta = (part: JsonObject, rest: JsonObject = {}): JsonObject => ({
  ...head,
  choices: [{ index: 0, delta: part, finish_reason: null, ...rest }],
})

test('texts of all chunks become one message, and the usage chunk its usage', () => {
  const answer = assemble(
    delta({ role: 'assistant', content: '' }),
    delta({ content: 'Hel' }),
    delta({ content: 'lo' }),
    { ...head, choices: [{ index: 0, delta: {}, finish_reason: 'length' }] },
    { ...head, choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } },
  )
  expect(answer).toEqual({
    ...head,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello', refusal: null }, logprobs: null, finish_reason: 'length' }],
    usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
  })
})

test('parallel tool calls are put together by their index, which the answer does not have', () => {
  const call = (index: number, rest: JsonObject): JsonObject => delta({ tool_calls: [{ index, ...rest }] })
  const answer = assemble(
    call(0, { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x"' } }),
    call(1, { id: 'b', type: 'function', function: { name: 'g', arguments: '' } }),
    call(0, { function: { arguments: ':1}' } }),
    call(1, { function: { arguments: '{}' } }),
  )
  expect((answer.choices as JsonObject[])[0]?.message).toEqual({
    role: 'assistant',
    content: null,
    refusal: null,
    tool_calls: [
      { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
      { id: 'b', type: 'function', function: { name: 'g', arguments: '{}' } },
    ],
  })
})

test('choices that arrive mixed come out apart and in order', () => {
  const choice = (index: number, content: string): JsonObject => ({
    ...head,
    choices: [{ index, delta: { content }, finish_reason: null }],
  })
  const answer = assemble(choice(1, 'B'), choice(0, 'A'), choice(1, 'b'))
  expect((answer.choices as { index: number; message: { content: string } }[]).map((c) => [c.index, c.message.content])).toEqual([
    [0, 'A'],
    [1, 'Bb'],
  ])
})

test('log probabilities of the chunks are joined', () => {
  const one = (token: string): JsonObject => delta({ content: token }, { logprobs: { content: [{ token, logprob: -1 }], refusal: null } })
  const answer = assemble(one('a'), one('b'))
  expect((answer.choices as JsonObject[])[0]?.logprobs).toEqual({
    content: [
      { token: 'a', logprob: -1 },
      { token: 'b', logprob: -1 },
    ],
    refusal: null,
  })
})

test('a field of one provider is kept, and a hostile one changes no prototype', () => {
  const hostile = JSON.parse('{"__proto__":{"polluted":true},"reasoning_content":"why "}') as JsonObject
  const answer = assemble(delta(hostile), delta({ reasoning_content: 'not' }))
  const message = (answer.choices as JsonObject[])[0]?.message as JsonObject
  expect(message.reasoning_content).toBe('why not')
  expect(message.polluted).toBeUndefined()
  expect(({} as JsonObject).polluted).toBeUndefined()
})

test('more choices than any endpoint offers are not held in memory', () => {
  const assembly = new Assembly()
  for (let index = 0; index < 1000; index++) assembly.take({ ...head, choices: [{ index, delta: { content: 'x' }, finish_reason: null }] })
  expect(assembly.answer().choices).toBeArrayOfSize(128)
})
