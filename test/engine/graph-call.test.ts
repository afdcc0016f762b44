import { afterAll, beforeAll, expect, test } from 'bun:test'
import { getRun } from '../../src/core/runs/runs.ts'
import { cancelRun } from '../../src/core/runs/stop.ts'
import { createThread, getThread } from '../../src/core/threads/threads.ts'
import { openTestApp, type TestApp } from '../support/app.ts'
import { GRAPHS, type GraphStart, startGraph, toldBy } from '../support/graph-runs.ts'
import { storyOf, until } from '../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ graphs: GRAPHS })
})
afterAll(() => app.close())

const told = async (start: GraphStart): Promise<string[]> => toldBy(app, await startGraph(app, start))
const ids = (lines: string[]): string[] => lines.map((line) => line.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '#'))
const statesOf = async (threadId: string) =>
  app.graphs.state(app.one, { thread: await getThread(app, app.one, threadId), at: {}, subgraphs: false })

test('a run of a graph tells its values and ends', async () => {
  expect(await told({ graph: 'steps', input: { start: 1 }, modes: ['values'] })).toEqual([
    'queued',
    'running',
    'values {"start":1,"trail":[]}',
    'values {"start":2,"trail":["one 1"]}',
    'values {"start":3,"trail":["one 1","two 2"]}',
    'values {"start":4,"trail":["one 1","two 2","three 3"]}',
    'completed',
  ])
})

test('without modes nothing but its status is told', async () => {
  expect(await told({ graph: 'steps', input: { start: 1 } })).toEqual(['queued', 'running', 'completed'])
})

test('an interrupt in a subgraph makes the run wait, and another run goes on with the answer', async () => {
  const first = await startGraph(app, { graph: 'nested', input: { topic: 'rain' }, modes: ['updates'] })
  const lines = ids(await toldBy(app, first))
  expect(lines.at(-1)).toBe('waiting')
  expect(lines.at(-2)).toMatch(/^updates \{"__interrupt__":\[\{"id":"[0-9a-f]+","value":\{"question":"Is rain good\?"\}\}\]\}$/)
  expect((await getThread(app, app.one, first.threadId)).status).toBe('interrupted')
  const thread = { id: first.threadId, create: false }
  const second = await startGraph(app, { graph: 'nested', thread, modes: ['values'], call: { command: { resume: 'fine' } } })
  expect((await toldBy(app, second)).slice(-2)).toEqual([
    'values {"topic":"rain","trail":["open","before","draft rain","review fine","close"]}',
    'completed',
  ])
  expect((await getRun(app, app.one, { threadId: first.threadId, id: first.run.id })).status).toBe('completed')
  expect(await getThread(app, app.one, first.threadId)).toMatchObject({ status: 'idle', runId: null, graph: 'nested' })
})

test('what subgraphs do is told under their path where it was asked for', async () => {
  const lines = ids(await told({ graph: 'nested', input: { topic: 'rain' }, modes: ['updates'], call: { subgraphs: true } }))
  expect(lines).toContain('updates|middle:#|inner:# {"draft":{"trail":["draft rain"]}}')
  expect(lines).toContain('updates {"open":{"trail":["open"]}}')
})

test('a graph stops before and after the nodes that were named, and goes on with no input', async () => {
  const before = await startGraph(app, { graph: 'steps', input: { start: 0 }, call: { interruptBefore: ['two'] } })
  expect((await toldBy(app, before)).at(-1)).toBe('waiting')
  expect((await statesOf(before.threadId)).next).toEqual(['two'])
  const thread = { id: before.threadId, create: false }
  const after = await startGraph(app, { graph: 'steps', thread, modes: ['values'], call: { interruptAfter: '*' } })
  expect((await toldBy(app, after)).slice(-3)).toEqual([
    'values {"start":2,"trail":["one 0","two 1"]}',
    'values {"__interrupt__":[]}',
    'waiting',
  ])
  const rest = await startGraph(app, { graph: 'steps', thread, modes: ['updates'] })
  expect(await toldBy(app, rest)).toEqual([
    'queued',
    'running',
    'updates {"three":{"trail":["one 0","two 1","three 2"],"start":3}}',
    'completed',
  ])
})

test('what a graph throws is the error of its run', async () => {
  const failed = await startGraph(app, { graph: 'failing', input: {} })
  expect((await toldBy(app, failed)).at(-1)).toBe('failed')
  const run = await getRun(app, app.one, { threadId: failed.threadId, id: failed.run.id })
  expect(run.error).toEqual({ code: 'server_error', message: 'Boo!', name: 'CustomError' })
  expect(await getThread(app, app.one, failed.threadId)).toMatchObject({ status: 'error', error: { message: 'Boo!' } })
})

