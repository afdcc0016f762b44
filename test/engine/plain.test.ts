import { expect, test } from 'bun:test'
import {
  AIMessage,
  AIMessageChunk,
  type BaseMessage,
  ChatMessage,
  FunctionMessage,
  HumanMessage,
  HumanMessageChunk,
  RemoveMessage,
  SystemMessage,
  ToolMessage,
} from '@langchain/core/messages'
import { Command, Send } from '@langchain/langgraph'
import { toPlain, toPlainText } from '../../src/engine/plain.ts'

const MESSAGES: [string, BaseMessage][] = [
  ['human', new HumanMessage({ id: '1', content: [{ type: 'text', text: 'a' }], name: 'n' })],
  ['human without id', new HumanMessage('a')],
  ['ai', new AIMessage({ content: '', tool_calls: [{ id: '1', name: 'f', args: { a: 1 }, type: 'tool_call' }] })],
  ['ai chunk', new AIMessageChunk({ content: 'c', tool_call_chunks: [{ name: 'f', args: '{"a', id: '1', index: 0 }] })],
  ['human chunk', new HumanMessageChunk('c')],
  ['system', new SystemMessage('s')],
  ['tool', new ToolMessage({ content: 't', tool_call_id: '1', artifact: { a: 1 }, status: 'error' })],
  ['function', new FunctionMessage({ content: 'f', name: 'g' })],
  ['chat', new ChatMessage({ content: 'x', role: 'judge' })],
  ['remove', new RemoveMessage({ id: 'r' })],
]

test.each(MESSAGES)('a message is told flat, as LangGraph tells it, with its type: %s', (_, message) => {
  const { type, data } = message.toDict() as unknown as { type: string; data: object }
  expect(JSON.parse(toPlainText(message))).toEqual(JSON.parse(JSON.stringify({ ...data, type })))
  expect(toPlain({ deep: [{ message }] })).toEqual({ deep: [{ message: toPlain(message) }] })
})

test('a message that was given a field later tells it too', () => {
  const usage = { input_tokens: 1, output_tokens: 2, total_tokens: 3 }
  const message = Object.assign(new AIMessage('x'), { usage_metadata: usage })
  expect(toPlain(message)).toMatchObject({ usage_metadata: usage })
})

test('what is JSON already is not copied, and what holds a message is', () => {
  const plain = { a: [1, 'b', null, { c: true }] }
  expect(toPlain(plain)).toBe(plain)
  const mixed = { plain, message: new HumanMessage('x') }
  const told = toPlain(mixed) as { plain: unknown }
  expect(told.plain).toBe(plain)
  expect(mixed.message).toBeInstanceOf(HumanMessage)
})

test.each([
  ['bytes', new Uint8Array([1, 2, 255]), 'AQL/'],
  ['other lists of numbers', new Float32Array([0.5, 1]), [0.5, 1]],
  ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['no date', new Date(Number.NaN), null],
  ['a map', new Map([['a', new HumanMessage('x')]]), { a: toPlain(new HumanMessage('x')) }],
  ['a map of objects', new Map([[1, 2]]), [[1, 2]]],
  ['a set', new Set([1, 'a']), [1, 'a']],
  ['an error', new TypeError('bad'), { message: 'bad', name: 'TypeError' }],
  ['small big numbers', 10n, 10],
  ['big ones', 12345678901234567890n, '12345678901234567890'],
  ['no number', [Number.NaN, Number.POSITIVE_INFINITY], [null, null]],
  ['nothing', { a: undefined, b: [undefined], c: () => 1, d: Symbol('x') }, { b: [null] }],
  ['nothing at all', undefined, null],
  ['what says itself', { toJSON: () => ({ m: new HumanMessage('x') }) }, { m: toPlain(new HumanMessage('x')) }],
  ['a URL', new URL('http://a/'), 'http://a/'],
] as [string, unknown, unknown][])('LangGraph keeps more than JSON knows, and all of it is told: %s', (_, value, told) => {
  expect(toPlain(value)).toEqual(told as never)
  expect(JSON.parse(toPlainText(value))).toEqual(told)
})

test('a name like __proto__ is a name like any other', () => {
  const given = JSON.parse('{"__proto__":{"polluted":1},"m":0}') as Record<string, unknown>
  given.m = new HumanMessage('x')
  expect(toPlainText(given)).toStartWith('{"__proto__":{"polluted":1},"m":{')
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
})

test('what holds itself is told once, and the same object in two places twice', () => {
  const ring: Record<string, unknown> = { a: 1 }
  ring.self = ring
  ring.list = [ring]
  expect(toPlain(ring)).toEqual({ a: 1, self: '[circular]', list: ['[circular]'] })
  const shared = { m: new HumanMessage('x') }
  const told = toPlain([shared, shared]) as object[]
  expect(told[1]).toEqual(told[0] as object)
})

test('a value that is nested without end does not end the process', () => {
  let deep: unknown = 'end'
  for (let i = 0; i < 20_000; i++) deep = [deep]
  expect(toPlainText(deep)).toContain('nested too deeply')
})

test('text that is half a character is kept as an escape, which JSON can say', () => {
  expect(toPlainText({ a: 'x\ud800\u0000' })).toBe('{"a":"x\\ud800\\u0000"}')
})

test('sends and commands say what they are', () => {
  expect(toPlain(new Send('a', { m: new HumanMessage('x') }))).toMatchObject({ node: 'a', args: { m: { type: 'human', content: 'x' } } })
  expect(toPlain(new Command({ goto: ['x', new Send('y', {})], update: { m: new HumanMessage('x') } }))).toMatchObject({
    goto: ['x', { node: 'y' }],
    update: { m: { type: 'human' } },
  })
})
