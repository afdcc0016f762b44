import type { Db, Statement } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import { keyset, type Page, type PageRequest, toPage, unknownCursor } from '../page.ts'
import { BUILT_IN_GRAPH } from '../graphs/graphs.ts'
import type { GraphConfig } from '../runs/call.ts'
import type { Assistant, AssistantConfig } from './assistants.ts'

/** Of rows `a` and the version `v`. */
export const ASSISTANT_COLUMNS = `a.id, a.created_at, a.updated_at, v.id as version_id, v.version, v.graph, v.name, v.description, v.config, v.settings, v.context, v.metadata`

export interface AssistantRow {
  id: string
  graph: string
  created_at: number
  updated_at: number
  version_id: string
  version: number
  name: string | null
  description: string | null
  config: string
  settings: string | null
  context: string | null
  metadata: JsonObject
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

export const assistantFromRow = (r: AssistantRow): Assistant => ({
  ...(JSON.parse(r.config) as AssistantConfig),
  id: r.id,
  version: r.version,
  versionId: r.version_id,
  graph: r.graph,
  name: r.name,
  description: r.description,
  settings: r.settings === null ? {} : (JSON.parse(r.settings) as GraphConfig),
  context: r.context === null ? {} : (JSON.parse(r.context) as JsonObject),
  metadata: r.metadata,
  createdAt: r.created_at,
  updatedAt: r.updated_at,
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
  settings: Object.keys(a.settings).length ? JSON.stringify(a.settings) : null,
  context: Object.keys(a.context).length ? JSON.stringify(a.context) : null,
  metadata: a.metadata,
  at,
})
type VersionRow = ReturnType<typeof versionRow>

const RECORD = `tenant_id uuid, id uuid, graph text, version_id uuid, version int, name text, description text, config text, settings text, context text, metadata jsonb, at double precision`

/** An id that was deleted may be taken again; its versions go on counting. Nothing is written where it is in use. */
const create: Statement<VersionRow, number | undefined> = {
  name: 'assistant.create',
  lanes: 2,
  itemsMax: 128,
  async run(db, items) {
    const rows = await db.hot<{ id: string; version: number }>(
      `with x as materialized (select distinct on (id, tenant_id) *, to_timestamp(at / 1000.0) as t from json_to_recordset($1::text::json) as x(${RECORD})),
      a as (insert into assistant as a (id, tenant_id, version, newest, created_at, updated_at) select id, tenant_id, 1, 1, t, t from x
        on conflict (id, tenant_id) do update set version = a.newest + 1, newest = a.newest + 1, created_at = excluded.created_at,
          updated_at = excluded.updated_at, deleted_at = null where a.deleted_at is not null
        returning a.id, a.tenant_id, a.version)
      insert into assistant_version (id, tenant_id, assistant_id, version, graph, name, description, config, settings, context, metadata, created_at)
      select x.version_id, x.tenant_id, x.id, a.version, x.graph, x.name, x.description, x.config, x.settings, x.context, x.metadata, x.t
      from x join a on a.id = x.id and a.tenant_id = x.tenant_id returning id, version`,
      [JSON.stringify(items)],
    )
    const versions = new Map(rows.map((r) => [r.id, r.version]))
    return items.map((i) => versions.get(i.version_id))
  },
}

/** The number of its first version; undefined: the id is in use. */
export const insertAssistant = (db: Db, tenantId: string, a: Assistant): Promise<number | undefined> =>
  db.batch(create, versionRow(tenantId, a, a.createdAt))

/** False when another change took this version number first. */
export async function insertVersion(db: Db, tenantId: string, input: { assistant: Assistant; at: number }): Promise<boolean> {
  const rows = await db.hot(
    `with x as materialized (select *, to_timestamp(at / 1000.0) as t from json_to_recordset($1::text::json) as x(${RECORD})),
    a as (update assistant a set version = x.version, newest = x.version, updated_at = x.t from x
      where a.id = x.id and a.tenant_id is not distinct from x.tenant_id and a.newest = x.version - 1 and (a.deleted_at is null or x.id is null) returning a.id)
    insert into assistant_version (id, tenant_id, assistant_id, version, graph, name, description, config, settings, context, metadata, created_at)
    select x.version_id, x.tenant_id, x.id, x.version, x.graph, x.name, x.description, x.config, x.settings, x.context, x.metadata, x.t from x join a on a.id = x.id
    returning id`,
    [JSON.stringify([versionRow(tenantId, input.assistant, input.at)])],
  )
  return rows.length === 1
}

export const ASSISTANT_FROM = `from assistant a join assistant_version v on v.assistant_id = a.id and v.tenant_id = a.tenant_id and v.version = a.version`

export async function readRow(db: Db, tenantId: string, id: string): Promise<Assistant | undefined> {
  const rows = await db.hot<AssistantRow>(
    `select ${ASSISTANT_COLUMNS} ${ASSISTANT_FROM} where a.id = $1 and a.tenant_id is not distinct from $2::uuid and a.deleted_at is null`,
    [id, tenantId],
  )
  return rows[0] && assistantFromRow(rows[0])
}

export async function listRows(db: Db, tenantId: string, page: PageRequest): Promise<Page<Assistant>> {
  for (const side of ['after', 'before'] as const) {
    const id = page[side]
    if (id !== undefined && !(await readRow(db, tenantId, id))) throw unknownCursor(side, id)
  }
  const keys = keyset(page, 'a.created_at, a.id', (p) => `(select created_at, id from assistant where id = ${p} and tenant_id = $1)`, 2)
  const rows = await db.query<AssistantRow>(
    `select ${ASSISTANT_COLUMNS} ${ASSISTANT_FROM} where ${['a.tenant_id = $1', `v.graph = '${BUILT_IN_GRAPH}'`, 'a.deleted_at is null', ...keys.where].join(' and ')}
    order by ${keys.orderBy} limit ${keys.limit}`,
    [tenantId, ...keys.params],
  )
  return toPage(rows.map(assistantFromRow), page, keys)
}

export async function deleteRow(db: Db, tenantId: string, input: { id: string; at: number }): Promise<boolean> {
  const rows = await db.hot(
    `update assistant set deleted_at = to_timestamp($3::float8 / 1000.0) where id = $1 and tenant_id is not distinct from $2::uuid and deleted_at is null returning id`,
    [input.id, tenantId, input.at],
  )
  return rows.length === 1
}

export async function newestVersion(db: Db, tenantId: string, id: string): Promise<number | undefined> {
  const rows = await db.hot<{ newest: number }>(`select newest from assistant where id = $1 and tenant_id is not distinct from $2::uuid`, [
    id,
    tenantId,
  ])
  return rows[0]?.newest
}
