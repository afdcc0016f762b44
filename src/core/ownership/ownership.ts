import type { Db } from '../../drivers/records/port.ts'
import type { Caller } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { deleteOwned, insertOwned, listOwnedRows, lockOwned, lockUser, readAlias, readOwned, writeFacts } from './store.ts'

/** What can belong to a user. Tools say themselves whose they are. */
export type OwnedKind = 'assistant' | 'thread' | 'message' | 'run' | 'file' | 'vector_store'

/** What can be put together with what: from the first to the second. */
export type AssociationKind = 'assistant_tool' | 'assistant_user' | 'assistant_store' | 'thread_user'

export interface Owned {
  /** Of the object. */
  id: string
  /** Null: the tenant's. */
  userId: string | null
  /** The id that a client chose for it. */
  alias: string | null
  /** What goes away with a thread. */
  threadId: string | null
  /** What only the dialect that made the object remembers. */
  facts: JsonObject
  createdAt: number
}

/** Whether the caller has everything of the tenant: with a key of the tenant itself, or of a user who is an admin. */
export const isManager = (caller: Caller): boolean => caller.userId === null || caller.scopes.has('admin')

/** Where owners are not looked at: not for users who have only what is their own. Throws forbidden. */
export function requireManager(caller: Caller): void {
  if (!isManager(caller) && caller.role === undefined)
    throw new Fault('forbidden', 'This key belongs to a user; it works on the Entities surface.')
}

/** Whether a caller is the user, or above users. */
export const mayActFor = (caller: Caller, userId: string | null): boolean =>
  isManager(caller) || (userId !== null && caller.userId === userId)

export interface NewOwned {
  kind: OwnedKind
  id: string
  /** Absent: the caller's user. */
  userId?: string | null
  alias?: string
  threadId?: string
  facts?: JsonObject
}

const keyOf = (caller: Caller, kind: OwnedKind) => ({ tenantId: caller.tenantId, kind })

/** In the transaction that makes the object. Throws exists where the alias is taken. */
export async function own(app: { db: Db } & Needs<'clock'>, caller: Caller, input: NewOwned): Promise<Owned> {
  const owned: Owned = {
    ...{ id: input.id, userId: input.userId === undefined ? caller.userId : input.userId, alias: input.alias ?? null },
    ...{ threadId: input.threadId ?? null, facts: input.facts ?? {}, createdAt: app.clock.now() },
  }
  if (await insertOwned(app.db, keyOf(caller, input.kind), owned)) return owned
  throw new Fault('exists', `There is a ${input.kind} with this id.`, { id: input.alias ?? input.id })
}

/** Of all the tenant's, whoever asks; an object without a row is not in it. */
export async function ownersOf(
  app: Needs<'db'>,
  caller: Caller,
  { kind, ids }: { kind: OwnedKind; ids: readonly string[] },
): Promise<Map<string, Owned>> {
  return new Map((await readOwned(app.db, keyOf(caller, kind), ids)).map((owned) => [owned.id, owned]))
}

export async function ownerOf(app: Needs<'db'>, caller: Caller, { kind, id }: { kind: OwnedKind; id: string }): Promise<Owned | undefined> {
  return (await readOwned(app.db, keyOf(caller, kind), [id]))[0]
}

/** The object that a client gave this id. */
export const findAlias = (
  app: Needs<'db'>,
  caller: Caller,
  { kind, alias }: { kind: OwnedKind; alias: string },
): Promise<Owned | undefined> => readAlias(app.db, keyOf(caller, kind), alias)

/**
 * The owner's row of an object that the caller may change: his own, or any for a manager. One without a row is the
 * tenant's. Throws not_found, as for an id that does not exist.
 */
export async function requireOwned(
  app: Needs<'db'>,
  caller: Caller,
  { kind, id }: { kind: Exclude<OwnedKind, 'message' | 'run'>; id: string },
): Promise<Owned | undefined> {
  const owned = await ownerOf(app, caller, { kind, id })
  if (!mayActFor(caller, owned?.userId ?? null)) throw notFound(kind, id)
  return owned
}

/** Oldest first. Those of the tenant itself are nobody's. */
export async function listOwned(
  app: Needs<'db'>,
  caller: Caller,
  input: { kind: OwnedKind; userId?: string; threadId?: string; limit: number },
): Promise<Owned[]> {
  const { userId = null, threadId = null, limit } = input
  return listOwnedRows(app.db, keyOf(caller, input.kind), { userId, threadId, limit })
}

/** Changes what is remembered of an object, one after the other. Undefined: nothing is. */
export async function changeFacts(
  app: Needs<'db'>,
  caller: Caller,
  { kind, id, change }: { kind: OwnedKind; id: string; change: (facts: JsonObject, owned: Owned) => JsonObject },
): Promise<Owned | undefined> {
  return app.db.transaction(async (db) => {
    const owned = await lockOwned(db, keyOf(caller, kind), id)
    if (!owned) return undefined
    const facts = change(owned.facts, owned)
    await writeFacts(db, keyOf(caller, kind), { id, facts })
    return { ...owned, facts }
  })
}

/** In a transaction: until its end nobody else changes what is remembered. */
export const holdOwned = (db: Db, caller: Caller, { kind, id }: { kind: OwnedKind; id: string }): Promise<Owned | undefined> =>
  lockOwned(db, keyOf(caller, kind), id)

/** In the transaction that removes the object. */
export const disown = (db: Db, caller: Caller, { kind, id }: { kind: OwnedKind; id: string }): Promise<void> =>
  deleteOwned(db, keyOf(caller, kind), id)

/** In the transaction that gives a user something: until its end the user is not removed. False: there is no such user. */
export const holdUser = (db: Db, caller: Caller, id: string): Promise<boolean> => lockUser(db, caller.tenantId, id)
