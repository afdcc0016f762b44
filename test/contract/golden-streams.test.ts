import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/core/json.ts'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import { Calls } from '../support/calls.ts'
import { EventReader, readEvents, type SeenEvent } from '../support/events.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { hasShared, readShared } from './shared.ts'

type Golden = Record<string, [event: string, data: unknown][]>

const FILE = 'contracts/openai/sse_sequences.json'
const there = hasShared(FILE, 'the comparison with golden streams')
const golden = there ? ((await readShared(FILE)).sequences as unknown as Golden) : {}

const USAGE = { prompt: 20, completion: 11 }
const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}
const call = (id: string, city: string) => ({
  ...{ id, name: 'get_weather', arguments: { city } },
  argumentChunks: ['{"cit', `y":"${city}"}`],
})
const ASKS: ScriptTurn = { calls: [call('call_A', 'Oslo'), call('call_B', 'Rome')], usage: USAGE }

let base: Served
let served: Served | undefined
beforeAll(async () => {
  base = await serve()
}, SERVER_START_MS)
afterEach(async () => {
  await served?.close()
  served = undefined
})
afterAll(() => base.close())

/** A server whose model `local-model` says these turns, with an assistant on it and a thread. */
async function stage(turns: ScriptTurn[], assistant: JsonObject = {}) {
  served = await serve({ scripts: { 'local-model': turns }, retriesMax: 0 }, { worker: true, jobs: true, beside: base })
  const calls = new Calls(served)
  return { calls, assistantId: await calls.assistant('local-model', assistant), threadId: await calls.thread() }
}

const MARKER = '【0:0†policy.md】'
const SEARCHES: ScriptTurn = { calls: [{ id: 'call_S', name: 'file_search', arguments: { queries: ['How long?'] } }], usage: USAGE }

/** Drives the server to each of the golden streams. */
const PLAYS: Record<string, () => Promise<SeenEvent[]>> = {
  async plain_text() {
    const { calls, threadId, assistantId } = await stage([{ text: ['Hel', 'lo'], usage: USAGE }])
    return readEvents(await calls.stream(threadId, assistantId))
  },
  async create_thread_and_run() {
    const { calls, assistantId } = await stage([{ text: ['Hel', 'lo'], usage: USAGE }])
    return readEvents(await calls.served.send('POST', '/v1/threads/runs', { assistant_id: assistantId, stream: true }))
  },
  async function_parallel_requires_action() {
    const { calls, threadId, assistantId } = await stage([ASKS], { tools: [WEATHER] })
    return readEvents(await calls.stream(threadId, assistantId))
  },
  async submit_tool_outputs() {
    const { calls, threadId, assistantId } = await stage([ASKS, { text: ['Both', ' fine'], usage: USAGE }], { tools: [WEATHER] })
    const { id } = await calls.run(threadId, assistantId)
    await calls.reached(threadId, String(id))
    return readEvents(await calls.submit(threadId, String(id), { call_A: 'ok', call_B: 'ok' }, { stream: true }))
  },
  async file_search() {
    const { calls, threadId, assistantId } = await stage([SEARCHES, { text: ['Thirty', ' days', MARKER], usage: USAGE }], {
      tools: [{ type: 'file_search' }],
    })
    const { storeId } = await calls.library({ 'policy.md': 'Returns are possible within thirty days.' })
    const tool_resources = { file_search: { vector_store_ids: [storeId] } }
    await calls.ok('POST', `/v1/threads/${threadId}`, { tool_resources })
    return readEvents(await calls.stream(threadId, assistantId))
  },
  async incomplete_max_completion_tokens() {
    const { calls, threadId, assistantId } = await stage([{ text: ['Hel'], usage: USAGE, finish: 'length' }])
    return readEvents(await calls.stream(threadId, assistantId, { max_completion_tokens: 256 }))
  },
  async failed() {
    const { calls, threadId, assistantId } = await stage([
      { text: ['Hel'], usage: USAGE, fail: { status: 500, message: 'upstream failed' } },
    ])
    return readEvents(await calls.stream(threadId, assistantId))
  },
  async cancelled_mid_stream() {
    const { calls, threadId, assistantId } = await stage([{ text: ['Hel', 'lo'], usage: USAGE, pauseMs: 3_600_000 }])
    const reader = new EventReader(await calls.stream(threadId, assistantId))
    const seen = await reader.until('thread.message.delta')
    const run = seen[0]?.data as JsonObject
    await calls.ok('POST', `/v1/threads/${threadId}/runs/${run.id}/cancel`)
    return [...seen, ...(await reader.rest())]
  },
}

type Frames = readonly [event: string, data: unknown][]

/** A turn that broke off was never counted by its provider: its tokens are estimated. */
const ESTIMATED = { prompt_tokens: 6, completion_tokens: 5, total_tokens: 11 }

