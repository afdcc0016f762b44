import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { AssistantStream } from 'openai/lib/AssistantStream'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { type CheckedTraffic, checkTraffic, hasProxy, violationsOf } from './proxy.ts'
import { refusedBy, SDKS, type Sdk } from './sdk.ts'

const round = (n: number): ScriptTurn => ({
  calls: ['Oslo', 'Rome'].map((city) => ({
    id: `call_${city}${n}`,
    name: 'get_weather',
    arguments: { city },
    argumentChunks: ['{"ci', `ty":"${city}"}`],
  })),
})

const SCRIPTS: Record<string, ScriptTurn[]> = {
  speaker: [{ text: ['Hello', ', ', 'world'], usage: { prompt: 7, completion: 3 } }],
  caller: [round(1), round(2), { text: ['Both ', 'are ', 'fine'] }],
  // Says a word, and the next one never within a test.
  slow: [{ text: ['one ', 'two'], pauseMs: 3_600_000 }],
  broken: [{ text: ['Hel'], fail: { status: 500, message: 'upstream is down' } }],
  cut: [{ text: ['Hel'], finish: 'length' }],
  limited: [{ fail: { status: 429, message: 'slow down' } }],
}

const TOOLS = [
  {
    type: 'function' as const,
    function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } },
  },
]

let served: Served
/** Where the clients talk to: all they say and hear is held against the contract, where that is at hand. */
let proxy: CheckedTraffic | undefined
let baseURL: string

beforeAll(async () => {
  served = await serve({ scripts: SCRIPTS, retriesMax: 0 }, { worker: true })
  if (hasProxy) proxy = checkTraffic(served.url)
  baseURL = `${proxy?.url ?? served.url}/v1`
}, SERVER_START_MS)
afterAll(async () => {
  const heard = await proxy?.stop()
  await served.close()
  if (heard) expect(violationsOf(heard)).toEqual([])
})

/** Names of the helper events, each once, in the order of their first appearance; and all raw events. */
function watch(stream: AssistantStream): { helpers: string[]; raw: string[] } {
  const seen = { helpers: [] as string[], raw: [] as string[] }
  const HELPERS = [
    ...(['connect', 'runStepCreated', 'runStepDelta', 'runStepDone', 'toolCallCreated', 'toolCallDelta', 'toolCallDone'] as const),
    ...(['messageCreated', 'messageDelta', 'messageDone', 'textCreated', 'textDelta', 'textDone', 'end'] as const),
  ]
  for (const name of HELPERS) stream.on(name, () => !seen.helpers.includes(name) && seen.helpers.push(name))
  stream.on('event', ({ event }) => seen.raw.push(event))
  return seen
}

