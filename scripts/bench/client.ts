import { KEY } from './children.ts'
import { dataOf, framesOf } from './sse.ts'
import { textOf } from './stub-text.ts'

/** What an Assistants client does, with every answer checked: a wrong one is an error, not an operation. */
export interface Client {
  url: string
  /** Ends requests of a server that hangs. */
  signal: AbortSignal
}

const HEADERS = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'openai-beta': 'assistants=v2' }

async function request(client: Client, path: string, body?: object): Promise<Response> {
  const init = body === undefined ? { method: 'GET' } : { method: 'POST', body: JSON.stringify(body) }
  return await fetch(client.url + path, { ...init, headers: HEADERS, signal: client.signal })
}

async function call<T>(client: Client, path: string, body?: object): Promise<T> {
  const response = await request(client, path, body)
  if (!response.ok) throw new Error(`${path}: ${response.status} ${(await response.text()).slice(0, 200)}`)
  return (await response.json()) as T
}

function must(holds: boolean, what: string, got: unknown): void {
  if (!holds) throw new Error(`${what}, got ${(JSON.stringify(got) ?? String(got)).slice(0, 300)}`)
}

interface Assistant {
  id: string
  object: string
  model: string
}

export async function createAssistant(client: Client, model: string): Promise<string> {
  const made = await call<Assistant>(client, '/v1/assistants', { model, name: 'bench' })
  must(made.object === 'assistant' && made.model === model && made.id.length > 10, 'Expected an assistant', made)
  return made.id
}

export async function createThread(client: Client): Promise<string> {
  const made = await call<{ id: string; object: string }>(client, '/v1/threads', {})
  must(made.object === 'thread' && made.id.length > 10, 'Expected a thread', made)
  return made.id
}

interface Message {
  id: string
  thread_id: string
  role: string
  content: [{ text: { value: string } }]
}

export async function createMessage(client: Client, thread: string): Promise<string> {
  const made = await call<Message>(client, `/v1/threads/${thread}/messages`, { role: 'user', content: 'hello' })
  must(made.thread_id === thread && made.content[0].text.value === 'hello', 'Expected the message', made)
  return made.id
}

/** A thread with a first message. */
export async function createConversation(client: Client): Promise<string> {
  const thread = await createThread(client)
  await createMessage(client, thread)
  return thread
}

const POLL_MS = 10

interface Run {
  id: string
  status: string
}

/** A run in the background, seen by polling. */
export async function pollRun(client: Client, thread: string, assistant: string): Promise<void> {
  const { id } = await call<Run>(client, `/v1/threads/${thread}/runs`, { assistant_id: assistant })
  for (;;) {
    const run = await call<Run>(client, `/v1/threads/${thread}/runs/${id}`)
    if (run.status === 'completed') return
    must(run.status === 'queued' || run.status === 'in_progress', 'Expected a running run', run)
    await Bun.sleep(POLL_MS)
  }
}

/** The thread holds the question and the whole answer, and they can be read back. */
export async function checkThread(client: Client, thread: string, tokens: number): Promise<void> {
  const list = await call<Message[] | { data: Message[] }>(client, `/v1/threads/${thread}/messages`)
  const texts = (Array.isArray(list) ? list : list.data).map(({ role, content }) => `${role}: ${content[0].text.value}`)
  must(texts.length === 2 && texts[0] === `assistant: ${textOf(tokens)}` && texts[1] === 'user: hello', 'Expected the conversation', texts)
}

/** Times of a stream in ms from the request. */
export interface Timing {
  firstMs: number
  lastMs: number
}

interface Reading {
  isDelta(frame: string): boolean
  textIn(data: string): string
  /** Texts that one of the last frames must hold. */
  ends: string[]
  tokens: number
  onFirst?: (() => void) | undefined
}

/** Frames are only told apart while the clock runs; what they say is checked afterwards. */
async function readStream(begin: number, response: Response, reading: Reading): Promise<Timing> {
  const deltas: string[] = []
  const others: string[] = []
  const timing: Timing = { firstMs: Number.NaN, lastMs: Number.NaN }
  for await (const frames of framesOf(response)) {
    const at = performance.now() - begin
    const before = deltas.length
    for (const frame of frames) (reading.isDelta(frame) ? deltas : others).push(frame)
    if (deltas.length === before) continue
    timing.lastMs = at
    if (before > 0) continue
    timing.firstMs = at
    reading.onFirst?.()
  }
  const text = deltas.map((frame) => reading.textIn(dataOf(frame))).join('')
  must(text === textOf(reading.tokens), `Expected ${reading.tokens} tokens`, text.slice(-100))
  for (const end of reading.ends)
    must(
      others.slice(-4).some((frame) => frame.includes(end)),
      `Expected ${end}`,
      others.at(-1),
    )
  return timing
}

interface DeltaData {
  delta: { content: { text: { value: string } }[] }
}

const VIA = {
  isDelta: (frame: string) => frame.includes('event: thread.message.delta\n'),
  textIn: (data: string) => (JSON.parse(data) as DeltaData).delta.content.map(({ text }) => text.value).join(''),
  ends: ['event: thread.run.completed', 'data: [DONE]'],
}

export interface Streaming {
  assistant: string
  thread: string
  tokens: number
  onFirst?: () => void
}

export async function streamRun(client: Client, { assistant, thread, tokens, onFirst }: Streaming): Promise<Timing> {
  const begin = performance.now()
  const response = await request(client, `/v1/threads/${thread}/runs`, { assistant_id: assistant, stream: true })
  return await readStream(begin, response, { ...VIA, tokens, onFirst })
}

const DIRECT = {
  isDelta: (frame: string) => frame.includes('"content":'),
  textIn: (data: string) => (JSON.parse(data) as { choices: [{ delta: { content: string } }] }).choices[0].delta.content,
  ends: ['data: [DONE]'],
}

/** The same answer straight from the stub: no server in between can be faster. */
export async function streamDirect(stub: Client, model: string, tokens: number): Promise<Timing> {
  const begin = performance.now()
  const messages = [{ role: 'user', content: 'hello' }]
  const response = await request(stub, '/v1/chat/completions', { model, stream: true, messages })
  return await readStream(begin, response, { ...DIRECT, tokens })
}
