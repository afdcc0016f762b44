import { expect, test } from 'bun:test'
import { AIMessage, type BaseMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages'
import { mergeConfig } from '../../src/core/runs/config.ts'
import type { RunConfig, RunOptions } from '../../src/core/runs/runs.ts'
import type { ChatMessage } from '../../src/drivers/models/port.ts'
import { buildPrompt, estimateTokens } from '../../src/engine/prompt.ts'

const config = (options: RunOptions = {}): RunConfig =>
  mergeConfig(
    {
      model: 'm',
      instructions: null,
      tools: [],
      toolResources: null,
      temperature: null,
      topP: null,
      responseFormat: null,
      reasoningEffort: null,
    },
    options,
  )
const user = (content: string) => new HumanMessage(content)
const assistant = (content: string) => new AIMessage(content)
const calling = (content: string, ...ids: string[]) =>
  new AIMessage({ content, tool_calls: ids.map((id) => ({ id, name: 'f', args: {}, type: 'tool_call' as const })) })
const output = (id: string, content = `out ${id}`) => new ToolMessage({ content, tool_call_id: id })

const show = (message: ChatMessage): string => {
  if (message.role === 'tool') return `${message.tool_call_id}: ${message.content}`
  return message.tool_calls ? `${message.content ?? ''}[${message.tool_calls.map((c) => c.id).join(' ')}]` : String(message.content)
}
const shown = (messages: BaseMessage[], options?: RunOptions, budget: number | null = null): string[] =>
  buildPrompt(messages, config(options), budget).messages.map(show)

/** Every call is followed by its outputs, and no output stands without its call. */
function expectWhole(messages: ChatMessage[]): void {
  let open: string[] = []
  for (const message of messages) {
    if (message.role === 'tool') {
      expect(open).toContain(message.tool_call_id ?? '')
      open = open.filter((id) => id !== message.tool_call_id)
    } else {
      expect(open).toEqual([])
      open = message.tool_calls?.map((call) => call.id) ?? []
    }
  }
  expect(open).toEqual([])
}

test('without a budget everything is sent in order, instructions first', () => {
  expect(shown([user('a'), assistant('b'), user('c')], { instructions: 'be brief' })).toEqual(['be brief', 'a', 'b', 'c'])
})

test('a call whose output never came gets a stand-in, so that providers accept the conversation', () => {
  const list = shown([user('a'), calling('', 'x', 'y'), output('x'), user('b')])
  expect(list).toEqual(['a', '[x y]', 'x: out x', 'y: No output: the run ended before this call was answered.', 'b'])
})

test('an output that answers no call of the message before it is left out', () => {
  expect(shown([user('a'), output('stray'), calling('', 'x'), output('x'), output('x', 'again'), assistant('b')])).toEqual([
    'a',
    '[x]',
    'x: out x',
    'b',
  ])
})

test('an output that names no call is what a user says, and parts no call from its output', () => {
  const { messages } = buildPrompt([user('a'), calling('', 'x'), output('x'), output('', 'by the way')], config(), null)
  expect(messages.map(show)).toEqual(['a', '[x]', 'x: out x', 'by the way'])
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'user'])
})

test('last_messages keeps the newest user and assistant messages, with the calls between them', () => {
  const talk = [user('1'), assistant('2'), user('3'), calling('', 'x'), output('x'), assistant('4'), user('5')]
  const last = (lastMessages: number) => shown(talk, { truncation: { type: 'last_messages', lastMessages } })
  expect(last(1)).toEqual(['5'])
  expect(last(2)).toEqual(['[x]', 'x: out x', '4', '5'])
  expect(last(3)).toEqual(['3', '[x]', 'x: out x', '4', '5'])
  expect(last(50)).toEqual(['1', '2', '3', '[x]', 'x: out x', '4', '5'])
})