test('a graph without an end is stopped at its limit', async () => {
  const endless = await startGraph(app, { graph: 'recursion', input: {}, call: { config: { recursion_limit: 4 } } })
  expect((await toldBy(app, endless)).at(-1)).toBe('failed')
  const { error } = await getRun(app, app.one, { threadId: endless.threadId, id: endless.run.id })
  expect(error).toMatchObject({ name: 'GraphRecursionError', message: expect.stringContaining('Recursion limit of 4') })
})

test('a cancelled run stops its node and keeps the state before it', async () => {
  const slow = await startGraph(app, { graph: 'delay', input: { delay_ms: 3_600_000, deaf: true } })
  await until(async () => (await getRun(app, app.one, { threadId: slow.threadId, id: slow.run.id })).status === 'running')
  await cancelRun(app, app.one, { threadId: slow.threadId, id: slow.run.id })
  expect((await toldBy(app, slow)).slice(-2)).toEqual(['cancelling', 'cancelled'])
  expect(await getThread(app, app.one, slow.threadId)).toMatchObject({ status: 'idle', runId: null })
  expect((await statesOf(slow.threadId)).next).toEqual(['sleep'])
})

test('tokens are told as deltas, and under the old name as everything so far', async () => {
  const input = { messages: [{ role: 'user', content: 'say it', id: 'asked' }] }
  const lines = await told({ graph: 'tokens', input, modes: ['messages-tuple', 'messages'] })
  const names = lines.map((line) => line.split(' ')[0] as string)
  expect(names.filter((name) => name === 'messages/metadata')).toHaveLength(1)
  const partials = lines
    .filter((line) => line.startsWith('messages/partial '))
    .map((line) => JSON.parse(line.slice(17))[0].content as string)
  const deltas = lines.filter((line) => line.startsWith('messages ')).map((line) => JSON.parse(line.slice(9))[0].content as string)
  expect(deltas.length).toBeGreaterThan(2)
  expect(partials.at(-1)).toBe('You said: say it')
  expect(deltas.slice(0, partials.length).join('')).toBe('You said: say it')
  const complete = lines
    .filter((line) => line.startsWith('messages/complete '))
    .flatMap((line) => JSON.parse(line.slice(18)) as { id: string }[])
  expect(complete.map(({ id }) => id)).toEqual(['asked', expect.any(String)])
  expect(names.at(-2)).toBe('messages/complete')
})

test('events of LangChain are told where they were asked for', async () => {
  const lines = await told({ graph: 'steps', input: { start: 0 }, modes: ['events', 'values'] })
  const events = lines
    .filter((line) => line.startsWith('events '))
    .map((line) => JSON.parse(line.slice(7)) as { event: string; name: string })
  expect(events.map(({ event, name }) => `${event} ${name}`)).toContain('on_chain_end two')
  expect(lines.filter((line) => line.startsWith('values '))).toHaveLength(4)
})

test('tasks, checkpoints, debug and what a node writes are told', async () => {
  const modes = ['tasks', 'checkpoints', 'debug', 'custom'] as const
  const lines = await told({ graph: 'streamer', input: { chunks: 2, hold_ms: 0, interval_ms: 0 }, modes: [...modes] })
  const of = (mode: string) => lines.filter((line) => line.startsWith(`${mode} `)).map((line) => JSON.parse(line.slice(mode.length + 1)))
  expect(of('custom')).toHaveLength(2)
  expect(of('tasks').map((task) => Object.keys(task).includes('result'))).toEqual([false, true])
  expect(of('checkpoints').at(-1)).toMatchObject({
    next: [],
    tasks: [],
    metadata: { step: 1 },
    config: { configurable: { thread_id: expect.any(String) } },
  })
  expect(of('debug').map(({ type }) => type)).toEqual(['checkpoint', 'checkpoint', 'task', 'task_result', 'checkpoint'])
  expect(lines.join()).not.toMatch(/__pregel_(?!pull)/)
})

test('config, context and metadata of assistant and run reach the nodes', async () => {
  const call = { config: { configurable: { who: 'me' }, tags: ['a'] }, context: { user: 'ann' } }
  const lines = await told({ graph: 'context', input: {}, modes: ['values'], call, run: { metadata: { trip: 7 } } })
  const values = JSON.parse((lines.at(-2) as string).slice(7))
  expect(values.seen).toMatchObject({ context: { user: 'ann' }, configurable: { who: 'me', graph_id: 'context' }, metadata: { trip: 7 } })
})

