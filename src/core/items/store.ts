import type { Db, Param, Statement } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'
import type { Condition } from './filter.ts'
import { conditionSql } from './filter-store.ts'
import type { Item, ItemPath } from './items.ts'
import { endOf, readNamespace, spellNamespace } from './namespace.ts'

export interface WriteRow {
  namespace: string
  key: string
  /** JSON text; null removes the item. */
  value: string | null
  ttl: number | null
}
export interface Write {
  tenantId: string
  /** Written together or not at all; the last of several with one key counts. */
  rows: WriteRow[]
  at: number
}

const WRITE = `with x as materialized (select *, to_timestamp(at / 1000.0) as t
    from json_to_recordset($1::text::json) as x(tenant_id uuid, namespace text, key text, value text, ttl double precision, at double precision)),
  gone as (delete from item i using x where x.value is null and i.tenant_id = x.tenant_id and i.namespace = x.namespace and i.key = x.key)
  insert into item as i (tenant_id, namespace, key, value, ttl_minutes, expires_at, created_at, updated_at)
  select tenant_id, namespace, key, value::jsonb, ttl, to_timestamp((at + ttl * 60000) / 1000.0), t, t from x where value is not null
  on conflict (tenant_id, namespace, key) do update set value = excluded.value, ttl_minutes = excluded.ttl_minutes,
    expires_at = excluded.expires_at, updated_at = excluded.updated_at,
    created_at = case when i.expires_at <= excluded.updated_at then excluded.created_at else i.created_at end`

/** Neither of them holds NUL. */
const idOf = (namespace: string, key: string): string => `${namespace}\0${key}`

/** Rows in one order for all writers, so that two of them never wait for each other. */
const inOrder = <T extends { namespace: string; key: string }>(rows: T[]): T[] =>
  rows.sort((a, b) => compare(a.namespace, b.namespace) || compare(a.key, b.key))

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

async function write(db: Db, items: Write[]): Promise<void> {
  const rows = new Map<string, WriteRow & { tenant_id: string; at: number }>()
  for (const { tenantId, rows: given, at } of items) {
    for (const row of given) rows.set(tenantId + idOf(row.namespace, row.key), { ...row, tenant_id: tenantId, at })
  }
  await db.hot(WRITE, [JSON.stringify(inOrder([...rows.values()]))])
}

/** One statement at a time in a process: two would often want the same rows. */
const shared: Statement<Write, void> = {
  name: 'item.write',
  lanes: 1,
  itemsMax: 64,
  run: async (db, items) => {
    await write(db, items)
    return items.map(() => undefined)
  },
}

/** Above this a write goes alone. */
const SHARED_BYTES_MAX = 64 * 1024

export async function writeRows(db: Db, input: Write): Promise<void> {
  const bytes = input.rows.reduce((sum, row) => sum + (row.value?.length ?? 0), 0)
  await (bytes > SHARED_BYTES_MAX ? write(db, [input]) : db.batch(shared, input))
}

interface Row {
  namespace: string
  key: string
  created_at: number
  updated_at: number
  ttl_minutes: number | null
}

const itemFromRow = (row: Row, value: JsonObject): Item => ({
  namespace: readNamespace(row.namespace),
  key: row.key,
  value,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

const pathText = (paths: readonly ItemPath[]): string =>
  JSON.stringify(inOrder(paths.map(({ namespace, key }) => ({ namespace: spellNamespace(namespace), key }))))

/** Shape of a reading: when it happens, and whether it counts as a use. */
export interface Reading {
  at: number
  refresh: boolean
}

/** Answers in the order of `paths`. */
export async function readRows(
  db: Db,
  tenantId: string,
  { paths, at, refresh }: Reading & { paths: readonly ItemPath[] },
): Promise<(Item | null)[]> {
  const rows = await db.hot<Row & { value: JsonObject }>(
    `select i.namespace, i.key, i.value, i.created_at, i.updated_at, i.ttl_minutes
    from json_to_recordset($2::text::json) as x(namespace text, key text) join item i on i.tenant_id = $1::uuid and i.namespace = x.namespace and i.key = x.key
    where i.expires_at is null or i.expires_at > to_timestamp($3::float8 / 1000.0)`,
    [tenantId, pathText(paths), at],
  )
  if (refresh) await touch(db, tenantId, { rows, at })
  const found = new Map(rows.map((row) => [idOf(row.namespace, row.key), itemFromRow(row, row.value)]))
  return paths.map(({ namespace, key }) => found.get(idOf(spellNamespace(namespace), key)) ?? null)
}

/** Items that live by their use live on. */
async function touch(db: Db, tenantId: string, { rows, at }: { rows: Row[]; at: number }): Promise<void> {
  const mortal = rows.filter((row) => row.ttl_minutes !== null).map(({ namespace, key }) => ({ namespace, key }))
  if (mortal.length === 0) return
  await db.hot(
    `update item i set expires_at = to_timestamp(($3::float8 + i.ttl_minutes * 60000) / 1000.0)
    from json_to_recordset($2::text::json) as x(namespace text, key text)
    where i.tenant_id = $1::uuid and i.namespace = x.namespace and i.key = x.key and i.expires_at > to_timestamp($3::float8 / 1000.0)
      and i.expires_at < to_timestamp(($3::float8 + i.ttl_minutes * 60000) / 1000.0)`,
    [tenantId, JSON.stringify(inOrder(mortal)), at],
  )
}

export interface Search extends Reading {
  prefix: readonly string[]
  conditions: readonly Condition[]
  limit: number
  offset: number
  bytesMax: number
}

/**
 * Latest change first; undefined: together the items are larger than `bytesMax`.
 * The values are made text outside of the sorted part, so that only those of the page are read.
 */
export async function searchRows(db: Db, tenantId: string, search: Search): Promise<Item[] | undefined> {
  const params: Param[] = [tenantId, search.at, search.limit, search.offset, search.bytesMax]
  const add = (value: string): string => `$${params.push(value)}::text`
  const where = ['tenant_id = $1', '(expires_at is null or expires_at > to_timestamp($2::float8 / 1000.0))']
  if (search.prefix.length > 0) {
    const start = spellNamespace(search.prefix)
    where.push(`namespace >= ${add(start)}`, `namespace < ${add(endOf(start))}`)
  }
  for (const condition of search.conditions) where.push(conditionSql(condition, 'value', add))
  const rows = await db.query<Row & { value: string | null; bytes: number }>(
    `with page as materialized (select namespace, key, value, created_at, updated_at, ttl_minutes from item where ${where.join(' and ')}
      order by updated_at desc, namespace, key limit $3 offset $4),
    texts as materialized (select namespace, key, value::text as value, created_at, updated_at, ttl_minutes from page),
    size as (select coalesce(sum(octet_length(value)), 0)::float8 as bytes from texts)
    select namespace, key, case when bytes <= $5::float8 then value end as value, created_at, updated_at, ttl_minutes, bytes
    from texts, size order by updated_at desc, namespace, key`,
    params,
  )
  if (rows.some((row) => row.value === null)) return undefined
  if (search.refresh) await touch(db, tenantId, { rows, at: search.at })
  return rows.map((row) => itemFromRow(row, JSON.parse(row.value ?? '{}') as JsonObject))
}

/** How many were removed. */
export const deleteExpiredRows = (db: Db, { at, limit }: { at: number; limit: number }): Promise<number> =>
  deleteOldRows(db, { table: 'item', time: 'expires_at' }, { until: at, limit })