/** Where the golden streams are not what they say elsewhere, or what a server can know; each with its reason. */
const AMENDMENTS: Record<string, (data: JsonObject, event: string) => JsonObject> = {
  // "run usage = sum over steps" (behaviour.md, 10): this run took two steps of 31 tokens, and its golden end shows one.
  submit_tool_outputs: (data, event) =>
    event === 'thread.run.completed' ? { ...data, usage: { prompt_tokens: 40, completion_tokens: 22, total_tokens: 62 } } : data,
  // Searches are numbered from 0. The tool is shown in every frame of the run; its usage is the sum over two steps.
  file_search: (data, event) =>
    JSON.parse(
      JSON.stringify({
        ...data,
        ...('tools' in data ? { tools: [{ type: 'file_search' }] } : {}),
        ...(event === 'thread.run.completed' ? { usage: { prompt_tokens: 40, completion_tokens: 22, total_tokens: 62 } } : {}),
      }).replaceAll('【4:0†policy.md】', MARKER),
    ) as JsonObject,
  // The message is the server's own, and names the provider.
  failed: (data) => ({
    ...data,
    ...(data.usage ? { usage: ESTIMATED } : {}),
    ...(data.last_error ? { last_error: { code: 'server_error', message: "Model provider 'scripted' failed: upstream failed" } } : {}),
  }),
  cancelled_mid_stream: (data) => ({ ...data, ...(data.usage ? { usage: ESTIMATED } : {}) }),
}

/** A run's tools and budget never change, but the golden streams show them in some of its frames only. */
function amended(name: string): Frames {
  const frames = golden[name] ?? []
  const runs = frames.map(([, data]) => data as JsonObject).filter(({ object }) => object === 'thread.run')
  const tools = runs.map((run) => run.tools as unknown[]).find((list) => list.length > 0) ?? []
  const budget = runs.map((run) => run.max_completion_tokens).find((tokens) => tokens !== null) ?? null
  const amend = AMENDMENTS[name] ?? ((data) => data)
  return frames.map(([event, data]) => {
    if (typeof data !== 'object' || data === null) return [event, data]
    const whole = 'tools' in data ? { ...data, tools, max_completion_tokens: budget } : data
    return [event, amend(whole as JsonObject, event)]
  })
}

/** The delta's part, without its text; and the text. Undefined for frames that are no delta. */
function taken([event, data]: [string, unknown]): { bare: string; text: string } | undefined {
  if (!event.endsWith('.delta')) return undefined
  const texts: string[] = []
  const bare = JSON.stringify(data, (key, value: unknown) => {
    if ((key !== 'value' && key !== 'arguments') || typeof value !== 'string') return value
    texts.push(value)
    return undefined
  })
  return { bare, text: texts.join('') }
}

/** How the text is cut into deltas is free: deltas that differ in nothing else become one. */
function joined(frames: Frames): unknown[] {
  const out: { event: string; data?: unknown; bare?: string; text?: string }[] = []
  for (const [event, data] of frames) {
    const delta = taken([event, data])
    const last = out.at(-1)
    if (delta === undefined) out.push({ event, data })
    else if (last?.bare === delta.bare) last.text += delta.text
    else out.push({ event, ...delta })
  }
  return out
}

const TIME = 'time'
const SCORE = 'score'

/** Ids keep their kind and their identity: the first of a kind is 1, wherever it comes again. */
function neutral(frames: Frames): unknown[] {
  const ids = new Map<string, string>()
  const counts = new Map<string, number>()
  const idOf = (text: string): string => {
    const kind = /^(run|thread|asst|step|msg|file)[_-][A-Za-z0-9]{22,}$/.exec(text)?.[1]
    if (kind === undefined) return text
    const known = ids.get(text)
    if (known !== undefined) return known
    const number = (counts.get(kind) ?? 0) + 1
    counts.set(kind, number)
    ids.set(text, `${kind} ${number}`)
    return `${kind} ${number}`
  }
  const walk = (value: unknown, key = ''): unknown => {
    if (Array.isArray(value)) return value.map((item) => walk(item))
    if (key.endsWith('_at')) return value === null ? null : TIME
    // How well a result fits is a matter of the ranker.
    if (key === 'score') return typeof value === 'number' && value >= 0 && value <= 1 ? SCORE : value
    if (typeof value === 'string') return idOf(value)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, walk(inner, name)]))
  }
  return joined(frames.map(([event, data]) => [event, walk(data)]))
}

describe.skipIf(!there)('golden streams over the wire', () => {
  for (const [name, play] of Object.entries(PLAYS)) {
    test(`the stream of ${name} equals the golden one`, async () => {
      const told = (await play()).map(({ event, data }): [string, unknown] => [event, data])
      expect(neutral(told)).toEqual(neutral(amended(name)))
    })
  }

  test('every golden stream is compared but that of code_interpreter, which is refused', () => {
    const served = Object.keys(golden).filter((name) => name !== 'code_interpreter')
    expect(Object.keys(PLAYS).toSorted()).toEqual(served.toSorted())
  })
})
