import { newId } from '../../../src/core/id.ts'
import type { ScriptTurn } from '../../../src/drivers/models/port.ts'
import type { Served } from '../../support/served.ts'
import type { Ids } from './isolation-cases.ts'
import { FrameReader } from './kit.ts'

export const GRAPH_ID = 'assistant'
const INTRODUCED = 'introduced'

export const WORLD_SCRIPTS: Record<string, ScriptTurn[]> = {
  asks: [{ calls: [{ id: 'call_1', name: 'look_up', arguments: {} }] }],
  slow: [{ text: [INTRODUCED, 'never said'], pauseMs: 3_600_000 }],
}

type Answer = Record<string, unknown> & { [key: string]: unknown }

/** Everything a tenant can have: idle, busy and waiting threads, runs, crons and items. */
export async function buildWorld(served: Served, key: string): Promise<Ids> {
  const send = async (method: string, path: string, body: unknown = {}): Promise<Answer> => {
    const response = await served.send(method, `/langgraph${path}`, method === 'GET' ? undefined : body, { key })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? {} : (JSON.parse(text) as Answer)
  }
  const space = newId()
  const metadata = { space }
  const made = async (what: string, path: string, body: object) => String((await send('POST', path, { metadata, ...body }))[what])
  const assistantOf = (model: string) => {
    const tools = [{ type: 'function', function: { name: 'look_up', parameters: { type: 'object' } } }]
    return made('assistant_id', '/assistants', { graph_id: GRAPH_ID, context: { model, tools } })
  }
  const say = { input: { messages: [{ role: 'user', content: space }] } }
  const assistant = await assistantOf('echo')
  await send('PATCH', `/assistants/${assistant}`, { name: 'second' })
  const thread = await made('thread_id', '/threads', {})
  for (let i = 0; i < 2; i++) await send('POST', `/threads/${thread}/runs/wait`, { assistant_id: assistant, ...say })
  const { checkpoint_id: checkpoint } = (await send('GET', `/threads/${thread}/state`)) as { checkpoint_id: string }
  const [run] = (await send('GET', `/threads/${thread}/runs`)) as unknown as { run_id: string }[]
  const asks = { assistant_id: await assistantOf('asks'), ...say }
  const askingThread = await made('thread_id', '/threads', {})
  await send('POST', `/threads/${askingThread}/runs/wait`, asks)
  const [askingRun] = (await send('GET', `/threads/${askingThread}/runs`)) as unknown as { run_id: string }[]
  const slow = { assistant_id: await assistantOf('slow'), ...say, stream_mode: 'messages-tuple', on_disconnect: 'continue' }
  const busyThread = await made('thread_id', '/threads', {})
  const busyRun = await made('run_id', `/threads/${busyThread}/runs`, slow)
  const queuedRun = await made('run_id', `/threads/${busyThread}/runs`, { ...slow, multitask_strategy: 'enqueue' })
  const looseRun = await made('run_id', '/runs', slow)
  for (const path of [`/threads/${busyThread}/runs/${busyRun}`, `/runs/${looseRun}`]) await untilSaid(served, key, path)
  const cron = { schedule: '0 0 1 1 *', assistant_id: assistant, ...say }
  await send('PUT', '/store/items', { namespace: [space, 'things'], key: 'kept', value: { space } })
  return {
    ...{ assistant, thread, checkpoint, run: run?.run_id ?? '', busyThread, busyRun, queuedRun, looseRun },
    ...{ askingThread, askingRun: askingRun?.run_id ?? '', space },
    cron: await made('cron_id', '/runs/crons', cron),
    threadCron: await made('cron_id', `/threads/${thread}/runs/crons`, cron),
  }
}

/** What follows is not written by the run any more. */
async function untilSaid(served: Served, key: string, run: string): Promise<void> {
  const stream = new FrameReader(
    await served.send('GET', `/langgraph${run}/stream`, undefined, { key, headers: { 'last-event-id': '-1' } }),
  )
  await stream.until(({ event, data }) => event === 'messages' && JSON.stringify(data).includes(INTRODUCED))
  await stream.leave()
}

const TABLES =
  'assistant assistant_version thread message run run_step tool_call run_event checkpoint channel_blob checkpoint_write schedule item job'.split(
    ' ',
  )

/** All rows of a tenant, but for the signs of life of runs that go on. */
export async function contentsOf({ app }: Served, tenantId: string): Promise<string[]> {
  return Promise.all(
    TABLES.map(async (table) => {
      const rows = await app.db.query(
        `select to_jsonb(x) - 'lease_until' as row from ${table} x where x.tenant_id = $1 order by to_jsonb(x)::text`,
        [tenantId],
      )
      return `${table} ${JSON.stringify(rows)}`
    }),
  )
}

export const nobody = (): Ids => ({
  ...{ assistant: newId(), thread: newId(), checkpoint: newId(), run: newId(), busyThread: newId(), busyRun: newId(), queuedRun: newId() },
  ...{ askingThread: newId(), askingRun: newId(), looseRun: newId(), cron: newId(), threadCron: newId(), space: newId() },
})
