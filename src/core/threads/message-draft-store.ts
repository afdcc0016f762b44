import type { Db } from '../../drivers/records/port.ts'
import { deleteOldRows } from '../sweeps/old-rows.ts'

export interface DraftKey {
  tenantId: string
  threadId: string
  /** Who writes, in the words of the dialect. */
  author: string
}

export interface DraftPiece extends DraftKey {
  text: string
  bytes: number
  bytesMax: number
  now: number
  /** A draft that is older than this was given up. */
  freshSince: number
}

const MINE = 'd.thread_id = $2 and d.author = $3 and d.tenant_id is not distinct from $1::uuid'
const mineOf = (key: DraftKey): [string, string, string] => [key.tenantId, key.threadId, key.author]

/** A part takes pieces until it has these. What comes next costs as much as the part, not as the draft. */
const PART_BYTES = 8192

/** Behind what has come so far. Undefined: it would hold more than `bytesMax`, or there is no such thread. */
export async function appendDraft(db: Db, piece: DraftPiece): Promise<number | undefined> {
  await db.hot(`delete from message_draft d where ${MINE} and d.updated_at < to_timestamp($4::float8 / 1000.0)`, [
    ...mineOf(piece),
    piece.freshSince,
  ])
  const rows = await db.hot<{ bytes: number }>(
    `with d as (insert into message_draft as d (tenant_id, thread_id, author, bytes, updated_at)
      select t.tenant_id, t.id, $3, $5::int, to_timestamp($7::float8 / 1000.0) from thread t
        where t.id = $2 and t.tenant_id is not distinct from $1::uuid and $5::int <= $6::int for key share
      on conflict (thread_id, author, tenant_id) do update set bytes = d.bytes + excluded.bytes, updated_at = excluded.updated_at
        where d.bytes + excluded.bytes <= $6::int
      returning d.tenant_id, d.thread_id, d.author, d.bytes),
    p as (insert into message_draft_part as p (tenant_id, thread_id, author, n, text)
      select d.tenant_id, d.thread_id, d.author, (d.bytes - $5::int) / ${PART_BYTES}, $4 from d
      on conflict (thread_id, author, tenant_id, n) do update set text = p.text || excluded.text)
    select d.bytes from d`,
    [...mineOf(piece), piece.text, piece.bytes, piece.bytesMax, piece.now],
  )
  return rows[0]?.bytes
}

/** What has come. Inside a transaction: it is gone with its end, and what comes meanwhile waits for that. */
export async function takeDraftRow(db: Db, key: DraftKey & { freshSince: number }): Promise<string> {
  const mine = mineOf(key)
  const held = await db.hot<{ fresh: boolean }>(
    `select d.updated_at >= to_timestamp($4::float8 / 1000.0) as fresh from message_draft d where ${MINE} for update`,
    [...mine, key.freshSince],
  )
  if (!held[0]) return ''
  // By a statement of its own: it sees what was written while the lock was waited for.
  const rows = await db.hot<{ text: string | null }>(
    `select string_agg(d.text, '' order by d.n) as text from message_draft_part d where ${MINE}`,
    mine,
  )
  await db.hot(`delete from message_draft d where ${MINE}`, mine)
  return held[0].fresh ? (rows[0]?.text ?? '') : ''
}

/** With their parts. */
export const deleteOldDrafts = (db: Db, before: number, limit: number): Promise<number> =>
  deleteOldRows(db, { table: 'message_draft', time: 'updated_at' }, { before, limit })
