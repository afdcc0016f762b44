import type { Db } from '../../drivers/records/port.ts'
import { keyset, type Page, type PageRequest, toPage, unknownCursor } from '../page.ts'
import type { FilePurpose, StoredFile } from './files.ts'

interface Row {
  id: string
  object_id: string
  filename: string
  purpose: string
  media_type: string
  bytes: number
  sha256: string
  created_at: number
  expires_at: number | null
}

const COLUMNS = 'f.id, f.object_id, f.filename, f.purpose, f.media_type, f.bytes, f.sha256, f.created_at, f.expires_at'

const fromRow = (r: Row): StoredFile => ({
  id: r.id,
  objectId: r.object_id,
  filename: r.filename,
  purpose: r.purpose as FilePurpose,
  mediaType: r.media_type,
  bytes: r.bytes,
  sha256: r.sha256,
  createdAt: r.created_at,
  expiresAt: r.expires_at,
})

const time = (n: number): string => `to_timestamp($${n}::float8 / 1000.0)`
/** A file whose time is over is gone, whether or not it was removed yet. */
const alive = (n: number): string => `(f.expires_at is null or f.expires_at > ${time(n)})`

export async function insertFile(db: Db, tenantId: string, f: StoredFile): Promise<void> {
  await db.hot(
    `insert into file (id, tenant_id, object_id, filename, purpose, media_type, bytes, sha256, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7::bigint, $8, ${time(9)}, ${time(10)})`,
    [f.id, tenantId, f.objectId, f.filename, f.purpose, f.mediaType, f.bytes, f.sha256, f.createdAt, f.expiresAt],
  )
}

export async function readFileRows(db: Db, tenantId: string, input: { ids: readonly string[]; at: number }): Promise<StoredFile[]> {
  const rows = await db.hot<Row>(
    `select ${COLUMNS} from file f where f.id = any($1::text::uuid[]) and f.tenant_id is not distinct from $2::uuid and ${alive(3)}`,
    [`{${input.ids.join(',')}}`, tenantId, input.at],
  )
  return rows.map(fromRow)
}

/** Asked where nobody is known yet: of all tenants. */
export async function readFileTenant(db: Db, id: string): Promise<string | undefined> {
  const rows = await db.hot<{ tenant_id: string }>('select tenant_id from file where id = $1', [id])
  return rows[0]?.tenant_id
}

export interface FileQuery {
  page: PageRequest
  purpose?: FilePurpose
  at: number
}

export async function listFileRows(db: Db, tenantId: string, { page, purpose, at }: FileQuery): Promise<Page<StoredFile>> {
  for (const side of ['after', 'before'] as const) {
    const id = page[side]
    if (id !== undefined && (await readFileRows(db, tenantId, { ids: [id], at })).length === 0) throw unknownCursor(side, id)
  }
  const filter = purpose === undefined ? [] : ['f.purpose = $3']
  const given = purpose === undefined ? [] : [purpose]
  const keys = keyset(page, 'f.created_at, f.id', (p) => `(select created_at, id from file where id = ${p})`, 3 + given.length)
  const rows = await db.query<Row>(
    `select ${COLUMNS} from file f where ${['f.tenant_id = $1', alive(2), ...filter, ...keys.where].join(' and ')}
    order by ${keys.orderBy} limit ${keys.limit}`,
    [tenantId, at, ...given, ...keys.params],
  )
  return toPage(rows.map(fromRow), page, keys)
}

export interface RemovedFile {
  id: string
  tenant_id: string
  object_id: string
}

const REMOVED = 'f.id, f.tenant_id, f.object_id'

export async function deleteFileRow(db: Db, tenantId: string, input: { id: string; at: number }): Promise<RemovedFile | undefined> {
  const rows = await db.hot<RemovedFile>(
    `delete from file f where f.id = $1 and f.tenant_id is not distinct from $2::uuid and ${alive(3)} returning ${REMOVED}`,
    [input.id, tenantId, input.at],
  )
  return rows[0]
}

export const deleteExpiredRows = (db: Db, at: number, limit: number): Promise<RemovedFile[]> =>
  db.query<RemovedFile>(
    `delete from file f where f.id = any(array(
      select id from file where expires_at <= ${time(1)} order by expires_at limit $2 for update skip locked
    )) returning ${REMOVED}`,
    [at, limit],
  )
