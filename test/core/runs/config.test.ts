import { expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import type { Json, JsonObject } from '../../../src/core/json.ts'
import { optionsOf, resourcesAsOption } from '../../../src/core/runs/config.ts'

const ID = '0192f0c4-0000-7000-8000-000000000001'
const named = (name: string): JsonObject => ({ type: 'function', function: { name } })

test('every option is read under its name, and other names are left to the client', () => {
  const options = optionsOf({
    model: 'm',
    instructions: '',
    additional_instructions: 'more',
    tools: [named('f')],
    tool_resources: { file_search: { vector_store_ids: [ID] } },
    temperature: 0,
    top_p: 1,
    response_format: 'auto',
    reasoning_effort: 'none',
    tool_choice: named('f'),
    parallel_tool_calls: false,
    max_prompt_tokens: 256,
    max_completion_tokens: 1,
    truncation_strategy: { type: 'last_messages', last_messages: 2 },
    thread_id: 5,
    user_id: { any: 'thing' },
  })
  expect(options).toEqual({
    model: 'm',
    instructions: '',
    additionalInstructions: 'more',
    tools: [named('f')],
    toolResources: { fileSearch: { storeIds: [ID] } },
    temperature: 0,
    topP: 1,
    responseFormat: 'auto',
    reasoningEffort: 'none',
    toolChoice: named('f'),
    parallelToolCalls: false,
    maxPromptTokens: 256,
    maxCompletionTokens: 1,
    truncation: { type: 'last_messages', lastMessages: 2 },
  })
})

test('null is not said, and names of Object are no options', () => {
  expect(optionsOf({ model: null, tools: null, truncation_strategy: { type: 'auto', last_messages: null } })).toEqual({
    truncation: { type: 'auto' },
  })
  expect(optionsOf({ constructor: 1, toString: 2 })).toEqual({})
})

test.each<[place: string, value: Json]>([
  ['model', ''],
  ['model', ['m']],
  ['instructions', 1],
  ['temperature', '1'],
  ['temperature', -0.1],
  ['top_p', 1.1],
  ['parallel_tool_calls', 'true'],
  ['max_prompt_tokens', 255],
  ['max_completion_tokens', 1.5],
  ['reasoning_effort', 'much'],
  ['response_format', 'json'],
  ['response_format.json_schema.name', { type: 'json_schema', json_schema: {} }],
  ['tool_choice.function', { type: 'function' }],
  ['tool_choice', 'some'],
  ['truncation_strategy.last_messages', { type: 'last_messages', last_messages: 0 }],
  ['tools', {}],
  ['tools', Array.from({ length: 129 }, (_, i) => named(`f${i}`))],
  ['tools[1].type', [named('f'), { type: 'web' }]],
  ['tools[0].type', [{ type: 'toString' }]],
  ['tools[0]', [{ type: 'code_interpreter' }]],
  ['tools[0].function.name', [{ type: 'function', function: { name: '' } }]],
  ['tools[0].function.paramters', [{ type: 'function', function: { name: 'f', paramters: {} } }]],
  ['tools[0].function.name', [named('file_search'), { type: 'file_search' }]],
  ['tools[0].file_search.max_num_results', [{ type: 'file_search', file_search: { max_num_results: 51 } }]],
  ['tool_resources.file_search.vector_store_ids', { file_search: { vector_store_ids: [ID, ID] } }],
  ['tool_resources.file_search.vector_store_ids[0]', { file_search: { vector_store_ids: ['vs_1'] } }],
  ['tool_resources.web', { web: {} }],
])('a mistake at %s is refused there', (place, value) => {
  const name = place.match(/^\w+/)?.[0] ?? ''
  const param = `config.configurable.${place}`
  try {
    optionsOf({ [name]: value })
    throw new Error('it was taken')
  } catch (error) {
    expect(error).toBeInstanceOf(Fault)
    expect((error as Fault).code).toBe('invalid')
    expect((error as Fault).facts.param).toBe(param)
    expect((error as Fault).message).toStartWith(`Invalid '${param}': `)
  }
})

test('tool resources are shown as they were said', () => {
  const said = { code_interpreter: { file_ids: [ID] }, file_search: { vector_store_ids: [] } }
  expect(resourcesAsOption(optionsOf({ tool_resources: said }).toolResources ?? null)).toEqual(said)
  expect(resourcesAsOption(null)).toBeNull()
})
