import type { Db } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import { keyset, type Page, type PageRequest, toPage, unknownCursor } from '../page.ts'
import type { Completion, CompletionFilter } from './completions.ts'

const COLUMNS = 'id, model, messages, answer, metadata, created_at'

interface Row {
  id: string
  model: string
  messages: string
  answer: string
  metadata: Record<string, string>
  created_at: number
}

const fromRow = (r: Row): Completion => ({
  id: r.id,
  model: r.model,
  messages: JSON.parse(r.messages) as JsonObject[],
  answer: JSON.parse(r.answer) as JsonObject,
  metadata: r.metadata,
  createdAt: r.created_at,
})

export async function insertCompletion(db: Db, tenantId: string, c: Completion): Promise<void> {
  await db.hot(
    `insert into completion (id, tenant_id, model, messages, answer, metadata, created_at)
    values ($1, $2, $3, $4, $5, $6::text::jsonb, to_timestamp($7::float8 / 1000.0))`,
    [c.id, tenantId, c.model, JSON.stringify(c.messages), JSON.stringify(c.answer), JSON.stringify(c.metadata), c.createdAt],
  )
}

export async function readCompletion(db: Db, tenantId: string, id: string): Promise<Completion | undefined> {
  const rows = await db.hot<Row>(`select ${COLUMNS} from completion where id = $1 and tenant_id = $2`, [id, tenantId])
  return rows[0] && fromRow(rows[0])
}

export async function listCompletionRows(
  db: Db,
  tenantId: string,
  input: { page: PageRequest; filter: CompletionFilter },
): Promise<Page<Completion>> {
  const { page, filter } = input
  for (const side of ['after', 'before'] as const) {
    const id = page[side]
    if (id !== undefined && !(await hasCompletion(db, tenantId, id))) throw unknownCursor(side, id)
  }
  // An absent filter is null, so that the numbers of the parameters never move.
  const fixed = [tenantId, filter.model ?? null, filter.metadata ? JSON.stringify(filter.metadata) : null]
  const keys = keyset(page, 'created_at, id', (p) => `(select created_at, id from completion where id = ${p})`, fixed.length + 1)
  const where = ['tenant_id = $1', '($2::text is null or model = $2)', '($3::text is null or metadata @> $3::text::jsonb)', ...keys.where]
  const rows = await db.query<Row>(
    `select ${COLUMNS} from completion where ${where.join(' and ')} order by ${keys.orderBy} limit ${keys.limit}`,
    [...fixed, ...keys.params],
  )
  return toPage(rows.map(fromRow), page, keys)
}

async function hasCompletion(db: Db, tenantId: string, id: string): Promise<boolean> {
  const rows = await db.hot(`select 1 from completion where id = $1 and tenant_id = $2`, [id, tenantId])
  return rows.length === 1
}

export async function changeCompletionRow(
  db: Db,
  tenantId: string,
  input: { id: string; metadata: Record<string, string> },
): Promise<Completion | undefined> {
  const rows = await db.hot<Row>(`update completion set metadata = $3::text::jsonb where id = $1 and tenant_id = $2 returning ${COLUMNS}`, [
    input.id,
    tenantId,
    JSON.stringify(input.metadata),
  ])
  return rows[0] && fromRow(rows[0])
}

export async function deleteCompletionRow(db: Db, tenantId: string, id: string): Promise<boolean> {
  const rows = await db.hot(`delete from completion where id = $1 and tenant_id = $2 returning id`, [id, tenantId])
  return rows.length === 1
}
