import { describe, expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import { AssistantObject, fromAssistantCreate, fromAssistantModify, toAssistant } from '../../../src/surfaces/openai/assistants.wire.ts'
import { requireBeta } from '../../../src/surfaces/openai/beta.ts'
import { findProblem, type SchemaNode } from '../../../src/surfaces/openai/explain.ts'
import { PREFIXES, requireId, type SpelledKind, spell } from '../../../src/surfaces/openai/ids.ts'
import { MessageObject, toMessage } from '../../../src/surfaces/openai/messages.wire.ts'
import { fromOutputs, fromRunCreate, RunObject, toRun } from '../../../src/surfaces/openai/runs.wire.ts'
import { StepObject, toStep } from '../../../src/surfaces/openai/steps.wire.ts'
import { ThreadObject, toThread } from '../../../src/surfaces/openai/threads.wire.ts'
import { aMessage, aRun, aThread, at, IDS, USAGE } from './story.ts'

const expectShape = (schema: object, value: unknown) => expect(findProblem(schema as SchemaNode, value)).toBeUndefined()

test('an id goes out and comes back as it was', () => {
  for (const kind of Object.keys(PREFIXES) as SpelledKind[]) {
    const uuid = newId()
    expect(requireId(kind, 'x', spell(kind, uuid))).toBe(uuid)
  }
})

test('an id with another prefix is a mistake, one that cannot be is nobody', () => {
  expect(() => requireId('thread', 'thread_id', 'foo')).toThrow("Invalid 'thread_id': 'foo'. Expected an ID that begins with 'thread'.")
  expect(() => requireId('assistant', 'assistant_id', 'thread_1')).toThrow("Expected an ID that begins with 'asst'.")
  expect(() => requireId('thread', 'thread_id', 'thread_abc')).toThrow('No thread with this id.')
  expect(() => requireId('thread', 'thread_id', `thread_${'A'.repeat(32)}`)).toThrow('No thread with this id.')
})

const SEED_KEYS = `id assistant_id cancelled_at completed_at created_at expires_at failed_at incomplete_details instructions last_error
  max_completion_tokens max_prompt_tokens model object parallel_tool_calls required_action started_at status thread_id tools
  truncation_strategy usage temperature top_p`.split(/\s+/)

describe('a run', () => {
  test('has the 24 keys of the seed in their order, then the three of the original', () => {
    expect(Object.keys(toRun(aRun()))).toEqual([...SEED_KEYS, 'metadata', 'response_format', 'tool_choice'])
    const resources = { ...aRun().config, toolResources: {} }
    expect(Object.keys(toRun(aRun({ config: resources }))).at(-1)).toBe('tool_resources')
  })

  test('shows the defaults of the original where nothing was set', () => {
    expect(toRun(aRun())).toMatchObject({
      instructions: '',
      temperature: 1,
      top_p: 1,
      tool_choice: 'auto',
      response_format: 'auto',
      parallel_tool_calls: true,
      truncation_strategy: { type: 'auto', last_messages: null },
      expires_at: 1_760_000_600,
      usage: null,
    })
  })

  test('has only the time of its own end, and no expiry any more', () => {
    const ended = (status: 'failed' | 'cancelled' | 'completed' | 'incomplete' | 'expired') =>
      toRun(aRun({ status, startedAt: at(1), endedAt: at(2), usage: USAGE }))
    const times = { completed_at: null, failed_at: null, cancelled_at: null, expires_at: null }
    expect(ended('completed')).toMatchObject({ ...times, completed_at: 1_760_000_002 })
    expect(ended('failed')).toMatchObject({ ...times, failed_at: 1_760_000_002 })
    expect(ended('cancelled')).toMatchObject({ ...times, cancelled_at: 1_760_000_002 })
    expect(ended('incomplete')).toMatchObject(times)
    expect(ended('expired')).toMatchObject({ ...times, usage: { prompt_tokens: 20, completion_tokens: 11, total_tokens: 31 } })
  })

  test('names the calls it waits for while it waits', () => {
    const waiting = toRun(aRun({ status: 'waiting', calls: [{ id: 'call_1', name: 'f', arguments: '{}' }] }))
    expect(waiting.required_action?.submit_tool_outputs.tool_calls).toEqual([
      { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } },
    ])
    expectShape(RunObject, waiting)
    expect(toRun(aRun({ status: 'running', calls: [] })).required_action).toBeNull()
  })
})