test('a graph that is made by a function is made with the config of the run', async () => {
  const call = { config: { configurable: { nodes: ['x', 'y'] } } }
  const made = await startGraph(app, { graph: 'dynamic', input: {}, modes: ['values'], call })
  expect((await toldBy(app, made)).at(-2)).toBe('values {"said":["x","y"]}')
  expect((await statesOf(made.threadId)).values).toEqual({ said: ['x', 'y'] })
  const refused = await startGraph(app, { graph: 'dynamic', input: {}, call: { config: { configurable: { nodes: [] } } } })
  expect((await toldBy(app, refused)).at(-1)).toBe('failed')
  expect((await getRun(app, app.one, { threadId: refused.threadId, id: refused.run.id })).error?.message).toContain(
    'RangeError: A graph needs nodes',
  )
})

test('a run from an earlier checkpoint leaves the later ones as they were', async () => {
  const first = await startGraph(app, { graph: 'steps', input: { start: 0 } })
  await toldBy(app, first)
  const thread = await getThread(app, app.one, first.threadId)
  const history = await app.graphs.history(app.one, { thread, filter: { limit: 10 } })
  const before = history.find(({ next }) => next[0] === 'three')?.checkpoint?.id as string
  const again = await startGraph(app, {
    ...{ graph: 'steps', thread: { id: thread.id, create: false }, modes: ['updates'] },
    call: { checkpoint: { id: before } },
  })
  expect(await toldBy(app, again)).toContain('updates {"three":{"trail":["one 0","two 1","three 2"],"start":3}}')
  const after = await app.graphs.history(app.one, { thread: await getThread(app, app.one, thread.id), filter: { limit: 20 } })
  expect(after.map(({ checkpoint }) => checkpoint?.id)).toEqual(expect.arrayContaining(history.map(({ checkpoint }) => checkpoint?.id)))
  expect(after.length).toBeGreaterThan(history.length)
})

test('parallel branches that ask are answered one by one without repeating the others', async () => {
  const first = await startGraph(app, { graph: 'parallel', input: { jobs: ['a', 'ask b'] } })
  expect((await toldBy(app, first)).at(-1)).toBe('waiting')
  const rest = await startGraph(app, {
    ...{ graph: 'parallel', thread: { id: first.threadId, create: false }, modes: ['values'] },
    call: { command: { resume: 'yes' } },
  })
  expect((await toldBy(app, rest)).at(-2)).toContain('"done":["a","all 2","ask b: yes"]')
})

test('a temporary thread is gone with its run', async () => {
  const once = await startGraph(app, { graph: 'echo', input: { messages: 'hi' }, modes: ['values'], thread: { temporary: true } })
  const lines = await toldBy(app, once)
  expect(JSON.parse((lines.at(-2) as string).slice(7)).messages).toHaveLength(2)
  expect(getThread(app, app.one, once.threadId)).rejects.toMatchObject({ code: 'not_found' })
})

test('an interrupt on a temporary thread ends its run', async () => {
  const once = await startGraph(app, { graph: 'approval', input: { plan: 'x' }, modes: ['values'], thread: { temporary: true } })
  expect((await toldBy(app, once)).slice(-1)).toEqual(['completed'])
})

test('the built-in graph takes input and configuration of a client of graphs', async () => {
  const model = app.models.script([{ text: ['hel', 'lo'] }])
  const call = { config: { configurable: { model } } }
  const run = await startGraph(app, { graph: 'assistant', input: { messages: [{ role: 'user', content: 'hi' }] }, modes: ['values'], call })
  const lines = await toldBy(app, run)
  expect(lines.at(-1)).toBe('completed')
  const { messages } = JSON.parse((lines.at(-2) as string).slice(7)) as { messages: { type: string; content: unknown }[] }
  expect(messages.map(({ type }) => type)).toEqual(['human', 'ai'])
})

test('of the built-in graph the values come first, then the words, once', async () => {
  const model = app.models.script([{ text: ['hel', 'lo'] }])
  const call = { config: { configurable: { model } } }
  const input = { messages: [{ role: 'user', content: 'hi' }] }
  const run = await startGraph(app, { graph: 'assistant', input, modes: ['values', 'messages-tuple'], call })
  const told = (await storyOf(app, run)).map((event) => (event.type === 'mode' ? event.mode : event.type))
  expect(told.filter((type) => ['values', 'text', 'messages'].includes(type))).toEqual(['values', 'text', 'text', 'values'])
})

test('an unknown graph of an assistant is refused before anything is written', async () => {
  const { id } = await createThread(app, app.one, {})
  expect(startGraph(app, { graph: 'nothing', thread: { id, create: false } })).rejects.toMatchObject({ code: 'not_found' })
  expect((await getThread(app, app.one, id)).runId).toBeNull()
})
