import type { Db } from '../../drivers/records/port.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { appendDraft, deleteOldDrafts, takeDraftRow } from './message-draft-store.ts'
import { getThread } from './threads.ts'

/** Of one author in one thread. */
export const DRAFT_BYTES_MAX = 1024 * 1024
/** How long the next piece may take to come. */
export const DRAFT_KEEP_MS = 60 * 60_000

export interface Draft {
  threadId: string
  /** Who writes: of each author a thread has one draft. */
  author: string
}

/** Keeps a piece of a message until `takeDraft`. Throws not_found for the thread, or too_large. */
export async function addToDraft(app: Needs<'db' | 'clock'>, caller: Caller, { text, ...draft }: Draft & { text: string }): Promise<void> {
  requireScope(caller, 'write')
  const now = app.clock.now()
  const added = await appendDraft(app.db, {
    ...{ ...draft, tenantId: caller.tenantId, text, bytes: Buffer.byteLength(text) },
    ...{ bytesMax: DRAFT_BYTES_MAX, now, freshSince: now - DRAFT_KEEP_MS },
  })
  if (added !== undefined) return
  await getThread(app, caller, draft.threadId)
  throw new Fault('too_large', `A message that comes in pieces holds at most ${DRAFT_BYTES_MAX} bytes.`, { param: 'content' })
}

/** What has come so far; empty: nothing. It is gone when the transaction `app.db` is committed. */
export const takeDraft = (app: { db: Db } & Needs<'clock'>, caller: Caller, draft: Draft): Promise<string> =>
  app.db.transaction((db) => takeDraftRow(db, { ...draft, tenantId: caller.tenantId, freshSince: app.clock.now() - DRAFT_KEEP_MS }))

/** Removes drafts whose author went away. At most `limit` at once; answers how many. */
export const dropDrafts = (app: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  deleteOldDrafts(app.db, app.clock.now() - DRAFT_KEEP_MS, limit)
