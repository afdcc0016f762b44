import type { Db } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import { LISTED } from './message-list-store.ts'
import { type MessageRow, messageFromRow, READ } from './message-store.ts'
import type { SpokenCall, TranscriptMessage } from './transcript.ts'

interface SpokenRow extends MessageRow {
  tool_calls: string | null
  tool_call_id: string | null
}

const SPOKEN = `${READ}, m.tool_calls, m.tool_call_id`
/** What was said, whoever said it: a removal is an instruction to a graph. */
const SAID = `m.role <> 'remove' and m.deleted_at is null`
const BYTES = `octet_length(m.content) + coalesce(octet_length(m.tool_calls), 0) as bytes`

export const spokenFromRow = (row: SpokenRow): TranscriptMessage => ({
  ...messageFromRow(row),
  calls: callsOf(row.tool_calls),
  callId: row.tool_call_id === '' ? null : row.tool_call_id,
})

function callsOf(text: string | null): SpokenCall[] {
  if (text === null) return []
  const calls = JSON.parse(text) as { id?: string; name: string; args: JsonObject }[]
  return calls.map(({ id = '', name, args }) => ({ id, name, args }))
}

export interface SpokenPage {
  threadId: string
  /** Whether the newest state says what belongs to the conversation, not the log. */
  byHead: boolean
  order: 'asc' | 'desc'
  limit: number
  /** Of all contents together. */
  bytesMax: number
}

/** Places of thread $2 as relation `p`. */
const inLog = (order: string): string => `with p as materialized (select m.id, m.seq as pos, ${BYTES} from message m
  where m.tenant_id = $1 and m.thread_id = $2 and ${SAID} order by m.seq ${order} limit $3::int)`

const inHead = (order: string): string => `with recursive ${LISTED},
  p as materialized (select x.id, x.pos, m.bytes from (select x.id, x.pos from x order by x.pos ${order} offset 0) x
    cross join lateral (select ${BYTES} from message m where m.id = x.id and m.thread_id is not distinct from $2::uuid
      and m.tenant_id is not distinct from $1::uuid and ${SAID} offset 0) m
    order by x.pos ${order} limit $3::int)`

/** Undefined: they hold more than `bytesMax`, and were not read. */
export async function listSpokenRows(db: Db, tenantId: string, page: SpokenPage): Promise<TranscriptMessage[] | undefined> {
  const order = page.order === 'asc' ? 'asc' : 'desc'
  const places = page.byHead ? inHead(order) : inLog(order)
  const read = `${places} select ${SPOKEN} from (select p.id, p.pos, sum(p.bytes) over () as total from p offset 0) p
      left join lateral (select m.* from message m where m.id = p.id and p.total <= $4::float8 and m.tenant_id is not distinct from $1::uuid offset 0) m on true
    order by p.pos ${order}`
  const given = [tenantId, page.threadId, page.limit, page.bytesMax]
  // What a head holds is found by keys alone; a log is long or short.
  const rows = await (page.byHead ? db.hot<SpokenRow | { id: null }>(read, given) : db.query<SpokenRow | { id: null }>(read, given))
  if (rows.some((row) => row.id === null)) return undefined
  return (rows as SpokenRow[]).map(spokenFromRow)
}

interface Key {
  threadId: string
  id: string
}

const ONE = `m.id = $1 and m.thread_id = $2 and m.tenant_id is not distinct from $3::uuid and ${SAID}`

export async function readSpokenRow(db: Db, tenantId: string, { threadId, id }: Key): Promise<TranscriptMessage | undefined> {
  const rows = await db.hot<SpokenRow>(`select ${SPOKEN} from message m where ${ONE}`, [id, threadId, tenantId])
  return rows[0] && spokenFromRow(rows[0])
}

/** Until the end of the transaction nobody else changes it. */
export async function lockSpokenRow(db: Db, tenantId: string, { threadId, id }: Key): Promise<TranscriptMessage | undefined> {
  const rows = await db.hot<SpokenRow>(`select ${SPOKEN} from message m where ${ONE} for no key update`, [id, threadId, tenantId])
  return rows[0] && spokenFromRow(rows[0])
}

/** Of a row that the transaction has locked. */
export async function writeSpokenMetadata(
  db: Db,
  tenantId: string,
  { threadId, id, metadata }: Key & { metadata: Record<string, string> },
): Promise<void> {
  await db.hot(`update message m set metadata = $4::text::jsonb where ${ONE}`, [id, threadId, tenantId, JSON.stringify(metadata)])
}

export async function deleteSpokenRow(db: Db, tenantId: string, { threadId, id, at }: Key & { at: number }): Promise<boolean> {
  const rows = await db.hot(`update message m set deleted_at = to_timestamp($4::float8 / 1000.0) where ${ONE} returning m.id`, [
    ...[id, threadId, tenantId, at],
  ])
  return rows.length === 1
}