test('a run takes every option over, and nothing where nothing was said', () => {
  const assistant_id = spell('assistant', IDS.assistant)
  expect(fromRunCreate({ assistant_id, model: null, tools: null, metadata: null })).toEqual({
    assistantId: IDS.assistant,
    options: {},
    metadata: {},
    messages: [],
  })
  const options = fromRunCreate({
    assistant_id,
    model: 'm',
    instructions: '',
    additional_instructions: 'more',
    tools: [],
    temperature: 0,
    top_p: 0.5,
    response_format: { type: 'json_object' },
    reasoning_effort: 'low',
    tool_choice: { type: 'function', function: { name: 'f' } },
    parallel_tool_calls: false,
    max_prompt_tokens: 256,
    max_completion_tokens: 300,
    truncation_strategy: { type: 'last_messages', last_messages: 3 },
  }).options
  expect(options).toEqual({
    model: 'm',
    instructions: '',
    additionalInstructions: 'more',
    tools: [],
    temperature: 0,
    topP: 0.5,
    responseFormat: { type: 'json_object' },
    reasoningEffort: 'low',
    toolChoice: { type: 'function', function: { name: 'f' } },
    parallelToolCalls: false,
    maxPromptTokens: 256,
    maxCompletionTokens: 300,
    truncation: { type: 'last_messages', lastMessages: 3 },
  })
})

test('outputs keep every byte', () => {
  const output = 'ü\n\t"{}\u2028'
  expect(fromOutputs({ tool_outputs: [{ tool_call_id: 'c', output }] })).toEqual([{ callId: 'c', output }])
})

test('an assistant shows what it was given', () => {
  const given = fromAssistantCreate({ model: 'm', name: 'n', temperature: 0, metadata: { a: 'b' }, tools: [], tool_resources: {} })
  const shown = toAssistant({
    description: null,
    instructions: null,
    topP: null,
    responseFormat: null,
    reasoningEffort: null,
    tools: [],
    metadata: {},
    name: null,
    temperature: null,
    ...given,
    toolResources: {},
    id: IDS.assistant,
    version: 1,
    versionId: IDS.run,
    graph: 'assistant',
    settings: {},
    context: {},
    createdAt: at(0),
    updatedAt: at(0),
  })
  expect(shown).toMatchObject({
    object: 'assistant',
    model: 'm',
    name: 'n',
    temperature: 0,
    top_p: 1,
    response_format: 'auto',
    tool_resources: {},
  })
  expectShape(AssistantObject, shown)
})

test('a change of an assistant says what was said and clears what was null', () => {
  expect(fromAssistantModify({})).toEqual({})
  expect(fromAssistantModify({ name: null, metadata: null, tool_resources: null, top_p: 0 })).toEqual({
    name: null,
    metadata: {},
    toolResources: null,
    topP: 0,
  })
})

