import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readId } from '../../src/core/id.ts'
import type { Records } from '../../src/drivers/records/port.ts'
import { checkJournals, checkRules } from './check-rows.ts'
import { HttpProbe } from './http-probe.ts'
import { externalStore, type Store } from './postgres.ts'
import { rowsOfRun } from './run-rows.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { type Ask, type Ending, type Frame, listen, request } from './wire.ts'

setDefaultTimeout(60_000)

const LEASE_MS = 1000
const DRAIN_MS = 1000

let store: Store
let records: Records
let a: ServerProcess
let b: ServerProcess
let assistant: string

const start = (): Promise<ServerProcess> =>
  startServer(
    {
      ...store.env,
      TETRAPORT_ENGINE_LEASE_MS: String(LEASE_MS),
      TETRAPORT_ENGINE_POLL_MS: '200',
      TETRAPORT_ENGINE_DRAIN_MS: String(DRAIN_MS),
    },
    `${store.dir}/server.log`,
  )

beforeAll(async () => {
  store = await externalStore()
  // Both at once: they find the tables missing together.
  ;[a, b] = await Promise.all([start(), start()])
  records = await store.look()
  assistant = await create(a, { path: '/v1/assistants', body: { model: 'echo' } })
})
afterAll(async () => {
  for (const server of [a, b]) server.signal('SIGKILL')
  await Promise.all([a.exited, b.exited])
  await records.close()
  await store.remove()
})

async function create(at: ServerProcess, ask: Ask): Promise<string> {
  const { status, body } = await request(at.url, ask)
  if (status !== 200) throw new Error(`${ask.path}: ${status} ${JSON.stringify(body)}`)
  return String(body.id)
}

interface Ref {
  thread: string
  run: string
}

const streamOf = ({ thread, run }: Ref): string => `/v1/threads/${thread}/runs/${run}/stream`
const newThread = (at: ServerProcess): Promise<string> =>
  create(at, { path: '/v1/threads', body: { messages: [{ role: 'user', content: 'go' }] } })

/** A run that the server it is created on executes itself. */
async function startRun(at: ServerProcess, model: string): Promise<Ref> {
  const thread = await newThread(at)
  return {
    thread,
    run: await create(at, { path: `/v1/threads/${thread}/runs`, body: { assistant_id: assistant, model: `scripted/${model}` } }),
  }
}

interface Reader {
  frames: Frame[]
  ending: Promise<Ending>
  /** Resolves when so many frames have come. */
  came(count: number): Promise<void>
}

function read(at: ServerProcess, ask: Ask): Reader {
  const frames: Frame[] = []
  const ending = listen(at.url, ask, { onFrame: (frame) => frames.push(frame) > 0 })
  const came = async (count: number): Promise<void> => {
    for (let looks = 0; frames.length < count; looks++) {
      if (looks > 2000) throw new Error(`only ${frames.length} of ${count} frames came`)
      await Bun.sleep(5)
    }
  }
  return { frames, ending, came }
}

async function replay(at: ServerProcess, ref: Ref): Promise<Frame[]> {
  const reader = read(at, { path: streamOf(ref) })
  expect(await reader.ending).toBe('done')
  return reader.frames
}

const uuid = (run: string): string => readId('run_', run) ?? ''

async function runRow({ run }: Ref): Promise<{ status: string; attempt: number; fence: number; worker_id: string }> {
  const [row] = await records.db.query<{ status: string; attempt: number; fence: number; worker_id: string }>(
    'select status, attempt, fence, worker_id from run where id = $1::uuid',
    [uuid(run)],
  )
  if (!row) throw new Error(`no ${run}`)
  return row
}

