import type { Db } from '../../drivers/records/port.ts'
import { keyset, type Page, type PageRequest, toPage, unknownCursor } from '../page.ts'
import { type MessageRow, messageFromRow, READ, SHOWN } from './message-store.ts'
import type { Message } from './messages.ts'

/** Behind every place in a list. */
const PENDING = 1_000_000_000
const EVERYTHING = 2_147_483_647

/**
 * The messages of thread $2 of tenant $1 as relation `s`, `pos` being their place: the list that the head's `messages`
 * channel holds, put together from the versions it is stored in, and behind it what no checkpoint names yet. Where the head
 * of a graph has no such list, there is only the log.
 */
const LISTED = `t as materialized (select head_id, head_seq, graph from thread where id = $2 and tenant_id = $1),
  k(ns, base, base_ns, keep, ids, is_list, upto) as (
    select b.ns, b.base, b.base_ns, coalesce(b.keep, 0), b.message_ids, b.message_ids is not null or b.data = '[]', ${EVERYTHING}
    from t join checkpoint c on c.thread_id = $2 and c.ns = '' and c.id = t.head_id and c.tenant_id = $1
      join channel_blob b on b.thread_id = $2 and b.ns = '' and b.channel = 'messages' and b.version = c.versions->>'messages' and b.tenant_id = $1
    union all
    select b.ns, b.base, b.base_ns, coalesce(b.keep, 0), b.message_ids, true, least(k.upto, k.keep)
    from k join channel_blob b on b.thread_id = $2 and b.ns = coalesce(k.base_ns, k.ns) and b.channel = 'messages' and b.version = k.base and b.tenant_id = $1),
  l as materialized (select u.id, min(k.keep + u.n) as pos from k, unnest(k.ids) with ordinality as u(id, n) where k.keep + u.n <= k.upto group by u.id),
  s as materialized (select m.*, coalesce(l.pos, ${PENDING} + m.seq) as pos from t cross join message m left join l on l.id = m.id
    where m.tenant_id = $1 and m.thread_id = $2 and ${SHOWN}
      and (l.id is not null or m.seq > t.head_seq or not coalesce((select bool_and(is_list) from k), t.graph = 'assistant')))`

/** As `listMessageRows`, of a thread whose lists show what the head holds. Reads the whole list for each page. */
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
  const keys = keyset(page, 'm.pos', (p) => `(select pos from s where id = ${p})`, fixed.length + 1)
  const where = [...(runId === undefined ? [] : ['m.run_id = $3']), ...keys.where]
  const rows = await db.query<MessageRow>(
    `with recursive ${LISTED} select ${READ} from s m ${where.length > 0 ? `where ${where.join(' and ')}` : ''} order by ${keys.orderBy} limit ${keys.limit}`,
    [...fixed, ...keys.params],
  )
  return toPage(rows.map(messageFromRow), page, keys)
}

const isListed = async (db: Db, tenantId: string, key: { threadId: string; id: string }): Promise<boolean> =>
  (await db.query(`with recursive ${LISTED} select id from s where id = $3`, [tenantId, key.threadId, key.id])).length > 0
