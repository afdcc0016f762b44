import { newId } from '../../../src/core/id.ts'
import type { ScriptTurn } from '../../../src/drivers/models/port.ts'
import { spell } from '../../../src/surfaces/entities/ids.ts'
import { eventually } from '../../support/eventually.ts'
import type { Served } from '../../support/served.ts'
import type { Ids } from './isolation-cases.ts'
import { type Person, sender } from './kit.ts'

/** Every person's tool has the same name, so that one could stand in the way of another's. */
export const TOOL = 'look_up'

export const WORLD_SCRIPTS: Record<string, ScriptTurn[]> = { asks: [{ calls: [{ id: 'call_1', name: TOOL, arguments: { a: 1 } }] }] }

type Answer = Record<string, unknown> & { [key: string]: unknown }

/** Everything a user can have, a run that waits for an action among it. */
export async function buildWorld(served: Served, { id: user, key }: Person): Promise<Ids> {
  const send = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await sender(served, key)(method, path, body)
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return (text === '' || text.startsWith('data:') ? {} : JSON.parse(text)) as Answer
  }
  const made = async (path: string, body: unknown): Promise<string> => String((await send('POST', path, body)).id)
  const assistant = await made('/assistants', { name: 'Mine', model: 'asks' })
  const tool = await made('/tools', { name: TOOL, type: 'function', function: { function: { name: TOOL, description: 'Looks up.' } } })
  await send('POST', `/assistants/${assistant}/tools/${tool}`)
  const thread = await made('/threads', { participant_ids: [user], meta_data: { a: 1 } })
  const said = { thread_id: thread, assistant_id: assistant }
  const message = await made('/messages', { ...said, content: 'A secret.', role: 'user', sender_id: user })
  const plannedRun = await made('/runs', said)
  const run = await made('/runs', said)
  await send('POST', '/completions', { ...said, model: 'asks', run_id: run })
  const action = await eventually(async () => {
    const pending = (await send('GET', `/actions/pending/${run}`)) as unknown as { action_id: string }[]
    return pending[0]?.action_id
  })
  const form = new FormData()
  for (const [name, value] of Object.entries({ purpose: 'assistants', user_id: user })) form.set(name, value)
  form.set('file', new File(['A secret.'], 'secret.txt', { type: 'text/plain' }))
  const file = await made('/uploads', form)
  const store = `vect_${crypto.randomUUID().replaceAll('-', '').slice(0, 22)}`
  const dimensions = { vector_size: 3, distance_metric: 'cosine' }
  await send('POST', '/vector-stores', { shared_id: store, name: 'Mine', user_id: user, ...dimensions })
  const entry = `vsf_${crypto.randomUUID()}`
  const path = `/secrets/${crypto.randomUUID()}.txt`
  await send('POST', `/vector-stores/${store}/files`, { file_id: entry, file_name: 'secret.txt', file_path: path })
  await send('POST', `/assistants/${assistant}/vector-stores/${store}/attach`)
  return { user, keyPrefix: key.slice(0, 8), assistant, tool, thread, message, plannedRun, run, action, file, store, entry, path }
}

const TABLES =
  'app_user assistant assistant_version thread message message_draft run run_step tool_call run_event tool action ownership association file file_object vector_store store_entry idempotency'.split(
    ' ',
  )

/** All rows of a tenant, but for the signs of life. */
export async function contentsOf({ app }: Served, tenantId: string): Promise<string[]> {
  const rows = await Promise.all(
    TABLES.map(async (table) => {
      const found = await app.db.query(
        `select to_jsonb(x) - 'lease_until' as row from ${table} x where x.tenant_id = $1 order by to_jsonb(x)::text`,
        [tenantId],
      )
      return `${table} ${JSON.stringify(found)}`
    }),
  )
  const keys = await app.db.query(
    `select to_jsonb(k) - 'last_used_at' as row from api_key k where k.tenant_id = $1 order by to_jsonb(k)::text`,
    [tenantId],
  )
  return [...rows, `api_key ${JSON.stringify(keys)}`]
}

export const nobody = (): Ids => ({
  ...{ user: spell('user', newId()), keyPrefix: `ea_${crypto.randomUUID().slice(0, 5)}`, assistant: spell('assistant', newId()) },
  ...{ tool: spell('tool', newId()), thread: spell('thread', newId()), message: spell('message', newId()) },
  ...{ plannedRun: spell('run', newId()), run: spell('run', newId()), action: spell('action', newId()), file: spell('file', newId()) },
  ...{ store: `vect_${crypto.randomUUID().slice(0, 22)}`, entry: `vsf_${crypto.randomUUID()}`, path: `/none/${crypto.randomUUID()}.txt` },
})
