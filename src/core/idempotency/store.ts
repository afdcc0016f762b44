import type { Db } from '../../drivers/records/port.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'

export interface IdempotencyRow {
  tenantId: string
  key: string
  route: string
  bodyHash: string
}

const KEY = 'tenant_id = $1 and key = $2 and route = $3'
const keyOf = (row: IdempotencyRow): [string, string, string] => [row.tenantId, row.key, row.route]

/** Inside a transaction: takes the key, or answers what an earlier request left there. */
export async function lockRow(db: Db, row: IdempotencyRow, now: number): Promise<{ body_hash: string; answer: string } | undefined> {
  const taken = await db.hot(
    `insert into idempotency (tenant_id, key, route, body_hash, created_at) values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000.0))
    on conflict do nothing returning key`,
    [...keyOf(row), row.bodyHash, now],
  )
  if (taken.length === 1) return undefined
  const rows = await db.hot<{ body_hash: string; answer: string }>(
    `select body_hash, answer from idempotency where ${KEY} and answer is not null`,
    keyOf(row),
  )
  return rows[0]
}

export async function finishRow(db: Db, row: IdempotencyRow, answer: string): Promise<void> {
  await db.hot(`update idempotency set answer = $4, locked_until = null where ${KEY}`, [...keyOf(row), answer])
}

/** Inside the transaction of the effect. False: somebody else has done it, or is at it. */
export async function keepRow(db: Db, row: IdempotencyRow, answer: string): Promise<boolean> {
  const kept = await db.hot(
    `update idempotency set answer = $4, locked_until = null where ${KEY} and answer is null and body_hash || '' = $5 returning key`,
    [...keyOf(row), answer, row.bodyHash],
  )
  return kept.length === 1
}

export async function renewRow(db: Db, row: IdempotencyRow, lockedUntil: number): Promise<void> {
  await db.hot(`update idempotency set locked_until = to_timestamp($4::float8 / 1000.0) where ${KEY} and answer is null`, [
    ...keyOf(row),
    lockedUntil,
  ])
}

export async function forgetRow(db: Db, row: IdempotencyRow): Promise<void> {
  await db.hot(`delete from idempotency where ${KEY} and answer is null`, keyOf(row))
}

/** Takes the key for a while, or says who has it and what came of it. */
export async function beginRow(
  db: Db,
  row: IdempotencyRow,
  time: { now: number; lockedUntil: number },
): Promise<{ mine: boolean; body_hash: string; answer: string | null }> {
  const taken = await db.hot(
    `insert into idempotency as i (tenant_id, key, route, body_hash, created_at, locked_until)
    values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000.0), to_timestamp($6::float8 / 1000.0))
    on conflict (tenant_id, key, route) do update set locked_until = excluded.locked_until
    where i.answer is null and i.body_hash = excluded.body_hash and i.locked_until < excluded.created_at returning key`,
    [...keyOf(row), row.bodyHash, time.now, time.lockedUntil],
  )
  if (taken.length === 1) return { mine: true, body_hash: row.bodyHash, answer: null }
  const rows = await db.hot<{ body_hash: string; answer: string | null }>(
    `select body_hash, answer from idempotency where ${KEY}`,
    keyOf(row),
  )
  return { mine: false, ...(rows[0] ?? { body_hash: row.bodyHash, answer: null }) }
}

export const deleteOldAnswers = (db: Db, before: number, limit: number): Promise<number> =>
  deleteOldRows(db, { table: 'idempotency', time: 'created_at' }, { before, limit })
