import { expect } from 'bun:test'
import { eventually } from '../support/eventually.ts'
import { newThread, type Plays, refusal, type Stage, says, untilStatus } from './langgraph-sdk-stage.ts'
import { openGate } from './use-stream/gates.ts'

const NOBODY = '00000000-0000-4000-8000-000000000000'
const LONG = { input: { delay_ms: 600_000 } }

const contents = (values: unknown): string[] => (values as { messages: { content: string }[] }).messages.map(({ content }) => content)

/** A run that is at work until it is stopped. */
async function begin({ client }: Stage, threadId: string): Promise<{ threadId: string; runId: string }> {
  const { run_id: runId } = await client.runs.create(threadId, 'delay', LONG)
  await untilStatus(client, { threadId, runId }, 'running')
  return { threadId, runId }
}

export const runPlays: Plays = {
  'a run in the background is created, joined, listed and deleted': async (stage) => {
    const { client, beyond } = stage
    const threadId = await newThread(stage)
    let ids: object | undefined
    const input = { input: { start: 3 }, metadata: { by: 'ada' }, onRunCreated: (created: object) => (ids = created) }
    const run = await client.runs.create(threadId, 'steps', input)
    expect(ids).toEqual({ run_id: run.run_id, thread_id: threadId })
    expect(run).toMatchObject({ thread_id: threadId, status: 'pending', multitask_strategy: 'reject', metadata: { by: 'ada' } })
    expect(await client.runs.join(threadId, run.run_id)).toEqual({ start: 6, trail: ['one 3', 'two 4', 'three 5'] })
    const got = await client.runs.get(threadId, run.run_id)
    expect(got).toMatchObject({ run_id: run.run_id, status: 'success', assistant_id: run.assistant_id })
    expect(await client.runs.list(threadId, { status: 'success', limit: 1 })).toEqual([got])
    expect(await client.runs.list(threadId, { status: 'error' })).toEqual([])
    expect(await beyond.runs.list(threadId, { select: ['run_id', 'status'] as never })).toEqual([
      { run_id: run.run_id, status: 'success' },
    ] as never)
    expect(await client.runs.delete(threadId, run.run_id)).toBeUndefined()
    expect(await refusal(client.runs.get(threadId, run.run_id))).toBe('HTTP 404: {"detail":"Run not found"}')
    expect(await client.threads.getHistory(threadId)).toEqual([])
  },

  'a run is waited for, and a failure thrown or answered': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    let ids: object | undefined
    const values = await client.runs.wait(threadId, 'steps', { input: {}, onRunCreated: (created) => (ids = created) })
    expect(values).toEqual({ start: 3, trail: ['one 0', 'two 1', 'three 2'] })
    expect(ids).toMatchObject({ thread_id: threadId })
    expect(await refusal(client.runs.wait(threadId, 'failing', { input: {} }))).toBe('CustomError: Boo!')
    const failed = await client.runs.wait(threadId, 'failing', { input: {}, raiseError: false })
    expect(failed).toEqual({ __error__: { error: 'CustomError', message: 'Boo!' } } as never)
    expect(await client.threads.get(threadId)).toMatchObject({ status: 'error' })
    const [run] = await client.runs.list(threadId)
    expect(run?.status).toBe('error')
    expect(await client.runs.join(threadId, String(run?.run_id))).toEqual({ __error__: { error: 'CustomError', message: 'Boo!' } } as never)
  },

  'a run without a thread leaves nothing behind': async ({ client }) => {
    expect(await client.runs.wait(null, 'steps', { input: { start: 1 } })).toMatchObject({ start: 4 })
    let ids: { run_id: string; thread_id?: string } | undefined
    const run = await client.runs.create(null, 'steps', { input: {}, onRunCreated: (created) => (ids = created) })
    expect(ids).toEqual({ run_id: run.run_id, thread_id: undefined } as never)
    expect(await eventually(() => client.threads.get(run.thread_id).then(() => undefined, String))).toContain('HTTP 404')
  },

  'runs of one request are made in its order, with all that each of them says': async ({ client }) => {
    const names = ['first', 'second', 'third']
    const batch = names.map((name, start) => ({
      assistantId: 'steps',
      ...{ input: { start }, metadata: { name }, streamMode: 'updates' as const, onCompletion: 'keep' as never },
    }))
    const runs = await client.runs.createBatch(batch)
    expect(runs.map(({ metadata }) => metadata?.name)).toEqual(names as never)
    for (const [start, run] of runs.entries()) expect(await client.runs.join(run.thread_id, run.run_id)).toMatchObject({ start: start + 3 })
    expect(await client.threads.search({ ids: runs.map((run) => run.thread_id) })).toHaveLength(3)
  },

  'a run is cancelled, and what it did stays': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    await client.runs.wait(threadId, 'steps', { input: {} })
    const { runId } = await begin(stage, threadId)
    await client.runs.cancel(threadId, runId, true)
    expect(await client.runs.get(threadId, runId)).toMatchObject({ status: 'interrupted' })
    expect(await client.threads.get(threadId)).toMatchObject({ status: 'idle' })
    await client.runs.cancel(threadId, runId)
    expect(await refusal(client.runs.cancel(threadId, NOBODY))).toBe('HTTP 404: {"detail":"Run not found"}')
  },

  'a run is cancelled so that nothing of it stays': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    await client.runs.wait(threadId, 'delay', { input: { delay_ms: 0 } })
    const before = await client.threads.getHistory(threadId)
    const { runId } = await begin(stage, threadId)
    await client.runs.cancel(threadId, runId, true, 'rollback')
    expect(await refusal(client.runs.get(threadId, runId))).toContain('HTTP 404')
    expect(await client.threads.getHistory(threadId)).toEqual(before)
  },

  'many runs are cancelled at once, by thread, id or status': async (stage) => {
    const { client, version } = stage
    if (version === '2.0.0') return
    const keys = [await begin(stage, await newThread(stage)), await begin(stage, await newThread(stage))]
    const [one, two] = keys as [(typeof keys)[0], (typeof keys)[0]]
    const waiting = await client.runs.create(one.threadId, 'steps', { input: {}, multitaskStrategy: 'enqueue' })
    await client.runs.cancelMany({ threadId: one.threadId, status: 'pending' })
    await untilStatus(client, { threadId: one.threadId, runId: waiting.run_id }, 'interrupted')
    expect(await client.runs.get(one.threadId, one.runId)).toMatchObject({ status: 'running' })
    await client.runs.cancelMany({ runIds: keys.map(({ runId }) => runId) })
    for (const key of keys) await untilStatus(client, key, 'interrupted')
    const third = await begin(stage, two.threadId)
    await client.runs.cancelMany({ threadId: third.threadId, status: 'all', action: 'rollback' })
    expect(await eventually(() => client.runs.get(third.threadId, third.runId).then(() => undefined, String))).toContain('HTTP 404')
  },

  'a busy thread does with a second run what it is told to': async (stage) => {
    const { client } = stage
    const second = async (multitaskStrategy: 'reject' | 'enqueue' | 'interrupt' | 'rollback') => {
      const gate = crypto.randomUUID()
      const threadId = await newThread(stage)
      const first = await client.runs.create(threadId, 'held', { input: says(`hold ${gate} one two three`), streamMode: 'messages-tuple' })
      await untilStatus(client, { threadId, runId: first.run_id }, 'running')
      const created = client.runs.create(threadId, 'echo', { input: says('more'), multitaskStrategy })
      if (multitaskStrategy === 'enqueue') created.then(() => openGate(gate))
      const run = await created
      const values = contents(await client.runs.join(threadId, run.run_id))
      openGate(gate)
      const status = await client.runs.get(threadId, first.run_id).then(
        (got) => got.status,
        () => 'gone',
      )
      return [status, values.map((text) => (text.startsWith('hold') ? 'asked' : text))]
    }
    const refused = await refusal(second('reject'))
    expect(refused).toStartWith('HTTP 409: {"detail":"Thread is already running a task.')
    expect(await second('enqueue')).toEqual(['success', ['asked', 'one two three', 'more', 'message 3']])
    expect(await second('interrupt')).toEqual(['interrupted', ['asked', 'more', 'message 2']])
    expect(await second('rollback')).toEqual(['gone', ['more', 'message 1']])
  },

  'a run begins later, and on a thread that it makes': async ({ client }) => {
    const threadId = crypto.randomUUID()
    const late = { input: {}, afterSeconds: 3600 }
    expect(await refusal(client.runs.create(threadId, 'steps', late))).toContain(`Thread with ID ${threadId} not found`)
    const { run_id: runId } = await client.runs.create(threadId, 'steps', { ...late, ifNotExists: 'create' })
    expect(await client.runs.get(threadId, runId)).toMatchObject({ status: 'pending' })
    expect(await client.threads.get(threadId)).toMatchObject({ status: 'busy' })
    await client.runs.cancel(threadId, runId)
    expect(await client.runs.get(threadId, runId)).toMatchObject({ status: 'interrupted' })
  },

  'what a run is configured with reaches its graph': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    const config = { tags: ['one'], configurable: { colour: 'red' }, recursion_limit: 5 }
    const payload = { input: {}, config, context: { user: 'ada' }, metadata: { ticket: 7 }, durability: 'sync' as const }
    const { seen } = (await client.runs.wait(threadId, 'context', payload)) as unknown as { seen: Record<string, unknown> }
    expect(seen).toMatchObject({
      context: { user: 'ada' },
      configurable: { colour: 'red', thread_id: threadId, graph_id: 'context' },
      metadata: { ticket: 7, created_by: 'system' },
      tags: expect.arrayContaining(['one']),
    })
  },

  'a question is answered, and the graph goes where the answer leads': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    const asked = (await client.runs.wait(threadId, 'approval', { input: { plan: 'swim' } })) as unknown as Record<string, unknown>
    const question = { id: expect.any(String), value: { plan: 'swim' } }
    expect(asked).toEqual({ plan: 'swim', __interrupt__: [question] })
    const thread = await client.threads.get(threadId)
    expect([thread.status, Object.values(thread.interrupts)]).toEqual(['interrupted', [[question]]] as never)
    const state = await client.threads.getState(threadId)
    expect(state).toMatchObject({ next: ['ask'], tasks: [{ name: 'ask', interrupts: [question], error: null }] })
    expect((await client.runs.list(threadId)).map(({ status }) => status)).toEqual(['success'])
    const resume = { approved: true, plan: 'run' }
    expect(await client.runs.wait(threadId, 'approval', { command: { resume } })).toEqual({ plan: 'run', done: 'did run' })
    expect(await client.threads.get(threadId)).toMatchObject({ status: 'idle', interrupts: {} })
  },

  'several questions are answered by their ids': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    await client.runs.wait(threadId, 'parallel', { input: { jobs: ['ask a', 'do b', 'ask c'] } })
    const { tasks } = await client.threads.getState(threadId)
    const open = tasks.flatMap(({ interrupts }) => interrupts as { id: string; value: { job: string } }[])
    expect(open.map(({ value }) => value.job)).toEqual(['ask a', 'ask c'])
    const resume = Object.fromEntries(open.map(({ id, value }) => [id, `yes to ${value.job}`]))
    const { done } = (await client.runs.wait(threadId, 'parallel', { command: { resume } })) as unknown as { done: string[] }
    expect(done).toEqual(['all 3', 'ask a: yes to ask a', 'ask c: yes to ask c', 'do b'])
  },

  'a question deep in a subgraph is seen, answered, and its state changed before': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    await client.runs.wait(threadId, 'nested', { input: { topic: 'sea' } })
    const flat = await client.threads.getState(threadId)
    expect(flat.tasks[0]).toMatchObject({ name: 'middle', state: null, checkpoint: { checkpoint_ns: expect.stringMatching(/^middle:/) } })
    const deep = await client.threads.getState(threadId, undefined, { subgraphs: true })
    const middle = deep.tasks[0]?.state
    const inner = middle?.tasks[0]?.state
    expect([middle?.next, inner?.next]).toEqual([['inner'], ['review']])
    expect(inner?.values).toMatchObject({ trail: ['open', 'before', 'draft sea'] })
    expect(inner?.tasks[0]?.interrupts).toMatchObject([{ value: { question: 'Is sea good?' } }])
    const checkpoint = inner?.checkpoint as NonNullable<typeof inner>['checkpoint']
    expect((await client.threads.getState(threadId, checkpoint)).values).toEqual(inner?.values as never)
    await client.threads.updateState(threadId, { values: { topic: 'lake' }, checkpoint })
    expect(await client.runs.wait(threadId, 'nested', { command: { resume: 'fine' } })).toMatchObject({
      topic: 'lake',
      trail: ['open', 'before', 'draft sea', 'review fine', 'close'],
    })
  },

  'a run goes on from an earlier state, on a branch of its own': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    await client.runs.wait(threadId, 'steps', { input: {} })
    const past = await client.threads.getHistory(threadId)
    const [fork] = past.filter(({ next }) => next[0] === 'two')
    if (!fork) throw new Error('Nothing went before the second step.')
    const { thread_id: _, ...checkpoint } = fork.checkpoint
    expect(await client.runs.wait(threadId, 'steps', { input: null, checkpoint })).toMatchObject({ start: 3 })
    const checkpointId = String(checkpoint.checkpoint_id)
    expect(await client.runs.wait(threadId, 'steps', { input: null, checkpointId })).toMatchObject({ start: 3 })
    const config = { configurable: { checkpoint_id: checkpointId } }
    expect(await client.runs.wait(threadId, 'steps', { input: { start: 50 }, config })).toMatchObject({ start: 53 })
    const all = await client.threads.getHistory(threadId, { limit: 100 })
    expect(all.filter(({ parent_checkpoint }) => parent_checkpoint?.checkpoint_id === checkpointId)).toHaveLength(4)
    expect(all.slice(-past.length)).toEqual(past)
  },

  'a graph is told what to write and where to go': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    await client.runs.wait(threadId, 'steps', { input: {} })
    const command = { goto: 'three', update: { start: 7 } }
    const { trail } = (await client.runs.wait(threadId, 'steps', { command })) as unknown as { trail: string[] }
    expect(trail).toEqual(['one 0', 'two 1', 'three 2', 'three 7'])
  },

  'a graph stops before and after the nodes that it is told': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    const stopped = { start: 1, trail: ['one 0'], __interrupt__: [] }
    expect(await client.runs.wait(threadId, 'steps', { input: {}, interruptBefore: ['two'] })).toEqual(stopped as never)
    expect(await client.threads.get(threadId)).toMatchObject({ status: 'interrupted' })
    expect(await client.runs.wait(threadId, 'steps', { input: null, interruptAfter: '*' })).toMatchObject({ start: 2 })
    expect(await client.runs.wait(threadId, 'steps', { input: null })).toMatchObject({ start: 3 })
  },
}
