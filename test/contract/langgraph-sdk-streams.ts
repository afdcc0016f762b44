import { expect } from 'bun:test'
import { openRelay } from './langgraph-sdk-relay.ts'
import { collect, newThread, type Plays, refusal, type Stage, says, untilStatus } from './langgraph-sdk-stage.ts'
import { openGate } from './use-stream/gates.ts'

interface Chunk {
  id?: string
  event: string
  data: unknown
}

const names = (chunks: readonly Chunk[]): string[] => chunks.map(({ event }) => event.replaceAll(/:[^|]+/g, ''))
const of = (chunks: readonly Chunk[], event: string): unknown[] => chunks.filter((chunk) => chunk.event === event).map(({ data }) => data)

const runIdOf = ([first]: readonly Chunk[]): string => (first?.data as { run_id: string } | undefined)?.run_id ?? ''

async function streamed({ client }: Pick<Stage, 'client'>, graph: string, payload: object): Promise<Chunk[]> {
  const { thread_id } = await client.threads.create()
  return (await collect(client.runs.stream(thread_id, graph, payload as never))) as Chunk[]
}

const HELD_TEXT = 'one two three four'
/** What a client sees of a run of `held` that asks for tuples and values. */
const HELD_FRAMES = ['metadata', 'values', 'messages', 'messages', 'messages', 'messages', 'values']
const HELD_MODES = ['messages-tuple', 'values'] as never

const spoken = (chunks: readonly Chunk[]): string =>
  of(chunks, 'messages')
    .map((data) => (data as [{ content: string }])[0].content)
    .join('')

/** A run that has said two of its four words. */
async function beginHeld({ client }: Stage) {
  const gate = crypto.randomUUID()
  const { thread_id: threadId } = await client.threads.create()
  const { run_id: runId } = await client.runs.create(threadId, 'held', { input: says(`hold ${gate} ${HELD_TEXT}`), streamMode: HELD_MODES })
  return { gate, threadId, runId }
}

/** Reads four frames, opens the gate, and reads the rest. */
async function readHeld(stream: AsyncIterable<unknown>, { gate, meanwhile }: { gate: string; meanwhile?: () => void }): Promise<Chunk[]> {
  const chunks: Chunk[] = []
  for await (const chunk of stream) {
    chunks.push(chunk as Chunk)
    if (chunks.length !== 4) continue
    meanwhile?.()
    openGate(gate)
  }
  return chunks
}

