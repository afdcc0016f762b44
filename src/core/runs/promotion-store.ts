import type { Db } from '../../drivers/records/port.ts'

export interface ThreadKey {
  id: string
  tenantId: string
}

export interface HeldThread {
  run_id: string | null
  next_at: number | null
}

/** Who holds the thread now; a later look may find another. */
export async function peekThread(db: Db, thread: ThreadKey): Promise<HeldThread | undefined> {
  const rows = await db.hot<HeldThread>(`select run_id, next_at from thread where id = $1 and tenant_id is not distinct from $2::uuid`, [
    thread.id,
    thread.tenantId,
  ])
  return rows[0]
}

/** As `peekThread`, and nobody changes it until the end of the transaction. */
export async function lockThread(db: Db, thread: ThreadKey): Promise<HeldThread | undefined> {
  const rows = await db.hot<HeldThread>(
    `select run_id, next_at from thread where id = $1 and tenant_id is not distinct from $2::uuid for update`,
    [thread.id, thread.tenantId],
  )
  return rows[0]
}

/** Threads nobody is at work on, with a run that may begin. */
export async function threadsWithDueRuns(db: Db, now: number, limit: number): Promise<ThreadKey[]> {
  const rows = await db.hot<{ id: string; tenant_id: string }>(
    `select id, tenant_id from thread where next_at <= to_timestamp($1::float8 / 1000.0) and status <> 'busy' order by next_at limit $2`,
    [now, limit],
  )
  return rows.map((r) => ({ id: r.id, tenantId: r.tenant_id }))
}

const BEHIND = `r.thread_id = $1 and r.tenant_id is not distinct from $2::uuid and r.status = 'queued' and not r.ready`

/** Ids of the runs behind the one that holds the thread, in the order of their turns. */
export async function runsBehind(db: Db, thread: ThreadKey, limit: number): Promise<string[]> {
  const rows = await db.hot<{ id: string }>(`select r.id from run r where ${BEHIND} order by r.run_at, r.id limit $3`, [
    thread.id,
    thread.tenantId,
    limit,
  ])
  return rows.map((r) => r.id)
}

/** Whether the first run behind is a call of a graph, which goes on from where the thread stands. */
export async function nextIsCall(db: Db, thread: ThreadKey): Promise<boolean> {
  const rows = await db.hot<{ is_call: boolean }>(
    `select r.call is not null as is_call from run r where ${BEHIND} order by r.run_at, r.id limit 1`,
    [thread.id, thread.tenantId],
  )
  return rows[0]?.is_call ?? true
}

/** Nobody holds it and nobody waits for it: of a thread that the transaction has locked. */
export async function freeThread(db: Db, thread: ThreadKey): Promise<void> {
  await db.hot(`update thread set run_id = null, next_at = null where id = $1 and tenant_id is not distinct from $2::uuid`, [
    thread.id,
    thread.tenantId,
  ])
}

/**
 * The first run behind holds the thread from now on, unless it is not its time yet, or somebody is about to end it. Of a
 * thread that the transaction has locked and that nobody holds. Answers its id.
 */
export async function holdNext(db: Db, thread: ThreadKey, now: number): Promise<string | undefined> {
  const rows = await db.hot<{ id: string | null }>(
    `with p as materialized (select r.id, r.call from run r where ${BEHIND} and r.run_at <= to_timestamp($3::float8 / 1000.0) order by r.run_at, r.id limit 1 for update skip locked),
    r as (update run r set ready = true, base_id = t.head_id, base_seq = t.head_seq from p, thread t
      where r.id = p.id and t.id = $1 and t.tenant_id is not distinct from $2::uuid),
    n as materialized (select min(r.run_at) as at from run r where ${BEHIND} and r.id is distinct from (select id from p))
    update thread t set run_id = p.id, status = case when p.id is null then t.status else 'busy' end, next_at = n.at,
      graph = case when p.id is null then t.graph else coalesce(p.call::json ->> 'graph', 'assistant') end
    from n left join p on true where t.id = $1 and t.tenant_id is not distinct from $2::uuid returning p.id`,
    [thread.id, thread.tenantId, now],
  )
  return rows[0]?.id ?? undefined
}
