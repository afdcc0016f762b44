import { describe, expect, test } from 'bun:test'
import { Type as t } from '@sinclair/typebox'
import { AssistantCreate } from '../../../src/surfaces/openai/assistants.wire.ts'
import { findProblem, type SchemaNode } from '../../../src/surfaces/openai/explain.ts'
import { AttributeFilter } from '../../../src/surfaces/openai/filters.wire.ts'
import { MessageCreate } from '../../../src/surfaces/openai/messages.wire.ts'
import { OutputsSubmit, RunCreate, ThreadRunCreate } from '../../../src/surfaces/openai/runs.wire.ts'
import { ThreadCreate } from '../../../src/surfaces/openai/threads.wire.ts'

const find = (schema: object, value: unknown) => findProblem(schema as SchemaNode, value)
const aMessage = { role: 'user', content: 'x' }
const pairs = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, 'v']))

type Case = [title: string, schema: object, value: unknown, code: string, param: string | null, message: string]

const CASES: Case[] = [
  [
    'an unknown field of a nested message',
    ThreadCreate,
    { messages: [{ ...aMessage, id: '1' }] },
    'unknown_parameter',
    'messages[0].id',
    "Unknown parameter: 'messages[0].id'.",
  ],
  [
    'an unknown field inside tool_resources',
    AssistantCreate,
    { model: 'm', tool_resources: { code_interpreter: { files: [] } } },
    'unknown_parameter',
    'tool_resources.code_interpreter.files',
    "Unknown parameter: 'tool_resources.code_interpreter.files'.",
  ],
  [
    'a field named like a property of every object',
    ThreadCreate,
    JSON.parse('{"__proto__":{}}'),
    'unknown_parameter',
    '__proto__',
    "Unknown parameter: '__proto__'.",
  ],
  ['a field named constructor', ThreadCreate, { constructor: 1 }, 'unknown_parameter', 'constructor', "Unknown parameter: 'constructor'."],
  ['a missing field', RunCreate, {}, 'missing_required_parameter', 'assistant_id', "Missing required parameter: 'assistant_id'."],
  [
    'a missing field of a tool',
    AssistantCreate,
    { model: 'm', tools: [{ type: 'function', function: {} }] },
    'missing_required_parameter',
    'tools[0].function.name',
    "Missing required parameter: 'tools[0].function.name'.",
  ],
  [
    'a tool without a type',
    AssistantCreate,
    { model: 'm', tools: [{ function: { name: 'f' } }] },
    'missing_required_parameter',
    'tools[0].type',
    "Missing required parameter: 'tools[0].type'.",
  ],
  [
    'a tool of an unknown type',
    AssistantCreate,
    { model: 'm', tools: [{ type: 'browser' }] },
    'invalid_value',
    'tools[0].type',
    "Invalid value: 'browser'. Supported values are: 'code_interpreter', 'file_search', and 'function'.",
  ],
  [
    'a tool whose type is no string',
    AssistantCreate,
    { model: 'm', tools: [{ type: 5 }] },
    'invalid_type',
    'tools[0].type',
    "Invalid type for 'tools[0].type': expected a string, but got an integer instead.",
  ],
  [
    'a wrong type',
    AssistantCreate,
    { model: 5 },
    'invalid_type',
    'model',
    "Invalid type for 'model': expected a string, but got an integer instead.",
  ],
  [
    'null where null means nothing',
    AssistantCreate,
    { model: null },
    'invalid_type',
    'model',
    "Invalid type for 'model': expected a string, but got null instead.",
  ],
  [
    'a wrong type where null is allowed',
    AssistantCreate,
    { model: 'm', name: [] },
    'invalid_type',
    'name',
    "Invalid type for 'name': expected a string, but got an array instead.",
  ],
  [
    'content that is neither text nor parts',
    MessageCreate,
    { role: 'user', content: 1 },
    'invalid_type',
    'content',
    "Invalid type for 'content': expected one of a string or an array, but got an integer instead.",
  ],
  [
    'a body that is no object',
    MessageCreate,
    [],
    'invalid_type',
    null,
    "Invalid type for 'body': expected an object, but got an array instead.",
  ],
  [
    'a value out of its enum',
    MessageCreate,
    { role: 'system', content: 'x' },
    'invalid_value',
    'role',
    "Invalid value: 'system'. Supported values are: 'user' and 'assistant'.",
  ],
  [
    'a word where an object or another word may stand',
    RunCreate,
    { assistant_id: 'a', response_format: 'json' },
    'invalid_value',
    'response_format',
    "Invalid value: 'json'. Value must be 'auto'.",
  ],
  [
    'a tool choice that is no word',
    RunCreate,
    { assistant_id: 'a', tool_choice: 'never' },
    'invalid_value',
    'tool_choice',
    "Invalid value: 'never'. Supported values are: 'none', 'auto', and 'required'.",
  ],
  [
    'a string that is too long',
    AssistantCreate,
    { model: 'm', name: 'n'.repeat(257) },
    'string_above_max_length',
    'name',
    "Invalid 'name': string too long. Expected a string with maximum length 256, but got a string with length 257 instead.",
  ],
  [
    'a metadata value that is too long',
    ThreadCreate,
    { metadata: { a: 'v'.repeat(513) } },
    'string_above_max_length',
    'metadata.a',
    "Invalid 'metadata.a': string too long. Expected a string with maximum length 512, but got a string with length 513 instead.",
  ],
  [
    'a metadata key that is too long',
    ThreadCreate,
    { metadata: { ['k'.repeat(65)]: 'v' } },
    'string_above_max_length',
    'metadata',
    "Invalid 'metadata': key too long. Expected a key with maximum length 64, but got a key with length 65 instead.",
  ],
  [
    'too many metadata pairs',
    ThreadCreate,
    { metadata: pairs(17) },
    'object_above_max_properties',
    'metadata',
    "Invalid 'metadata': object with too many properties. Expected an object with at most 16 properties, but got an object with 17 properties instead.",
  ],
  [
    'a number that is too small',
    RunCreate,
    { assistant_id: 'a', max_prompt_tokens: 255 },
    'integer_below_min_value',
    'max_prompt_tokens',
    "Invalid 'max_prompt_tokens': integer below minimum value. Expected a value >= 256, but got 255 instead.",
  ],
  [
    'a decimal that is too big',
    RunCreate,
    { assistant_id: 'a', temperature: 2.5 },
    'decimal_above_max_value',
    'temperature',
    "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.5 instead.",
  ],
  [
    'a decimal that is too small',
    RunCreate,
    { assistant_id: 'a', top_p: -0.1 },
    'decimal_below_min_value',
    'top_p',
    "Invalid 'top_p': decimal below minimum value. Expected a value >= 0, but got -0.1 instead.",
  ],
  [
    'a decimal where an integer is due',
    RunCreate,
    { assistant_id: 'a', max_prompt_tokens: 300.5 },
    'invalid_type',
    'max_prompt_tokens',
    "Invalid type for 'max_prompt_tokens': expected an integer, but got a decimal instead.",
  ],
  [
    'too many tools',
    AssistantCreate,
    { model: 'm', tools: Array.from({ length: 129 }, () => ({ type: 'code_interpreter' })) },
    'array_above_max_length',
    'tools',
    "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 129 instead.",
  ],
  [
    'an empty list of parts',
    MessageCreate,
    { role: 'user', content: [] },
    'array_below_min_length',
    'content',
    "Invalid 'content': empty array. Expected an array with minimum length 1, but got an empty array instead.",
  ],
  [
    'a mistake deep inside a thread to be run',
    ThreadRunCreate,
    { assistant_id: 'a', thread: { messages: [aMessage, { ...aMessage, content: [{ type: 'text', text: 7 }] }] } },
    'invalid_type',
    'thread.messages[1].content[0].text',
    "Invalid type for 'thread.messages[1].content[0].text': expected a string, but got an integer instead.",
  ],
  [
    'an output that is no string',
    OutputsSubmit,
    { tool_outputs: [{ tool_call_id: 'c', output: {} }] },
    'invalid_type',
    'tool_outputs[0].output',
    "Invalid type for 'tool_outputs[0].output': expected a string, but got an object instead.",
  ],
  [
    'a string that is too short',
    t.Object({ q: t.String({ minLength: 1 }) }),
    { q: '' },
    'string_below_min_length',
    'q',
    "Invalid 'q': empty string. Expected a string with minimum length 1, but got an empty string instead.",
  ],
]

