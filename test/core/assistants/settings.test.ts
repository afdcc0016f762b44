import { expect, test } from 'bun:test'
import { modelConfigOf, settingsOf, split } from '../../../src/core/assistants/settings.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import type { GraphConfig } from '../../../src/core/runs/call.ts'

const ID = '0192f0c4-0000-7000-8000-000000000001'
const FUNCTION = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } }
const FULL: GraphConfig = {
  tags: ['t'],
  recursion_limit: 7,
  configurable: {
    model: 'm',
    instructions: 'Be brief.',
    tools: [FUNCTION, { type: 'file_search' }],
    tool_resources: { code_interpreter: { file_ids: [ID] }, file_search: { vector_store_ids: [ID] } },
    temperature: 0,
    top_p: 0.5,
    response_format: { type: 'json_object' },
    reasoning_effort: 'low',
    tool_choice: 'required',
    mine: { deep: [1] },
  },
}

test("what the built-in graph reads is kept as an assistant's own fields, the rest as it was", () => {
  expect(split('assistant', FULL)).toEqual({
    model: 'm',
    instructions: 'Be brief.',
    tools: [FUNCTION, { type: 'file_search' }],
    toolResources: { codeInterpreter: { fileIds: [ID] }, fileSearch: { storeIds: [ID] } },
    temperature: 0,
    topP: 0.5,
    responseFormat: { type: 'json_object' },
    reasoningEffort: 'low',
    settings: { tags: ['t'], recursion_limit: 7, configurable: { tool_choice: 'required', mine: { deep: [1] } } },
  })
})

test.each<[string, GraphConfig]>([
  ['everything', FULL],
  ['nothing', {}],
  ['only tags', { tags: [] }],
  ['an empty configurable', { configurable: {} }],
  ['only what the graph reads', { configurable: { model: 'm' } }],
  ['only what the client reads', { configurable: { user: null } }],
])('settings with %s are shown as they were given, for every graph', (_, settings) => {
  for (const graph of ['assistant', 'agent']) expect(settingsOf({ graph, ...split(graph, settings) })).toEqual(settings)
})

test('who names no model gets the default one, and it is not shown', () => {
  expect(modelConfigOf({}).model).toBe('default')
  expect(settingsOf({ graph: 'assistant', ...split('assistant', { configurable: { model: null, tools: [] } }) })).toEqual({})
})

test('another graph may use the same names for anything', () => {
  const settings = { configurable: { model: { provider: 'x' }, tools: 'none' } }
  expect(split('agent', settings)).toMatchObject({ model: 'default', tools: [], settings })
})

test.each<[JsonObject, string]>([
  [{ model: 1 }, 'model'],
  [{ temperature: 3 }, 'temperature'],
])('the built-in graph refuses %p by name', (configurable, name) => {
  expect(() => split('assistant', { configurable })).toThrow(`Invalid 'config.configurable.${name}'`)
})