for (const [version, open] of Object.entries(SDKS)) {
  describe(version, () => {
    let sdk: Sdk
    let beta: Sdk['client']['beta']

    beforeAll(() => {
      sdk = open({ baseURL, apiKey: served.key })
      beta = sdk.client.beta
    })

    const started = async (model: string, text = 'hi there') => {
      const assistant = await beta.assistants.create({ model, tools: TOOLS })
      const thread = await beta.threads.create({ messages: [{ role: 'user', content: text }] })
      return { assistant_id: assistant.id, threadId: thread.id }
    }
    const refused = (call: Promise<unknown>) => refusedBy(sdk, call)

    test('assistants are created, read, changed and deleted', async () => {
      const made = await beta.assistants.create({
        ...{ model: 'echo', name: 'Math', description: 'd', instructions: 'Be brief.', temperature: 0.5, top_p: 0.9 },
        ...{ tools: TOOLS, metadata: { a: '1' }, response_format: { type: 'json_object' } },
      })
      expect(made).toMatchObject({ object: 'assistant', name: 'Math', temperature: 0.5, top_p: 0.9, tools: TOOLS, metadata: { a: '1' } })
      expect((await beta.assistants.retrieve(made.id)) as object).toEqual({ ...made })
      const changed = await beta.assistants.update(made.id, { name: null, metadata: { b: '2' } })
      expect(changed).toMatchObject({ id: made.id, name: null, description: 'd', metadata: { b: '2' } })
      expect(await sdk.deleteAssistant(made.id)).toMatchObject({ id: made.id, object: 'assistant.deleted', deleted: true })
      expect(await refused(beta.assistants.retrieve(made.id))).toBeInstanceOf(sdk.errors.NotFoundError)
    })

    test('assistants are paged forwards over several pages, newest first or oldest first', async () => {
      const key = await served.newKey(`pages of ${version}`)
      const own = open({ baseURL, apiKey: key }).client.beta.assistants
      const ids: string[] = []
      for (let i = 0; i < 7; i++) ids.push((await own.create({ model: 'echo', name: `n${i}` })).id)
      for (const order of ['asc', 'desc'] as const) {
        const seen: string[] = []
        for await (const assistant of own.list({ limit: 3, order })) seen.push(assistant.id)
        expect(seen).toEqual(order === 'asc' ? ids : ids.toReversed())
      }
      const first = await own.list({ limit: 3, order: 'asc' })
      expect(first.hasNextPage()).toBe(true)
      const second = await first.getNextPage()
      expect(second.data.map((a) => a.id)).toEqual(ids.slice(3, 6))
      const before = await own.list({ order: 'asc', before: ids[2] ?? '', limit: 100 })
      expect(before.data.map((a) => a.id)).toEqual(ids.slice(0, 2))
      expect((await own.list({ after: ids[0] ?? '' })).data).toEqual([])
    })

    test('threads and messages are created, read, listed, changed and deleted', async () => {
      const thread = await beta.threads.create({ metadata: { t: '1' } })
      expect(await beta.threads.retrieve(thread.id)).toMatchObject({ id: thread.id, object: 'thread', metadata: { t: '1' } })
      expect((await beta.threads.update(thread.id, { metadata: { t: '2' } })).metadata).toEqual({ t: '2' })

      const one = await beta.threads.messages.create(thread.id, { role: 'user', content: 'first' })
      const two = await beta.threads.messages.create(thread.id, { role: 'assistant', content: [{ type: 'text', text: 'second' }] })
      expect(one).toMatchObject({ object: 'thread.message', role: 'user', run_id: null, assistant_id: null, status: 'completed' })
      expect(two.content).toEqual([{ type: 'text', text: { value: 'second', annotations: [] } }])
      const listed: string[] = []
      for await (const message of beta.threads.messages.list(thread.id, { limit: 1, order: 'asc' })) listed.push(message.id)
      expect(listed).toEqual([one.id, two.id])
      // Without any parameter too: a bare array would be read as an empty page.
      expect((await beta.threads.messages.list(thread.id)).data.map((m) => m.id)).toEqual([two.id, one.id])
      expect((await sdk.changeMessage(thread.id, one.id, { metadata: { m: '1' } })).metadata).toEqual({ m: '1' })
      expect((await sdk.getMessage(thread.id, one.id)).metadata).toEqual({ m: '1' })
      expect(await sdk.deleteMessage(thread.id, one.id)).toMatchObject({ id: one.id, object: 'thread.message.deleted', deleted: true })
      expect((await refused(sdk.getMessage(thread.id, one.id))).message).toContain(`No message found with id '${one.id}'.`)
      expect(await sdk.deleteThread(thread.id)).toMatchObject({ id: thread.id, object: 'thread.deleted', deleted: true })
      expect((await refused(beta.threads.retrieve(thread.id))).message).toBe(`404 No thread found with id '${thread.id}'.`)
    })

    test('createAndPoll comes back with the finished run, whose answer is in the thread', async () => {
      const { threadId, ...body } = await started('speaker')
      const began = performance.now()
      const run = await beta.threads.runs.createAndPoll(threadId, body)
      // Without the poll header the SDK would wait five seconds.
      expect(performance.now() - began).toBeLessThan(4000)
      expect(run).toMatchObject({ status: 'completed', usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } })
      const { data } = await beta.threads.messages.list(threadId, { run_id: run.id })
      expect(data.map(({ content }) => content)).toEqual([[{ type: 'text', text: { value: 'Hello, world', annotations: [] } }]])
      expect((await beta.threads.runs.list(threadId)).data.map((r) => r.id)).toEqual([run.id])
      expect((await sdk.changeRun(threadId, run.id, { metadata: { r: '1' } })).metadata).toEqual({ r: '1' })
      expect((await sdk.getRun(threadId, run.id)).metadata).toEqual({ r: '1' })
    })

    test('createAndRunPoll makes thread and run in one call', async () => {
      const { assistant_id } = await started('echo')
      const run = await beta.threads.createAndRunPoll({ assistant_id, thread: { messages: [{ role: 'user', content: 'ping' }] } })
      expect(run.status).toBe('completed')
      const { data } = await beta.threads.messages.list(run.thread_id)
      expect(data.map(({ role }) => role)).toEqual(['assistant', 'user'])
    })

    test('stream tells a text answer by every helper event', async () => {
      const { threadId, ...body } = await started('speaker')
      const stream = beta.threads.runs.stream(threadId, body)
      const seen = watch(stream)
      const deltas: string[] = []
      stream.on('textDelta', (delta, snapshot) => deltas.push(delta.value ?? '', snapshot.value))
      const run = await stream.finalRun()
      expect(run.status).toBe('completed')
      expect(deltas.at(-1)).toBe('Hello, world')
      expect(deltas.filter((_, i) => i % 2 === 0).join('')).toBe('Hello, world')
      const [message] = await stream.finalMessages()
      // 4.95.0 answers with what it added up, `index` included.
      expect(message?.content).toMatchObject([{ type: 'text', text: { value: 'Hello, world', annotations: [] } }])
      expect((await stream.finalRunSteps()).map(({ type, status }) => [type, status])).toEqual([['message_creation', 'completed']])
      await stream.done()
      expect(seen.helpers.toSorted()).toEqual(
        'connect end messageCreated messageDelta messageDone runStepCreated runStepDone textCreated textDelta textDone'.split(' '),
      )
      expect(seen.raw.slice(0, 7)).toEqual([
        ...['thread.run.created', 'thread.run.queued', 'thread.run.in_progress', 'thread.run.step.created'],
        ...['thread.run.step.in_progress', 'thread.message.created', 'thread.message.in_progress'],
      ])
      expect(seen.raw.slice(-3)).toEqual(['thread.message.completed', 'thread.run.step.completed', 'thread.run.completed'])
    })

    test('createAndRunStream begins with the new thread', async () => {
      const { assistant_id } = await started('speaker')
      const stream = beta.threads.createAndRunStream({ assistant_id, thread: { messages: [{ role: 'user', content: 'go' }] } })
      const seen = watch(stream)
      expect((await stream.finalRun()).status).toBe('completed')
      expect(seen.raw.slice(0, 2)).toEqual(['thread.created', 'thread.run.created'])
    })

    test('a plain iteration over a created stream sees the raw events', async () => {
      const { threadId, ...body } = await started('speaker')
      const names: string[] = []
      for await (const { event } of await beta.threads.runs.create(threadId, { ...body, stream: true })) names.push(event)
      expect(names[0]).toBe('thread.run.created')
      expect(names.at(-1)).toBe('thread.run.completed')
    })

    test('two rounds of two parallel calls are answered by submitToolOutputsStream', async () => {
      const { threadId, ...body } = await started('caller')
      const asked: string[] = []
      let stream = beta.threads.runs.stream(threadId, body)
      const helpers = watch(stream).helpers
      for (let n = 1; n <= 2; n++) {
        stream.on('toolCallDone', (call) => {
          if (call.type === 'function') asked.push(`${call.id} ${call.function.arguments}`)
        })
        const waiting = await stream.finalRun()
        expect(waiting).toMatchObject({ status: 'requires_action', usage: null })
        const calls = waiting.required_action?.submit_tool_outputs.tool_calls ?? []
        expect(calls.map(({ id }) => id)).toEqual([`call_Oslo${n}`, `call_Rome${n}`])
        const outputs = calls.map(({ id }) => ({ tool_call_id: id, output: `22° in ${id}\n\t"ok"` }))
        stream = sdk.submitStream(threadId, waiting.id, outputs)
      }
      const run = await stream.finalRun()
      expect(run.status).toBe('completed')
      expect(asked).toEqual([1, 2].flatMap((n) => [`call_Oslo${n} {"city":"Oslo"}`, `call_Rome${n} {"city":"Rome"}`]))
      expect(helpers).toEqual(expect.arrayContaining(['toolCallCreated', 'toolCallDelta', 'toolCallDone', 'runStepDelta']))
      expect((await stream.finalMessages()).map(({ content }) => content)).toMatchObject([[{ text: { value: 'Both are fine' } }]])

      const steps = await sdk.listSteps(threadId, run.id)
      expect(steps.map(({ type, status }) => [type, status])).toEqual([
        ['tool_calls', 'completed'],
        ['tool_calls', 'completed'],
        ['message_creation', 'completed'],
      ])
      const [step] = steps
      const found = await sdk.getStep(threadId, run.id, step?.id ?? '')
      expect(found as object).toEqual({ ...step })
      const details = found.step_details
      const outputs = details.type === 'tool_calls' ? details.tool_calls.map((c) => c.type === 'function' && c.function.output) : []
      expect(outputs).toEqual(['22° in call_Oslo1\n\t"ok"', '22° in call_Rome1\n\t"ok"'])
    })

    test('submitToolOutputsAndPoll goes on to the next round and to the end', async () => {
      const { threadId, ...body } = await started('caller')
      let run = await beta.threads.runs.createAndPoll(threadId, body)
      for (let n = 1; n <= 2; n++) {
        expect(run.status).toBe('requires_action')
        const calls = run.required_action?.submit_tool_outputs.tool_calls ?? []
        run = await sdk.submitAndPoll(
          threadId,
          run.id,
          calls.map(({ id }) => ({ tool_call_id: id, output: 'ok' })),
        )
      }
      expect(run.status).toBe('completed')
    })

    test('a run is cancelled in the middle of its answer, and while it waits', async () => {
      const { threadId, ...body } = await started('slow')
      const stream = beta.threads.runs.stream(threadId, body)
      const cancelling = Promise.withResolvers<string>()
      stream.once('textDelta', () => {
        const id = stream.currentRun()?.id ?? ''
        sdk.cancelRun(threadId, id).then((run) => cancelling.resolve(run.status), cancelling.reject)
      })
      const run = await stream.finalRun()
      expect(['cancelling', 'cancelled']).toContain(await cancelling.promise)
      expect(run).toMatchObject({ status: 'cancelled', expires_at: null, required_action: null })
      const { data } = await beta.threads.messages.list(threadId, { limit: 1 })
      expect(data[0]).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'run_cancelled' } })

      const second = await started('caller')
      const waiting = await beta.threads.runs.createAndPoll(second.threadId, { assistant_id: second.assistant_id })
      await sdk.cancelRun(second.threadId, waiting.id)
      expect((await sdk.pollRun(second.threadId, waiting.id)).status).toBe('cancelled')
      // The thread is free again.
      await beta.threads.messages.create(second.threadId, { role: 'user', content: 'more' })
    })

    test('what goes wrong with a model is told by the run', async () => {
      const broken = await started('broken')
      const stream = beta.threads.runs.stream(broken.threadId, { assistant_id: broken.assistant_id })
      const failed = await stream.finalRun()
      expect(failed.status).toBe('failed')
      expect(failed.last_error?.code).toBe('server_error')
      expect(failed.last_error?.message).toContain('upstream is down')
      const limited = await started('limited')
      const run = await beta.threads.runs.createAndPoll(limited.threadId, { assistant_id: limited.assistant_id })
      expect(run).toMatchObject({ status: 'failed', last_error: { code: 'rate_limit_exceeded' } })
    })

    test('an answer that was cut is an end that the stream tells', async () => {
      const { threadId, ...body } = await started('cut')
      const stream = beta.threads.runs.stream(threadId, body)
      const { raw } = watch(stream)
      const end = await stream.finalRun().then(
        (run) => run.status,
        (error: Error) => error.message,
      )
      // 4.95.0 does not know this end, of whatever server.
      expect(end).toBe(sdk.name === '7.57.0' ? 'incomplete' : 'Final run has not been received')
      expect(raw.at(-1)).toBe('thread.run.incomplete')
      const { data } = await beta.threads.messages.list(threadId, { limit: 1 })
      expect(data[0]).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_tokens' } })
    })

    test('models are listed and retrieved, and not deleted', async () => {
      const ids: string[] = []
      for await (const model of sdk.client.models.list()) ids.push(model.id)
      expect(ids).toEqual(expect.arrayContaining(['echo', 'speaker', 'lexical-hash']))
      expect((await sdk.client.models.retrieve('echo')) as object).toMatchObject({ id: 'echo', object: 'model' })
      expect(await refused(sdk.deleteModel('echo'))).toBeInstanceOf(sdk.errors.PermissionDeniedError)
    })

    test('embeddings come as the base64 that the SDK asks for, and as floats', async () => {
      const ask = { model: 'lexical-hash', input: ['one two', 'three'] }
      const packed = await sdk.client.embeddings.create(ask)
      const plain = await sdk.client.embeddings.create({ ...ask, encoding_format: 'float' })
      expect(packed.data.map(({ embedding }) => embedding.length)).toEqual(plain.data.map(({ embedding }) => embedding.length))
      expect(packed.data[0]?.embedding.length).toBeGreaterThan(0)
      for (const [i, { embedding }] of packed.data.entries()) {
        for (const [j, value] of embedding.entries()) expect(value).toBeCloseTo(plain.data[i]?.embedding[j] ?? Number.NaN, 6)
      }
    })

    test('chat completions answer as a whole and as a stream', async () => {
      const ask = { model: 'echo', messages: [{ role: 'user' as const, content: 'say it' }] }
      const whole = await sdk.client.chat.completions.create(ask)
      expect(whole.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant', content: 'say it' } })
      let text = ''
      let usage: unknown = null
      for await (const chunk of await sdk.client.chat.completions.create({
        ...ask,
        stream: true,
        stream_options: { include_usage: true },
      })) {
        text += chunk.choices[0]?.delta.content ?? ''
        usage = chunk.usage ?? usage
      }
      expect(text).toBe('say it')
      expect(usage).toMatchObject({ total_tokens: expect.any(Number) })
    })

    test('stored chat completions are listed, read, changed and deleted', async () => {
      const messages = [{ role: 'user' as const, content: 'keep this' }]
      const metadata = { suite: version }
      const made = await sdk.client.chat.completions.create({ model: 'echo', messages, store: true, metadata })
      const { completions } = sdk.client.chat
      const listed: string[] = []
      for await (const found of completions.list({ metadata, limit: 1 })) listed.push(found.id)
      expect(listed).toEqual([made.id])
      expect((await completions.retrieve(made.id)).choices[0]?.message.content).toBe('keep this')
      const asked = await completions.messages.list(made.id)
      expect(asked.data.map(({ role, content }) => [role, content])).toEqual([['user', 'keep this']])
      expect((await completions.update(made.id, { metadata: { kept: 'yes' } })).metadata).toEqual({ kept: 'yes' })
      expect(await sdk.deleteCompletion(made.id)).toMatchObject({ id: made.id, deleted: true })
      expect(await refused(completions.retrieve(made.id))).toBeInstanceOf(sdk.errors.NotFoundError)
    })
  })
}
