import type { Db } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import type { AssociationKind, Owned, OwnedKind } from './ownership.ts'

interface Row {
  object_id: string
  user_id: string | null
  alias: string | null
  thread_id: string | null
  facts: string | null
  created_at: number
}

const COLUMNS = 'o.object_id, o.user_id, o.alias, o.thread_id, o.facts, o.created_at'

const fromRow = (r: Row): Owned => ({
  ...{ id: r.object_id, userId: r.user_id, alias: r.alias, threadId: r.thread_id, createdAt: r.created_at },
  facts: r.facts === null ? {} : (JSON.parse(r.facts) as JsonObject),
})

const MINE = "o.tenant_id is not distinct from $1::uuid and o.kind || '' = $2"

/** False: the alias is taken, or the object has an owner. */
export async function insertOwned(db: Db, key: { tenantId: string; kind: OwnedKind }, owned: Owned): Promise<boolean> {
  const rows = await db.hot(
    `insert into ownership (tenant_id, kind, object_id, user_id, alias, thread_id, facts, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8::float8 / 1000.0)) on conflict do nothing returning object_id`,
    [key.tenantId, key.kind, owned.id, owned.userId, owned.alias, owned.threadId, JSON.stringify(owned.facts), owned.createdAt],
  )
  return rows.length === 1
}

export async function readOwned(db: Db, key: { tenantId: string; kind: OwnedKind }, ids: readonly string[]): Promise<Owned[]> {
  if (ids.length === 0) return []
  const rows = await db.hot<Row>(
    `select ${COLUMNS} from unnest($3::text::uuid[]) as i(id) cross join lateral (select * from ownership o where o.object_id = i.id and ${MINE} offset 0) o`,
    [key.tenantId, key.kind, `{${ids.join(',')}}`],
  )
  return rows.map(fromRow)
}

/** Until the end of the transaction. */
export async function lockOwned(db: Db, key: { tenantId: string; kind: OwnedKind }, id: string): Promise<Owned | undefined> {
  const rows = await db.hot<Row>(`select ${COLUMNS} from ownership o where o.object_id = $3 and ${MINE} for no key update`, [
    ...[key.tenantId, key.kind, id],
  ])
  return rows[0] && fromRow(rows[0])
}

export async function readAlias(db: Db, key: { tenantId: string; kind: OwnedKind }, alias: string): Promise<Owned | undefined> {
  const rows = await db.hot<Row>(`select ${COLUMNS} from ownership o where o.tenant_id = $1 and o.kind = $2 and o.alias = $3`, [
    ...[key.tenantId, key.kind, alias],
  ])
  return rows[0] && fromRow(rows[0])
}

/** Oldest first. `userId` null: of everybody. */
export async function listOwnedRows(
  db: Db,
  key: { tenantId: string; kind: OwnedKind },
  filter: { userId: string | null; threadId: string | null; limit: number },
): Promise<Owned[]> {
  const rows = await db.query<Row>(
    `select ${COLUMNS} from ownership o where o.tenant_id = $1 and o.kind = $2 and ($3::uuid is null or o.user_id = $3::uuid)
      and ($4::uuid is null or o.thread_id = $4::uuid) order by o.object_id limit $5::int`,
    [key.tenantId, key.kind, filter.userId, filter.threadId, filter.limit],
  )
  return rows.map(fromRow)
}

/** Of a row that the transaction has locked. */
export async function writeFacts(
  db: Db,
  key: { tenantId: string; kind: OwnedKind },
  { id, facts }: Pick<Owned, 'id' | 'facts'>,
): Promise<void> {
  await db.hot(`update ownership as o set facts = $4 where o.object_id = $3 and ${MINE}`, [
    key.tenantId,
    key.kind,
    id,
    JSON.stringify(facts),
  ])
}

export async function deleteOwned(db: Db, key: { tenantId: string; kind: OwnedKind }, id: string): Promise<void> {
  await db.hot(`delete from ownership as o where o.object_id = $3 and ${MINE}`, [key.tenantId, key.kind, id])
}

export interface AssociationKey {
  tenantId: string
  kind: AssociationKind
}

/** False: they belong together already. */
export async function insertAssociation(db: Db, key: AssociationKey, pair: { from: string; to: string; at: number }): Promise<boolean> {
  const rows = await db.hot(
    `insert into association (tenant_id, kind, from_id, to_id, created_at) values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000.0))
    on conflict do nothing returning from_id`,
    [key.tenantId, key.kind, pair.from, pair.to, pair.at],
  )
  return rows.length === 1
}

const PAIR = "a.tenant_id is not distinct from $1::uuid and a.kind || '' = $2"

export async function deleteAssociation(db: Db, key: AssociationKey, pair: { from: string; to: string }): Promise<boolean> {
  const rows = await db.hot(`delete from association as a where a.from_id = $3 and a.to_id = $4 and ${PAIR} returning a.from_id`, [
    ...[key.tenantId, key.kind, pair.from, pair.to],
  ])
  return rows.length === 1
}

/** All of one object; one of the two sides. */
export async function deleteAssociations(db: Db, key: AssociationKey, side: { from: string } | { to: string }): Promise<void> {
  const [column, id] = 'from' in side ? ['from_id', side.from] : ['to_id', side.to]
  await db.hot(`delete from association as a where a.${column} = $3 and ${PAIR}`, [key.tenantId, key.kind, id])
}

/** Ids of the other side, in the order in which they came together. */
export async function readAssociated(db: Db, key: AssociationKey, side: { from: string } | { to: string }): Promise<string[]> {
  const [mine, other, id] = 'from' in side ? ['from_id', 'to_id', side.from] : ['to_id', 'from_id', side.to]
  const rows = await db.hot<{ id: string }>(
    `select a.${other} as id from association a where a.${mine} = $3 and ${PAIR} order by a.created_at, a.${other}`,
    [key.tenantId, key.kind, id],
  )
  return rows.map((row) => row.id)
}

export async function isAssociatedRow(db: Db, key: AssociationKey, pair: { from: string; to: string }): Promise<boolean> {
  const rows = await db.hot(`select 1 from association a where a.from_id = $3 and a.to_id = $4 and ${PAIR}`, [
    ...[key.tenantId, key.kind, pair.from, pair.to],
  ])
  return rows.length === 1
}

/** As much of a user as it takes to say what belongs to whom. */
export interface Owner {
  id: string
  isAdmin: boolean
}

export async function readUser(db: Db, tenantId: string, id: string): Promise<Owner | undefined> {
  const rows = await db.hot<{ id: string; is_admin: boolean }>(
    'select u.id, u.is_admin from app_user u where u.id = $1 and u.tenant_id is not distinct from $2::uuid',
    [id, tenantId],
  )
  return rows[0] && { id: rows[0].id, isAdmin: rows[0].is_admin }
}

/** Which thread a message is in. */
export async function readMessageThread(db: Db, tenantId: string, id: string): Promise<string | undefined> {
  const rows = await db.hot<{ thread_id: string }>(
    'select m.thread_id from message m where m.id = $1 and m.tenant_id is not distinct from $2::uuid and m.deleted_at is null',
    [id, tenantId],
  )
  return rows[0]?.thread_id
}

/** Until the end of the transaction: whoever removes a user locks the row and then looks for what belongs to it. */
export async function lockUser(db: Db, tenantId: string, id: string): Promise<boolean> {
  const rows = await db.hot('select 1 from app_user u where u.id = $1 and u.tenant_id is not distinct from $2::uuid for share', [
    id,
    tenantId,
  ])
  return rows.length === 1
}