describe('a message', () => {
  test('of a client is complete and belongs to no run', () => {
    const shown = toMessage(aMessage({}))
    expect(shown).toMatchObject({ status: 'completed', run_id: null, assistant_id: null, completed_at: 1_760_000_000, incomplete_at: null })
    expect(shown.content).toEqual([{ type: 'text', text: { value: 'hello', annotations: [] } }])
    expectShape(MessageObject, shown)
  })

  test('that was cut says why and when', () => {
    const shown = toMessage(aMessage({ role: 'assistant', runId: IDS.run, status: 'incomplete', cut: 'max_tokens', content: '' }))
    expect(shown).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_tokens' }, completed_at: null, content: [] })
    expect(shown.incomplete_at).toBe(1_760_000_000)
    expectShape(MessageObject, shown)
  })

  test('shows parts in the shape of answers', () => {
    const image = { type: 'image_url', image_url: { url: 'https://example.com/i.png', detail: 'low' } }
    const shown = toMessage(
      aMessage({ content: [{ type: 'text', text: 'a' }, image, { type: 'refusal', refusal: 'no' }, { type: 'audio', data: 1 }] }),
    )
    expect(shown.content).toEqual([
      { type: 'text', text: { value: 'a', annotations: [] } },
      image as never,
      { type: 'refusal', refusal: 'no' },
      { type: 'text', text: { value: '{"type":"audio","data":1}', annotations: [] } },
    ])
    expectShape(MessageObject, shown)
  })
})

test('steps show one kind of detail and the time of their own end', () => {
  const step = {
    id: IDS.step,
    runId: IDS.run,
    threadId: IDS.thread,
    assistantId: IDS.assistant,
    messageId: null,
    usage: USAGE,
    createdAt: at(1),
    endedAt: at(2),
    runExpiresAt: at(600),
  }
  const call = { id: 'call_1', type: 'function', name: 'f', arguments: '{}', output: null }
  const failed = toStep({ ...step, kind: 'tool_calls', calls: [call], status: 'failed', error: { code: 'invalid_prompt', message: 'm' } })
  expect(failed).toMatchObject({ failed_at: 1_760_000_002, completed_at: null, last_error: { code: 'server_error', message: 'm' } })
  expectShape(StepObject, failed)
  const open = toStep({ ...step, kind: 'message', messageId: IDS.message, calls: [], status: 'in_progress', error: null, endedAt: null })
  expect(open).toMatchObject({ usage: null, expires_at: 1_760_000_600, step_details: { type: 'message_creation' } })
  expectShape(StepObject, open)
})

test('a thread shows empty tool resources as an object', () => {
  expect(toThread(aThread()).tool_resources).toEqual({})
  expectShape(ThreadObject, toThread(aThread()))
})

const assistant_id = spell('assistant', IDS.assistant)

describe('what is not built is refused by name', () => {
  const CASES: [string, () => unknown, string][] = [
    ['a hosted tool', () => fromAssistantCreate({ model: 'm', tools: [{ type: 'code_interpreter' }] }), 'tools[0]'],
    ['a hosted tool of a run', () => fromRunCreate({ assistant_id, tools: [{ type: 'code_interpreter' }] }), 'tools[0]'],
    ['a forced hosted tool', () => fromRunCreate({ assistant_id, tool_choice: { type: 'code_interpreter' } }), 'tool_choice'],
  ]
  for (const [title, act, param] of CASES) {
    test(title, () => {
      expect(act).toThrow(expect.objectContaining({ code: 'unsupported', facts: { param } }))
    })
  }
})

describe('the OpenAI-Beta header', () => {
  test('may be missing, empty or joined with itself', () => {
    for (const header of [undefined, '', 'assistants=v2', 'assistants=v2, assistants=v2']) requireBeta(header, 'optional')
    requireBeta('assistants=v2', 'required')
  })

  test('is refused when malformed or unknown, also where it is optional', () => {
    expect(() => requireBeta('foo', 'optional')).toThrow(
      "Invalid beta header provided: 'foo'. The header should be in the format 'OpenAI-Beta: example_beta=v1'.",
    )
    expect(() => requireBeta('assistants=v2,foo=v1', 'optional')).toThrow("Unknown beta requested: 'foo'.")
  })

  test('is demanded where the operator says so', () => {
    expect(() => requireBeta(undefined, 'required')).toThrow(
      "You must provide the 'OpenAI-Beta' header to access the Assistants API. Please try again by setting the header 'OpenAI-Beta: assistants=v2'.",
    )
  })
})
