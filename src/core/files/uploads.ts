import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import { requireFilename } from './filename.ts'
import { createFileIn, type FilePurpose, type StoredFile } from './files.ts'
import { requireMediaType } from './media-type.ts'
import { dropObjects, keepObject, type ObjectSource, type WrittenObject, writeObject } from './objects.ts'
import { endUpload, insertPart, insertUpload, listParts, type PartRow, readUploadRow, sumParts, takeOverdue } from './upload-store.ts'

export type UploadStatus = 'pending' | 'completed' | 'cancelled' | 'expired'

export interface UploadHead {
  id: string
  filename: string
  purpose: FilePurpose
  mediaType: string
  /** Of the whole file, as its sender announced it. */
  bytes: number
  status: UploadStatus
  /** Lifetime of the file to be; null: as its purpose has it. */
  fileExpiresS: number | null
  fileId: string | null
  createdAt: number
  expiresAt: number
}

/** A file that arrives in parts. */
export interface Upload extends UploadHead {
  /** Once completed, while it is there. */
  file: StoredFile | null
}

export interface NewUpload {
  filename: string
  purpose: FilePurpose
  mediaType: string
  bytes: number
  fileExpiresS: number | null
}

export interface UploadPart {
  id: string
  uploadId: string
  createdAt: number
}

const PARTS_MAX = 10_000
/** What a completion that began in time may take until its parts are removed. */
const GRACE_MS = 15 * 60_000

export async function createUpload(app: Needs<'db' | 'clock' | 'limits'>, caller: Caller, input: NewUpload): Promise<Upload> {
  requireScope(caller, 'write')
  const { uploadBytesMax: max, uploadExpiryMs } = app.limits
  if (input.bytes > max) {
    const message = `Invalid 'bytes': integer above maximum value. Expected a value <= ${max}, but got ${input.bytes} instead.`
    throw new Fault('invalid', message, { param: 'bytes', reason: 'too_big' })
  }
  const at = app.clock.now()
  const upload: UploadHead = {
    ...input,
    id: newId(),
    filename: requireFilename(input.filename, 'filename'),
    mediaType: requireMediaType(input.mediaType, 'mime_type'),
    status: 'pending',
    fileId: null,
    createdAt: at,
    expiresAt: at + uploadExpiryMs,
  }
  await insertUpload(app.db, caller.tenantId, upload)
  return { ...upload, file: null }
}

/** As it is to be told now: one whose time is over has expired, whether or not its parts are gone yet. */
async function findUpload(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  input: { id: string; lock?: 'share' | 'update' },
): Promise<UploadHead> {
  requireScope(caller, 'write')
  const upload = await readUploadRow(app.db, caller.tenantId, input)
  if (!upload) throw notFound('upload', input.id)
  return upload
}

const isOver = (upload: UploadHead, at: number): boolean => upload.status === 'pending' && upload.expiresAt <= at

/** @param at null where what is done began in time */
function requirePending(upload: UploadHead, action: string, at: number | null): void {
  const status = at !== null && isOver(upload, at) ? 'expired' : upload.status
  if (status !== 'pending') throw new Fault('wrong_state', `Cannot ${action} an upload with status '${status}'.`)
}

/** The content of a part to be. Throws not_found before anything is read, and too_large. */
export async function receivePart(
  app: Needs<'db' | 'clock' | 'files' | 'limits'>,
  caller: Caller,
  { uploadId, ...content }: Omit<ObjectSource, 'bytesMax'> & { uploadId: string },
): Promise<WrittenObject> {
  await findUpload(app, caller, { id: uploadId })
  return writeObject(app, caller.tenantId, { ...content, bytesMax: app.limits.uploadPartBytesMax })
}

/** Throws not_found, wrong_state, and unavailable when the object was given up meanwhile. */
export async function addPart(
  app: Needs<'db' | 'clock' | 'limits'>,
  caller: Caller,
  { uploadId, object }: { uploadId: string; object: WrittenObject },
): Promise<UploadPart> {
  const at = app.clock.now()
  return app.db.transaction(async (db) => {
    const upload = await findUpload({ ...app, db }, caller, { id: uploadId, lock: 'share' })
    requirePending(upload, 'add a part to', at)
    const had = await sumParts(db, uploadId)
    // Each byte may come twice, as a client may send a part again whose answer it missed.
    if (had.parts >= PARTS_MAX || had.bytes + object.bytes > 2 * upload.bytes + app.limits.uploadPartBytesMax)
      throw new Fault('invalid', `The parts of this upload are far more than the ${upload.bytes} bytes it was created for.`, {
        param: 'data',
        reason: 'value',
      })
    const part = { id: newId(), uploadId, createdAt: at }
    await keepObject(db, caller.tenantId, object)
    await insertPart(db, caller.tenantId, { id: part.id, uploadId, objectId: object.id, bytes: object.bytes, at })
    return part
  })
}

export interface Completion {
  id: string
  /** In the order in which they make up the file. */
  partIds: readonly string[]
  /** Of the whole file: hex, or base64 as in Content-MD5. */
  md5?: string
}

