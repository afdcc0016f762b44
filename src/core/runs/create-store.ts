import type { Db, Statement } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import { MESSAGE_COLUMNS, MESSAGE_RECORD, type MessageRecord, messageValues } from '../threads/message-rows.ts'
import { NEW_THREAD_RECORD, type ThreadRecord } from '../threads/thread-rows.ts'

export interface NewRunRecord {
  id: string
  tenant_id: string
  thread_id: string
  assistant_id: string
  status: 'queued' | 'running'
  options: string
  metadata: JsonObject
  /** Null: the built-in graph with the thread's new messages; an assistant of another graph then counts as missing. */
  call: string | null
  /** JSON of the command that it begins with. */
  resume: string | null
  strategy: string
  /** What the thread remembers of it. */
  graph: string
  thread_config: string | null
  thread_metadata: JsonObject | null
  worker_id: string | null
  lease_ms: number | null
  at: number
  run_at: number
  expires: number | null
  /** The first segment of the journal: `n` events from seq 1. */
  n: number
  data: string
  /** How many messages come with the run. */
  messages: number
}

export interface NewRunItem {
  run: NewRunRecord
  /** Their `seq` counts from 0 within the run, which `for_run` names: a message of a client belongs to no run. */
  messages: (MessageRecord & { for_run: string })[]
  /** The thread is made in the same statement. */
  thread?: ThreadRecord
}

export interface CreatedRow {
  id: string
  config: string
  head_id: string | null
  head_seq: number
  /** Sequence number of the first message that came with the run. */
  base: number
  /** Messages of the thread that no checkpoint names yet, oldest first. */
  pending: MessageRecord[] | null
}

const RECORD = `id uuid, tenant_id uuid, thread_id uuid, assistant_id uuid, status text, options text, metadata jsonb, call text, resume text, strategy text, graph text,
  thread_config text, thread_metadata jsonb, worker_id uuid, lease_ms int, at float8, run_at float8, expires float8, n int, data text, messages int`

const RUN_COLUMNS = `id, tenant_id, thread_id, assistant_id, assistant_version_id, status, options, metadata, call, resume, strategy, worker_id, lease_until, created_at,
  run_at, started_at, expires_at`
const RUN_VALUES = `x.id, x.tenant_id, x.thread_id, x.assistant_id, a.version_id, x.status, x.options, x.metadata, x.call, x.resume, x.strategy, x.worker_id,
  now() + x.lease_ms * interval '1 ms', to_timestamp(x.at / 1000.0), to_timestamp(x.run_at / 1000.0), case when x.status = 'running' then to_timestamp(x.at / 1000.0) end,
  to_timestamp(x.expires / 1000.0)`

/** The assistant is looked up before the thread is touched, so that a wrong one does not leave the thread busy. */
const ASSISTANT = `a as materialized (select x.id as run_id, v.id as version_id, v.config from x
    join assistant a on a.id = x.assistant_id and a.tenant_id = x.tenant_id and (a.deleted_at is null or x.id is null)
    join assistant_version v on v.assistant_id = a.id and v.tenant_id = a.tenant_id and v.version = a.version and (x.call is not null or v.graph || '' = 'assistant'))`

/** The fields of a message that the engine makes its input of. */
export const PENDING = `json_build_object('id', m.id, 'tenant_id', m.tenant_id, 'thread_id', m.thread_id, 'seq', m.seq, 'key', m.key, 'role', m.role, 'content', m.content,
  'tool_calls', m.tool_calls, 'tool_call_id', m.tool_call_id, 'run_id', m.run_id, 'extra', m.extra)`

const SAID_CHANGE = `config = coalesce(x.thread_config, t.config), by_head = t.by_head or x.call is not null,
  metadata = t.metadata || coalesce(x.thread_metadata, '{}'), updated_at = to_timestamp(x.at / 1000.0)`
const THREAD_CHANGE = `graph = coalesce(x.graph, t.graph), ${SAID_CHANGE}`

/** New threads of the batch that belong to a run, or nothing where there are none. */
const newThreads = (
  source: string,
): string => `nt as (insert into thread (id, tenant_id, metadata, next_seq, by_head, graph, config, temporary, ttl_minutes, expires_at, status, run_id, created_at, updated_at)
    select y.id, y.tenant_id, y.metadata || coalesce(x.thread_metadata, '{}'), 1 + x.messages, x.call is not null, x.graph, x.thread_config, y.temporary, y.ttl_minutes,
      to_timestamp(y.expires / 1000.0), 'busy', x.id, to_timestamp(y.at / 1000.0), to_timestamp(y.at / 1000.0)
    from ${source} join x on x.thread_id = y.id and x.tenant_id = y.tenant_id join a on a.run_id = x.id
    on conflict (id, tenant_id) do nothing returning id, tenant_id, null::uuid as head_id, 0 as head_seq, 1 as base, run_id),`

