import { describe, expect, test } from 'bun:test'
import type { StepCall } from '../../../src/core/runs/events.ts'
import type { Step } from '../../../src/core/runs/steps.ts'
import { fromAssistantCreate } from '../../../src/surfaces/openai/assistants.wire.ts'
import { findProblem, type SchemaNode } from '../../../src/surfaces/openai/explain.ts'
import { spell } from '../../../src/surfaces/openai/ids.ts'
import { fromMessageCreate, MessageObject, toMessage } from '../../../src/surfaces/openai/messages.wire.ts'
import { fromThreadRunCreate } from '../../../src/surfaces/openai/runs.wire.ts'
import { StepObject, toStep } from '../../../src/surfaces/openai/steps.wire.ts'
import { fromThreadCreate, fromThreadModify, toThread } from '../../../src/surfaces/openai/threads.wire.ts'
import { aMessage, aThread, at, IDS, USAGE } from './story.ts'

const expectShape = (schema: object, value: unknown) => expect(findProblem(schema as SchemaNode, value)).toBeUndefined()

const assistant_id = spell('assistant', IDS.assistant)
const FILE = '01928374-0000-7000-8000-0000000000f1'
const STORE = '01928374-0000-7000-8000-0000000000f2'
const file_id = spell('file', FILE)
const store_id = spell('vector_store', STORE)

describe('resources of tools', () => {
  test('are kept under the names of core, by core ids, and shown as they were given', () => {
    const given = { code_interpreter: { file_ids: [file_id] }, file_search: { vector_store_ids: [store_id] } }
    const kept = { codeInterpreter: { fileIds: [FILE] }, fileSearch: { storeIds: [STORE] } }
    expect(fromThreadCreate({ tool_resources: given }).toolResources).toEqual(kept)
    expect(fromThreadModify({ tool_resources: given }).toolResources).toEqual(kept)
    expect(fromThreadRunCreate({ assistant_id, tool_resources: given }).options.toolResources).toEqual(kept)
    expect(toThread({ ...aThread(), toolResources: kept }).tool_resources).toEqual(given)
  })

  test('may be empty', () => {
    const tool_resources = { code_interpreter: { file_ids: [] }, file_search: { vector_store_ids: [] } }
    const kept = fromThreadCreate({ tool_resources }).toolResources
    expect(kept).toEqual({ codeInterpreter: { fileIds: [] }, fileSearch: { storeIds: [] } })
  })

  test('of a creation may ask for a new store, with its files, cut and metadata', () => {
    const chunking_strategy = { type: 'static' as const, static: { max_chunk_size_tokens: 200, chunk_overlap_tokens: 100 } }
    const vector_stores = [{ file_ids: [file_id], chunking_strategy, metadata: { a: 'b' } }]
    expect(fromAssistantCreate({ model: 'm', tool_resources: { file_search: { vector_stores } } }).toolResources).toEqual({
      fileSearch: { newStore: { fileIds: [FILE], chunking: { tokensMax: 200, overlapTokens: 100 }, metadata: { a: 'b' } } },
    })
  })

  test('name what is wrong with them by its path', () => {
    const thrown = (file_search: object) => () => fromThreadRunCreate({ assistant_id, thread: { tool_resources: { file_search } } })
    const at = (param: string) => expect.objectContaining({ code: 'invalid', facts: expect.objectContaining({ param }) })
    expect(thrown({ vector_store_ids: [file_id] })).toThrow(at('thread.tool_resources.file_search.vector_store_ids[0]'))
    expect(thrown({ vector_store_ids: [], vector_stores: [] })).toThrow(at('thread.tool_resources.file_search'))
    const sizes = { type: 'static', static: { max_chunk_size_tokens: 200, chunk_overlap_tokens: 101 } }
    expect(thrown({ vector_stores: [{ chunking_strategy: sizes }] })).toThrow(
      at('thread.tool_resources.file_search.vector_stores[0].chunking_strategy.static.chunk_overlap_tokens'),
    )
  })

  test('that cannot exist are missing', () => {
    const missing = expect.objectContaining({ code: 'not_found', facts: { kind: 'vector_store', id: 'vs_1' } })
    expect(() => fromThreadCreate({ tool_resources: { file_search: { vector_store_ids: ['vs_1'] } } })).toThrow(missing)
  })
})

