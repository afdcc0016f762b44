import type { Db } from '../../drivers/records/port.ts'
import type { Role } from '../access/roles.ts'

/** A user of a tenant. */
export interface UserId {
  tenantId: string
  userId: string
}

export interface UserThread {
  id: string
  /** Others take part in it. */
  shared: boolean
}

/** Threads that are the user's or that he takes part in. */
export const readThreads = (db: Db, { tenantId, userId }: UserId, limit: number): Promise<UserThread[]> =>
  db.query<UserThread>(
    `select t.id, exists (select 1 from association p where p.from_id = t.id and p.kind = 'thread_user' and p.tenant_id = $1
      and p.to_id <> $2) as shared
    from (
      select o.object_id as id from ownership o where o.tenant_id = $1 and o.kind = 'thread' and o.user_id = $2
      union
      select a.from_id from association a where a.to_id = $2 and a.kind = 'thread_user' and a.tenant_id = $1
    ) t order by t.id limit $3::int`,
    [tenantId, userId, limit],
  )

const list = (ids: readonly string[]): string => `{${ids.join(',')}}`

/** What is left of threads that are gone. */
export async function forgetThreads(db: Db, tenantId: string, ids: readonly string[]): Promise<void> {
  await db.query(
    `with a as (delete from association where from_id = any($2::text::uuid[]) and kind = 'thread_user' and tenant_id = $1)
    delete from ownership where object_id = any($2::text::uuid[]) and kind = 'thread' and tenant_id = $1`,
    [tenantId, list(ids)],
  )
}

/** Threads of others go on without the user; those that were his are the tenant's. */
export async function leaveThreads(db: Db, { tenantId, userId }: UserId, ids: readonly string[]): Promise<void> {
  await db.query(
    `with a as (delete from association where from_id = any($3::text::uuid[]) and kind = 'thread_user' and tenant_id = $1 and to_id = $2)
    update ownership set user_id = null
    where object_id = any($3::text::uuid[]) and kind = 'thread' and tenant_id = $1 and user_id = $2`,
    [tenantId, userId, list(ids)],
  )
}

/** Of one kind; they become the tenant's. Answers how many, at most `limit`. */
export async function handOver(db: Db, { tenantId, userId }: UserId, { kind, limit }: { kind: string; limit: number }): Promise<number> {
  const rows = await db.query(
    `update ownership as o set user_id = null
    from (select object_id from ownership where tenant_id = $1 and kind = $3 and user_id = $2 order by object_id limit $4::int) x
    where o.object_id = x.object_id and o.kind = $3 and o.tenant_id = $1 and o.user_id = $2 returning 1`,
    [tenantId, userId, kind, limit],
  )
  return rows.length
}

/** Those whose name no tool of the tenant's has become the tenant's. */
export async function handOverTools(db: Db, { tenantId, userId }: UserId): Promise<void> {
  await db.query(
    `update tool as t set user_id = null where t.tenant_id = $1 and t.user_id = $2
      and not exists (select 1 from tool o where o.tenant_id = $1 and o.user_id is null and o.name = t.name)`,
    [tenantId, userId],
  )
}

/** With their places at assistants. Answers how many, at most `limit`. */
export async function deleteTools(db: Db, { tenantId, userId }: UserId, limit: number): Promise<number> {
  const rows = await db.query(
    `with gone as (
      delete from tool where id in (select id from tool where tenant_id = $1 and user_id = $2 limit $3::int) returning id
    ), a as (
      delete from association a using gone where a.to_id = gone.id and a.kind = 'assistant_tool' and a.tenant_id = $1
    ) select id from gone`,
    [tenantId, userId, limit],
  )
  return rows.length
}

export async function deleteKeys(db: Db, { tenantId, userId }: UserId): Promise<void> {
  await db.query(`delete from api_key where tenant_id = $1 and user_id = $2 and prefix <> ''`, [tenantId, userId])
}

/** Whether anything is left that names the user, but himself. */
export async function hasBelongings(db: Db, { tenantId, userId }: UserId): Promise<boolean> {
  const rows = await db.query<{ left: boolean }>(
    `select exists (select 1 from ownership where tenant_id = $1 and user_id = $2
        and kind in ('assistant', 'thread', 'message', 'run', 'file', 'vector_store'))
      or exists (select 1 from association where to_id = $2 and kind in ('thread_user', 'assistant_user') and tenant_id = $1)
      or exists (select 1 from tool where tenant_id = $1 and user_id = $2)
      or exists (select 1 from api_key where user_id = $2 and prefix <> '') as left`,
    [tenantId, userId],
  )
  return rows[0]?.left === true
}

/** Of nobody where he is gone. */
/** What somebody is above others by. */
export interface Rank {
  role: Role | null
  isOperator: boolean
  isAdmin: boolean
}

export async function readRank(db: Db, { tenantId, userId }: UserId): Promise<Rank> {
  const rows = await db.hot<{ role: Role | null; is_operator: boolean; is_admin: boolean }>(
    `select u.role, u.is_operator, u.is_admin from app_user u where u.id = $2 and u.tenant_id is not distinct from $1::uuid`,
    [tenantId, userId],
  )
  const [row] = rows
  return { role: row?.role ?? null, isOperator: row?.is_operator ?? false, isAdmin: row?.is_admin ?? false }
}

/** False: he is gone already. */
export async function deleteUserRow(db: Db, { tenantId, userId }: UserId): Promise<boolean> {
  const rows = await db.query(`delete from app_user where id = $2 and tenant_id = $1 returning id`, [tenantId, userId])
  return rows.length === 1
}
