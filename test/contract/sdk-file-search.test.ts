import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { AssistantStream } from 'openai/lib/AssistantStream'
import type { Message, Text } from 'openai/resources/beta/threads/messages'
import type { FileSearchToolCall, RunStep } from 'openai/resources/beta/threads/runs/steps'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import { Calls } from '../support/calls.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { type CheckedTraffic, checkTraffic, hasProxy, violationsOf } from './proxy.ts'
import { SDKS, type Sdk } from './sdk.ts'

const search = { id: 'call_S', name: 'file_search', arguments: { queries: ['warranty'] } }
const look = { id: 'call_F', name: 'look', arguments: { at: 1 } }
const SCRIPTS: Record<string, ScriptTurn[]> = {
  finder: [{ calls: [search] }, { text: ['🙂 Thirty months【0', ':0†policy.md】, and', ' seals are out【0:0†', 'policy.md】.'] }],
  both: [{ calls: [search, look] }, { text: ['Done【0:0†policy.md】'] }],
}
const INCLUDE = 'step_details.tool_calls[*].file_search.results[*].content' as const
const TEXT = 'The warranty of the Falcon pump lasts thirty months. Seals are not covered.'
const SEARCH = { type: 'file_search' as const }

let served: Served
let proxy: CheckedTraffic | undefined
let calls: Calls
let fileId: string
let storeId: string
beforeAll(async () => {
  served = await serve({ scripts: SCRIPTS, retriesMax: 0 }, { worker: true, jobs: true })
  if (hasProxy) proxy = checkTraffic(served.url)
  calls = new Calls(served)
  const made = await calls.library({ 'policy.md': TEXT })
  storeId = made.storeId
  fileId = made.fileIds[0] ?? ''
}, SERVER_START_MS)
afterAll(async () => {
  const heard = await proxy?.stop()
  await served.close()
  if (heard) expect(violationsOf(heard)).toEqual([])
})

const textOf = (message: Message | undefined): Text => {
  const [part] = message?.content ?? []
  if (part?.type !== 'text') throw new Error('The message is no text')
  return part.text
}

/** The markers that its annotations cut out of a text; each names the file. */
function cutOut({ value, annotations }: Text): string[] {
  return annotations.map((annotation) => {
    if (annotation.type !== 'file_citation') throw new Error(`${annotation.type} is no citation`)
    expect(annotation.file_citation.file_id).toBe(fileId)
    expect(value.slice(annotation.start_index, annotation.end_index)).toBe(annotation.text)
    return annotation.text
  })
}
const searchIn = (step: RunStep | undefined): FileSearchToolCall['file_search'] => {
  const details = step?.step_details
  const call = details?.type === 'tool_calls' ? details.tool_calls.find(({ type }) => type === 'file_search') : undefined
  if (call?.type !== 'file_search') throw new Error('The step has no search')
  return call.file_search
}
const MARKER = '【0:0†policy.md】'
const RESULT = () => ({ file_id: fileId, file_name: 'policy.md', score: expect.any(Number) })

