import type { Db } from '../../drivers/records/port.ts'

export async function writeSecret(
  db: Db,
  { runId, tenantId, sealed, at }: { runId: string; tenantId: string; sealed: string; at: number },
): Promise<void> {
  await db.hot(
    `insert into run_secret as s (run_id, tenant_id, sealed, created_at) values ($1, $2, $3, to_timestamp($4::float8 / 1000.0))
    on conflict (run_id) do update set sealed = excluded.sealed, created_at = excluded.created_at where s.tenant_id = excluded.tenant_id`,
    [runId, tenantId, sealed, at],
  )
}

export async function readSecret(db: Db, tenantId: string, runId: string): Promise<string | undefined> {
  const rows = await db.hot<{ sealed: string }>(
    'select s.sealed from run_secret s where s.run_id = $1 and s.tenant_id is not distinct from $2::uuid',
    [runId, tenantId],
  )
  return rows[0]?.sealed
}

export async function deleteSecret(db: Db, tenantId: string, runId: string): Promise<void> {
  await db.hot('delete from run_secret as s where s.run_id = $1 and s.tenant_id is not distinct from $2::uuid', [runId, tenantId])
}

/** Oldest first; of a run that has not begun only when it is older than `unusedSince`. Answers how many went. */
export async function deleteSecretsOfEndedRuns(db: Db, { unusedSince, limit }: { unusedSince: number; limit: number }): Promise<number> {
  const rows = await db.query(
    `delete from run_secret where run_id in (
      select s.run_id from run_secret s left join run r on r.id = s.run_id
      where case when r.id is null then s.created_at < to_timestamp($1::float8 / 1000.0)
        else r.status in ('completed', 'incomplete', 'failed', 'expired', 'cancelled') end
      order by s.created_at limit $2::int) returning run_id`,
    [unusedSince, limit],
  )
  return rows.length
}