/**
 * Create, and claim where this process has a free slot, in one commit; the answer carries what the executor needs.
 * No row back: no such thread or assistant for this tenant, or a run holds the thread, or one waits.
 * `or x.id is null`: see decision 1.
 */
export const createRunStatement: Statement<NewRunItem, CreatedRow | undefined> = {
  name: 'run.create',
  lanes: 2,
  itemsMax: 64,
  async run(db, items) {
    const params: string[] = []
    const given = (list: unknown[], record: string, alias: string): string => {
      params.push(JSON.stringify(list))
      return `json_to_recordset($${params.length}::text::json) as ${alias}(${record})`
    }
    // The order in which threads are locked: two of these statements must not wait for each other.
    const inOrder = items.toSorted((a, b) => (a.run.thread_id < b.run.thread_id ? -1 : 1))
    const messages = items.flatMap((i) => i.messages)
    const threads = inOrder.flatMap((i) => i.thread ?? [])
    const parts = [
      `x as materialized (select * from ${given(
        inOrder.map((i) => i.run),
        RECORD,
        'x',
      )}), ${ASSISTANT},`,
    ]
    const made = threads.length > 0
    if (made) parts.push(newThreads(given(threads, NEW_THREAD_RECORD, 'y')))
    parts.push(
      `${made ? 'ut' : 't'} as (update thread t set status = 'busy', run_id = x.id, next_seq = t.next_seq + x.messages, ${THREAD_CHANGE} from x join a on a.run_id = x.id
        where t.id = x.thread_id and t.tenant_id is not distinct from x.tenant_id and ((t.run_id is null and t.next_at is null) or x.id is null)
        returning t.id, t.tenant_id, t.head_id, t.head_seq, t.next_seq - x.messages as base, x.id as run_id),
      ${made ? 't as materialized (select * from ut union all select * from nt),' : ''}
      r as (insert into run (${RUN_COLUMNS}, base_id, base_seq) select ${RUN_VALUES}, t.head_id, t.head_seq
        from x join t on t.run_id = x.id join a on a.run_id = x.id),
      e as (insert into run_event (run_id, seq, tenant_id, n, data) select x.id, 1, x.tenant_id, x.n, x.data from x join t on t.run_id = x.id)`,
    )
    if (messages.length)
      parts.push(`, m as (insert into message (${MESSAGE_COLUMNS}) select ${messageValues('m.tenant_id', 't.base + m.seq')}
        from ${given(messages, `for_run uuid, ${MESSAGE_RECORD}`, 'm')} join t on t.run_id = m.for_run)`)
    const rows = await db.hot<CreatedRow>(
      `with ${parts.join('\n')} select t.run_id as id, a.config, t.head_id, t.head_seq, t.base,
        (select json_agg(${PENDING} order by m.seq) from message m
          where m.thread_id = t.id and m.tenant_id = t.tenant_id and m.seq > t.head_seq and m.seq < t.base and m.deleted_at is null) as pending
      from t join a on a.run_id = t.run_id`,
      params,
    )
    const byId = new Map(rows.map((r) => [r.id, r]))
    return items.map((i) => byId.get(i.run.id))
  },
}

/** A run that waits behind others, or for its time, and is not the thread's graph until then: of a thread that the transaction has locked. The assistant's config; undefined: there is no such assistant. */
export async function insertBehind(db: Db, run: NewRunRecord): Promise<string | undefined> {
  const rows = await db.hot<{ config: string }>(
    `with x as materialized (select * from json_to_recordset($1::text::json) as x(${RECORD})), ${ASSISTANT},
    t as (update thread t set next_at = least(t.next_at, to_timestamp(x.run_at / 1000.0)), graph = coalesce(t.graph, x.graph), ${SAID_CHANGE}
      from x join a on a.run_id = x.id
      where t.id = x.thread_id and t.tenant_id is not distinct from x.tenant_id),
    r as (insert into run (${RUN_COLUMNS}, ready) select ${RUN_VALUES}, false from x join a on a.run_id = x.id returning id),
    e as (insert into run_event (run_id, seq, tenant_id, n, data) select x.id, 1, x.tenant_id, x.n, x.data from x join a on a.run_id = x.id)
    select a.config from a`,
    [JSON.stringify([run])],
  )
  return rows[0]?.config
}