describe('files of messages', () => {
  const image = { type: 'image_file' as const, image_file: { file_id, detail: 'low' as const } }

  test('are core ids inside and spelled outside, attached or shown', () => {
    const attachments = [{ file_id, tools: [{ type: 'file_search' as const }] }]
    const { content, ...given } = fromMessageCreate({ role: 'user', content: [image], attachments })
    expect(content).toEqual([{ type: 'image_file', image_file: { file_id: FILE, detail: 'low' } }])
    expect(given.attachments).toEqual([{ fileId: FILE, tools: [{ type: 'file_search' }] }])
    const shown = toMessage(aMessage({ content, attachments: given.attachments ?? [] }))
    expect(shown).toMatchObject({ content: [image], attachments })
    expectShape(MessageObject, shown)
  })

  test('that cannot exist are missing, and ids of another kind are refused by their path', () => {
    const second = (part: object) => () =>
      fromThreadCreate({
        messages: [
          { role: 'user', content: 'x' },
          { role: 'user', content: [part as typeof image] },
        ],
      })
    const missing = expect.objectContaining({ code: 'not_found', facts: { kind: 'file', id: 'file-1' } })
    expect(second({ ...image, image_file: { file_id: 'file-1' } })).toThrow(missing)
    const param = 'messages[1].content[0].image_file.file_id'
    expect(second({ ...image, image_file: { file_id: 'x' } })).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ param }) }),
    )
  })
})

test('a function may not have the name of a hosted tool beside it', () => {
  const twin = { type: 'function' as const, function: { name: 'file_search' } }
  const facts = expect.objectContaining({ param: 'tools[1].function.name' })
  expect(() => fromAssistantCreate({ model: 'm', tools: [{ type: 'file_search' }, twin] })).toThrow(
    expect.objectContaining({ code: 'invalid', facts }),
  )
  expect(fromAssistantCreate({ model: 'm', tools: [twin] }).tools).toEqual([twin])
})

const CITATION = {
  type: 'file_citation' as const,
  text: '【0:0†a.md】',
  start_index: 3,
  end_index: 12,
  file_citation: { file_id: FILE },
}

test('a citation is shown with the spelled id of its file, and annotations of other shapes are not', () => {
  const content = [{ type: 'text', text: 'so 【0:0†a.md】', annotations: [CITATION, { type: 'url_citation', url: 'x' }, 'odd', null] }]
  const shown = toMessage(aMessage({ content }))
  expect(shown.content).toEqual([
    { type: 'text', text: { value: 'so 【0:0†a.md】', annotations: [{ ...CITATION, file_citation: { file_id } }] } },
  ])
  expectShape(MessageObject, shown)
})

describe('a step with a search', () => {
  const detail = {
    rankingOptions: { ranker: 'auto', scoreThreshold: 0.5 },
    results: [{ fileId: FILE, fileName: 'a.md', score: 0.75, text: 'found' }],
  }
  const search = { id: 'call_S', type: 'file_search', name: 'file_search', arguments: '{}', output: null }
  const asked = { id: 'call_F', type: 'function', name: 'f', arguments: '{}', output: 'out' }
  const step = (calls: StepCall[]): Step => ({
    id: IDS.step,
    runId: IDS.run,
    threadId: IDS.thread,
    assistantId: IDS.assistant,
    kind: 'tool_calls',
    messageId: null,
    calls,
    status: 'completed',
    usage: USAGE,
    error: null,
    createdAt: at(1),
    endedAt: at(2),
    runExpiresAt: at(600),
  })
  const result = { file_id, file_name: 'a.md', score: 0.75 }
  const file_search = { ranking_options: { ranker: 'auto', score_threshold: 0.5 }, results: [result] }
  const func = { id: 'call_F', type: 'function', function: { name: 'f', arguments: '{}', output: 'out' } }

  test('lists its calls in their order, the texts it found only where asked for', () => {
    const both = step([{ ...search, detail }, asked])
    expect(toStep(both).step_details as unknown).toEqual({
      type: 'tool_calls',
      tool_calls: [{ id: 'call_S', type: 'file_search', file_search }, func],
    })
    const whole = toStep(both, { resultContent: true })
    expect(whole.step_details).toMatchObject({
      tool_calls: [{ file_search: { results: [{ ...result, content: [{ type: 'text', text: 'found' }] }] } }, func],
    })
    expectShape(StepObject, whole)
  })

  test('that has not ended shows it empty', () => {
    const open = toStep({ ...step([search]), status: 'in_progress' })
    expect(open.step_details).toEqual({ type: 'tool_calls', tool_calls: [{ id: 'call_S', type: 'file_search', file_search: {} }] })
    expectShape(StepObject, open)
  })
})
