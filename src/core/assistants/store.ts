import type { Db, Statement } from '../../drivers/records/port.ts'
import { keyset, type Page, type PageRequest, toPage, unknownCursor } from '../page.ts'
import type { Assistant, AssistantConfig } from './assistants.ts'

const COLUMNS = `a.id, a.graph, a.created_at, v.id as version_id, v.version, v.name, v.description, v.config, v.metadata`

interface Row {
  id: string
  graph: string
  created_at: number
  version_id: string
  version: number
  name: string | null
  description: string | null
  config: string
  metadata: Record<string, string>
}

export const configOf = (a: AssistantConfig): AssistantConfig => ({
  model: a.model,
  instructions: a.instructions,
  tools: a.tools,
  toolResources: a.toolResources,
  temperature: a.temperature,
  topP: a.topP,
  responseFormat: a.responseFormat,
  reasoningEffort: a.reasoningEffort,
})

const fromRow = (r: Row): Assistant => ({
  ...(JSON.parse(r.config) as AssistantConfig),
  id: r.id,
  version: r.version,
  versionId: r.version_id,
  graph: r.graph,
  name: r.name,
  description: r.description,
  metadata: r.metadata,
  createdAt: r.created_at,
})

const versionRow = (tenantId: string, a: Assistant, at: number) => ({
  tenant_id: tenantId,
  id: a.id,
  graph: a.graph,
  version_id: a.versionId,
  version: a.version,
  name: a.name,
  description: a.description,
  config: JSON.stringify(configOf(a)),
  metadata: a.metadata,
  at,
})
type VersionRow = ReturnType<typeof versionRow>

const RECORD = `tenant_id uuid, id uuid, graph text, version_id uuid, version int, name text, description text, config text, metadata jsonb, at double precision`

const create: Statement<VersionRow, true> = {
  name: 'assistant.create',
  lanes: 2,
  itemsMax: 128,
  async run(db, items) {
    await db.hot(
      `with x as materialized (select *, to_timestamp(at / 1000.0) as t from json_to_recordset($1::text::json) as x(${RECORD})),
      a as (insert into assistant (id, tenant_id, graph, version, created_at) select id, tenant_id, graph, version, t from x)
      insert into assistant_version (id, tenant_id, assistant_id, version, name, description, config, metadata, created_at)
      select version_id, tenant_id, id, version, name, description, config, metadata, t from x`,
      [JSON.stringify(items)],
    )
    return items.map(() => true)
  },
}

export async function insertAssistant(db: Db, tenantId: string, a: Assistant): Promise<void> {
  await db.batch(create, versionRow(tenantId, a, a.createdAt))
}

/** False when another change took this version number first. */
export async function insertVersion(db: Db, tenantId: string, input: { assistant: Assistant; at: number }): Promise<boolean> {
  const rows = await db.hot(
    `with x as materialized (select *, to_timestamp(at / 1000.0) as t from json_to_recordset($1::text::json) as x(${RECORD})),
    a as (update assistant a set version = x.version from x
      where a.id = x.id and a.tenant_id is not distinct from x.tenant_id and a.version = x.version - 1 and (a.deleted_at is null or x.id is null) returning a.id)
    insert into assistant_version (id, tenant_id, assistant_id, version, name, description, config, metadata, created_at)
    select x.version_id, x.tenant_id, x.id, x.version, x.name, x.description, x.config, x.metadata, x.t from x join a on a.id = x.id
    returning id`,
    [JSON.stringify([versionRow(tenantId, input.assistant, input.at)])],
  )
  return rows.length === 1
}

const FROM = `from assistant a join assistant_version v on v.assistant_id = a.id and v.version = a.version`

export async function readRow(db: Db, tenantId: string, id: string): Promise<Assistant | undefined> {
  const rows = await db.hot<Row>(
    `select ${COLUMNS} ${FROM} where a.id = $1 and a.tenant_id is not distinct from $2::uuid and a.deleted_at is null`,
    [id, tenantId],
  )
  return rows[0] && fromRow(rows[0])
}

export async function listRows(db: Db, tenantId: string, page: PageRequest): Promise<Page<Assistant>> {
  for (const side of ['after', 'before'] as const) {
    const id = page[side]
    if (id !== undefined && !(await readRow(db, tenantId, id))) throw unknownCursor(side, id)
  }
  const keys = keyset(page, 'a.created_at, a.id', (p) => `(select created_at, id from assistant where id = ${p})`, 2)
  const rows = await db.query<Row>(
    `select ${COLUMNS} ${FROM} where ${['a.tenant_id = $1', 'a.deleted_at is null', ...keys.where].join(' and ')}
    order by ${keys.orderBy} limit ${keys.limit}`,
    [tenantId, ...keys.params],
  )
  return toPage(rows.map(fromRow), page, keys)
}

export async function deleteRow(db: Db, tenantId: string, input: { id: string; at: number }): Promise<boolean> {
  const rows = await db.hot(
    `update assistant set deleted_at = to_timestamp($3::float8 / 1000.0) where id = $1 and tenant_id is not distinct from $2::uuid and deleted_at is null returning id`,
    [input.id, tenantId, input.at],
  )
  return rows.length === 1
}
