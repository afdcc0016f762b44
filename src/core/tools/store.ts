import type { Db } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import type { Tool, ToolChange } from './tools.ts'

interface Row {
  id: string
  user_id: string | null
  name: string
  type: string
  definition: string | null
  created_at: number
  updated_at: number
}

const COLUMNS = 't.id, t.user_id, t.name, t.type, t.definition, t.created_at, t.updated_at'

const fromRow = (r: Row): Tool => ({
  ...{ id: r.id, userId: r.user_id, name: r.name, type: r.type, hosted: null, createdAt: r.created_at, updatedAt: r.updated_at },
  definition: r.definition === null ? null : (JSON.parse(r.definition) as JsonObject),
})

const textOf = (definition: JsonObject | null): string | null => (definition === null ? null : JSON.stringify(definition))

/** Until the end of the transaction no other tool of the tenant gets a name. */
export async function lockNames(db: Db, tenantId: string): Promise<void> {
  await db.hot(`select pg_advisory_xact_lock(hashtextextended('tool names ' || $1::text, 0))`, [tenantId])
}

const OF_OWNER = `t.tenant_id is not distinct from $1::uuid and t.user_id is not distinct from $2::uuid`

/** Whether an owner has a tool of this name, other than `except`, and how many he has. */
export async function readNames(
  db: Db,
  owner: { tenantId: string; userId: string | null },
  { name, except }: { name: string; except: string | null },
): Promise<{ taken: boolean; count: number }> {
  const rows = await db.query<{ taken: boolean; n: number }>(
    `select count(*)::int as n, coalesce(bool_or(t.name = $3 and t.id is distinct from $4::uuid), false) as taken
    from tool t where t.tenant_id = $1 and ${OF_OWNER}`,
    [owner.tenantId, owner.userId, name, except],
  )
  return { taken: rows[0]?.taken ?? false, count: rows[0]?.n ?? 0 }
}

export async function insertTool(db: Db, tenantId: string, tool: Tool): Promise<void> {
  await db.hot(
    `insert into tool (id, tenant_id, user_id, name, type, definition, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, to_timestamp($7::float8 / 1000.0), to_timestamp($8::float8 / 1000.0))`,
    [tool.id, tenantId, tool.userId, tool.name, tool.type, textOf(tool.definition), tool.createdAt, tool.updatedAt],
  )
}

/** Those that are there, in the order of `ids`. */
export async function readTools(db: Db, tenantId: string, ids: readonly string[]): Promise<Tool[]> {
  if (ids.length === 0) return []
  const rows = await db.hot<Row>(
    `select ${COLUMNS} from unnest($2::text::uuid[]) with ordinality as i(id, nth) cross join lateral
      (select * from tool t where t.id = i.id and t.tenant_id is not distinct from $1::uuid offset 0) t order by i.nth`,
    [tenantId, `{${ids.join(',')}}`],
  )
  return rows.map(fromRow)
}

/** Until the end of the transaction it is neither changed nor removed. */
export async function lockTool(db: Db, tenantId: string, id: string): Promise<Tool | undefined> {
  const rows = await db.hot<Row>(`select ${COLUMNS} from tool t where t.id = $1 and t.tenant_id is not distinct from $2::uuid for update`, [
    id,
    tenantId,
  ])
  return rows[0] && fromRow(rows[0])
}

/** Whose tools a caller sees: all of the tenant for a manager; else his own, the tenant's and those of admins. */
export interface Viewer {
  tenantId: string
  userId: string | null
  all: boolean
}

const SEEN = `t.tenant_id = $1 and ($3::boolean or t.user_id is null or t.user_id = $2::uuid
  or exists (select 1 from app_user u where u.id = t.user_id and u.is_admin))`

/** Oldest first. */
export async function listToolRows(db: Db, viewer: Viewer, limit: number): Promise<Tool[]> {
  const rows = await db.query<Row>(`select ${COLUMNS} from tool t where ${SEEN} order by t.created_at, t.id limit $4::int`, [
    ...[viewer.tenantId, viewer.userId, viewer.all, limit],
  ])
  return rows.map(fromRow)
}

/** The caller's own first, then the tenant's, then the oldest. */
export async function findNamed(db: Db, viewer: Viewer, name: string): Promise<Tool | undefined> {
  const rows = await db.query<Row>(
    `select ${COLUMNS} from tool t where t.name = $4 and ${SEEN}
    order by t.user_id is not distinct from $2::uuid desc, t.user_id is null desc, t.created_at, t.id limit 1`,
    [viewer.tenantId, viewer.userId, viewer.all, name],
  )
  return rows[0] && fromRow(rows[0])
}

/** Of a row that the transaction has locked. */
export async function writeTool(db: Db, id: string, tool: Required<ToolChange> & { updatedAt: number }): Promise<void> {
  await db.hot(`update tool set name = $2, type = $3, definition = $4, updated_at = to_timestamp($5::float8 / 1000.0) where id = $1`, [
    ...[id, tool.name, tool.type, textOf(tool.definition), tool.updatedAt],
  ])
}

export async function deleteToolRow(db: Db, id: string): Promise<void> {
  await db.hot('delete from tool where id = $1', [id])
}
