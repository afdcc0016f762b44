import type { Db } from '../../drivers/records/port.ts'
import { transactAgain } from '../runs/deadlock.ts'
import { DELETE_UNNAMED_BLOBS } from './checkpoint-rows.ts'

interface Key {
  id: string
  tenant_id: string
}
const KEYS = `json_to_recordset($1::text::json) as x(id uuid, tenant_id uuid)`

/** Of threads that are locked: what no cascade reaches is found once they are gone, as nothing can follow. */
async function deleteLocked(db: Db, keys: readonly Key[]): Promise<{ run_id: string | null }[]> {
  if (keys.length === 0) return []
  const given = [JSON.stringify(keys)]
  const rows = await db.hot<{ run_id: string | null }>(
    `delete from thread t using ${KEYS} where t.id = x.id and t.tenant_id is not distinct from x.tenant_id returning t.run_id`,
    given,
  )
  const state = (table: string) =>
    `delete from ${table} s using ${KEYS} where s.thread_id = x.id and s.tenant_id is not distinct from x.tenant_id`
  const users = `delete from association a using ${KEYS} where a.from_id = x.id and a.kind || '' = 'thread_user' and a.tenant_id is not distinct from x.tenant_id`
  await db.hot(`with a as (${state('checkpoint')}), b as (${state('channel_blob')}), u as (${users}) ${state('checkpoint_write')}`, given)
  return rows
}

/** Always in the same order, so that two of these do not wait for each other. */
const lockGiven = (db: Db, tenantId: string, ids: readonly string[], condition: string): Promise<Key[]> =>
  db.hot<Key>(
    `select t.id, t.tenant_id from thread t where t.id = any($1::text::uuid[]) and t.tenant_id is not distinct from $2::uuid and ${condition} order by t.id for update`,
    [`{${ids.join(',')}}`, tenantId],
  )

/** Answers the run that held it, for each thread that was there. */
export const deleteThreadRows = (db: Db, tenantId: string, ids: readonly string[]): Promise<{ run_id: string | null }[]> =>
  transactAgain(db, async (tx) => deleteLocked(tx, await lockGiven(tx, tenantId, ids, 'true')))

/** Not at work: a run may wait for an answer. */
const IDLE = `t.status <> 'busy' and t.next_at is null`

/** Nobody has still to be told what its runs came to. */
const TOLD = `not exists (select 1 from run r join job j on j.subject = r.id and j.kind || '' = 'webhook'
  where r.thread_id = t.id and r.tenant_id is not distinct from t.tenant_id)`

/** When threads that were at work are looked at again. */
interface Again {
  temporaryMs: number
  lastingMs: number
}

/**
 * Those whose time is really over are removed. A thread that was used since, or is at work, gets a later time: `expires_at`
 * is moved when it is met, not with every use. Answers how many were looked at.
 */
export const expireThreadRows = (db: Db, input: { now: number; limit: number; again: Again }): Promise<number> =>
  db.transaction(async (tx) => {
    const rows = await tx.hot<Key & { until: number; idle: boolean; temporary: boolean }>(
      `select t.id, t.tenant_id, ${IDLE} and ${TOLD} as idle, coalesce(case when not t.temporary then greatest(t.updated_at, t.state_at) + t.ttl_minutes * interval '1 minute' end, t.expires_at) as until
      from thread t where t.expires_at <= to_timestamp($1::float8 / 1000.0) order by t.expires_at limit $2 for update skip locked`,
      [input.now, input.limit],
    )
    const isOver = (row: (typeof rows)[number]) => row.idle && row.until <= input.now
    await deleteLocked(
      tx,
      rows.filter(isOver).map(({ id, tenant_id }) => ({ id, tenant_id })),
    )
    const kept = rows.filter((row) => !isOver(row))
    const later = (row: (typeof rows)[number]) =>
      Math.max(row.until, input.now + (row.temporary ? input.again.temporaryMs : input.again.lastingMs))
    if (kept.length > 0)
      await tx.hot(
        `update thread t set expires_at = to_timestamp(x.until / 1000.0) from json_to_recordset($1::text::json) as x(id uuid, tenant_id uuid, until float8)
        where t.id = x.id and t.tenant_id is not distinct from x.tenant_id`,
        [JSON.stringify(kept.map((row) => ({ id: row.id, tenant_id: row.tenant_id, until: later(row) })))],
      )
    return rows.length
  })

/**
 * What stays: the head and, for a run that has not ended, where it began; in each namespace of a subgraph the newest
 * checkpoint, if it belongs to one of those or outlives runs. Threads whose head is told by what came before it (delta
 * channels) are left alone.
 */
const KEPT = `k0 as materialized (select t.id as thread_id, t.tenant_id, c.id from x join thread t on t.id = x.id and t.tenant_id is not distinct from x.tenant_id
    join checkpoint c on c.thread_id = t.id and c.ns = '' and c.tenant_id is not distinct from t.tenant_id
    left join run r on r.id = t.run_id where c.id = t.head_id or c.id = r.base_id),
  sub as materialized (select distinct on (c.thread_id, c.tenant_id, c.ns) c.thread_id, c.tenant_id, c.ns, c.id, c.metadata->'parents'->>'' as root
    from x join checkpoint c on c.thread_id = x.id and c.tenant_id is not distinct from x.tenant_id where c.ns <> ''
    order by c.thread_id, c.tenant_id, c.ns, c.id desc),
  keep as materialized (select thread_id, tenant_id, '' as ns, id from k0
    union all select s.thread_id, s.tenant_id, s.ns, s.id from sub s
    where s.ns not like '%:%' or exists (select 1 from k0 where k0.thread_id = s.thread_id and k0.tenant_id = s.tenant_id and k0.id::text = s.root))`

const isKept = (row: string, id: string): string =>
  `exists (select 1 from keep k where k.thread_id = ${row}.thread_id and k.tenant_id = ${row}.tenant_id and k.ns = ${row}.ns and k.id = ${id})`

/** Answers how many of the threads have only their newest state now. */
export const keepLatestRows = (db: Db, tenantId: string, ids: readonly string[]): Promise<number> =>
  db.transaction(async (tx) => {
    const keys = await lockGiven(
      tx,
      tenantId,
      ids,
      `${IDLE} and (not t.temporary or t.run_id is not null) and not exists (select 1 from checkpoint c where c.thread_id = t.id and c.tenant_id = t.tenant_id
        and c.ns = '' and c.id = t.head_id and c.metadata->'counters_since_delta_snapshot' is not null)`,
    )
    if (keys.length === 0) return 0
    const given = [JSON.stringify(keys)]
    await tx.hot(
      `with x as materialized (select * from ${KEYS}), ${KEPT},
      c as (delete from checkpoint c using x where c.thread_id = x.id and c.tenant_id is not distinct from x.tenant_id and not ${isKept('c', 'c.id')}),
      p as (update checkpoint c set parent_id = null from keep k where c.thread_id = k.thread_id and c.tenant_id is not distinct from k.tenant_id and c.ns = k.ns
        and c.id = k.id and c.parent_id is not null
        and not exists (select 1 from keep o where o.thread_id = c.thread_id and o.tenant_id = c.tenant_id and o.ns = c.ns and o.id = c.parent_id))
      delete from checkpoint_write w using x where w.thread_id = x.id and w.tenant_id is not distinct from x.tenant_id and not ${isKept('w', 'w.checkpoint_id')}`,
      given,
    )
    await tx.hot(DELETE_UNNAMED_BLOBS, given)
    return keys.length
  })
