import type { Db } from '../../drivers/records/port.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { associate, associated, dissociate } from '../ownership/associations.ts'
import { changeFacts, listOwned, mayActFor, type Owned, own, ownerOf, ownersOf } from '../ownership/ownership.ts'
import { countEntries, readFilledStores } from './entry-store.ts'
import { lockStoreRow, readStoreHeads } from './store.ts'
import { missingStore } from './store-files.ts'
import { createStoreIn, deleteStore } from './stores.ts'

/** A store that belongs to somebody and may be the other half of an index that its client keeps elsewhere. */
export interface OwnedStore {
  id: string
  /** The id that its client chose; null for one that was made without. */
  alias: string | null
  /** Null: the tenant's. */
  userId: string | null
  name: string | null
  createdAt: number
  /** When it, or one of its entries, was last changed. */
  updatedAt: number | null
  /** It can still be read, and is not used. */
  deleted: boolean
  /** Of the client's own index; null where nobody said. */
  vectorSize: number | null
  metric: string | null
  config: JsonObject
  /** How many entries it has. */
  entries: number
}

export interface NewOwnedStore {
  alias: string
  name: string
  userId: string | null
  vectorSize: number
  metric: string
  config: JsonObject
}

/** What lists hold at most. */
export const STORES_LISTED_MAX = 10_000
/** Stores that one assistant can have: a search looks into all of them. */
export const ATTACHED_MAX = 50

const KIND = 'vector_store' as const

const isDeleted = (owned: Owned | undefined): boolean => owned?.facts.deleted === true

const numberOr = (value: unknown): number | null => (typeof value === 'number' ? value : null)

/** Whoever may act for the user may make it; whether there is such a user is for the one who calls. Throws exists. */
export async function createOwnedStore(
  app: Needs<'db' | 'clock' | 'limits'>,
  caller: Caller,
  { alias, name, userId, vectorSize, metric, config }: NewOwnedStore,
): Promise<OwnedStore> {
  requireScope(caller, 'write')
  if (!mayActFor(caller, userId)) throw new Fault('forbidden', 'This key may not act for that user.')
  return app.db.transaction(async (db) => {
    const within = { db, clock: app.clock, limits: app.limits }
    const id = await createStoreIn(within, caller, { name })
    await own(within, caller, { kind: KIND, id, userId, alias, facts: { vectorSize, metric, config } })
    return getOwnedStore(within, caller, id)
  })
}

