import { expect, test } from 'bun:test'
import { EventReader } from '../../../src/drivers/models/reader.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function read(...chunks: Uint8Array[]): string[] {
  const reader = new EventReader()
  return [...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()]
}

const STREAM = [
  '\ufeff: a comment\n',
  'data: {"a":"ü😀"}\n\n',
  'data:{"b":1}\r\n\r\n',
  'event: x\nid: 7\nretry: 10\ndata: first\ndata: second\n\n',
  ': ping\r\r',
  'data: cr\r\r',
  'data\n\n',
  'data:  two spaces\n\n',
  'database: no\n\n',
  'data: [DONE]\n\n',
].join('')
const EVENTS = ['{"a":"ü😀"}', '{"b":1}', 'first\nsecond', 'cr', ' two spaces', '[DONE]']

test('a stream cut in two at any byte reads the same', () => {
  const whole = bytes(STREAM)
  for (let at = 0; at <= whole.length; at++) expect(read(whole.slice(0, at), whole.slice(at))).toEqual(EVENTS)
})

test('a stream cut in three at any bytes reads the same', () => {
  const whole = bytes('data: é\r\n\r\ndata: a\ndata:b\n\ndata: 😀\r\r')
  for (let one = 0; one <= whole.length; one++) {
    for (let two = one; two <= whole.length; two++) {
      expect(read(whole.slice(0, one), whole.slice(one, two), whole.slice(two))).toEqual(['é', 'a\nb', '😀'])
    }
  }
})

test('a stream in single bytes reads the same', () => {
  expect(read(...[...bytes(STREAM)].map((byte) => Uint8Array.of(byte)))).toEqual(EVENTS)
})

test('an event is there as soon as its blank line is', () => {
  const reader = new EventReader()
  expect(reader.push(bytes('data: 1\n'))).toEqual([])
  expect(reader.push(bytes('\n'))).toEqual(['1'])
  expect(reader.push(bytes('data: 2\r\n\r'))).toEqual(['2'])
  expect(reader.push(bytes('\ndata: 3\n\n'))).toEqual(['3'])
})

test('an event whose blank line never came is kept', () => {
  expect(read(bytes('data: 1\n\ndata: [DONE]'))).toEqual(['1', '[DONE]'])
  expect(read(bytes('data: 1\n\ndata: 2\r'))).toEqual(['1', '2'])
})