for (const [version, open] of Object.entries(SDKS)) {
  describe(version, () => {
    let sdk: Sdk
    let beta: Sdk['client']['beta']
    beforeAll(() => {
      sdk = open({ baseURL: `${proxy?.url ?? served.url}/v1`, apiKey: served.key })
      beta = sdk.client.beta
    })

    const begin = async (model: string) => {
      const tools = [SEARCH, { type: 'function' as const, function: { name: 'look' } }]
      const tool_resources = { file_search: { vector_store_ids: [storeId] } }
      const assistant = await beta.assistants.create({ model, tools, tool_resources })
      const thread = await beta.threads.create({ messages: [{ role: 'user', content: 'How long?' }] })
      return { assistant_id: assistant.id, threadId: thread.id }
    }
    const finished = async (stream: AssistantStream) => ({
      run: await stream.finalRun(),
      messages: await stream.finalMessages(),
      steps: await stream.finalRunSteps(),
    })

    test('a streamed run searches, and its citations cut their markers out of the text', async () => {
      const { assistant_id, threadId } = await begin('finder')
      const { run, messages, steps } = await finished(beta.threads.runs.stream(threadId, { assistant_id }))
      expect(run.status).toBe('completed')
      const text = textOf(messages[0])
      expect(text.value).toBe(`🙂 Thirty months${MARKER}, and seals are out${MARKER}.`)
      expect(cutOut(text)).toEqual([MARKER, MARKER])
      expect(steps.map((step) => step.type)).toEqual(['tool_calls', 'message_creation'])
      expect(searchIn(steps[0])).toEqual({ ranking_options: { ranker: 'default_2024_08_21', score_threshold: 0 }, results: [RESULT()] })
      const [listed] = (await beta.threads.messages.list(threadId)).data
      expect(cutOut(textOf(listed))).toEqual([MARKER, MARKER])
    })

    test('what a search found is shown where it is asked for: in the stream, in a step and in the list', async () => {
      const { assistant_id, threadId } = await begin('finder')
      const { run, steps } = await finished(beta.threads.runs.stream(threadId, { assistant_id, include: [INCLUDE] }))
      const whole = { ...RESULT(), content: [{ type: 'text' as const, text: TEXT }] }
      expect(searchIn(steps[0]).results).toEqual([whole])
      const path = `/v1/threads/${threadId}/runs/${run.id}/steps`
      const asked = `include[]=${encodeURIComponent(INCLUDE)}`
      for (const [query, result] of [
        ['', RESULT()],
        [asked, whole],
      ] as const) {
        const step = await calls.ok('GET', `${path}/${steps[0]?.id}?${query}`)
        const list = await calls.ok('GET', `${path}?order=asc&${query}`)
        expect(searchIn(step as unknown as RunStep).results).toEqual([result])
        expect(searchIn((list.data as unknown as RunStep[])[0]).results).toEqual([result])
      }
    })

    test('a mixed turn asks for the function only, and its step ends with both', async () => {
      const { assistant_id, threadId } = await begin('both')
      const first = await finished(beta.threads.runs.stream(threadId, { assistant_id }))
      const waiting = first.run.required_action?.submit_tool_outputs.tool_calls ?? []
      expect(waiting.map(({ id }) => id)).toEqual(['call_F'])
      const second = await finished(sdk.submitStream(threadId, first.run.id, [{ tool_call_id: 'call_F', output: 'seen' }]))
      expect(second.run.status).toBe('completed')
      expect(cutOut(textOf(second.messages[0]))).toEqual([MARKER])
      const [step] = await sdk.listSteps(threadId, first.run.id)
      expect(searchIn(step).results).toEqual([RESULT()])
      expect(step?.step_details).toMatchObject({ tool_calls: [{ id: 'call_S' }, { id: 'call_F', function: { output: 'seen' } }] })
    })

    test('a file attached to a message is searched as soon as it is indexed', async () => {
      const assistant = await beta.assistants.create({ model: 'finder', tools: [SEARCH] })
      const attachments = [{ file_id: fileId, tools: [SEARCH] }]
      const thread = await beta.threads.create({ messages: [{ role: 'user', content: 'How long?', attachments }] })
      expect(thread.tool_resources?.file_search?.vector_store_ids).toHaveLength(1)
      const run = await beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id })
      expect(run.status).toBe('completed')
      const { data } = await beta.threads.messages.list(thread.id)
      expect(data[1]?.attachments).toEqual(attachments)
      expect(cutOut(textOf(data[0]))).toEqual([MARKER, MARKER])
    })

    test('an assistant and a thread are made with a store of their own', async () => {
      const tool_resources = { file_search: { vector_stores: [{ file_ids: [fileId], metadata: { made: 'here' } }] } }
      const assistant = await beta.assistants.create({ model: 'finder', tools: [SEARCH], tool_resources })
      const thread = await beta.threads.create({ tool_resources })
      const days = await Promise.all(
        [assistant, thread].map(async (made) => {
          const id = made.tool_resources?.file_search?.vector_store_ids?.[0]
          const store = await calls.ok('GET', `/v1/vector_stores/${id}`)
          expect(store).toMatchObject({ metadata: { made: 'here' }, file_counts: { total: 1 } })
          return (store.expires_after as { days: number } | null)?.days
        }),
      )
      expect(days).toEqual([undefined, 7])
    })

    test('the offline demo model answers from files, with a citation', async () => {
      const tool_resources = { file_search: { vector_store_ids: [storeId] } }
      const assistant = await beta.assistants.create({ model: 'quote', tools: [SEARCH], tool_resources })
      const thread = await beta.threads.create({ messages: [{ role: 'user', content: 'How long does the warranty last?' }] })
      const { messages } = await finished(beta.threads.runs.stream(thread.id, { assistant_id: assistant.id }))
      const text = textOf(messages[0])
      expect(text.value).toBe(`The warranty of the Falcon pump lasts thirty months.${MARKER}`)
      expect(cutOut(text)).toEqual([MARKER])
    })
  })
}

