import { expect } from 'bun:test'
import { collect, newThread, type Plays, refusal, says } from './langgraph-sdk-stage.ts'

const NOBODY = '00000000-0000-4000-8000-000000000000'
const family = (): string => crypto.randomUUID()

export const threadPlays: Plays = {
  'a thread is made, changed and removed': async ({ client }) => {
    const threadId = crypto.randomUUID()
    const made = await client.threads.create({ threadId, metadata: { a: 1 }, graphId: 'echo' })
    expect(made).toMatchObject({ thread_id: threadId, status: 'idle', metadata: { a: 1, graph_id: 'echo' }, values: null, interrupts: {} })
    expect(await refusal(client.threads.create({ threadId }))).toBe('HTTP 409: {"detail":"Thread already exists"}')
    expect(await client.threads.create({ threadId, ifExists: 'do_nothing', metadata: { c: 3 } })).toMatchObject({ metadata: { a: 1 } })
    expect((await client.threads.update(threadId, { metadata: { b: 2 } })).metadata).toEqual({ a: 1, b: 2, graph_id: 'echo' })
    expect((await client.threads.get(threadId)).metadata).toEqual({ a: 1, b: 2, graph_id: 'echo' })
    expect(await client.threads.delete(threadId)).toBeUndefined()
    const gone = `HTTP 404: {"detail":"Thread with ID ${threadId} not found"}`
    expect(await refusal(client.threads.get(threadId))).toBe(gone)
    expect(await refusal(client.threads.delete(threadId))).toBe(gone)
    expect(await refusal(client.threads.update(threadId, {}))).toBe(gone)
    expect(await refusal(client.threads.getState(threadId))).toBe(gone)
    expect(await refusal(client.threads.get('thread-1'))).toContain('HTTP 422: {"detail":[{"loc":["path","thread_id"]')
  },

  'a thread lives as long as it was told to': async ({ client, version }) => {
    const { thread_id } = await client.threads.create({ ttl: 60 })
    if (version === '2.0.0') return
    const shown = (await client.threads.get(thread_id, { include: ['ttl'] })) as unknown as { ttl: object }
    expect(shown.ttl).toMatchObject({ strategy: 'delete', ttl_minutes: 60, expires_at: expect.any(String) })
    await client.threads.update(thread_id, { ttl: { ttl: 5, strategy: 'delete' } })
    expect(await client.threads.get(thread_id, { include: ['ttl'] })).toMatchObject({ ttl: { ttl_minutes: 5 } })
    expect(await client.threads.update(thread_id, { metadata: { quiet: true }, returnMinimal: true })).toBeUndefined()
    expect((await client.threads.get(thread_id)).metadata).toMatchObject({ quiet: true })
  },

  'threads are found by what they are and what they hold': async ({ client, beyond, version }) => {
    const metadata = { family: family() }
    const ids: string[] = []
    for (const start of [1, 2, 3]) {
      const { thread_id } = await client.threads.create({ metadata })
      await client.runs.wait(thread_id, 'steps', { input: { start } })
      ids.push(thread_id)
    }
    const { thread_id: asked } = await client.threads.create({ metadata })
    await client.runs.wait(asked, 'approval', { input: { plan: 'x' } })
    const found = async (query: Parameters<typeof client.threads.search>[0]) =>
      (await client.threads.search({ metadata, ...query })).map(({ thread_id }) => thread_id)
    expect(await found({})).toEqual([asked, ...ids.toReversed()])
    expect(await found({ limit: 2, offset: 1, sortBy: 'created_at', sortOrder: 'asc' })).toEqual([ids[1], ids[2]] as never)
    expect(await found({ status: 'interrupted' })).toEqual([asked])
    expect(await found({ values: { start: 5 } })).toEqual([ids[1]] as never)
    expect(await found({ ids: [ids[0], asked, NOBODY] as string[] })).toEqual([asked, ids[0]] as never)
    expect(await beyond.threads.search({ metadata, status: 'interrupted', select: ['thread_id', 'status'] as never })).toEqual([
      { thread_id: asked, status: 'interrupted' },
    ] as never)
    expect(await client.threads.count({ metadata })).toBe(4)
    expect(await client.threads.count({ metadata, status: 'idle', values: { start: 4 } as never })).toBe(1)
    if (version === '2.0.0') return
    const extract = { last: 'values.trail[-1]', plan: 'values.plan' }
    const [first] = await beyond.threads.search({ metadata, values: { start: 6 } as never, extract, select: ['thread_id'] as never })
    expect(first).toEqual({ thread_id: ids[2], extracted: { last: 'three 5', plan: null } } as never)
  },

  'threads are pruned to their newest state, or altogether': async (stage) => {
    const { client, version } = stage
    if (version === '2.0.0') return
    const [kept, lost] = [await newThread(stage), await newThread(stage)]
    for (const id of [kept, lost]) await client.runs.wait(id, 'steps', { input: {} })
    expect(await client.threads.prune([kept], { strategy: 'keep_latest' })).toEqual({ pruned_count: 1 })
    expect(await client.threads.getHistory(kept)).toHaveLength(1)
    expect((await client.threads.getState(kept)).values).toMatchObject({ start: 3 })
    expect(await client.threads.prune([lost, NOBODY])).toEqual({ pruned_count: 1 })
    expect(await refusal(client.threads.get(lost))).toContain('HTTP 404')
  },

  'a copy of a thread goes its own way': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    await client.runs.wait(threadId, 'echo', { input: says('one') })
    const copy = (await client.threads.copy(threadId)).thread_id
    await client.runs.wait(copy, 'echo', { input: says('two') })
    expect((await client.threads.getState<{ messages: unknown[] }>(copy)).values.messages).toHaveLength(4)
    expect((await client.threads.getState<{ messages: unknown[] }>(threadId)).values.messages).toHaveLength(2)
    expect((await client.threads.getHistory(copy, { limit: 100 })).every(({ checkpoint }) => checkpoint?.thread_id === copy)).toBeTrue()
  },

  'a thread begins with a past': async ({ client }) => {
    const messages = [
      { type: 'human', content: 'hello', id: 'q' },
      { type: 'ai', content: 'hi', id: 'a' },
    ]
    const supersteps = [
      { updates: [{ values: { messages: messages.slice(0, 1) }, asNode: '__input__' }] },
      { updates: [{ values: { messages: messages.slice(0, 1) }, asNode: '__start__' }] },
      { updates: [{ values: { messages: messages.slice(1) }, asNode: 'answer' }] },
    ]
    const { thread_id } = await client.threads.create({ graphId: 'echo', supersteps })
    const state = await client.threads.getState<{ messages: { id: string }[] }>(thread_id)
    expect([state.values.messages.map(({ id }) => id), state.next]).toEqual([['q', 'a'], []])
    const after = (await client.runs.wait(thread_id, 'echo', { input: says('again', 'q2') })) as { messages: { content: string }[] }
    expect(after.messages.at(-1)?.content).toBe('message 3')
  },

  'a thread that never ran has an empty state and no past': async (stage) => {
    const threadId = await newThread(stage)
    const { client } = stage
    expect(await client.threads.getState(threadId)).toMatchObject({ values: {}, next: [], tasks: [], checkpoint: null, created_at: null })
    expect(await client.threads.getHistory(threadId)).toEqual([])
    const told = await refusal(client.threads.updateState(threadId, { values: {} }))
    expect(told).toBe(`HTTP 400: {"detail":"Thread ${threadId} has no graph ID"}`)
  },

  'the past is read back to its first state, by page, metadata and place': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    await client.runs.wait(threadId, 'steps', { input: {}, metadata: { turn: 'first' } })
    await client.runs.wait(threadId, 'steps', { input: { start: 10 }, metadata: { turn: 'second' } })
    const past = await client.threads.getHistory(threadId, { limit: 100 })
    const ids = past.map(({ checkpoint }) => checkpoint.checkpoint_id)
    expect(ids).toEqual(ids.toSorted().toReversed())
    expect(past).toHaveLength(10)
    expect(past.at(-1)).toMatchObject({ parent_checkpoint: null, metadata: { source: 'input', step: -1 }, next: ['__start__'] })
    for (const [i, state] of past.slice(0, -1).entries()) expect(state.parent_checkpoint?.checkpoint_id).toBe(ids[i + 1] as string)
    expect(await client.threads.getHistory(threadId)).toEqual(past)
    expect(await client.threads.getHistory(threadId, { limit: 2 })).toEqual(past.slice(0, 2))
    for (const before of [ids[3], { configurable: { checkpoint_id: ids[3] } }, { checkpoint_id: ids[3] }] as never[])
      expect(await client.threads.getHistory(threadId, { limit: 2, before })).toEqual(past.slice(4, 6))
    expect(await client.threads.getHistory(threadId, { metadata: { turn: 'first' } })).toEqual(past.slice(5))
    expect(await client.threads.getHistory(threadId, { metadata: { step: 3 } })).toEqual(past.slice(5, 6))
    const [one] = past.slice(4)
    expect(await client.threads.getState(threadId, ids[4] as string)).toEqual(one as never)
    expect(await client.threads.getState(threadId, one?.checkpoint)).toEqual(one as never)
  },

  'only the selected part of a state is sent': async (stage) => {
    const { beyond: client, version } = stage
    if (version === '2.0.0') return
    const threadId = await newThread(stage)
    await client.runs.wait(threadId, 'steps', { input: {} })
    const select = ['values.start', 'next'] as never
    expect(await client.threads.getState(threadId, undefined, { select })).toEqual({ values: { start: 3 }, next: [] } as never)
    const [head] = await client.threads.getHistory(threadId, { limit: 1, select })
    expect(head).toEqual({ values: { start: 3 }, next: [] } as never)
    const { checkpoint } = await client.threads.getState(threadId)
    expect(await client.threads.getState(threadId, checkpoint, { select })).toEqual({ values: { start: 3 }, next: [] } as never)
    expect(await client.threads.getState(threadId, String(checkpoint.checkpoint_id), { select })).toMatchObject({ next: [] })
  },

  'a state is written as a node, and the graph goes on behind it': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    await client.runs.wait(threadId, 'steps', { input: {}, interruptBefore: ['two'] })
    const written = (await client.threads.updateState(threadId, { values: { start: 40 }, asNode: 'two' })) as unknown as {
      configurable: { checkpoint_id: string }
      checkpoint: { checkpoint_id: string; thread_id: string }
    }
    expect(written.checkpoint).toMatchObject({ thread_id: threadId, checkpoint_id: written.configurable.checkpoint_id })
    const state = await client.threads.getState(threadId)
    expect(state).toMatchObject({ next: ['three'], values: { start: 40 }, metadata: { source: 'update' } })
    expect(state.checkpoint.checkpoint_id).toBe(written.configurable.checkpoint_id)
    expect(await client.runs.wait(threadId, 'steps', { input: null })).toMatchObject({ start: 41, trail: ['one 0', 'three 40'] })
    expect(await refusal(client.threads.updateState(threadId, { values: {}, asNode: 'nobody' }))).toContain('HTTP 422: ')
  },

  'metadata is added to the newest state': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    await client.runs.wait(threadId, 'steps', { input: {} })
    await client.threads.patchState(threadId, { checked: true })
    await client.threads.patchState({ configurable: { thread_id: threadId } } as never, { by: 'ada' })
    expect((await client.threads.getState(threadId)).metadata).toMatchObject({ checked: true, by: 'ada', step: 3 })
    expect(await client.threads.getHistory(threadId, { metadata: { checked: true } })).toHaveLength(1)
  },

  'the past of an earlier state begins there': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    await client.runs.wait(threadId, 'steps', { input: {} })
    const past = await client.threads.getHistory(threadId)
    const checkpoint = past[2]?.checkpoint
    expect(await client.threads.getHistory(threadId, { checkpoint } as never)).toEqual(past.slice(2, 3))
  },

  'whoever listens to a thread hears of its runs, their events and its states': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    const stop = new AbortController()
    const streamMode = ['run_modes', 'lifecycle', 'state_update'] as never
    const seen: { event: string; id?: string; data: unknown }[] = []
    const listening = (async () => {
      for await (const frame of client.threads.joinStream(threadId, { streamMode, lastEventId: '-1', signal: stop.signal })) {
        seen.push(frame as never)
        if (seen.filter(({ data }) => (data as { status?: string }).status === 'run_done').length === 2) break
      }
    })()
    for (const start of [1, 5]) {
      const { run_id } = await client.runs.create(threadId, 'steps', { input: { start } })
      await client.runs.join(threadId, run_id)
    }
    await listening
    const told = (event: string) => seen.filter((frame) => frame.event === event)
    expect(told('metadata')).toHaveLength(4)
    expect(told('values').map(({ data }) => (data as { start: number }).start)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    const resumeAt = told('values')[3]?.id ?? ''
    const again: string[] = []
    for await (const frame of client.threads.joinStream(threadId, { lastEventId: resumeAt, streamMode: 'run_modes' as never })) {
      again.push(`${frame.event} ${(frame.data as { start?: number }).start ?? ''}`.trim())
      if (again.length === 7) break
    }
    expect(again).toEqual(['metadata', 'metadata', 'values 5', 'values 6', 'values 7', 'values 8', 'metadata'])
    stop.abort()
    expect(await refusal(collect(client.threads.joinStream(NOBODY)))).toContain('HTTP 404: ')
  },
}
