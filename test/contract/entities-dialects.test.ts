import { afterAll, beforeAll, expect, test } from 'bun:test'
import OpenAI from 'openai'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import { EntitiesClient, HttpError } from '../support/entities-client.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { newPerson } from '../surfaces/entities/kit.ts'

const SCRIPTS: Record<string, ScriptTurn[]> = {
  pilot: [{ calls: [{ name: 'get_flight_times', arguments: { from: 'LAX' } }] }, { text: ['Five ', 'hours.'] }],
  speaker: [{ text: ['Hello.'] }],
}

let served: Served
let openai: OpenAI
/** With the tenant's key: what one dialect makes, the other has. */
let entities: EntitiesClient

beforeAll(async () => {
  served = await serve({ scripts: SCRIPTS }, { worker: true })
  openai = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key, maxRetries: 0 })
  entities = new EntitiesClient(`${served.url}/entities`, served.key)
}, SERVER_START_MS)
afterAll(() => served.close())

/** As `user: text`, oldest first. */
async function listed(threadId: string): Promise<string[]> {
  const { data } = await openai.beta.threads.messages.list(threadId, { order: 'asc', limit: 100 })
  return data.map(({ role, content }) => `${role}: ${content.map((part) => (part.type === 'text' ? part.text.value : part.type)).join()}`)
}

const formatted = async (threadId: string): Promise<string[]> =>
  (await entities.formatted(threadId)).slice(1).map(({ role, content }) => `${role}: ${content}`)

/** One thread has one id, spelled with 22 characters by one dialect and with 32 digits by the other; both read both. */
const hexOf = async (threadId: string): Promise<string> => (await openai.beta.threads.retrieve(threadId)).id

async function say(threadId: string, text: string, model = 'speaker'): Promise<string> {
  const assistant = await entities.createAssistant({ model })
  await entities.createMessage(threadId, text, { assistantId: String(assistant.id) })
  const run = await entities.createRun(threadId, String(assistant.id))
  return entities.complete({ thread_id: threadId, run_id: String(run.id), assistant_id: String(assistant.id), model })
}

test('a thread of an Entities client is continued through the openai SDK, and goes on where it began', async () => {
  const thread = String((await entities.createThread([])).id)
  expect(await say(thread, 'first')).toBe('Hello.')
  const hex = await hexOf(thread)
  expect(hex).not.toBe(thread)
  expect(await listed(hex)).toEqual(['user: first', 'assistant: Hello.'])

  const assistant = await openai.beta.assistants.create({ model: 'speaker' })
  await openai.beta.threads.messages.create(hex, { role: 'user', content: 'second' })
  const run = await openai.beta.threads.runs.createAndPoll(hex, { assistant_id: assistant.id })
  expect(run.status).toBe('completed')
  expect(await formatted(thread)).toEqual(['user: first', 'assistant: Hello.', 'user: second', 'assistant: Hello.'])

  expect(await say(thread, 'third')).toBe('Hello.')
  expect(await listed(hex)).toEqual([
    ...['user: first', 'assistant: Hello.', 'user: second', 'assistant: Hello.', 'user: third', 'assistant: Hello.'],
  ])
})

test('a thread of the openai SDK is continued by an Entities client, and its runs are told there', async () => {
  const assistant = await openai.beta.assistants.create({ model: 'speaker', name: 'Both' })
  const thread = await openai.beta.threads.create({ messages: [{ role: 'user', content: 'begin' }], metadata: { colour: 'blue' } })
  const run = await openai.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id })
  expect((await entities.json('GET', `/threads/${thread.id}`)).meta_data).toEqual({ colour: 'blue' })
  expect(await formatted(thread.id)).toEqual(['user: begin', 'assistant: Hello.'])
  expect((await entities.retrieveRun(run.id)).status).toBe('completed')
  expect((await entities.json('GET', `/assistants/${assistant.id}`)).name).toBe('Both')

  await entities.createMessage(thread.id, 'go on', { assistantId: assistant.id })
  const planned = await entities.createRun(thread.id, assistant.id)
  const on = { thread_id: thread.id, run_id: String(planned.id), assistant_id: assistant.id, model: 'speaker' }
  expect(await entities.complete(on)).toBe('Hello.')
  expect(await listed(thread.id)).toEqual(['user: begin', 'assistant: Hello.', 'user: go on', 'assistant: Hello.'])
  const runs = await openai.beta.threads.runs.list(thread.id)
  expect(runs.data.map(({ status }) => status)).toEqual(['completed', 'completed'])
})

test('a tool call that an Entities client is asked for is answered through the openai SDK', async () => {
  const assistant = await entities.createAssistant({ model: 'pilot' })
  const tool = await entities.createTool('get_flight_times')
  await entities.request('POST', `/assistants/${assistant.id}/tools/${tool.id}`)
  const thread = String((await entities.createThread([])).id)
  await entities.createMessage(thread, 'How long?', { assistantId: String(assistant.id) })
  const planned = await entities.createRun(thread, String(assistant.id))
  const on = { thread_id: thread, run_id: String(planned.id), assistant_id: String(assistant.id), model: 'pilot' }
  await entities.complete(on)
  const [action] = await entities.pendingActions(String(planned.id))
  expect(action?.tool_name).toBe('get_flight_times')

  const hex = await hexOf(thread)
  const { data } = await openai.beta.threads.runs.list(hex)
  const waiting = data[0]
  const calls = waiting?.required_action?.submit_tool_outputs.tool_calls ?? []
  expect(calls.map((call) => call.function.name)).toEqual(['get_flight_times'])
  const outputs = calls.map(({ id }) => ({ tool_call_id: id, output: '5 h' }))
  const over = await openai.beta.threads.runs.submitToolOutputsAndPoll(waiting?.id ?? '', { thread_id: hex, tool_outputs: outputs })
  expect(over.status).toBe('completed')

  // The action is done with it, the answer is told here too, and nothing is asked or said a second time.
  expect((await entities.json('GET', `/actions/${action?.action_id}`)).status).toBe('completed')
  expect(await entities.pendingActions(String(planned.id))).toEqual([])
  expect(await entities.complete(on)).toBe('Five hours.')
  expect((await formatted(thread)).filter((line) => line.startsWith('assistant: Five'))).toHaveLength(1)
  expect(await listed(hex)).toEqual(['user: How long?', 'assistant: Five hours.'])
})

test('the key of a user who is no admin works on no surface that knows no owners', async () => {
  const user = await newPerson(served)
  const theirs = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: user.key, maxRetries: 0 })
  const refused: unknown = await theirs.beta.threads.create().catch((error: unknown) => error)
  expect(refused).toMatchObject({ status: 403 })
  const thread = String((await new EntitiesClient(`${served.url}/entities`, user.key).createThread([])).id)
  expect((await openai.beta.threads.retrieve(await hexOf(thread))).id).toMatch(/^thread_[0-9a-f]{32}$/)
  const other = new EntitiesClient(`${served.url}/entities`, (await newPerson(served)).key)
  const missing: unknown = await other.json('GET', `/threads/${thread}`).catch((error: unknown) => error)
  expect(missing).toBeInstanceOf(HttpError)
})
