import type { ObjectKey } from '../../drivers/files/port.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import { signingKey } from '../identity/signing.ts'
import type { Needs } from '../needs.ts'
import { requireFilename } from './filename.ts'
import { createFileIn, type FilePurpose, getFile, type StoredFile } from './files.ts'
import { requireMediaType } from './media-type.ts'
import { dropRows, insertObject, readLinked, readReserved } from './object-store.ts'
import { settleObject, writeObject } from './objects.ts'

/** After a link is over: what was begun before may still be arriving. */
const GRACE_MS = 15 * 60_000

interface Link {
  expiresInMs: number
  /** Where this server is reached, e.g. `https://host/`. */
  base: string
}

/** A URL that serves the file without a key. It works as long as the file is there. Throws not_found. */
export async function signedDownload(
  app: Needs<'db' | 'clock' | 'files'>,
  caller: Caller,
  { fileId, expiresInMs, base }: Link & { fileId: string },
): Promise<string> {
  const file = await getFile(app, caller, fileId)
  const expiresAt = app.clock.now() + expiresInMs
  const key = { tenantId: caller.tenantId, id: file.objectId }
  return app.files.sign(
    { key, method: 'GET', expiresAt, type: file.mediaType, filename: file.filename },
    { base, signingKey: await signingKey(app, caller.tenantId) },
  )
}

/** A URL that takes exactly these bytes without a key. The file is there after `keepSigned`. */
export async function signedUpload(
  app: Needs<'db' | 'clock' | 'files' | 'limits'>,
  caller: Caller,
  { mediaType, bytes, expiresInMs, base }: Link & { mediaType: string; bytes: number },
): Promise<{ objectId: string; url: string }> {
  requireScope(caller, 'write')
  if (bytes > app.limits.fileBytesMax) throw new Fault('too_large', `A file has at most ${app.limits.fileBytesMax} bytes.`)
  const key = { tenantId: caller.tenantId, id: newId() }
  const at = app.clock.now()
  const expiresAt = at + expiresInMs
  const type = requireMediaType(mediaType, 'mediaType')
  await insertObject(app.db, key, { at, staleAt: expiresAt + GRACE_MS, bytes })
  const signing = { base, signingKey: await signingKey(app, caller.tenantId) }
  return { objectId: key.id, url: await app.files.sign({ key, method: 'PUT', expiresAt, type, bytes }, signing) }
}

export interface SignedFile {
  objectId: string
  filename: string
  purpose: FilePurpose
  mediaType: string
  expiresAfterS: number | null
}

/**
 * Makes a file of what came by a link. It is copied: whoever holds the link may still write by it, and a file never
 * changes. Throws not_found, and wrong_state while nothing has come.
 */
export async function keepSigned(app: Needs<'db' | 'clock' | 'files'>, caller: Caller, input: SignedFile): Promise<StoredFile> {
  requireScope(caller, 'write')
  const filename = requireFilename(input.filename, 'filename')
  const { tenantId } = caller
  const arrived = { tenantId, id: input.objectId }
  const bytes = await readReserved(app.db, arrived)
  if (bytes === undefined) throw notFound('file', input.objectId)
  const source = await app.files.read(arrived).catch((error) => {
    if (error instanceof Fault && error.code === 'not_found') throw new Fault('wrong_state', 'Nothing has been uploaded by this link.')
    throw error
  })
  const object = await writeObject(app, tenantId, { source, bytesMax: bytes })
  return settleObject(app, object, async () => {
    if (object.bytes !== bytes) throw new Fault('wrong_state', `${object.bytes} bytes came by this link instead of ${bytes}.`)
    const at = app.clock.now()
    return app.db.transaction(async (db) => {
      const file = await createFileIn(db, at, { ...input, tenantId, filename, object })
      // Kept twice at once, one is too late.
      if ((await dropRows(db, at, [input.objectId])) === 0) throw notFound('file', input.objectId)
      return file
    })
  })
}

export interface LinkedObject {
  /** The key that its tenant's links are signed with. */
  signingKey: string
  /** Whether its bytes are expected, there, or neither. */
  state: 'awaited' | 'kept' | 'gone'
}

/**
 * What a link stands for, asked without a caller: whoever has a link needs no key. Undefined where there is no such object
 * or no link of its tenant's.
 */
export async function findLinked(app: Needs<'db'>, key: ObjectKey): Promise<LinkedObject | undefined> {
  const row = await readLinked(app.db, key)
  if (!row?.signing_key) return undefined
  const state = row.state === 'kept' ? 'kept' : row.state === 'writing' && row.reserved ? 'awaited' : 'gone'
  return { signingKey: row.signing_key, state }
}
