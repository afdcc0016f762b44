import { expect, test } from 'bun:test'
import { AIMessage, type BaseMessage, HumanMessage, ToolMessage } from '@langchain/core/messages'
import { Command, MemorySaver } from '@langchain/langgraph'
import { HOST, type Host } from '../../../src/engine/graphs/assistant.ts'
import { openAssistantGraph } from '../../../src/engine/graphs/registry.ts'

const call = (id: string) => ({ id, name: 'f', args: {}, type: 'tool_call' as const })
const hostSaying = (...answers: AIMessage[]): Host => ({ turn: async () => [answers.shift() ?? new AIMessage('nothing')] })

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

test('copies of the graph do not share their checkpointers', () => {
  const graph = openAssistantGraph()
  const [a, b] = [new MemorySaver(), new MemorySaver()]
  expect([graph.with(a).checkpointer, graph.with(b).checkpointer]).toEqual([a, b])
})