test('a run streamed from one server while another executes it goes on when that one is killed, in one unbroken sequence', async () => {
  const ref = await startRun(a, 't60-d25')
  const first = await runRow(ref)
  const reader = read(b, { path: streamOf(ref) })
  await reader.came(20)
  a.signal('SIGKILL')
  await a.exited
  expect(await reader.ending).toBe('done')
  expect(reader.frames.at(-1)?.event).toBe('thread.run.completed')
  expect(reader.frames).toEqual(await replay(b, ref))
  const row = await runRow(ref)
  expect(row).toMatchObject({ status: 'completed', attempt: 2, fence: 2 })
  expect(row.worker_id).not.toBe(first.worker_id)
  a = await start()
  expect(await replay(a, ref)).toEqual(reader.frames)
})

test('a server that was stopped past its lease and goes on writes nothing, ends its streams, and goes on serving', async () => {
  const ref = await startRun(a, 't80-d25')
  const [here, there] = [read(a, { path: streamOf(ref) }), read(b, { path: streamOf(ref) })]
  await here.came(20)
  a.signal('SIGSTOP')
  expect(await there.ending).toBe('done')
  expect(there.frames.at(-1)?.event).toBe('thread.run.completed')
  expect(await runRow(ref)).toMatchObject({ status: 'completed', attempt: 2 })
  const before = await rowsOfRun(records.db, uuid(ref.run))
  a.signal('SIGCONT')
  expect(await here.ending).toBe('done')
  expect(here.frames).toEqual(there.frames)
  // Long enough for all it might still have had in mind: each renewal, retry and commit of its attempt.
  await Bun.sleep(2 * LEASE_MS)
  expect(await rowsOfRun(records.db, uuid(ref.run))).toEqual(before)
  const next = await startRun(a, 't5-d5')
  expect((await replay(a, next)).at(-1)?.event).toBe('thread.run.completed')
  expect(await runRow(next)).toMatchObject({ status: 'completed', attempt: 1, fence: 1 })
})

/** Follows a run from where it was created to wherever it goes on. */
async function followAway(thread: string, model: string): Promise<{ ref: Ref; frames: Frame[]; moved: boolean }> {
  const body = { assistant_id: assistant, model: `scripted/${model}`, stream: true }
  const reader = read(a, { path: `/v1/threads/${thread}/runs`, body })
  const ending = await reader.ending
  const ref = { thread, run: String((JSON.parse(reader.frames[0]?.data ?? '{}') as { id?: string }).id) }
  if (ending === 'done') return { ref, frames: reader.frames, moved: false }
  expect(ending).toBe('broken')
  const rest = read(b, { path: streamOf(ref), lastEventId: reader.frames.at(-1)?.id ?? '' })
  expect(await rest.ending).toBe('done')
  return { ref, frames: [...reader.frames, ...rest.frames], moved: true }
}

test('asked to stop under load, a server ends with 0, its streams go on at the other one, and no attempt is charged', async () => {
  const probe = await HttpProbe.open(a.url)
  expect(await probe.get('/health/ready')).toBe(200)
  const threads = await Promise.all(Array.from({ length: 12 }, () => newThread(a)))
  const readers = threads.map((thread, index) => followAway(thread, index % 3 === 0 ? 't20-d20' : 't100-d30'))
  await Bun.sleep(300)
  const since = performance.now()
  a.signal('SIGTERM')
  // Not ready any more: it says so where it still answers, and takes no new connection.
  expect([503, undefined]).toContain(await probe.until((status) => status !== 200, '/health/ready'))
  expect(await a.exited).toBe(0)
  expect(performance.now() - since).toBeLessThan(25_000)
  const followed = await Promise.all(readers)
  expect(followed.filter(({ moved }) => moved)).toHaveLength(8)
  for (const { ref, frames } of followed) {
    expect(frames).toEqual(await replay(b, ref))
    expect(frames.at(-1)?.event).toBe('thread.run.completed')
    expect(await runRow(ref)).toMatchObject({ status: 'completed', attempt: 1 })
  }
})

test('after all that the tables are whole', async () => {
  expect(await checkRules(records.db)).toEqual([])
  expect((await checkJournals(records.db)).violations).toEqual([])
})
