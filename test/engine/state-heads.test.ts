import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Command } from '@langchain/langgraph'
import { createMessage } from '../../src/core/threads/messages.ts'
import type { Thread } from '../../src/core/threads/threads.ts'
import { createThread, getThread } from '../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { GRAPHS } from '../support/graph-runs.ts'
import { callGraph, newThread, on } from './graph-threads.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0, graphs: GRAPHS })
}, OPEN_MS)
afterAll(() => app.close())

const waiting = async (): Promise<string> => {
  const threadId = await newThread(app, 'nested')
  await callGraph(app, { graph: 'nested', threadId, input: { topic: 'cats' } })
  return threadId
}

test('a thread that never ran has no values, or only what was appended', async () => {
  const threadId = await newThread(app, 'echo')
  expect(await on(app, threadId).head()).toEqual({ values: null, interrupts: {} })
  await createMessage(app, app.one, { threadId, message: { role: 'user', content: 'hi' } })
  expect(await on(app, threadId).head()).toMatchObject({ values: { messages: [{ type: 'human', content: 'hi' }] } })
})

test.each([
  ['echo', { messages: 'hi' }],
  ['steps', { start: 4 }],
  ['failing', {}],
  ['nested', { topic: 'cats' }],
  ['approval', { plan: 'jump' }],
  ['promised', {}],
  ['dynamic', {}],
  ['plain', { messages: 'hi' }],
])('the values are those of the state: %s', async (graph, input) => {
  const threadId = await newThread(app, graph)
  await callGraph(app, { graph, threadId, input }).catch(() => undefined)
  expect((await on(app, threadId).head())?.values).toEqual((await on(app, threadId).state()).values)
})

test('a value that nobody wrote is the one the graph begins with', async () => {
  const threadId = await newThread(app, 'nested')
  await on(app, threadId).update({ values: { topic: 'cats' }, asNode: '__start__' })
  expect(await on(app, threadId).head()).toEqual({ values: { topic: 'cats', trail: [] }, interrupts: {} })
})

test('open interrupts by task; an answered one is gone', async () => {
  const threadId = await waiting()
  const [task] = (await on(app, threadId).state()).tasks
  expect((await on(app, threadId).head())?.interrupts).toEqual({ [task?.id ?? '']: task?.interrupts ?? [] })
  await callGraph(app, { graph: 'nested', threadId, input: new Command({ resume: 'fine' }) })
  expect((await on(app, threadId).head())?.interrupts).toEqual({})
})

test('of several branches only those that still wait are shown', async () => {
  const threadId = await newThread(app, 'parallel')
  await callGraph(app, { graph: 'parallel', threadId, input: { jobs: ['a', 'ask b', 'ask c'] } })
  const open = async () => Object.values((await on(app, threadId).head())?.interrupts ?? {}).flatMap((list) => list.map((i) => i.value))
  expect((await open()).map((v) => (v as { job: string }).job).sort()).toEqual(['ask b', 'ask c'])
  const first = (await on(app, threadId).state()).tasks.find((t) => t.interrupts.length > 0)?.interrupts[0]
  await callGraph(app, { graph: 'parallel', threadId, input: new Command({ resume: { [first?.id ?? '']: 'yes' } }) })
  expect(await open()).toHaveLength(1)
})

test('a hundred threads cost two statements, and no graph is made for it', async () => {
  const threads: Thread[] = []
  for (let i = 0; i < 100; i++)
    threads.push(await createThread(app, app.one, { graph: ['echo', 'dynamic', 'steps', 'gone'][i % 4] as string }))
  for (const { id, graph } of threads.slice(0, 20))
    if (graph !== 'gone') await callGraph(app, { graph: graph ?? '', threadId: id, input: { messages: 'hi', start: 1 } })
  const page = await Promise.all(threads.map(({ id }) => getThread(app, app.one, id)))
  page[1] = { ...(page[1] as Thread), config: { configurable: { nodes: [] } } }
  const before = app.db.sent.length
  const heads = await app.graphs.heads(app.one, page)
  expect(app.db.sent.slice(before)).toEqual(['hot', 'hot'])
  expect(heads.size).toBe(100)
  expect([...heads.values()].filter(({ values }) => values !== null)).toHaveLength(15)
  expect(heads.get(page[1]?.id ?? '')?.values).toEqual({ said: ['only'] })
  expect((await app.graphs.heads(app.one, [])).size).toBe(0)
})
