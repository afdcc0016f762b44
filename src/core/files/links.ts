import { createHmac } from 'node:crypto'
import type { Db } from '../../drivers/records/port.ts'
import { serverOf } from '../caller.ts'
import { isUuid } from '../id.ts'
import { findSigningKey, signingKey } from '../identity/signing.ts'
import type { Needs } from '../needs.ts'
import { type ByteRange, getFile, readContent, type StoredFile } from './files.ts'
import { readFileTenant } from './store.ts'

/** Of its own: a signature under one key never is one under another. */
const PURPOSE = 'tetraport file link 1'

const derived = (key: string): string => createHmac('sha256', key).update(PURPOSE).digest('base64url')

/** What signs a tenant's links that a dialect spells itself; made when the first is asked for. */
export const linkKey = async (app: Needs<'db'>, tenantId: string): Promise<string> => derived(await signingKey(app, tenantId))

/** Undefined where the tenant has made no link, or is not there. */
export async function findLinkKey(app: Needs<'db'>, tenantId: string): Promise<string | undefined> {
  const key = isUuid(tenantId) ? await findSigningKey(app, tenantId) : undefined
  return key === undefined ? undefined : derived(key)
}

/** Whose file this is, asked without a caller. Undefined where there is none. */
export const findFileTenant = (app: { db: Db }, id: string): Promise<string | undefined> => readFileTenant(app.db, id)

/** A file by a link that was found to be good: whoever has it needs no key. Throws not_found. */
export async function openLinked(
  app: Needs<'db' | 'clock' | 'files'>,
  { tenantId, id }: { tenantId: string; id: string },
): Promise<{ file: StoredFile; read(range?: ByteRange): Promise<ReadableStream<Uint8Array>> }> {
  const caller = serverOf(tenantId)
  const file = await getFile(app, caller, id)
  return { file, read: (range) => readContent(app, caller, { file, ...(range === undefined ? {} : { range }) }) }
}
