import type { Db } from '../../drivers/records/port.ts'
import type { FilePurpose } from './files.ts'
import type { UploadHead, UploadStatus } from './uploads.ts'

interface Row {
  id: string
  filename: string
  purpose: string
  media_type: string
  bytes: number
  status: string
  file_expires_s: number | null
  file_id: string | null
  created_at: number
  expires_at: number
}

const COLUMNS = 'u.id, u.filename, u.purpose, u.media_type, u.bytes, u.status, u.file_expires_s, u.file_id, u.created_at, u.expires_at'

const fromRow = (r: Row): UploadHead => ({
  id: r.id,
  filename: r.filename,
  purpose: r.purpose as FilePurpose,
  mediaType: r.media_type,
  bytes: r.bytes,
  status: r.status as UploadStatus,
  fileExpiresS: r.file_expires_s,
  fileId: r.file_id,
  createdAt: r.created_at,
  expiresAt: r.expires_at,
})

const time = (n: number): string => `to_timestamp($${n}::float8 / 1000.0)`
const KEY = 'u.id = $1 and u.tenant_id is not distinct from $2::uuid'

export async function insertUpload(db: Db, tenantId: string, u: UploadHead): Promise<void> {
  await db.hot(
    `insert into upload (id, tenant_id, filename, purpose, media_type, bytes, status, file_expires_s, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6::bigint, $7, $8::int, ${time(9)}, ${time(10)})`,
    [u.id, tenantId, u.filename, u.purpose, u.mediaType, u.bytes, u.status, u.fileExpiresS, u.createdAt, u.expiresAt],
  )
}

/** @param lock `share` while a part is added, `update` while the upload ends: each waits for the other */
export async function readUploadRow(
  db: Db,
  tenantId: string,
  { id, lock }: { id: string; lock?: 'share' | 'update' },
): Promise<UploadHead | undefined> {
  const locking = lock === undefined ? '' : ` for ${lock}`
  const rows = await db.hot<Row>(`select ${COLUMNS} from upload u where ${KEY}${locking}`, [id, tenantId])
  return rows[0] && fromRow(rows[0])
}

export interface PartRow {
  id: string
  object_id: string
  bytes: number
}

export async function insertPart(
  db: Db,
  tenantId: string,
  part: { id: string; uploadId: string; objectId: string; bytes: number; at: number },
): Promise<void> {
  await db.hot(
    `insert into upload_part (id, tenant_id, upload_id, object_id, bytes, created_at) values ($1, $2, $3, $4, $5::bigint, ${time(6)})`,
    [part.id, tenantId, part.uploadId, part.objectId, part.bytes, part.at],
  )
}

export async function sumParts(db: Db, uploadId: string): Promise<{ parts: number; bytes: number }> {
  const rows = await db.hot<{ parts: number; bytes: number }>(
    'select count(*)::int as parts, coalesce(sum(bytes), 0)::int8 as bytes from upload_part where upload_id = $1',
    [uploadId],
  )
  return rows[0] ?? { parts: 0, bytes: 0 }
}

export const listParts = (db: Db, tenantId: string, uploadId: string): Promise<PartRow[]> =>
  db.hot<PartRow>('select id, object_id, bytes from upload_part where upload_id = $1 and tenant_id is not distinct from $2::uuid', [
    uploadId,
    tenantId,
  ])

/** Ends an upload that its caller has locked. Answers the objects of all its parts. */
export async function endUpload(
  db: Db,
  uploadId: string,
  { status, fileId = null }: { status: Exclude<UploadStatus, 'pending'>; fileId?: string | null },
): Promise<string[]> {
  await db.hot('update upload set status = $2, file_id = $3 where id = $1', [uploadId, status, fileId])
  const rows = await db.hot<{ object_id: string }>('delete from upload_part where upload_id = $1 returning object_id', [uploadId])
  return rows.map((row) => row.object_id)
}

/** Locks them: nobody else ends them meanwhile. */
export async function takeOverdue(db: Db, before: number, limit: number): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select id from upload where status = 'pending' and expires_at <= ${time(1)} order by expires_at limit $2 for update skip locked`,
    [before, limit],
  )
  return rows.map((row) => row.id)
}
