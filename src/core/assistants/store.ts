import type { Db, Statement } from '../../drivers/records/port.ts'
import { BUILT_IN_GRAPH } from '../graphs/graphs.ts'
import type { JsonObject } from '../json.ts'
import { keyset, type Page, type PageRequest, toPage, unknownCursor } from '../page.ts'
import type { GraphConfig } from '../runs/call.ts'
import type { Assistant, AssistantConfig } from './assistants.ts'

/** Of rows `a` and the version `v`. Its number counts from where the assistant began. */
export const COLUMNS = `a.id, a.created_at, a.updated_at, v.id as version_id, v.version - a.first + 1 as version, v.graph, v.name, v.description, v.config, v.settings, v.context, v.metadata`

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

const configOf = (a: AssistantConfig): AssistantConfig => ({
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
  name: a.name,
  description: a.description,
  config: JSON.stringify(configOf(a)),
  settings: Object.keys(a.settings).length ? JSON.stringify(a.settings) : null,
  context: Object.keys(a.context).length ? JSON.stringify(a.context) : null,
  metadata: a.metadata,
  at,
})
type VersionRow = ReturnType<typeof versionRow>

const RECORD = `tenant_id uuid, id uuid, graph text, version_id uuid, name text, description text, config text, settings text, context text, metadata jsonb, at double precision`

const INSERT_VERSION = `insert into assistant_version (id, tenant_id, assistant_id, version, graph, name, description, config, settings, context, metadata, created_at)`
const versionValues = (version: string): string =>
  `x.version_id, x.tenant_id, x.id, ${version}, x.graph, x.name, x.description, x.config, x.settings, x.context, x.metadata, x.t`

/** An id that was deleted may be taken again. Nothing is written where it is in use. */
const create: Statement<VersionRow, boolean> = {
  name: 'assistant.create',
  lanes: 2,
  itemsMax: 128,
  async run(db, items) {
    const rows = await db.hot<{ id: string }>(
      `with x as materialized (select distinct on (id, tenant_id) *, to_timestamp(at / 1000.0) as t from json_to_recordset($1::text::json) as x(${RECORD})),
      a as (insert into assistant as a (id, tenant_id, version, newest, first, created_at, updated_at) select id, tenant_id, 1, 1, 1, t, t from x
        on conflict (id, tenant_id) do update set version = a.newest + 1, newest = a.newest + 1, first = a.newest + 1, created_at = excluded.created_at,
          updated_at = excluded.updated_at, deleted_at = null where a.deleted_at is not null
        returning a.id, a.tenant_id, a.version)
      ${INSERT_VERSION} select ${versionValues('a.version')} from x join a on a.id = x.id and a.tenant_id = x.tenant_id returning id`,
      [JSON.stringify(items)],
    )
    const written = new Set(rows.map((r) => r.id))
    return items.map((i) => written.has(i.version_id))
  },
}

/** False: the id is in use. */
export const insertAssistant = (db: Db, tenantId: string, a: Assistant): Promise<boolean> =>
  db.batch(create, versionRow(tenantId, a, a.createdAt))

/** Only those whose id was never in use. */
export async function insertUnused(db: Db, tenantId: string, list: readonly Assistant[]): Promise<void> {
  await db.hot(
    `with x as materialized (select *, to_timestamp(at / 1000.0) as t from json_to_recordset($1::text::json) as x(${RECORD})),
    a as (insert into assistant (id, tenant_id, version, created_at, updated_at) select id, tenant_id, 1, t, t from x order by id
      on conflict (id, tenant_id) do nothing returning id)
    ${INSERT_VERSION} select ${versionValues('1')} from x join a on a.id = x.id`,
    [JSON.stringify(list.map((a) => versionRow(tenantId, a, a.createdAt)))],
  )
}

/** An assistant and, as they are counted in the table, the version it is at and the highest there ever was. */
export interface Counted {
  assistant: Assistant
  at: number
  newest: number
}

/** Writes `next` as the version after the newest. False when another change came first. */
export async function insertVersion(db: Db, tenantId: string, input: { next: Assistant; counted: Counted }): Promise<boolean> {
  const { next, counted } = input
  const rows = await db.hot(
    `with x as materialized (select *, to_timestamp(at / 1000.0) as t from json_to_recordset($1::text::json) as x(${RECORD})),
    a as (update assistant a set version = a.newest + 1, newest = a.newest + 1, updated_at = x.t from x
      where a.id = x.id and a.tenant_id is not distinct from x.tenant_id and (a.newest = $2 or x.id is null) and (a.version = $3 or x.id is null)
        and (a.deleted_at is null or x.id is null) returning a.id, a.version)
    ${INSERT_VERSION} select ${versionValues('a.version')} from x join a on a.id = x.id returning id`,
    [JSON.stringify([versionRow(tenantId, next, next.updatedAt)]), counted.newest, counted.at],
  )
  return rows.length === 1
}

