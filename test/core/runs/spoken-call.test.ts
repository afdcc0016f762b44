import { expect, test } from 'bun:test'
import { spokenCall } from '../../../src/core/runs/spoken-call.ts'

const knows = (name: string): boolean => name === 'look'
const LOOK = { name: 'look', arguments: '{"city":"JFK"}' }

test('a text that is a call is one, wherever it stands', () => {
  const call = '{"name": "look", "arguments": {"city": "JFK"}}'
  for (const text of [
    call,
    `Let me look.\n${call}`,
    `\`\`\`json\n${call}\n\`\`\``,
    `{"tool_calls": [${call}]}`,
    `${call} ${call}`,
    `{ not: ${call}`,
  ])
    expect(spokenCall(text, knows)).toEqual(LOOK)
})

test('what models get wrong about JSON is forgiven', () => {
  for (const text of [
    "{'name': 'look', 'arguments': {'city': 'JFK'}}",
    '{“name”: “look”, “arguments”: {“city”: “JFK”}}',
    '{"name": "look", "arguments": {"city": "JFK",},}',
  ])
    expect(spokenCall(text, knows)).toEqual(LOOK)
  expect(spokenCall("{'name': 'look', 'arguments': {'deep': True, 'none': None}}", knows)?.arguments).toBe('{"deep":true,"none":null}')
})

test('arguments may be nested, and hold braces', () => {
  const nested = { list: [{ a: '}{' }], text: 'a "quoted" }' }
  expect(spokenCall(`x ${JSON.stringify({ name: 'look', arguments: nested })} y`, knows)).toEqual({
    name: 'look',
    arguments: JSON.stringify(nested),
  })
})

test('everything else is an answer', () => {
  for (const text of [
    '',
    'arguments are good',
    '{"name": "other", "arguments": {}}',
    '{"name": "look"}',
    '{"name": "look", "arguments": "JFK"}',
    '{"name": "look", "arguments": [1]}',
    '{"name": "", "arguments": {}}',
    '{"name": "look", "arguments": {"city": "JFK"}',
  ])
    expect(spokenCall(text, knows)).toBeUndefined()
})

test('a long text of braces costs little', () => {
  const began = performance.now()
  expect(spokenCall(`arguments ${'{'.repeat(49_000)}`, knows)).toBeUndefined()
  expect(spokenCall(`arguments ${'{'.repeat(1_000_000)}`, knows)).toBeUndefined()
  expect(performance.now() - began).toBeLessThan(1000)
})
