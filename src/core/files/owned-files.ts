import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { holdUser, mayActFor, type Owned, own } from '../ownership/ownership.ts'
import { createFileIn, type NewFile, type StoredFile } from './files.ts'

export interface OwnedFile {
  file: StoredFile
  owned: Owned
}

export interface NewOwnedFile extends NewFile {
  userId: string
  facts: JsonObject
}

/** Throws forbidden for somebody else's user unless the caller is a manager, not_found, and unavailable as `createFile` does. */
export async function createOwnedFile(app: Needs<'db' | 'clock'>, caller: Caller, input: NewOwnedFile): Promise<OwnedFile> {
  requireScope(caller, 'write')
  const { userId, facts, ...file } = input
  if (!mayActFor(caller, userId)) throw new Fault('forbidden', 'This key may not act for that user.')
  return app.db.transaction(async (db) => {
    // Its content took a while to arrive: the user may be gone.
    if (!(await holdUser(db, caller, userId))) throw notFound('user', userId)
    const created = await createFileIn(db, app.clock.now(), { ...file, tenantId: caller.tenantId })
    const owned = await own({ db, clock: app.clock }, caller, { kind: 'file', id: created.id, userId, facts })
    return { file: created, owned }
  })
}
