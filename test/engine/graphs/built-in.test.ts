import { expect, test } from 'bun:test'
import { AIMessage, type BaseMessage, HumanMessage, ToolMessage } from '@langchain/core/messages'
import { Command, MemorySaver } from '@langchain/langgraph'
import { HOST, type Host, SERVED } from '../../../src/engine/graphs/assistant.ts'
import { openAssistantGraph } from '../../../src/engine/graphs/built-in.ts'

const call = (id: string) => ({ id, name: 'f', args: {}, type: 'tool_call' as const })
const hostSaying = (...answers: AIMessage[]): Host => ({
  turn: async () => [answers.shift() ?? new AIMessage('nothing')],
  serve: async (calls) => calls.map(({ id = '' }) => new ToolMessage({ content: `served ${id}`, tool_call_id: id })),
})

async function run(graph: ReturnType<ReturnType<typeof openAssistantGraph>['with']>, input: unknown, host: Host): Promise<void> {
  const configurable = { thread_id: 't', [HOST]: host }
  for await (const _ of await graph.stream(input as never, { configurable, streamMode: [], durability: 'sync' }));
}

test("input goes straight into the channels that LangGraph's own first step would write", async () => {
  const graph = openAssistantGraph()
  expect(Object.keys(graph.input([]))).toEqual(['messages', 'branch:to:model'])
  const saver = new MemorySaver()
  await run(graph.with(saver), graph.input([new HumanMessage('q')]), hostSaying(new AIMessage('a')))
  const steps = (await Array.fromAsync(saver.list({ configurable: { thread_id: 't' } }))).map((t) => t.metadata?.step)
  expect(steps).toEqual([0, -1])
})

test('functions are waited for, and the outputs follow their calls', async () => {
  const graph = openAssistantGraph()
  const saver = new MemorySaver()
  const copy = graph.with(saver)
  const host = hostSaying(new AIMessage({ content: '', tool_calls: [call('1'), call('2')] }), new AIMessage('done'))
  await run(copy, graph.input([new HumanMessage('q')]), host)
  const waiting = await copy.getState({ configurable: { thread_id: 't' } })
  expect(waiting.next).toEqual(['functions'])
  await run(copy, new Command({ resume: { outputs: { 1: 'one', 2: 'two' } } }), host)
  const { messages } = (await copy.getState({ configurable: { thread_id: 't' } })).values as { messages: BaseMessage[] }
  expect(messages.filter((m) => ToolMessage.isInstance(m)).map((m) => m.content)).toEqual(['one', 'two'])
  expect(messages.at(-1)?.content).toBe('done')
})

const outputsIn = (messages: BaseMessage[]) => messages.filter((m) => ToolMessage.isInstance(m)).map((m) => [m.tool_call_id, m.content])

test('calls that the server answers are answered before the client is asked for the others, and only once', async () => {
  const graph = openAssistantGraph()
  const copy = graph.with(new MemorySaver())
  const mixed = new AIMessage({ content: '', tool_calls: [call('1'), call('2'), call('3')], additional_kwargs: { [SERVED]: ['2', '3'] } })
  const host = hostSaying(mixed, new AIMessage('done'))
  await run(copy, graph.input([new HumanMessage('q')]), host)
  const waiting = await copy.getState({ configurable: { thread_id: 't' } })
  expect(waiting.next).toEqual(['functions'])
  expect(waiting.tasks[0]?.interrupts[0]?.value).toMatchObject({ tool_calls: [{ id: '1' }] })
  const repeats = (): Promise<never> => Promise.reject(new Error('served again'))
  await run(copy, new Command({ resume: { outputs: { 1: 'one' } } }), { ...host, serve: repeats })
  const { messages } = (await copy.getState({ configurable: { thread_id: 't' } })).values as { messages: BaseMessage[] }
  expect(outputsIn(messages)).toEqual([
    ['2', 'served 2'],
    ['3', 'served 3'],
    ['1', 'one'],
  ])
  expect(messages.at(-1)?.content).toBe('done')
})

test('where the server answers all calls, the model goes on at once', async () => {
  const graph = openAssistantGraph()
  const copy = graph.with(new MemorySaver())
  const served = new AIMessage({ content: '', tool_calls: [call('1')], additional_kwargs: { [SERVED]: ['1'] } })
  await run(copy, graph.input([new HumanMessage('q')]), hostSaying(served, new AIMessage('done')))
  const { values, next } = await copy.getState({ configurable: { thread_id: 't' } })
  expect([outputsIn(values.messages), values.messages.at(-1)?.content, next]).toEqual([[['1', 'served 1']], 'done', []])
})

test('copies of the graph do not share their checkpointers', () => {
  const graph = openAssistantGraph()
  const [a, b] = [new MemorySaver(), new MemorySaver()]
  expect([graph.with(a).checkpointer, graph.with(b).checkpointer]).toEqual([a, b])
})