test('a message that is sent again with its Idempotency-Key attaches its files once', async () => {
  const threadId = await calls.thread()
  const body = { role: 'user', content: 'x', attachments: [{ file_id: fileId, tools: [SEARCH] }] }
  const send = () => calls.ok('POST', `/v1/threads/${threadId}/messages`, body, { headers: { 'idempotency-key': 'attach-once' } })
  const [first, second] = [await send(), await send()]
  expect(second).toEqual(first)
  const { tool_resources } = await calls.ok('GET', `/v1/threads/${threadId}`)
  const [store] = (tool_resources as { file_search: { vector_store_ids: string[] } }).file_search.vector_store_ids
  expect((await calls.ok('GET', `/v1/vector_stores/${store}/files`)).data).toHaveLength(1)
})

describe('refusals', () => {
  const error = async (path: string, body: object) => {
    const response = await served.send('POST', path, body)
    return [response.status, ((await response.json()) as { error: { message: string; param: string | null } }).error] as const
  }

  test('a missing store or file is named in the words of the contract', async () => {
    const { storeId: store } = await new Calls(served, { key: served.otherKey }).library({})
    const file = await new Calls(served, { key: served.otherKey }).file()
    const threadId = await calls.thread()
    for (const id of [store, 'vs_nothing']) {
      const [status, { message }] = await error('/v1/threads', { tool_resources: { file_search: { vector_store_ids: [id] } } })
      expect([status, message]).toEqual([404, `No vector store found with id '${id}'.`])
    }
    for (const id of [file, 'file-nothing']) {
      const attachments = [{ file_id: id, tools: [SEARCH] }]
      const image = [{ type: 'image_file', image_file: { file_id: id } }]
      for (const body of [
        { role: 'user', content: 'x', attachments },
        { role: 'user', content: image },
      ]) {
        const [status, { message, param }] = await error(`/v1/threads/${threadId}/messages`, body)
        expect([status, message, param]).toEqual([404, `No such File object: ${id}`, 'id'])
      }
      const [status, { message }] = await error('/v1/threads', { tool_resources: { code_interpreter: { file_ids: [id] } } })
      expect([status, message]).toEqual([404, `No such File object: ${id}`])
    }
  })

  test('code_interpreter is refused as a tool, and its files are kept', async () => {
    const [status, { param }] = await error('/v1/assistants', { model: 'echo', tools: [{ type: 'code_interpreter' }] })
    expect([status, param]).toEqual([501, 'tools[0]'])
    const attachments = [{ file_id: fileId, tools: [{ type: 'code_interpreter' }] }]
    const thread = await calls.ok('POST', '/v1/threads', { messages: [{ role: 'user', content: 'x', attachments }] })
    expect(thread.tool_resources).toEqual({ code_interpreter: { file_ids: [fileId] } })
    expect(await calls.ok('GET', `/v1/threads/${thread.id}`)).toEqual(thread)
  })
})
