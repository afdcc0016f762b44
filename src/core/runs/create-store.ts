import type { Statement } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import { MESSAGE_COLUMNS, MESSAGE_RECORD, type MessageRecord, messageValues } from '../threads/message-rows.ts'

export interface NewRunRecord {
  id: string
  tenant_id: string
  thread_id: string
  assistant_id: string
  status: 'queued' | 'running'
  options: string
  metadata: JsonObject
  worker_id: string | null
  lease_ms: number | null
  at: number
  expires: number
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

const RECORD = `id uuid, tenant_id uuid, thread_id uuid, assistant_id uuid, status text, options text, metadata jsonb, worker_id uuid, lease_ms int,
  at float8, expires float8, n int, data text, messages int`

/** The fields of a message that the engine makes its input of. */
export const PENDING = `json_build_object('id', m.id, 'tenant_id', m.tenant_id, 'thread_id', m.thread_id, 'seq', m.seq, 'key', m.key, 'role', m.role, 'content', m.content,
  'tool_calls', m.tool_calls, 'tool_call_id', m.tool_call_id, 'run_id', m.run_id, 'extra', m.extra)`

/**
 * Create, and claim where this process has a free slot, in one commit; the answer carries what the executor needs.
 * No row back: no such thread or assistant for this tenant, or a run holds the thread.
 * `or x.id is null`: see decision 1. The assistant is looked up before the thread is touched, so that a wrong one does not leave the thread busy.
 */
export const createRunStatement: Statement<NewRunItem, CreatedRow | undefined> = {
  name: 'run.create',
  lanes: 2,
  itemsMax: 64,
  async run(db, items) {
    const messages = items.flatMap((i) => i.messages)
    const params = [JSON.stringify(items.map((i) => i.run))]
    if (messages.length) params.push(JSON.stringify(messages))
    const rows = await db.hot<CreatedRow>(
      `with x as materialized (select * from json_to_recordset($1::text::json) as x(${RECORD})),
      a as materialized (select x.id as run_id, v.id as version_id, v.config from x
        join assistant a on a.id = x.assistant_id and a.tenant_id is not distinct from x.tenant_id and (a.deleted_at is null or x.id is null)
        join assistant_version v on v.assistant_id = a.id and v.version = a.version),
      t as (update thread t set status = 'busy', run_id = x.id, next_seq = t.next_seq + x.messages from x join a on a.run_id = x.id
        where t.id = x.thread_id and t.tenant_id is not distinct from x.tenant_id and (t.run_id is null or x.id is null)
        returning t.id, t.head_id, t.head_seq, t.next_seq - x.messages as base, x.id as run_id),
      r as (insert into run (id, tenant_id, thread_id, assistant_id, assistant_version_id, status, options, metadata, worker_id, lease_until, created_at, started_at, expires_at)
        select x.id, x.tenant_id, x.thread_id, x.assistant_id, a.version_id, x.status, x.options, x.metadata, x.worker_id, now() + x.lease_ms * interval '1 ms',
          to_timestamp(x.at / 1000.0), case when x.status = 'running' then to_timestamp(x.at / 1000.0) end, to_timestamp(x.expires / 1000.0)
        from x join t on t.run_id = x.id join a on a.run_id = x.id),
      e as (insert into run_event (run_id, seq, tenant_id, n, data) select x.id, 1, x.tenant_id, x.n, x.data from x join t on t.run_id = x.id)
      ${
        messages.length
          ? `, m as (insert into message (${MESSAGE_COLUMNS}) select ${messageValues('m.tenant_id', 't.base + m.seq')}
        from json_to_recordset($2::text::json) as m(for_run uuid, ${MESSAGE_RECORD}) join t on t.run_id = m.for_run)`
          : ''
      }
      select t.run_id as id, a.config, t.head_id, t.head_seq, t.base,
        (select json_agg(${PENDING} order by m.seq) from message m
          where m.thread_id = t.id and m.seq > t.head_seq and m.seq < t.base and m.deleted_at is null) as pending
      from t join a on a.run_id = t.run_id`,
      params,
    )
    const byId = new Map(rows.map((r) => [r.id, r]))
    return items.map((i) => byId.get(i.run.id))
  },
}
