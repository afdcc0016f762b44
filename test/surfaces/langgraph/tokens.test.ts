import { expect, test } from 'bun:test'
import { AIMessageChunk } from '@langchain/core/messages'
import type { RunEvent } from '../../../src/core/runs/events.ts'
import type { Run } from '../../../src/core/runs/runs.ts'
import { START } from '../../../src/surfaces/langgraph/cursor.ts'
import { langgraphFrames } from '../../../src/surfaces/langgraph/stream.ts'
import { aRun } from '../openai/story.ts'
import { builtInRun, graphRun, IDS, mode, segment, story, TURN } from './story.ts'

type Message = Record<string, unknown> & { content: unknown; tool_calls: unknown[] }

function frames(run: Run, events: RunEvent[], asked?: Parameters<typeof langgraphFrames>[0]['modes']): { event: string; data: unknown }[] {
  const written = langgraphFrames({ run, modes: asked ?? null }, START).push(segment(events))
  return [...written.matchAll(/event: (.*)\ndata: (.*)\n/g)].map(([, event = '', data = '']) => ({ event, data: JSON.parse(data) }))
}
const of = (seen: ReturnType<typeof frames>, event: string): unknown[] => seen.filter((f) => f.event === event).map((f) => f.data)

/** What a client of LangChain makes of the chunks. */
function joined(tuples: unknown[]): AIMessageChunk {
  const chunks = (tuples as [ConstructorParameters<typeof AIMessageChunk>[0], unknown][]).map(([chunk]) => new AIMessageChunk(chunk))
  return chunks.slice(1).reduce((sum, chunk) => sum.concat(chunk), chunks[0] as AIMessageChunk)
}

test('the chunks of a turn add up to its message: text and calls under one id', () => {
  const message = joined(of(frames(builtInRun('messages-tuple'), story(...TURN)), 'messages'))
  expect(message.id).toBe(IDS.message)
  expect(message.content).toBe('Hello there')
  expect(message.tool_calls).toEqual([{ id: 'call_1', name: 'look', args: { at: 'sea' }, type: 'tool_call' }])
})

test('a tuple carries the node, the run and the thread', () => {
  const [first] = of(frames(builtInRun('messages-tuple'), story(...TURN)), 'messages') as [unknown, Record<string, unknown>][]
  expect(first?.[1]).toMatchObject({
    langgraph_node: 'model',
    run_id: IDS.run,
    thread_id: IDS.thread,
    ls_model_name: 'local-model',
    tags: [],
  })
})

test('the old mode tells metadata once and then the message so far', () => {
  const seen = frames(builtInRun('messages'), story(...TURN))
  expect(of(seen, 'messages/metadata')).toHaveLength(1)
  expect(Object.keys(of(seen, 'messages/metadata')[0] as object)).toEqual([IDS.message])
  const partial = (of(seen, 'messages/partial') as [Message][]).map(([message]) => [message.content, message.tool_calls])
  const call = (args: object) => [{ id: 'call_1', name: 'look', args, type: 'tool_call' }]
  expect(partial).toEqual([
    ['Hello ', []],
    ['Hello there', []],
    ['Hello there', call({})],
    ['Hello there', call({})],
    ['Hello there', call({ at: 'sea' })],
  ])
  expect(of(seen, 'messages')).toEqual([])
})

test('the message that the graph tells whole again is left out, others of its kind are not', () => {
  const whole = mode('messages', [{ id: IDS.message, content: 'Hello there', type: 'ai' }, {}])
  const tool = mode('messages', [{ id: IDS.message2, content: 'seen', type: 'tool' }, {}])
  const seen = of(frames(builtInRun('messages-tuple'), story(...TURN, whole, tool)), 'messages') as [Message][]
  expect(seen).toHaveLength(6)
  expect(seen.at(-1)?.[0].content).toBe('seen')
})

test('a turn of calls alone has the id of its step, and the next turn another', () => {
  const at = 1
  const again: RunEvent[] = [
    { type: 'step', id: IDS.step, kind: 'tool_calls', at },
    { type: 'call', index: 0, id: 'c1', tool: 'function', name: 'look' },
    { type: 'step_end', id: IDS.step, status: 'completed', at, usage: null },
    { type: 'step', id: IDS.step2, kind: 'tool_calls', at },
    { type: 'call', index: 0, id: 'c2', tool: 'function', name: 'look' },
  ]
  const seen = of(frames(builtInRun('messages-tuple'), story(...again)), 'messages') as [Message][]
  expect(seen.map(([{ id }]) => id)).toEqual([IDS.step, IDS.step2])
})

test('a refusal is told as parts that clients join', () => {
  const refused: RunEvent[] = [
    { type: 'step', id: IDS.step, kind: 'message', messageId: IDS.message, at: 1 },
    { type: 'refusal', text: 'I will ' },
    { type: 'refusal', text: 'not.' },
  ]
  expect(joined(of(frames(builtInRun('messages-tuple'), story(...refused)), 'messages')).content).toMatchObject([
    { type: 'refusal', refusal: 'I will not.' },
  ])
})

test('nothing is told of tokens where they were not asked for', () => {
  expect(frames(builtInRun('values'), story(...TURN)).map(({ event }) => event)).toEqual(['metadata'])
  expect(frames(builtInRun('messages-tuple'), story(...TURN), new Set(['values'])).map(({ event }) => event)).toEqual(['metadata'])
  expect(frames(graphRun({ modes: ['messages-tuple'] }), story(...TURN)).map(({ event }) => event)).toEqual(['metadata'])
})

test('a run of another dialect shows its tokens, as tuples unless the reader asks for the old mode', () => {
  expect(of(frames(aRun(), story(...TURN)), 'messages')).toHaveLength(5)
  expect(of(frames(aRun(), story(...TURN), new Set(['messages'])), 'messages/partial')).toHaveLength(5)
})

test('an attempt that takes over begins a new message', () => {
  const events = story(...TURN.slice(0, 3), { type: 'restart', attempt: 2, at: 1 }, { type: 'text', text: 'lost' })
  expect(of(frames(builtInRun('messages-tuple'), events), 'messages')).toHaveLength(2)
})
