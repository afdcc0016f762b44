import { deleteAssistant } from '../assistants/assistants.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound, unlessMissing } from '../fault.ts'
import { deleteFile } from '../files/removal.ts'
import type { Needs } from '../needs.ts'
import { dissociateAll } from '../ownership/associations.ts'
import { disown, listOwned } from '../ownership/ownership.ts'
import { dropSessionsOf, leaveCredential } from '../sessions/removal.ts'
import { deleteThreads } from '../threads/removal.ts'
import { deleteStore } from '../vector-stores/stores.ts'
import { managesUsers, requireAbove } from './rank.ts'
import {
  deleteKeys,
  deleteTools,
  deleteUserRow,
  forgetThreads,
  handOver,
  handOverTools,
  hasBelongings,
  leaveThreads,
  readThreads,
  type UserId,
} from './removal-store.ts'
import { lockUserRow } from './user-store.ts'
import { getUser, type User } from './users.ts'

type Parts = Needs<'db' | 'clock' | 'signals'>

/** Rows of one transaction. */
const AT_ONCE = 50
/** How often somebody may put something in the user's name while he is removed. */
const ROUNDS_MAX = 20

/**
 * The user with his keys, files, vector stores, tools, assistants and the threads in which nobody else takes part; other
 * threads go on without him. What an admin made for everybody, assistants and tools, becomes the tenant's. His keys and
 * sessions go first and he last, with what he signs in with unless he is somebody in another tenant too; everything in
 * between goes in small transactions: who finds him still there after a crash asks again. Throws forbidden or not_found.
 */
export async function deleteUser(app: Parts, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  if (!managesUsers(caller)) throw new Fault('forbidden', 'Admin privileges required to delete users.')
  if (caller.userId === id) throw new Fault('forbidden', 'Admin self-deletion via API is disallowed.')
  const user = await getUser(app, caller, id)
  const who = { tenantId: caller.tenantId, userId: id }
  await requireAbove(app.db, caller, { userId: id, sentence: 'Insufficient permissions to delete this user.' })
  for (let round = 0; round < ROUNDS_MAX; round++) {
    await deleteKeys(app.db, who)
    await dropSessionsOf(app.db, who)
    app.signals.keyChanged()
    await removeThreads(app, caller, who)
    if (user.isAdmin) await shareAll(app, who)
    await removeObjects(app, caller, id)
    while ((await deleteTools(app.db, who, AT_ONCE)) === AT_ONCE);
    await letGo(app, caller, who)
    if (await removeIfBare(app, caller, user)) return app.signals.keyChanged()
  }
  throw new Fault('busy', 'Something is still done in the name of this user; try again.', { kind: 'user', id })
}

/** Each turn leaves fewer of them. */
async function removeThreads(app: Parts, caller: Caller, who: UserId): Promise<void> {
  for (;;) {
    const threads = await readThreads(app.db, who, AT_ONCE)
    if (threads.length === 0) return
    const own = threads.filter(({ shared }) => !shared).map(({ id }) => id)
    const others = threads.filter(({ shared }) => shared).map(({ id }) => id)
    if (own.length > 0) {
      await deleteThreads(app, caller, own)
      await forgetThreads(app.db, who.tenantId, own)
    }
    if (others.length > 0) await leaveThreads(app.db, who, others)
  }
}

async function shareAll(app: Parts, who: UserId): Promise<void> {
  while ((await handOver(app.db, who, { kind: 'assistant', limit: AT_ONCE })) === AT_ONCE);
  await handOverTools(app.db, who)
}

const REMOVALS = { file: deleteFile, vector_store: deleteStore, assistant: deleteAssistant }

async function removeObjects(app: Parts, caller: Caller, userId: string): Promise<void> {
  for (const kind of ['vector_store', 'file', 'assistant'] as const)
    for (;;) {
      const owned = await listOwned(app, caller, { kind, userId, limit: AT_ONCE })
      if (owned.length === 0) break
      for (const { id } of owned) {
        // Somebody else may have removed it, or an attempt before this one.
        await unlessMissing(REMOVALS[kind](app, caller, id))
        // The row of an object that is there went with it.
        await disown(app.db, caller, { kind, id })
      }
    }
}

/** What he wrote and began in threads of others stays there. */
async function letGo(app: Parts, caller: Caller, who: UserId): Promise<void> {
  for (const kind of ['message', 'run']) while ((await handOver(app.db, who, { kind, limit: AT_ONCE })) === AT_ONCE);
  await dissociateAll(app, caller, { kind: 'assistant_user', to: who.userId })
}

/** False: something has come to him meanwhile. */
function removeIfBare(app: Parts, caller: Caller, { id }: User): Promise<boolean> {
  const who = { tenantId: caller.tenantId, userId: id }
  return app.db.transaction(async (db) => {
    if (!(await lockUserRow(db, caller.tenantId, id))) throw notFound('user', id)
    if (await hasBelongings(db, who)) return false
    return leaveCredential(db, who, () => deleteUserRow(db, who))
  })
}