export const FROM = `from assistant a join assistant_version v on v.assistant_id = a.id and v.tenant_id = a.tenant_id and v.version = a.version`

/** Every tenant has an assistant of a graph's id: both parts of the key are looked up. */
const read: Statement<{ id: string; tenantId: string }, Counted | undefined> = {
  name: 'assistant.read',
  lanes: 2,
  itemsMax: 128,
  async run(db, items) {
    const rows = await db.hot<AssistantRow & { tenant_id: string; at: number; newest: number }>(
      `select ${COLUMNS}, a.tenant_id, v.version as at, a.newest from json_to_recordset($1::text::json) as x(id uuid, tenant uuid)
      join assistant a on a.id = x.id and a.tenant_id = x.tenant and (a.deleted_at is null or x.id is null)
      join assistant_version v on v.assistant_id = a.id and v.tenant_id = a.tenant_id and v.version = a.version`,
      [JSON.stringify(items.map(({ id, tenantId }) => ({ id, tenant: tenantId })))],
    )
    const byKey = new Map(rows.map((r) => [r.id + r.tenant_id, r]))
    return items.map((i) => {
      const row = byKey.get(i.id + i.tenantId)
      return row && { assistant: assistantFromRow(row), at: row.at, newest: row.newest }
    })
  },
}

export const readCounted = (db: Db, tenantId: string, id: string): Promise<Counted | undefined> => db.batch(read, { id, tenantId })

export async function readRow(db: Db, tenantId: string, id: string): Promise<Assistant | undefined> {
  return (await readCounted(db, tenantId, id))?.assistant
}

export async function listRows(db: Db, tenantId: string, page: PageRequest): Promise<Page<Assistant>> {
  for (const side of ['after', 'before'] as const) {
    const id = page[side]
    if (id !== undefined && (await readRow(db, tenantId, id))?.graph !== BUILT_IN_GRAPH) throw unknownCursor(side, id)
  }
  const keys = keyset(page, 'a.created_at, a.id', (p) => `(select created_at, id from assistant where id = ${p} and tenant_id = $1)`, 2)
  const rows = await db.query<AssistantRow>(
    `select ${COLUMNS} ${FROM} where ${['a.tenant_id = $1', `v.graph = '${BUILT_IN_GRAPH}'`, 'a.deleted_at is null', ...keys.where].join(' and ')}
    order by ${keys.orderBy} limit ${keys.limit}`,
    [tenantId, ...keys.params],
  )
  return toPage(rows.map(assistantFromRow), page, keys)
}

/**
 * Whose it is, what it had and who might use it goes with it: the id may be taken again.
 * @param graph where it only counts as there with this one; null: with any
 */
export async function deleteRow(db: Db, tenantId: string, input: { id: string; graph: string | null; at: number }): Promise<boolean> {
  const rows = await db.hot(
    `with d as (update assistant a set deleted_at = to_timestamp($3::float8 / 1000.0)
      where a.id = $1 and a.tenant_id is not distinct from $2::uuid and a.deleted_at is null and ($4::text is null or exists (
        select 1 from assistant_version v where v.assistant_id = a.id and v.tenant_id = a.tenant_id and v.version = a.version and v.graph = $4))
      returning a.id, a.tenant_id),
    o as (delete from ownership o using d where o.object_id = $1 and o.kind || '' = 'assistant' and o.tenant_id is not distinct from d.tenant_id),
    x as (delete from association x using d where x.from_id = $1 and x.tenant_id is not distinct from d.tenant_id
      and x.kind || '' in ('assistant_tool', 'assistant_user', 'assistant_store'))
    select id from d`,
    [input.id, tenantId, input.at, input.graph],
  )
  return rows.length === 1
}

/** Ids of threads whose metadata names the assistant. */
export async function listThreadsOf(db: Db, tenantId: string, input: { assistantId: string; limit: number }): Promise<string[]> {
  const rows = await db.query<{ id: string }>(`select id from thread where tenant_id = $1 and metadata @> $2::text::jsonb limit $3`, [
    tenantId,
    JSON.stringify({ assistant_id: input.assistantId }),
    input.limit,
  ])
  return rows.map((r) => r.id)
}
