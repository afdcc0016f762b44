import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/core/json.ts'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import { Calls } from '../support/calls.ts'
import { EventReader, readEvents } from '../support/events.ts'
import { readData, SERVER_START_MS, type Served, serve, through } from '../support/served.ts'
import { documentedOperations, fill } from './operations.ts'
import { type CheckedTraffic, checkTraffic, hasProxy, type ProxyReport, violationsOf } from './proxy.ts'
import { buildWorld, exampleOf, WAITER, WORLD_SCRIPTS } from './world.ts'

/** Operations of the contract that this server serves and never lets succeed, each with its reason. */
const NEVER_GRANTED: Record<string, string> = {
  'DELETE /v1/models/{model}': 'models come from the configuration: one that is there answers 403',
}

const SCRIPTS: Record<string, ScriptTurn[]> = {
  ...WORLD_SCRIPTS,
  speaker: [{ text: ['Hel', 'lo'] }],
  refuser: [{ text: ['Well, '], refusal: 'no.' }],
  cut: [{ text: ['Hel'], finish: 'length' }],
  filtered: [{ text: ['Hel'], finish: 'content_filter' }],
  broken: [{ text: ['Hel'], fail: { status: 500, message: 'down' } }],
  limited: [{ fail: { status: 429, message: 'slow down' } }],
  held: [{ text: ['Hel', 'lo'], pauseMs: 3_600_000 }],
}

const operations = documentedOperations()

/** For tests that may have to produce all the traffic by themselves. */
const ALL_MS = 60_000

