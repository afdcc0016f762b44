import { afterAll, beforeAll, expect, test } from 'bun:test'
import { eventually } from '../../support/eventually.ts'
import { readData, SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, type Person, sender } from './kit.ts'

const SEARCH = 'tool_MCaJpXJU3eW6vaMUybEf6i'
const SEEKER = [{ calls: [{ id: 'call_1', name: 'file_search', arguments: { queries: ['harbour pilot'] } }] }, { text: ['It is Quillon.'] }]

let served: Served
let ana: Person
beforeAll(async () => {
  served = await serve({ scripts: { seeker: SEEKER } }, { worker: true, jobs: true })
  ana = await newPerson(served)
}, SERVER_START_MS)
afterAll(() => served.close())

/** What is made of the answer is all that is asked of it here. */
async function ask(method: string, path: string, body?: unknown): Promise<{ id: string }> {
  const response = await sender(served, ana.key)(method, path, body)
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return response.json() as Promise<{ id: string }>
}

/** A store with one uploaded text, once it can be searched. */
async function library(content: string): Promise<string> {
  const form = new FormData()
  for (const [name, value] of [
    ['purpose', 'assistants'],
    ['user_id', ana.id],
    ['file', new File([content], 'tides.txt')],
  ] as const)
    form.append(name, value)
  const upload = await ask('POST', '/uploads', form)
  const made = { shared_id: `vect_${upload.id}`, name: 'tides', user_id: ana.id, vector_size: 384, distance_metric: 'COSINE' }
  const { id } = await ask('POST', '/vector-stores', made)
  const entry = { file_id: `vsf_${upload.id}`, file_name: 'tides.txt', file_path: 'tides.txt', upload_id: upload.id }
  await ask('POST', `/vector-stores/${id}/files`, entry)
  await eventually(async () => {
    const files = (await (await sender(served, ana.key)('GET', `/vector-stores/${id}/files`)).json()) as { status: string }[]
    return files[0]?.status === 'completed' ? true : undefined
  })
  return id
}

/** What a run of the assistant says, and what it found on its way, as the OpenAI surface tells it. */
async function complete(assistant: string): Promise<{ said: string; found: string }> {
  const thread = (await ask('POST', '/threads', { participant_ids: [ana.id] })).id
  await ask('POST', '/messages', { thread_id: thread, assistant_id: assistant, role: 'user', content: 'Who is the pilot?' })
  const run = (await ask('POST', '/runs', { thread_id: thread, assistant_id: assistant })).id
  const body = { model: 'seeker', api_key: null, thread_id: thread, run_id: run, assistant_id: assistant, message_id: 'm' }
  const frames = (await readData(await sender(served, ana.key)('POST', '/completions', body))).filter((frame) => frame !== '[DONE]')
  const contents = frames.map((frame) => JSON.parse(frame) as { type?: string; content?: string })
  const steps = `/v1/threads/${thread}/runs/${run}/steps?include[]=step_details.tool_calls[*].file_search.results[*].content`
  const found = await (await served.send('GET', steps)).text()
  return { said: contents.flatMap(({ type, content }) => (type === 'content' ? [content] : [])).join(''), found }
}

test('an assistant with vector_store_search finds what was uploaded into its stores', async () => {
  const [store, { id: assistant }] = [
    await library('The harbour pilot is called Quillon.'),
    await ask('POST', '/assistants', { name: 'a', model: 'seeker' }),
  ]
  await ask('POST', `/assistants/${assistant}/tools/${SEARCH}`)
  await ask('POST', `/assistants/${assistant}/vector-stores/${store}/attach`)
  const first = await complete(assistant)
  expect(first.said).toContain('It is Quillon.')
  expect(first.found).toContain('The harbour pilot is called Quillon.')
  await ask('DELETE', `/assistants/${assistant}/vector-stores/${store}/detach`)
  expect((await complete(assistant)).found).not.toContain('Quillon')
})