describe('what is wrong with a body', () => {
  for (const [title, schema, value, code, param, message] of CASES) {
    test(title, () => {
      expect(find(schema, value)).toEqual({ code, param, message })
    })
  }
})

test('free JSON is not looked into', () => {
  const parameters = { type: 'object', properties: { x: { anyOf: [1, null] } }, __x: { y: [{}] } }
  const json_schema = { name: 'n', schema: parameters, strict: null }
  const tools = [{ type: 'function', function: { name: 'f', parameters, strict: true } }]
  expect(find(AssistantCreate, { model: 'm', tools, response_format: { type: 'json_schema', json_schema } })).toBeUndefined()
})

test('every null that the contract allows is taken', () => {
  const nulls = {
    model: null,
    instructions: null,
    additional_instructions: null,
    additional_messages: null,
    tools: null,
    metadata: null,
    temperature: null,
    top_p: null,
    stream: null,
    max_prompt_tokens: null,
    max_completion_tokens: null,
    truncation_strategy: null,
    tool_choice: null,
    response_format: null,
    reasoning_effort: null,
  }
  expect(find(RunCreate, { assistant_id: 'a', ...nulls })).toBeUndefined()
})

test('limits are taken at their edge', () => {
  expect(find(AssistantCreate, { model: 'm', name: 'n'.repeat(256), metadata: pairs(16), temperature: 2, top_p: 1 })).toBeUndefined()
  expect(find(RunCreate, { assistant_id: 'a', max_prompt_tokens: 256, max_completion_tokens: 256, temperature: 0 })).toBeUndefined()
})

test('a long wrong word is not sent back whole', () => {
  expect(find(MessageCreate, { role: 'x'.repeat(10_000), content: 'c' })?.message.length).toBeLessThan(200)
})

test('a schema that contains itself is followed as deep as the value goes', () => {
  let filter: object = { type: 'eq', key: 'a', value: 1, more: true }
  for (let i = 0; i < 3; i++) filter = { type: 'and', filters: [filter] }
  expect(find(AttributeFilter, filter)).toMatchObject({ code: 'unknown_parameter', param: 'filters[0].filters[0].filters[0].more' })
  expect(JSON.stringify(AttributeFilter).match(/"\$ref"/g)).toHaveLength(1)
})
