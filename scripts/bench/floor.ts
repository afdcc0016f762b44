import { parseArgs } from 'node:util'
import postgres from 'postgres'
import { openEmbedded } from '../../src/drivers/records/embedded.ts'
import { DATABASE, USER } from '../../src/drivers/records/layout.ts'
import { openLog, stderrSink } from '../../src/log.ts'
import { endWithParent } from './parent.ts'
import { framesOf } from './sse.ts'

/**
 * The floor: what Bun, HTTP and Postgres cost with no agent server on top. It answers only what the bench asks, keeps what
 * it answers on disk with the fewest commits (one per create, two per run), checks nothing and knows no keys.
 * `bun floor.ts --data DIR --upstream http://127.0.0.1:1234/v1`
 */
const { values: args } = parseArgs({ options: { data: { type: 'string', default: '' }, upstream: { type: 'string', default: '' } } })

/** More than the tested server has: with this client and no group commit of its own, fewer would be slower. */
const CONNECTIONS = 16

type Json = Record<string, unknown>

const clock = { now: () => Date.now() }
const log = openLog({ level: 'warn', format: 'text', clock, sink: stderrSink() })
const records = await openEmbedded({ dir: args.data, poolMax: CONNECTIONS, log })
const sql = postgres({
  path: records.socketPath,
  host: 'localhost',
  user: USER,
  database: DATABASE,
  pass: '',
  ssl: false,
  max: CONNECTIONS,
  max_lifetime: null,
  onnotice: () => undefined,
})
await sql`create table object (id text primary key, body jsonb not null)`
await sql`create table message (thread_id text, id text, body jsonb not null, primary key (thread_id, id))`
await sql`create table run (id text primary key, status text not null, body jsonb not null)`

const now = (): number => Math.floor(Date.now() / 1000)
/** In the order of their making. */
const newId = (prefix: string): string => `${prefix}_${Bun.randomUUIDv7()}`
const bodyOf = async (request: Request): Promise<Json> => (await request.json()) as Json
const json = (value: Json): postgres.Parameter => sql.json(value as postgres.JSONValue)

async function keep(prefix: string, object: string, fields: Json): Promise<Response> {
  const body: Json = { id: newId(prefix), object, created_at: now(), ...fields }
  await sql`insert into object values (${String(body.id)}, ${json(body)})`
  return Response.json(body)
}

function messageOf(thread: string, role: string, text: unknown): Json & { id: string } {
  const content = [{ type: 'text', text: { value: text, annotations: [] } }]
  return { id: newId('msg'), object: 'thread.message', created_at: now(), thread_id: thread, role, content }
}

async function addMessage(thread: string, { role, content }: Json): Promise<Response> {
  const body = messageOf(thread, String(role), content)
  await sql`insert into message values (${thread}, ${body.id}, ${json(body)})`
  return Response.json(body)
}

interface Run {
  body: Json & { id: string; thread_id: string }
  model: string
}

/** First commit of a run; it brings the assistant's model along. */
async function begin(thread: string, assistant: string): Promise<Run> {
  const body = {
    id: newId('run'),
    object: 'thread.run',
    created_at: now(),
    thread_id: thread,
    assistant_id: assistant,
    status: 'in_progress',
  }
  const [row] = await sql`insert into run values (${body.id}, 'in_progress', ${json(body)})
    returning (select o.body ->> 'model' from object o where o.id = ${assistant}) as model`
  return { body, model: String(row?.model) }
}

const frame = (event: string, data: unknown): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`

/** The deltas of one packet of the model leave together. */
async function execute({ body, model }: Run, write: (frames: string) => void): Promise<void> {
  write(frame('thread.run.created', body))
  const id = newId('msg')
  let text = ''
  const response = await fetch(`${args.upstream}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'hello' }] }),
  })
  for await (const chunks of framesOf(response)) {
    let frames = ''
    for (const chunk of chunks) {
      if (!chunk.includes('"content":')) continue
      const value = (JSON.parse(chunk.slice('data: '.length)) as { choices: [{ delta: { content: string } }] }).choices[0].delta.content
      text += value
      const delta = { content: [{ index: 0, type: 'text', text: { value } }] }
      frames += frame('thread.message.delta', { id, object: 'thread.message.delta', delta })
    }
    if (frames !== '') write(frames)
  }
  const message = { ...messageOf(body.thread_id, 'assistant', text), id }
  // Second commit of a run.
  await sql`with ended as (update run set status = 'completed' where id = ${body.id})
    insert into message values (${body.thread_id}, ${id}, ${json(message)})`
  write(frame('thread.run.completed', { ...body, status: 'completed' }))
}

function streamed(run: Run): Response {
  const encoder = new TextEncoder()
  let gone = false
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      const write = (frames: string): void => {
        if (!gone) controller.enqueue(encoder.encode(frames))
      }
      await execute(run, write)
      write('event: done\ndata: [DONE]\n\n')
      if (!gone) controller.close()
    },
    cancel() {
      gone = true
    },
  })
  return new Response(stream, { headers: { 'content-type': 'text/event-stream' } })
}

async function startRun(thread: string, { assistant_id, stream }: Json): Promise<Response> {
  const run = await begin(thread, String(assistant_id))
  if (stream === true) return streamed(run)
  void execute(run, () => undefined)
  return Response.json(run.body)
}

async function readRun(id: string): Promise<Response> {
  const [row] = await sql`select status, body from run where id = ${id}`
  return Response.json({ ...(row?.body as Json), status: row?.status })
}

async function listMessages(thread: string): Promise<Response> {
  const rows = await sql`select body from message where thread_id = ${thread} order by id desc limit 20`
  return Response.json({ object: 'list', data: rows.map((row) => row.body as Json) })
}

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  idleTimeout: 0,
  routes: {
    '/health/ready': () => Response.json({ status: 'ready', postgres: records.serverVersion }),
    '/v1/assistants': { POST: async (request) => await keep('asst', 'assistant', await bodyOf(request)) },
    '/v1/threads': { POST: async (request) => await keep('thread', 'thread', await bodyOf(request)) },
    '/v1/threads/:thread/messages': {
      GET: async ({ params }) => await listMessages(params.thread),
      POST: async (request) => await addMessage(request.params.thread, await bodyOf(request)),
    },
    '/v1/threads/:thread/runs': { POST: async (request) => await startRun(request.params.thread, await bodyOf(request)) },
    '/v1/threads/:thread/runs/:run': async ({ params }) => await readRun(params.run),
  },
})
endWithParent(async () => {
  server.stop(true)
  await sql.end({ timeout: 1 })
  await records.close()
})
console.log(`floor listening on http://127.0.0.1:${server.port}`)
