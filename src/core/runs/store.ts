import type { Db, Statement } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import { keyset, type Page, type PageRequest, toPage, unknownCursor } from '../page.ts'
import { RUN_COLUMNS, type RunRow, runFromRow } from './rows.ts'
import type { Run } from './runs.ts'
import type { RunStatus } from './status.ts'

const FROM = `from run r join assistant_version v on v.id = r.assistant_version_id`

const read: Statement<{ id: string; threadId: string; tenantId: string }, Run | undefined> = {
  name: 'run.read',
  lanes: 2,
  itemsMax: 128,
  async run(db, items) {
    const rows = await db.hot<RunRow>(`select ${RUN_COLUMNS} ${FROM} where r.id = any($1::text::uuid[])`, [
      `{${items.map((i) => i.id).join(',')}}`,
    ])
    const byId = new Map(rows.map((r) => [r.id, r]))
    return items.map((i) => {
      const row = byId.get(i.id)
      return row && row.tenant_id === i.tenantId && row.thread_id === i.threadId ? runFromRow(row) : undefined
    })
  },
}

export const readRun = (db: Db, tenantId: string, input: { threadId: string; id: string }): Promise<Run | undefined> =>
  db.batch(read, { ...input, tenantId })

export async function listRunRows(db: Db, tenantId: string, input: { threadId: string; page: PageRequest }): Promise<Page<Run>> {
  const { threadId, page } = input
  for (const side of ['after', 'before'] as const) {
    const id = page[side]
    if (id !== undefined && !(await readRun(db, tenantId, { threadId, id }))) throw unknownCursor(side, id)
  }
  const keys = keyset(page, 'r.created_at, r.id', (p) => `(select created_at, id from run where id = ${p})`, 3)
  const rows = await db.query<RunRow>(
    `select ${RUN_COLUMNS} ${FROM} where ${['r.tenant_id = $1', 'r.thread_id = $2', ...keys.where].join(' and ')}
    order by ${keys.orderBy} limit ${keys.limit}`,
    [tenantId, threadId, ...keys.params],
  )
  return toPage(rows.map(runFromRow), page, keys)
}

export async function changeRunRow(
  db: Db,
  tenantId: string,
  input: { threadId: string; id: string; metadata: JsonObject },
): Promise<boolean> {
  const rows = await db.hot(
    `update run set metadata = $4::text::jsonb where id = $1 and thread_id = $2 and tenant_id is not distinct from $3::uuid returning id`,
    [input.id, input.threadId, tenantId, JSON.stringify(input.metadata)],
  )
  return rows.length === 1
}

/** A running run is asked to stop; its owner ends it. False: it was not running any more. */
export async function markCancelling(db: Db, runId: string, rollback = false): Promise<boolean> {
  const rows = await db.hot(
    `update run set status = 'cancelling', rollback = rollback or $2 where id = $1 and (status || '') in ('running', 'cancelling') returning id`,
    [runId, rollback],
  )
  return rows.length === 1
}

/** By its id alone. */
export async function findRunRow(db: Db, tenantId: string, id: string): Promise<Run | undefined> {
  const rows = await db.hot<RunRow>(`select ${RUN_COLUMNS} ${FROM} where r.id = $1 and r.tenant_id is not distinct from $2::uuid`, [
    id,
    tenantId,
  ])
  return rows[0] && runFromRow(rows[0])
}

export interface RunSearch {
  threadId?: string
  ids?: string[]
  status?: RunStatus[]
  limit: number
  offset: number
}

/** Newest first. */
export async function searchRunRows(db: Db, tenantId: string, search: RunSearch): Promise<Run[]> {
  const { threadId, ids, status, limit, offset } = search
  const params: string[] = [tenantId]
  const where = ['r.tenant_id = $1']
  const add = (condition: string, value: string | undefined) => {
    if (value !== undefined) where.push(condition.replace('?', `$${params.push(value)}`))
  }
  add('r.thread_id = ?', threadId)
  add('r.id = any(?::text::uuid[])', ids && `{${ids.join(',')}}`)
  add('r.status = any(?::text::text[])', status && `{${status.join(',')}}`)
  const rows = await db.query<RunRow>(
    `select ${RUN_COLUMNS} ${FROM} where ${where.join(' and ')} order by r.created_at desc, r.id desc limit ${Math.floor(limit)} offset ${Math.floor(offset)}`,
    params,
  )
  return rows.map(runFromRow)
}

export interface EventRow {
  seq: number
  n: number
  data: string
}

/** Segments that hold events after `after`, oldest first, at most `limit`. The first may begin before. */
export const eventsAfter = (db: Db, runId: string, after: number, limit: number): Promise<EventRow[]> =>
  db.hot<EventRow>(
    `select seq, n, data from run_event where run_id = $1
    and seq >= coalesce((select max(seq) from run_event where run_id = $1 and seq <= $2 + 1), 0) and seq + n - 1 > $2 order by seq limit $3`,
    [runId, after, limit],
  )
