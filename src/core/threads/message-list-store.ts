import type { Db } from '../../drivers/records/port.ts'
import { keyset, type Page, type PageRequest, toPage, unknownCursor } from '../page.ts'
import { type MessageRow, messageFromRow, READ, SHOWN } from './message-store.ts'
import type { Message } from './messages.ts'

/** Behind every place in a list. */
const PENDING = 1_000_000_000
const EVERYTHING = 2_147_483_647

/** `offset 0` keeps Postgres from looking at all versions of a channel instead of this one: on a new database that costs the same. */
const valueAt = (ns: string, version: string): string => `select b.* from channel_blob b
  where b.thread_id = $2 and b.ns = ${ns} and b.channel = 'messages' and b.version = ${version} and b.tenant_id is not distinct from $1::uuid offset 0`

/**
 * The messages of thread $2 of tenant $1 as relation `x`, `pos` being their place: the list that the head's `messages`
 * channel holds, put together from the versions it is stored in, and behind it what no checkpoint names yet. Where the head
 * of a graph has no such list, there is only the log.
 */
export const LISTED = `t as materialized (select head_id, head_seq, graph from thread where id = $2 and tenant_id is not distinct from $1::uuid),
  k(ns, base, base_ns, keep, ids, is_list, upto) as (
    select b.ns, b.base, b.base_ns, coalesce(b.keep, 0), b.message_ids, b.message_ids is not null or b.data = '[]', ${EVERYTHING}
    from t cross join lateral (select c.versions->>'messages' as version from checkpoint c
        where c.thread_id = $2 and c.ns = '' and c.id = t.head_id and c.tenant_id is not distinct from $1::uuid offset 0) c
      cross join lateral (${valueAt("''", 'c.version')}) b
    union all
    select b.ns, b.base, b.base_ns, coalesce(b.keep, 0), b.message_ids, true, least(k.upto, k.keep)
    from k cross join lateral (${valueAt('coalesce(k.base_ns, k.ns)', 'k.base')}) b),
  x as materialized (
    select u.id, min(k.keep + u.n) as pos from k, unnest(k.ids) with ordinality as u(id, n) where k.keep + u.n <= k.upto group by u.id
    union all
    select m.id, ${PENDING} + m.seq from t join message m on m.thread_id = $2 and m.tenant_id is not distinct from $1::uuid
      and m.seq > case when coalesce((select bool_and(is_list) from k), t.graph = 'assistant') then t.head_seq else 0 end)`

/** Rows of `m` for those of `x`, one look-up each, in their order: what a page does not show is not read. */
const shownOf = (x: string, more = ''): string =>
  `from (${x} offset 0) x cross join lateral (select m.* from message m
    where m.id = x.id and m.thread_id is not distinct from $2::uuid and m.tenant_id is not distinct from $1::uuid and ${SHOWN}${more} offset 0) m`

/** As `listMessageRows`, of a thread whose lists show what the head holds. Each page puts the whole list of ids together. */
export async function listHeadRows(
  db: Db,
  tenantId: string,
  input: { threadId: string; page: PageRequest; runId?: string },
): Promise<Page<Message>> {
  const { threadId, page, runId } = input
  for (const side of ['after', 'before'] as const) {
    const id = page[side]
    if (id !== undefined && !(await isListed(db, tenantId, { threadId, id }))) throw unknownCursor(side, id)
  }
  const fixed = runId === undefined ? [tenantId, threadId] : [tenantId, threadId, runId]
  const keys = keyset(page, 'x.pos', (p) => `(select pos from x where id = ${p})`, fixed.length + 1)
  const where = keys.where.length > 0 ? `where ${keys.where.join(' and ')}` : ''
  const from = shownOf(`select x.id, x.pos from x ${where} order by ${keys.orderBy}`, runId === undefined ? '' : ' and m.run_id = $3')
  const rows = await db.hot<MessageRow>(
    `with recursive ${LISTED} select ${READ} ${from} order by ${keys.orderBy} limit $${fixed.length + keys.params.length + 1}`,
    [...fixed, ...keys.params, keys.limit],
  )
  return toPage(rows.map(messageFromRow), page, keys)
}

const isListed = async (db: Db, tenantId: string, key: { threadId: string; id: string }): Promise<boolean> =>
  (await db.hot(`with recursive ${LISTED} select x.id ${shownOf('select x.id from x where x.id = $3')}`, [tenantId, key.threadId, key.id]))
    .length > 0