/** Throws not_found. */
export async function getOwnedStore(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<OwnedStore> {
  requireScope(caller, 'read')
  const [store] = await read(app, caller, [id])
  if (!store) throw missingStore(id)
  return store
}

/** Those that are there, in the order given. */
async function read({ db, clock }: Needs<'db' | 'clock'>, caller: Caller, ids: readonly string[]): Promise<OwnedStore[]> {
  if (ids.length === 0) return []
  const { tenantId } = caller
  const heads = await readStoreHeads(db, tenantId, { ids: [...ids], now: clock.now() })
  const owners = await ownersOf({ db }, caller, { kind: KIND, ids })
  const counts = await countEntries(db, tenantId, ids)
  return ids.flatMap((id) => {
    const head = heads.get(id)
    if (!head) return []
    const owned = owners.get(id)
    const { updatedAt, vectorSize, metric, config } = owned?.facts ?? {}
    return {
      ...{ id, alias: owned?.alias ?? null, userId: owned?.userId ?? null, name: head.name, createdAt: head.createdAt },
      ...{ updatedAt: numberOr(updatedAt), deleted: isDeleted(owned), vectorSize: numberOr(vectorSize) },
      metric: typeof metric === 'string' ? metric : null,
      config: (config ?? {}) as JsonObject,
      entries: counts.get(id) ?? 0,
    }
  })
}

const withoutDeleted = async (stores: Promise<OwnedStore[]>): Promise<OwnedStore[]> => (await stores).filter(({ deleted }) => !deleted)

/** Oldest first, without deleted ones. Of somebody for whom the caller may not act there are none. */
export async function listOwnedStores(app: Needs<'db' | 'clock'>, caller: Caller, userId: string): Promise<OwnedStore[]> {
  requireScope(caller, 'read')
  if (!mayActFor(caller, userId)) return []
  const owned = await listOwned(app, caller, { kind: KIND, userId, limit: STORES_LISTED_MAX })
  const ids = owned.filter((one) => !isDeleted(one)).map(({ id }) => id)
  return withoutDeleted(read(app, caller, ids))
}

/**
 * In a transaction that holds the store's row, so that nobody else makes the owner's row meanwhile. A store without one is
 * the tenant's.
 */
async function note(app: { db: Db } & Needs<'clock'>, caller: Caller, { id, facts }: { id: string; facts: JsonObject }): Promise<void> {
  const added = { ...facts, updatedAt: app.clock.now() }
  const changed = await changeFacts(app, caller, { kind: KIND, id, change: (before) => ({ ...before, ...added }) })
  if (!changed) await own(app, caller, { kind: KIND, id, userId: null, facts: added })
}

/** Whether it is deleted and can still be read. */
export const isRetired = async (app: Needs<'db'>, caller: Caller, id: string): Promise<boolean> =>
  isDeleted(await ownerOf(app, caller, { kind: KIND, id }))

/** As `holdStore`, of one that may be deleted. */
async function hold(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<void> {
  if (!(await lockStoreRow(app.db, caller.tenantId, { id, now: app.clock.now() }))) throw missingStore(id)
}

/** In a transaction: until its end nobody deletes the store or changes its entries. Throws not_found, also for a deleted one. */
export async function holdStore(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<void> {
  await hold(app, caller, id)
  if (await isRetired(app, caller, id)) throw missingStore(id)
}

/** In a transaction: holds the store and notes that something in it changes, whether it is deleted or not. Throws not_found. */
export async function touchStore(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<void> {
  await hold(app, caller, id)
  await note(app, caller, { id, facts: {} })
}

async function retireStore(app: Needs<'db' | 'clock'>, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  await app.db.transaction(async (db) => {
    const within = { db, clock: app.clock }
    await hold(within, caller, id)
    await note(within, caller, { id, facts: { deleted: true } })
  })
}

/** For good, it is gone with all that is in it; else it can still be read, and is not used any more. Throws not_found. */
export const deleteOwnedStore = (
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  { id, forGood }: { id: string; forGood: boolean },
): Promise<void> => (forGood ? deleteStore(app, caller, id) : retireStore(app, caller, id))

interface Attached {
  assistantId: string
  storeId: string
}

/** Nothing happens where it is attached already. Throws not_found for a store that is deleted, wrong_state for one too many. */
export async function attachStore(app: Needs<'db' | 'clock'>, caller: Caller, { assistantId: from, storeId: to }: Attached): Promise<void> {
  requireScope(caller, 'write')
  await app.db.transaction(async (db) => {
    const within = { db, clock: app.clock }
    await holdStore(within, caller, to)
    const there = await associated(within, caller, { kind: 'assistant_store', from })
    if (there.includes(to)) return
    if (there.length >= ATTACHED_MAX) throw new Fault('wrong_state', `An assistant has at most ${ATTACHED_MAX} vector stores.`)
    await associate(within, caller, { kind: 'assistant_store', from, to })
  })
}

/** Nothing happens where it is not attached. */
export async function detachStore(app: Needs<'db'>, caller: Caller, { assistantId: from, storeId: to }: Attached): Promise<void> {
  requireScope(caller, 'write')
  await dissociate(app, caller, { kind: 'assistant_store', from, to })
}

/** In the order in which they were attached: those that the caller may see and that are not deleted. */
export async function attachedStores(app: Needs<'db' | 'clock'>, caller: Caller, assistantId: string): Promise<OwnedStore[]> {
  requireScope(caller, 'read')
  const ids = await associated(app, caller, { kind: 'assistant_store', from: assistantId })
  return (await withoutDeleted(read(app, caller, ids))).filter(({ userId }) => mayActFor(caller, userId))
}

/**
 * Ids of the stores that runs of the assistant search here, whoever starts them: attached, not deleted, and with at least
 * one file that this server has made searchable.
 */
export async function storesFor(app: Needs<'db' | 'clock'>, caller: Caller, assistantId: string): Promise<string[]> {
  requireScope(caller, 'read')
  const ids = await associated(app, caller, { kind: 'assistant_store', from: assistantId })
  const filled = await readFilledStores(app.db, caller.tenantId, ids)
  const owners = await ownersOf(app, caller, { kind: KIND, ids: [...filled] })
  return ids.filter((id) => filled.has(id) && !isDeleted(owners.get(id)))
}
