import type { Db } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import type { RunStatus } from '../runs/status.ts'
import type { Action, ActionStatus } from './actions.ts'

interface Row {
  id: string
  thread_id: string
  run_id: string
  tool_id: string | null
  tool_name: string
  call_id: string | null
  arguments: string
  status: ActionStatus
  output: string | null
  result: string | null
  triggered_at: number
  expires_at: number | null
  processed_at: number | null
  run_status: RunStatus | null
  run_ended_at: number | null
}

/** As stored, and how the run stands that it is for: null where that has not begun. */
export interface StoredAction extends Action {
  runStatus: RunStatus | null
  runEndedAt: number | null
}

const COLUMNS = `a.id, a.thread_id, a.run_id, a.tool_id, a.tool_name, a.call_id, a.arguments, a.status, a.output, a.result, a.triggered_at, a.expires_at,
  a.processed_at, r.status as run_status, r.ended_at as run_ended_at`
const FROM = 'action a left join run r on r.id = a.run_id and r.tenant_id is not distinct from a.tenant_id'

const fromRow = (r: Row): StoredAction => ({
  ...{ id: r.id, threadId: r.thread_id, runId: r.run_id, toolId: r.tool_id, toolName: r.tool_name, callId: r.call_id },
  ...{ arguments: JSON.parse(r.arguments) as JsonObject, status: r.status, output: r.output },
  ...{ result: r.result === null ? null : (JSON.parse(r.result) as JsonObject), triggeredAt: r.triggered_at, expiresAt: r.expires_at },
  ...{ processedAt: r.processed_at, runStatus: r.run_status, runEndedAt: r.run_ended_at },
})

export interface NewAction {
  id: string
  toolName: string
  /** Absent: the assistant's tool of that name. */
  toolId?: string
  callId: string | null
  arguments: JsonObject
  status: ActionStatus
}

export interface NewActions {
  tenantId: string
  threadId: string
  runId: string
  assistantId: string
  at: number
  expiresAt: number | null
  actions: NewAction[]
}

/** In the given order, which is that of their times. Tools are found by their names among the assistant's. Those that are there stay as they are; of a thread that is gone, nothing is written. */
export async function insertActions(db: Db, input: NewActions): Promise<void> {
  const rows = input.actions.map((a, n) => ({
    ...{ id: a.id, name: a.toolName, tool_id: a.toolId ?? null, call_id: a.callId, arguments: JSON.stringify(a.arguments) },
    ...{ status: a.status, n },
  }))
  await db.hot(
    `with h as materialized (select t.id from thread t where t.id = $3::uuid and t.tenant_id is not distinct from $2::uuid for key share)
    insert into action (id, tenant_id, thread_id, run_id, tool_id, tool_name, call_id, arguments, status, triggered_at, expires_at, processed_at)
    select x.id, $2, h.id, $4, coalesce(x.tool_id, (select t.id from association s join tool t on t.id = s.to_id and t.tenant_id is not distinct from s.tenant_id
        where s.from_id = $5::uuid and s.kind || '' = 'assistant_tool' and s.tenant_id is not distinct from $2::uuid and t.name || '' = x.name
        order by s.created_at limit 1)),
      x.name, x.call_id, x.arguments, x.status, to_timestamp($6::float8 / 1000.0) + x.n * interval '1 ms', to_timestamp($7::float8 / 1000.0),
      case when x.status not in ('pending', 'processing', 'retrying') then to_timestamp($6::float8 / 1000.0) end
    from json_to_recordset($1::text::json) as x(id uuid, name text, tool_id uuid, call_id text, arguments text, status text, n int), h on conflict do nothing`,
    [JSON.stringify(rows), input.tenantId, input.threadId, input.runId, input.assistantId, input.at, input.expiresAt],
  )
}

/** In the order in which they came. */
export async function readActions(
  db: Db,
  tenantId: string,
  { runIds, limit }: { runIds: string[]; limit: number },
): Promise<StoredAction[]> {
  if (runIds.length === 0) return []
  const rows = await db.hot<Row>(
    `select x.* from unnest($2::text::uuid[]) as i(id) cross join lateral (select ${COLUMNS} from ${FROM}
      where a.run_id = i.id and a.tenant_id is not distinct from $1::uuid order by a.triggered_at, a.id limit $3::int) x
    order by x.triggered_at, x.id`,
    [tenantId, `{${runIds.join(',')}}`, limit],
  )
  return rows.map(fromRow)
}

const ONE = `select ${COLUMNS} from ${FROM} where a.id = $1 and a.tenant_id is not distinct from $2::uuid`

export async function readAction(db: Db, tenantId: string, id: string): Promise<StoredAction | undefined> {
  const rows = await db.hot<Row>(ONE, [id, tenantId])
  return rows[0] && fromRow(rows[0])
}

/** As `readAction`, and nobody changes it until the end of the transaction. */
export async function lockAction(db: Db, tenantId: string, id: string): Promise<StoredAction | undefined> {
  const rows = await db.hot<Row>(`${ONE} for update of a`, [id, tenantId])
  return rows[0] && fromRow(rows[0])
}

/** Of a row that the transaction has locked. */
export async function writeAction(db: Db, { id, status, output, result, processedAt }: Action): Promise<void> {
  await db.hot(`update action set status = $2, output = $3, result = $4, processed_at = to_timestamp($5::float8 / 1000.0) where id = $1`, [
    id,
    status,
    output,
    result && JSON.stringify(result),
    processedAt,
  ])
}

/** False: there is none. */
export async function deleteActionRow(db: Db, tenantId: string, id: string): Promise<boolean> {
  const rows = await db.hot(`delete from action as a where a.id = $1 and a.tenant_id is not distinct from $2::uuid returning a.id`, [
    id,
    tenantId,
  ])
  return rows.length === 1
}

export async function deleteActionsOf(db: Db, tenantId: string, runId: string): Promise<void> {
  await db.hot(`delete from action as a where a.run_id = $1 and a.tenant_id is not distinct from $2::uuid`, [runId, tenantId])
}

/** What nobody has seen to yet. */
export async function endOpenActions(
  db: Db,
  tenantId: string,
  { runId, status, at }: { runId: string; status: 'cancelled' | 'expired'; at: number },
): Promise<void> {
  await db.hot(
    `update action as a set status = $3, processed_at = to_timestamp($4::float8 / 1000.0)
    where a.run_id = $1 and a.tenant_id is not distinct from $2::uuid and a.processed_at is null`,
    [runId, tenantId, status, at],
  )
}

/** Of all tenants. Those of a run that ended in another way than by its time were given up with it. */
export async function expireActionRows(db: Db, now: number, limit: number): Promise<number> {
  const rows = await db.hot(
    `with d as materialized (select id from action where processed_at is null and expires_at <= to_timestamp($1::float8 / 1000.0)
      order by expires_at limit $2 for update skip locked)
    update action as a set status = case when (r.status || '') in ('completed', 'incomplete', 'failed', 'cancelled') then 'cancelled' else 'expired' end,
      processed_at = coalesce(r.ended_at, a.expires_at)
    from d left join action b on b.id = d.id left join run r on r.id = b.run_id and r.tenant_id is not distinct from b.tenant_id
    where a.id = d.id returning a.id`,
    [now, limit],
  )
  return rows.length
}