describe.skipIf(!hasProxy)('all traffic keeps the contract', () => {
  let served: Served
  let proxy: CheckedTraffic
  let calls: Calls

  beforeAll(async () => {
    served = await serve({ scripts: SCRIPTS, retriesMax: 0 }, { worker: true })
    proxy = checkTraffic(served.url)
    // As all clients of the original send it; without it lists are those of the seed dialect.
    calls = new Calls(through(served, proxy.url, { 'openai-beta': 'assistants=v2' }))
  }, SERVER_START_MS)
  afterAll(async () => {
    await proxy.stop()
    await served.close()
  })

  const plays = new Map<string, () => Promise<void>>()
  /** A test whose traffic counts: the tests below make sure of it, in whatever order they run. */
  const play = (title: string, act: () => Promise<void>): void => {
    let done: Promise<void> | undefined
    const once = () => (done ??= act())
    plays.set(title, once)
    test(title, once)
  }
  const allTraffic = async (): Promise<ProxyReport> => {
    for (const act of plays.values()) await act()
    return proxy.report()
  }

  for (const operation of operations) {
    const { method, path, id } = operation
    play(`${method} ${path} is called and succeeds`, async () => {
      const { params, body, form } = exampleOf(operation, await buildWorld(calls))
      const response = await calls.served.send(method, fill(operation, { params }), form ?? body)
      if (id === 'streamRunEvents') {
        expect((await readEvents(response)).at(-1)?.event).toBe('done')
      } else {
        const text = await response.text()
        expect([response.status, text]).toEqual([`${method} ${path}` in NEVER_GRANTED ? 403 : 200, text])
      }
    })
  }

  for (const model of Object.keys(SCRIPTS).filter((name) => name !== 'held' && name !== WAITER)) {
    play(`a run of the model that is ${model} is streamed, and read again with its steps and messages`, async () => {
      const assistantId = await calls.assistant(model)
      const body = { assistant_id: assistantId, stream: true, thread: { messages: [{ role: 'user', content: 'hi' }] } }
      const events = await readEvents(await calls.served.send('POST', '/v1/threads/runs', body))
      expect(events.at(-1)?.event).toBe('done')
      const run = events.at(-2)?.data as JsonObject
      await calls.getRun(String(run.thread_id), String(run.id))
      for (const list of [`runs/${run.id}/steps?limit=5`, 'messages?limit=5', 'runs?limit=5', `messages?run_id=${run.id}`]) {
        await calls.ok('GET', `/v1/threads/${run.thread_id}/${list}`)
      }
    })
  }

  play('a waiting run is streamed, answered with a stream, and cancelled', async () => {
    const assistantId = await calls.assistant(WAITER)
    const threadId = await calls.thread()
    const asked = await readEvents(await calls.stream(threadId, assistantId))
    const run = asked.at(-2)?.data as { id: string; required_action: { submit_tool_outputs: { tool_calls: { id: string }[] } } }
    const outputs = Object.fromEntries(run.required_action.submit_tool_outputs.tool_calls.map(({ id }) => [id, 'ok']))
    const answered = await readEvents(await calls.submit(threadId, run.id, outputs, { stream: true }))
    expect(answered.at(-2)?.event).toBe('thread.run.completed')

    const heldThread = await calls.thread()
    const reader = new EventReader(await calls.stream(heldThread, await calls.assistant('held')))
    const [created] = await reader.until('thread.message.delta')
    const { id } = (created?.data ?? {}) as { id?: string }
    if (id === undefined) throw new Error('the first event names no run')
    await calls.ok('POST', `/v1/threads/${heldThread}/runs/${id}/cancel`)
    expect((await reader.rest()).at(-2)?.event).toBe('thread.run.cancelled')
    await calls.getRun(heldThread, id)
  })

  play('empty lists, every optional field and refused requests are answered as the contract says', async () => {
    const thread = await calls.thread(null)
    for (const list of ['messages?limit=1', 'runs?limit=1']) await calls.ok('GET', `/v1/threads/${thread}/${list}`)
    await calls.assistant('echo', {
      ...{ name: 'n', description: 'd', instructions: 'i', reasoning_effort: 'low', temperature: 0, top_p: 1, metadata: { a: 'b' } },
      ...{ tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' }, strict: false } }] },
      response_format: { type: 'json_schema', json_schema: { name: 's', schema: { type: 'object' } } },
      tool_resources: {},
    })
    const full = await calls.run(await calls.thread(), await calls.assistant('speaker'), {
      ...{ additional_instructions: 'a', instructions: 'i', max_prompt_tokens: 256, max_completion_tokens: 256, model: 'speaker' },
      ...{ temperature: 1.5, top_p: 0.5, tool_choice: 'none', parallel_tool_calls: false, response_format: { type: 'text' } },
      ...{ truncation_strategy: { type: 'last_messages', last_messages: 3 }, metadata: { a: 'b' } },
      additional_messages: [{ role: 'user', content: [{ type: 'text', text: 'more' }] }],
    })
    await calls.reached(String(full.thread_id), String(full.id))
    const { send } = calls.served
    expect((await send('GET', `/v1/threads/thread_${'0'.repeat(32)}`)).status).toBe(404)
    expect((await send('POST', '/v1/threads', { colour: 'red' })).status).toBe(400)
    expect((await send('GET', '/v1/assistants', undefined, { key: 'unknown' })).status).toBe(401)
    expect((await send('POST', `/v1/threads/${thread}/runs`, { assistant_id: 'foo' })).status).toBe(400)
  })

  play('chat completions and embeddings keep it in all their shapes', async () => {
    const { send } = calls.served
    const messages = [{ role: 'user', content: 'x y' }]
    for (const model of ['echo', 'refuser', WAITER, 'cut']) {
      await calls.ok('POST', '/v1/chat/completions', { model, messages, store: true, metadata: { a: 'b' } })
      const ask = { model, messages, stream: true, stream_options: { include_usage: true } }
      expect((await readData(await send('POST', '/v1/chat/completions', ask))).at(-1)).toBe('[DONE]')
    }
    await calls.ok('GET', '/v1/chat/completions?limit=2&order=desc')
    await calls.ok('GET', '/v1/chat/completions?model=nothing')
    for (const input of ['x', ['x', 'y'], [1, 2]]) {
      await calls.ok('POST', '/v1/embeddings', { model: 'lexical-hash', input })
      await calls.ok('POST', '/v1/embeddings', { model: 'lexical-hash', input, encoding_format: 'base64' })
    }
  })

  test(
    'every operation was touched and succeeded',
    async () => {
      const report = await allTraffic()
      const due = report.operations
      const shown = due.map(({ method, path }) => `${method} ${path}`)
      expect(due.length).toBeGreaterThan(30)
      const succeeded = due.filter(({ statuses }) => Object.keys(statuses).some((status) => status.startsWith('2')))
      const granted = succeeded.map(({ method, path }) => `${method} ${path}`)
      expect(shown.filter((name) => !granted.includes(name))).toEqual(Object.keys(NEVER_GRANTED))
      expect(due.filter(({ calls: count }) => count === 0)).toEqual([])
    },
    ALL_MS,
  )

  test(
    'nothing that was answered broke the contract',
    async () => {
      const report = await allTraffic()
      const { totals } = report
      console.log(
        `proxy: ${totals.calls} calls, ${totals.exercised} operations, ${totals.violations} violations, ${totals.warnings} warnings`,
      )
      expect(violationsOf(report)).toEqual([])
    },
    ALL_MS,
  )
})
