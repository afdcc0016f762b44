import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { HumanMessage } from '@langchain/core/messages'
import { Annotation, Command, END, MemorySaver, START, StateGraph } from '@langchain/langgraph'
import { RemoteGraph } from '@langchain/langgraph/remote'
import { SERVER_START_MS } from '../support/served.ts'
import { GROUNDS, openWorld, refusal, type Stage, type World } from './langgraph-sdk-stage.ts'
import { LANGGRAPH } from './langgraph-terms.ts'
import { hasProxy, violationsOf } from './proxy.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
}, SERVER_START_MS)
afterAll(() => world?.close())

const threadConfig = () => ({ configurable: { thread_id: crypto.randomUUID() } })

async function collect(stream: Promise<AsyncIterable<unknown>>): Promise<unknown[]> {
  const chunks: unknown[] = []
  for await (const chunk of await stream) chunks.push(chunk)
  return chunks
}

const thrown = (promise: Promise<unknown>): Promise<unknown> => promise.then(undefined, (error: unknown) => error)

/** Some of its generators are typed as iterable only. */
async function* each<T>(iterable: AsyncIterable<T>): AsyncGenerator<T> {
  yield* iterable
}

for (const ground of GROUNDS.filter(({ version }) => version === '1.15.0'))
  describe(`a RemoteGraph ${ground.alone ? 'at the root of a listener' : 'under a path'}`, () => {
    let stage: Stage
    let remote: (graphId: string) => RemoteGraph
    beforeAll(() => {
      stage = world.stage(ground)
      remote = (graphId) => new RemoteGraph({ graphId, url: stage.apiUrl, apiKey: stage.served.key })
    })

    test('answers as the graph that it stands for, with a thread and without', async () => {
      const { messages } = (await remote('echo').invoke({ messages: [new HumanMessage('hello')] })) as { messages: { type: string }[] }
      expect(messages.map(({ type }) => type)).toEqual(['human', 'ai'])
      const config = threadConfig()
      expect(await remote('steps').invoke({ start: 1 }, config)).toEqual({ start: 4, trail: ['one 1', 'two 2', 'three 3'] })
      expect(await remote('steps').invoke({ start: 9 }, config)).toMatchObject({ start: 12, trail: { length: 3 } })
      const assistant = await stage.client.assistants.create({ graphId: 'steps' })
      expect(await remote(assistant.assistant_id).invoke({ start: 5 })).toMatchObject({ start: 8 })
    })

    test('streams in the mode that is asked for', async () => {
      expect(await collect(remote('steps').stream({}))).toMatchObject([
        { one: { start: 1 } },
        { two: { start: 2 } },
        { three: { start: 3 } },
      ])
      expect(await collect(remote('steps').stream({}, { streamMode: 'values' }))).toHaveLength(4)
      expect(await collect(remote('custom').stream({ lines: ['a'] }, { streamMode: 'custom' }))).toEqual([{ line: 'a' }, 'the end'])
      const both = (await collect(remote('steps').stream({}, { streamMode: ['values', 'updates'] }))) as [string, unknown][]
      expect(both.map(([mode]) => mode)).toEqual(['values', 'updates', 'values', 'updates', 'values', 'updates', 'values'])
    })

    test('streams what is below it, under its path', async () => {
      const paths = new Set<string>()
      const stream = await remote('nested').stream({ topic: 'sea' }, { streamMode: 'values', subgraphs: true })
      const read = async () => {
        for await (const [path] of stream as AsyncIterable<[string[]]>) paths.add(path.map((part) => part.replace(/:.*/, '')).join('/'))
      }
      expect(await refusal(read())).toContain('Is sea good?')
      expect(paths).toEqual(new Set(['', 'middle', 'middle/inner']))
    })

    test('interrupts the graph that asks it, and is resumed', async () => {
      const config = threadConfig()
      const asked = await thrown(remote('approval').invoke({ plan: 'swim' }, config))
      expect(asked).toMatchObject({ name: 'GraphInterrupt', interrupts: [{ value: { plan: 'swim' } }] })
      const state = await remote('approval').getState(config)
      expect(state).toMatchObject({ next: ['ask'], tasks: [{ name: 'ask', interrupts: [{ value: { plan: 'swim' } }] }] })
      const resume = new Command({ resume: { approved: true, plan: 'run' } })
      expect(await remote('approval').invoke(resume, config)).toEqual({ plan: 'run', done: 'did run' })
    })

    test('stops at the nodes that it was made or called with', async () => {
      const config = threadConfig()
      // A breakpoint is an interrupt that asks nothing.
      const stopped = { name: 'GraphInterrupt', interrupts: [] }
      expect(await thrown(collect(remote('steps').stream({}, { ...config, interruptBefore: ['two'] })))).toMatchObject(stopped)
      expect((await remote('steps').getState(config)).next).toEqual(['two'])
      const stopping = new RemoteGraph({ graphId: 'steps', client: stage.client, interruptAfter: ['two'] })
      expect(await thrown(collect(stopping.stream(null, config)))).toMatchObject(stopped)
      expect((await remote('steps').getState(config)).next).toEqual(['three'])
    })

    test('fails with what the graph failed with', async () => {
      expect(await refusal(remote('failing').invoke({ count: 0 }))).toContain('{"error":"CustomError","message":"Boo!"')
      expect(await refusal(remote('nobody').invoke({}))).toContain('HTTP 404')
    })

    test('reads and writes the state, also of a subgraph and of the past', async () => {
      const config = threadConfig()
      const graph = remote('nested')
      await graph.invoke({ topic: 'sea' }, config).catch(() => undefined)
      const flat = await graph.getState(config)
      expect(flat).toMatchObject({ next: ['middle'], metadata: { source: 'loop', step: 1 }, values: { topic: 'sea' } })
      expect(flat.tasks[0]?.state).toMatchObject({ configurable: { checkpoint_ns: expect.stringMatching(/^middle:/) } })
      const deep = await graph.getState(config, { subgraphs: true })
      const middle = deep.tasks[0]?.state as typeof flat
      const inner = middle.tasks[0]?.state as typeof flat
      expect([middle.next, inner.next]).toEqual([['inner'], ['review']])
      const written = await graph.updateState(inner.config, { topic: 'lake' })
      expect(written.configurable).toMatchObject({ ...config.configurable, checkpoint_ns: inner.config.configurable?.checkpoint_ns })
      expect(await graph.invoke(new Command({ resume: 'good' }), config)).toMatchObject({
        topic: 'lake',
        trail: expect.arrayContaining(['close']),
      })
      const past = await Array.fromAsync(each(graph.getStateHistory(config, { limit: 100 })))
      expect(past.map(({ next }) => next[0] ?? '')).toEqual(['', 'close', 'middle', 'open', '__start__'])
      expect(past[0]?.parentConfig).toEqual(past[1]?.config as never)
      const limited = graph.getStateHistory(config, { limit: 1, before: past[1]?.config as never, filter: { source: 'loop' } })
      expect(await Array.fromAsync(each(limited))).toEqual(past.slice(2, 3))
      const old = await graph.getState(past[3]?.config as never)
      expect(old).toEqual(past[3] as never)
    })

    test('goes back and on from there', async () => {
      const config = threadConfig()
      const graph = remote('steps')
      await graph.invoke({}, config)
      const written = await graph.updateState(config, { start: 20 }, 'one')
      expect(await graph.invoke(null, config)).toMatchObject({ start: 22 })
      expect((await graph.getState(written)).next).toEqual(['two'])
    })

    test('is drawn, and names what is below it', async () => {
      const drawing = await remote('nested').getGraphAsync({ xray: true })
      expect(Object.keys(drawing.nodes)).toEqual(expect.arrayContaining(['open', 'middle:before', 'middle:inner:review', 'close']))
      expect(drawing.drawMermaid()).toContain('open')
      const below = await Array.fromAsync(each(remote('nested').getSubgraphsAsync(undefined, true)))
      expect(below.map(([path]) => path).sort()).toEqual(['middle', 'middle|inner'])
    })

    test('is a node of another graph, whose stream shows what it does', async () => {
      const State = Annotation.Root({ start: Annotation<number>, trail: Annotation<string[]> })
      const parent = new StateGraph(State)
        .addNode('far', remote('steps') as never)
        .addNode('near', ({ start }) => ({ start: start * 10 }))
        .addEdge(START, 'far')
        .addEdge('far', 'near')
        .addEdge('near', END)
        .compile({ checkpointer: new MemorySaver() })
      expect(await parent.invoke({ start: 1 }, threadConfig())).toMatchObject({ start: 40 })
      const chunks = (await collect(parent.stream({ start: 1 }, { ...threadConfig(), streamMode: 'updates', subgraphs: true }))) as [
        string[],
        object,
      ][]
      const shown = chunks.map(([path, update]) => `${path.length} ${Object.keys(update)[0]}`)
      expect(shown).toEqual(['1 one', '1 two', '1 three', '0 far', '0 near'])
    })

    test('is configured as a graph of this process is', async () => {
      const config = { ...threadConfig(), tags: ['remote'], context: { user: 'ada' } }
      const bound = remote('context').withConfig({ configurable: { colour: 'red' } }) as RemoteGraph
      const { seen } = (await bound.invoke({}, config as never)) as { seen: object }
      expect(seen).toMatchObject({
        context: { user: 'ada' },
        configurable: { colour: 'red', ...config.configurable },
        tags: expect.arrayContaining(['remote']),
      })
    })

    test('says by name that its newest way of streaming is not served', async () => {
      const client = stage.beyond
      const graph = new RemoteGraph({ graphId: 'echo', client })
      const started = (async () => graph.streamEvents({ messages: [] }, { version: 'v3' } as never))()
      expect(await refusal(started)).toMatch(/^HTTP 501: .*Protocol v2/)
    })

    if (!ground.checked) return
    // The tests above may run in any order; this one holds whatever they sent against the contract.
    test.skipIf(!hasProxy)('is answered as the contract says', async () => {
      await remote('steps').invoke({}, threadConfig())
      const report = stage.traffic?.report()
      if (!report) throw new Error('Nobody watched.')
      expect(violationsOf(report, LANGGRAPH)).toEqual([])
    })
  })