/** The file's content, or why there is none: told by `completeUpload`, once it is known that this is no repetition. */
export interface Assembly {
  object?: WrittenObject
  error?: unknown
}

/**
 * Writes the parts one after the other into a new object. It goes on when its client is gone, who can then ask again. No
 * transaction is open meanwhile.
 */
export async function assembleUpload(
  app: Needs<'db' | 'clock' | 'files'>,
  caller: Caller,
  input: Pick<Completion, 'id' | 'partIds'>,
): Promise<Assembly> {
  try {
    const upload = await findUpload(app, caller, { id: input.id })
    requirePending(upload, 'complete', app.clock.now())
    const parts = chooseParts(upload, input.partIds, await listParts(app.db, caller.tenantId, input.id))
    const source = joined(app, caller.tenantId, parts)
    const object = await writeObject(app, caller.tenantId, { source, bytesMax: upload.bytes })
    return { object }
  } catch (error) {
    return { error: await explainLoss(app, caller, { id: input.id, error }) }
  }
}

/** A part that is not there to be read went because the upload has ended meanwhile; else it is lost. */
async function explainLoss(app: Needs<'db' | 'clock'>, caller: Caller, { id, error }: { id: string; error: unknown }): Promise<unknown> {
  if (!(error instanceof Fault) || error.code !== 'not_found' || error.facts.kind !== undefined) return error
  try {
    requirePending(await findUpload(app, caller, { id }), 'complete', null)
    return new Fault('internal', 'The content of a part is missing.', { cause: error })
  } catch (ended) {
    return ended
  }
}

function chooseParts(upload: UploadHead, ids: readonly string[], parts: readonly PartRow[]): PartRow[] {
  const byId = new Map(parts.map((part) => [part.id, part]))
  const chosen = ids.map((id, i) => {
    const part = byId.get(id)
    if (!part) throw notFound('upload_part', id)
    if (ids.indexOf(id) !== i)
      throw new Fault('invalid', `Invalid 'part_ids[${i}]': this part is listed before.`, { param: `part_ids[${i}]`, reason: 'value' })
    return part
  })
  const bytes = chosen.reduce((sum, part) => sum + part.bytes, 0)
  if (bytes !== upload.bytes)
    throw new Fault('invalid', `The parts hold ${bytes} bytes, but the upload was created for ${upload.bytes} bytes.`, {
      param: 'part_ids',
      reason: 'value',
    })
  return chosen
}

async function* joined(app: Needs<'files'>, tenantId: string, parts: readonly PartRow[]): AsyncGenerator<Uint8Array> {
  for (const { object_id: id } of parts) yield* await app.files.read({ tenantId, id })
}

/** Of completions at once, one wins. Throws not_found, wrong_state, and what kept the parts from being put together. */
export async function completeUpload(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { id, assembly, md5 }: Pick<Completion, 'id' | 'md5'> & { assembly: Assembly },
): Promise<Upload> {
  requireScope(caller, 'write')
  const { object } = assembly
  if (!object) throw assembly.error
  requireSum(object, md5)
  const at = app.clock.now()
  return app.db.transaction(async (db) => {
    const upload = await findUpload({ ...app, db }, caller, { id, lock: 'update' })
    requirePending(upload, 'complete', null)
    if (object.bytes !== upload.bytes) throw new Error(`parts of ${upload.bytes} bytes became ${object.bytes} bytes`)
    const { filename, purpose, mediaType, fileExpiresS: expiresAfterS } = upload
    const file = await createFileIn(db, at, { tenantId: caller.tenantId, object, filename, purpose, mediaType, expiresAfterS })
    await dropObjects(db, at, await endUpload(db, id, { status: 'completed', fileId: file.id }))
    return { ...upload, status: 'completed' as const, fileId: file.id, file }
  })
}

function requireSum({ md5: got }: WrittenObject, expected: string | undefined): void {
  if (expected === undefined || expected.toLowerCase() === got || expected === Buffer.from(got, 'hex').toString('base64')) return
  throw new Fault('invalid', `The content has the MD5 checksum ${got}, which is not the given one.`, { param: 'md5', reason: 'value' })
}

/** Its parts go with the next sweep. Cancelling it again changes nothing. Throws not_found and wrong_state. */
export async function cancelUpload(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<Upload> {
  requireScope(caller, 'write')
  const at = app.clock.now()
  return app.db.transaction(async (db) => {
    const upload = await findUpload({ ...app, db }, caller, { id, lock: 'update' })
    if (upload.status === 'cancelled') return { ...upload, file: null }
    requirePending(upload, 'cancel', at)
    await dropObjects(db, at, await endUpload(db, id, { status: 'cancelled' }))
    return { ...upload, status: 'cancelled' as const, file: null }
  })
}

/** Ends uploads whose parts did not all arrive in time. Answers how many. */
export async function expireUploads(app: Needs<'db' | 'clock'>, limit: number): Promise<number> {
  const at = app.clock.now()
  return app.db.transaction(async (db) => {
    const ids = await takeOverdue(db, at - GRACE_MS, limit)
    for (const id of ids) await dropObjects(db, at, await endUpload(db, id, { status: 'expired' }))
    return ids.length
  })
}