test('last_messages never drops what follows the last user message', () => {
  const talk = [user('1'), user('2'), calling('say', 'x'), output('x'), calling('more', 'y'), output('y')]
  expect(shown(talk, { truncation: { type: 'last_messages', lastMessages: 1 } })).toEqual([
    '2',
    'say[x]',
    'x: out x',
    'more[y]',
    'y: out y',
  ])
})

test('auto drops from the middle and keeps both ends', () => {
  const talk = Array.from({ length: 21 }, (_, i) =>
    i % 2 ? assistant(`answer ${i} ${'x'.repeat(60)}`) : user(`question ${i} ${'x'.repeat(60)}`),
  )
  const { messages, tokens, tooLong } = buildPrompt(talk, config({ instructions: 'sys' }), 200)
  expect(tokens).toBeLessThanOrEqual(200)
  expect(tooLong).toBe(false)
  const kept = messages.map((m) => String(m.content).split(' ')[1])
  expect(messages[0]?.content).toBe('sys')
  expect(kept[1]).toBe('0')
  expect(kept.at(-1)).toBe('20')
  expect(messages.length).toBeGreaterThan(4)
  const numbers = kept.slice(1).map(Number)
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  const gaps = numbers.slice(1).filter((n, i) => n - (numbers[i] ?? 0) > 1)
  expect(gaps).toHaveLength(1)
})

test('no budget ever parts a call from its outputs', () => {
  const talk = Array.from({ length: 12 }, (_, i) => [
    user(`q${i}`),
    calling(`c${i}`, `a${i}`, `b${i}`),
    output(`a${i}`),
    output(`b${i}`),
    assistant(`e${i}`),
  ]).flat()
  const whole = buildPrompt(talk, config(), null).tokens
  for (let budget = 1; budget <= whole + 1; budget += 3) {
    const { messages, tokens, tooLong } = buildPrompt(talk, config(), budget)
    expectWhole(messages)
    expect(tooLong).toBe(tokens > budget)
  }
})

test('a budget that even the last question does not fit into is reported as too long', () => {
  const { tooLong, messages } = buildPrompt([user('old'), user('x'.repeat(400))], config(), 50)
  expect(tooLong).toBe(true)
  expect(messages.map((m) => String(m.content).length)).toEqual([400])
})

test('assistant parts become text, user parts stay, and a refusal is read as text', () => {
  const parts = [
    { type: 'text', text: 'see ', annotations: [] },
    { type: 'image_url', image_url: { url: 'data:x' } },
  ]
  const said = new AIMessage({ content: [{ type: 'refusal', refusal: 'no' }] as never })
  const { messages } = buildPrompt([new HumanMessage({ content: parts }), said, new SystemMessage('mid')], config(), null)
  expect(messages).toEqual([
    {
      role: 'user',
      content: [
        { type: 'text', text: 'see ' },
        { type: 'image_url', image_url: { url: 'data:x' } },
      ],
    },
    { role: 'assistant', content: 'no' },
    { role: 'system', content: 'mid' },
  ])
})

test('arguments go back to the model to the letter, also when they were no JSON', () => {
  const message = new AIMessage({
    content: '',
    tool_calls: [{ id: 'x', name: 'f', args: {}, type: 'tool_call' }],
    additional_kwargs: { arguments: { x: '{"a": 1, oops' } },
  })
  const [, call] = buildPrompt([user('a'), message, output('x')], config(), null).messages
  expect(call?.tool_calls?.[0]?.function.arguments).toBe('{"a": 1, oops')
})

test('an estimate grows with text, parts and calls', () => {
  const base = estimateTokens({ role: 'user', content: '' })
  expect(estimateTokens({ role: 'user', content: 'x'.repeat(40) }) - base).toBe(10)
  expect(estimateTokens({ role: 'user', content: [{ type: 'image_url', image_url: { url: 'u' } }] })).toBeGreaterThan(base + 50)
  const calls = [{ id: 'x', type: 'function' as const, function: { name: 'f', arguments: 'y'.repeat(39) } }]
  expect(estimateTokens({ role: 'assistant', content: null, tool_calls: calls }) - base).toBe(10)
})