export const streamPlays: Plays = {
  'values and updates are told step by step': async (stage) => {
    const chunks = await streamed(stage, 'steps', { input: {}, streamMode: ['values', 'updates'] })
    expect(names(chunks)).toEqual(['metadata', 'values', 'updates', 'values', 'updates', 'values', 'updates', 'values'])
    expect(of(chunks, 'values').at(-1)).toEqual({ start: 3, trail: ['one 0', 'two 1', 'three 2'] })
    expect(of(chunks, 'updates')[0]).toEqual({ one: { trail: ['one 0'], start: 1 } })
    expect(chunks[0]?.data).toMatchObject({ run_id: expect.any(String), attempt: 1 })
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(chunks.length)
    const byDefault = await streamed(stage, 'steps', { input: {} })
    expect(names(byDefault)).toEqual(['metadata', 'values', 'values', 'values', 'values'])
    expect(names(await streamed(stage, 'steps', { input: {}, streamMode: [] }))).toEqual(names(byDefault))
  },

  'messages are told as tuples of what is new': async (stage) => {
    const chunks = await streamed(stage, 'tokens', { input: says('sea air'), streamMode: 'messages-tuple' })
    const tuples = of(chunks, 'messages') as [{ id: string; type: string; content: string }, Record<string, unknown>][]
    expect(tuples.map(([{ content }]) => content)).toEqual(['You ', 'said: ', 'sea ', 'air'])
    expect(new Set(tuples.map(([{ id, type }]) => `${type} ${id}`))).toEqual(new Set(['ai said-1']))
    expect(tuples[0]?.[1]).toMatchObject({ langgraph_node: 'speak', langgraph_step: 1, thread_id: expect.any(String) })
    const agent = await streamed(stage, 'agent', { input: says('weather: Oslo'), streamMode: 'messages-tuple' })
    const kinds = (of(agent, 'messages') as [{ type: string; content: string }][]).map(([{ type, content }]) => `${type} ${content}`)
    expect(kinds).toContain('tool 14 degrees in Oslo')
  },

  'messages are told as 2024 had them, each as far as it is': async (stage) => {
    const chunks = await streamed(stage, 'tokens', { input: says('sea air', 'q'), streamMode: 'messages' })
    const partial = of(chunks, 'messages/partial') as [{ content: string }][]
    expect(partial.map(([{ content }]) => content)).toEqual(['You ', 'You said: ', 'You said: sea ', 'You said: sea air'])
    expect(of(chunks, 'messages/metadata')).toHaveLength(1)
    const complete = of(chunks, 'messages/complete').flat() as { id: string; content: string }[]
    expect(complete.map(({ id, content }) => [id, content])).toEqual([
      ['q', 'sea air'],
      ['said-1', 'You said: sea air'],
    ])
    expect(chunks.at(-1)?.event).toBe('messages/complete')
  },

  'events, tasks, checkpoints, debug and what a graph writes itself are told': async (stage) => {
    const custom = await streamed(stage, 'custom', { input: { lines: ['a', 'b'] }, streamMode: 'custom' })
    expect(of(custom, 'custom')).toEqual([{ line: 'a' }, { line: 'b' }, 'the end'])
    const chunks = await streamed(stage, 'steps', { input: {}, streamMode: ['tasks', 'checkpoints', 'debug', 'events'] })
    const tasks = of(chunks, 'tasks') as { name: string; result?: unknown }[]
    expect(tasks.filter((task) => task.result === undefined).map(({ name }) => name)).toEqual(['one', 'two', 'three'])
    expect(tasks.filter((task) => task.result !== undefined)).toHaveLength(3)
    const next = (of(chunks, 'checkpoints') as { next: string[] }[]).map((checkpoint) => checkpoint.next)
    expect(next.slice(-4)).toEqual([['one'], ['two'], ['three'], []])
    expect(new Set((of(chunks, 'debug') as { type: string }[]).map(({ type }) => type))).toEqual(
      new Set(['checkpoint', 'task', 'task_result']),
    )
    const events = of(chunks, 'events') as { event: string; name: string }[]
    expect(events.some(({ event, name }) => event === 'on_chain_start' && name === 'two')).toBeTrue()
  },

  'a tool is told when it starts and when it ends': async (stage) => {
    const chunks = await streamed(stage, 'agent', { input: says('add: 2 3'), streamMode: ['tools', 'values'] })
    const told = of(chunks, 'tools') as { event: string; name: string }[]
    expect(told.map(({ event, name }) => `${event} ${name}`)).toEqual(['on_tool_start add', 'on_tool_end add'])
  },

  'subgraphs are told under their path, where one asks for them': async (stage) => {
    const payload = { input: { topic: 'sea' }, streamMode: 'values' }
    expect(new Set(names(await streamed(stage, 'nested', payload)))).toEqual(new Set(['metadata', 'values']))
    const deep = await streamed(stage, 'nested', { ...payload, streamSubgraphs: true })
    expect(new Set(names(deep))).toEqual(new Set(['metadata', 'values', 'values|middle', 'values|middle|inner']))
    const inner = deep.find(({ event }) => event.split('|').length === 3)
    expect(inner?.event).toMatch(/^values\|middle:[\da-f-]{36}\|inner:[\da-f-]{36}$/)
  },

  'a question is told where it is asked': async (stage) => {
    const question = { __interrupt__: [{ id: expect.any(String), value: { plan: 'swim' } }] }
    const values = await streamed(stage, 'approval', { input: { plan: 'swim' }, streamMode: 'values' })
    expect(values.at(-1)).toMatchObject({ event: 'values', data: question })
    const updates = await streamed(stage, 'approval', { input: { plan: 'swim' }, streamMode: 'updates' })
    expect(updates.at(-1)).toMatchObject({ event: 'updates', data: question })
    const stopped = await streamed(stage, 'steps', { input: {}, interruptBefore: ['two'] })
    expect(stopped.at(-1)).toMatchObject({ event: 'values', data: { __interrupt__: [] } })
  },

  'a failure is the last that is told, by class and message': async (stage) => {
    const chunks = await streamed(stage, 'failing', { input: { count: 0 }, feedbackKeys: ['liked'] })
    expect(names(chunks)).toEqual(['metadata', 'values', 'values', 'error'])
    expect(chunks.at(-1)?.data).toMatchObject({ error: 'CustomError', message: 'Boo!' })
  },

  'a run without a thread is streamed, and joined by its id alone': async ({ client }) => {
    let ids: { run_id: string; thread_id?: string } | undefined
    const payload = {
      input: {},
      streamMode: 'updates' as const,
      onCompletion: 'keep' as never,
      onRunCreated: (given: typeof ids) => (ids = given),
    }
    const chunks = await collect(client.runs.stream(null, 'steps', payload as never))
    expect(names(chunks as Chunk[])).toEqual(['metadata', 'updates', 'updates', 'updates'])
    expect(ids).toEqual({ run_id: expect.any(String), thread_id: undefined } as never)
    expect(await collect(client.runs.joinStream(null, String(ids?.run_id), { lastEventId: '-1' }))).toEqual(chunks as never)
  },

  'a join tells all of a run, the past and what is still to come, ids included': async (stage) => {
    const { client } = stage
    const { gate, threadId, runId } = await beginHeld(stage)
    const live = await readHeld(client.runs.joinStream(threadId, runId), { gate })
    expect(names(live)).toEqual(HELD_FRAMES)
    expect(spoken(live)).toBe(HELD_TEXT)
    for (const lastEventId of ['-1', undefined])
      expect(await collect(client.runs.joinStream(threadId, runId, lastEventId ? { lastEventId } : {}))).toEqual(live as never)
    for (const [i, { id }] of live.entries())
      expect(await collect(client.runs.joinStream(threadId, runId, { lastEventId: String(id) }))).toEqual(live.slice(i + 1) as never)
    const modes = { streamMode: ['values'] as never }
    expect(names((await collect(client.runs.joinStream(threadId, runId, modes))) as Chunk[])).toEqual(['metadata', 'values', 'values'])
    expect(await refusal(collect(client.runs.joinStream(threadId, runId, { lastEventId: '1729-0' })))).toContain('HTTP 422: ')
  },

  'a resumable stream goes on where its connection broke, without gap or repeat': async (stage) => {
    const relay = await openRelay(stage.apiUrl)
    try {
      const client = stage.open({ apiUrl: relay.url })
      const gate = crypto.randomUUID()
      const threadId = await newThread(stage)
      const payload = { input: says(`hold ${gate} ${HELD_TEXT}`), streamMode: HELD_MODES, streamResumable: true }
      const chunks = await readHeld(client.runs.stream(threadId, 'held', payload), { gate, meanwhile: relay.cut })
      expect(names(chunks)).toEqual(HELD_FRAMES)
      expect(spoken(chunks)).toBe(HELD_TEXT)
      expect(await collect(client.runs.joinStream(threadId, runIdOf(chunks)))).toEqual(chunks as never)
      expect(await client.runs.list(threadId)).toHaveLength(1)
    } finally {
      relay.close()
    }
  },

  'a stream that is not resumable breaks, and its run goes on or is cancelled': async (stage) => {
    const relay = await openRelay(stage.apiUrl)
    try {
      const client = stage.open({ apiUrl: relay.url }, { maxRetries: 0 })
      for (const [onDisconnect, status] of [
        ['continue', 'success'],
        ['cancel', 'interrupted'],
      ] as const) {
        const gate = crypto.randomUUID()
        const threadId = await newThread(stage)
        let runId = ''
        const payload = { input: says(`hold ${gate} ${HELD_TEXT}`), streamMode: HELD_MODES, onDisconnect }
        const stream = client.runs.stream(threadId, 'held', { ...payload, onRunCreated: ({ run_id }) => (runId = run_id) })
        const open = async () => {
          if (onDisconnect === 'cancel') await untilStatus(stage.client, { threadId, runId }, status)
          openGate(gate)
        }
        const meanwhile = () => {
          relay.cut()
          void open()
        }
        await refusal(readHeld(stream, { gate: 'none', meanwhile }))
        await untilStatus(stage.client, { threadId, runId }, status)
      }
    } finally {
      relay.close()
    }
  },

  'whoever leaves cancels the run, where he said so': async (stage) => {
    const threadId = await newThread(stage)
    const leave = new AbortController()
    let runId = ''
    const payload = { input: { delay_ms: 600_000 }, onDisconnect: 'cancel' as const, signal: leave.signal }
    const stream = stage.client.runs.stream(threadId, 'delay', { ...payload, onRunCreated: ({ run_id }) => (runId = run_id) })
    await stream.next()
    leave.abort()
    await stream.next().catch(() => undefined)
    await untilStatus(stage.client, { threadId, runId }, 'interrupted')
  },

  'a cancelled run just ends its stream': async (stage) => {
    const { client } = stage
    const threadId = await newThread(stage)
    const chunks: Chunk[] = []
    for await (const chunk of client.runs.stream(threadId, 'delay', { input: { delay_ms: 600_000 } })) {
      chunks.push(chunk as Chunk)
      if (chunk.event === 'values') await client.runs.cancel(threadId, runIdOf(chunks))
    }
    expect(names(chunks)).toEqual(['metadata', 'values'])
  },

  'what keeps a silent stream open is no event': async (stage) => {
    const threadId = await newThread(stage)
    const payload = { assistant_id: 'delay', input: { delay_ms: 900 }, stream_mode: 'values' }
    const init = { body: JSON.stringify(payload), headers: { 'content-type': 'application/json' } }
    const raw = await (await stage.send('POST', `/threads/${threadId}/runs/stream`, init)).text()
    expect(raw.match(/^: heartbeat$/gm)?.length).toBeGreaterThan(1)
    const chunks = await streamed(stage, 'delay', { input: { delay_ms: 900 } })
    expect(names(chunks)).toEqual(['metadata', 'values', 'values'])
  },
}
