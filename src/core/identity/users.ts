import { type Caller, requireScope } from '../caller.ts'
import { readCredentialOf } from '../credentials/credentials.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import { isManager, mayActFor } from '../ownership/ownership.ts'
import { managesUsers, requireAbove } from './rank.ts'
import { holdEmails, insertUserRow, isEmailTaken, listUserRows, lockUserRow, readUserRows, writeUserRow } from './user-store.ts'

export { holdEmails } from './user-store.ts'

/** Somebody who has keys and objects of his own within a tenant. */
export interface User {
  id: string
  /** No two users of a tenant have the same. */
  email: string | null
  /** The whole name. */
  name: string | null
  givenName: string | null
  familyName: string | null
  pictureUrl: string | null
  emailVerified: boolean
  /** Who vouches for the user: `local`, or the name of a provider. */
  provider: string
  /** Has everything of the tenant. */
  isAdmin: boolean
  /** Milliseconds since the epoch. */
  createdAt: number
  updatedAt: number
}

export type NewUser = Partial<Omit<User, 'id' | 'isAdmin' | 'createdAt' | 'updatedAt'>> & { providerUserId?: string | null }

/** Absent fields stay as they are; null clears. */
export type UserChange = Partial<Pick<User, 'email' | 'name' | 'givenName' | 'familyName' | 'pictureUrl' | 'emailVerified'>>

const forbidden = (sentence: string): Fault => new Fault('forbidden', sentence)
const emailTaken = (email: string | null): Fault =>
  new Fault('exists', `User with email ${email} already exists.`, { kind: 'user', id: email ?? '' })

/** Throws forbidden, or exists for an e-mail address in use. */
export async function createUser(app: Needs<'db' | 'clock'>, caller: Caller, input: NewUser): Promise<User> {
  requireScope(caller, 'write')
  if (!managesUsers(caller)) throw forbidden('Admin privileges required to create users.')
  return insertUser(app, caller, { ...input, isAdmin: false })
}

/** For whoever runs the server: nobody becomes an admin over an API. */
export async function createAdmin(app: Needs<'db' | 'clock'>, caller: Caller, input: NewUser): Promise<User> {
  requireOperator(caller)
  return insertUser(app, caller, { ...input, isAdmin: true })
}

async function insertUser(app: Needs<'db' | 'clock'>, caller: Caller, input: NewUser & { isAdmin: boolean }): Promise<User> {
  const at = app.clock.now()
  const { providerUserId = null, ...given } = input
  const user: User = {
    ...{ id: newId(), email: null, name: null, givenName: null, familyName: null, pictureUrl: null },
    ...{ emailVerified: false, provider: 'local', createdAt: at, updatedAt: at },
    ...given,
  }
  const inserted = await app.db.transaction(async (db) => {
    await holdEmails(db, caller.tenantId)
    return insertUserRow(db, caller.tenantId, { ...user, providerUserId })
  })
  if (!inserted) throw emailTaken(user.email)
  return user
}

/** Throws forbidden, whoever the other user is, or not_found to managers. */
export async function getUser(app: Needs<'db'>, caller: Caller, id: string): Promise<User> {
  requireScope(caller, 'read')
  if (!mayActFor(caller, id)) throw forbidden("Insufficient permissions to access this user's details.")
  const [user] = await readUserRows(app.db, caller.tenantId, [id])
  if (!user) throw notFound('user', id)
  return user
}

/** In the order of `ids`, for whom they may be shown to is the caller's business. Throws not_found for the first that is missing. */
export async function getUsers(app: Needs<'db'>, caller: Caller, ids: readonly string[]): Promise<User[]> {
  requireScope(caller, 'read')
  const found = await findUsers(app, caller, ids)
  return ids.map((id) => {
    const user = found.get(id)
    if (!user) throw notFound('user', id)
    return user
  })
}

/** Those of `ids` that are there. */
export async function findUsers(app: Needs<'db'>, caller: Caller, ids: readonly string[]): Promise<Map<string, User>> {
  requireScope(caller, 'read')
  const rows = ids.length === 0 ? [] : await readUserRows(app.db, caller.tenantId, ids)
  return new Map(rows.map((user) => [user.id, user]))
}

/** Oldest first. */
export async function listUsers(app: Needs<'db'>, caller: Caller, { limit }: { limit: number }): Promise<User[]> {
  requireScope(caller, 'read')
  if (!isManager(caller)) throw forbidden('Admin privileges required to list users.')
  return listUserRows(app.db, caller.tenantId, limit)
}

/** Throws forbidden, not_found to managers, or exists for an e-mail address in use. */
export async function changeUser(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { id, change }: { id: string; change: UserChange },
): Promise<User> {
  requireScope(caller, 'write')
  if (!mayActFor(caller, id)) throw forbidden('Insufficient permissions to update this user.')
  return app.db.transaction(async (db) => {
    if (change.email != null) await holdEmails(db, caller.tenantId)
    const user = await lockUserRow(db, caller.tenantId, id)
    if (!user) throw notFound('user', id)
    await requireAbove(db, caller, { userId: id, sentence: 'Insufficient permissions to update this user.' })
    const next = changed(caller, user, change)
    if (same(user, next)) return user
    if (next.email !== user.email && (await readCredentialOf(db, { tenantId: caller.tenantId, userId: id })) !== undefined)
      throw forbidden('This user signs in with the e-mail address: it cannot be changed here.')
    if (next.email !== null && next.email !== user.email && (await isEmailTaken(db, caller.tenantId, { id, email: next.email })))
      throw emailTaken(next.email)
    const written = { ...next, updatedAt: app.clock.now() }
    await writeUserRow(db, caller.tenantId, written)
    return written
  })
}

/** A user's word does not make his address a verified one, and a new address is not, whatever was sent with it. */
function changed(caller: Caller, user: User, change: UserChange): User {
  const next = { ...user, ...change }
  if (isManager(caller)) return next
  if (next.email !== user.email) return { ...next, emailVerified: false }
  if (next.emailVerified && !user.emailVerified) throw forbidden('Insufficient permissions to update this user.')
  return next
}

const same = (one: User, other: User): boolean => (Object.keys(one) as (keyof User)[]).every((field) => one[field] === other[field])

/** For whoever runs the server. Takes effect at once in every process on this database. Throws not_found. */
export async function setAdmin(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  { id, isAdmin }: { id: string; isAdmin: boolean },
): Promise<User> {
  requireOperator(caller)
  const user = await app.db.transaction(async (db) => {
    const found = await lockUserRow(db, caller.tenantId, id)
    if (!found) throw notFound('user', id)
    if (found.isAdmin === isAdmin) return found
    const next = { ...found, isAdmin, updatedAt: app.clock.now() }
    await writeUserRow(db, caller.tenantId, next)
    return next
  })
  app.signals.keyChanged()
  return user
}

/** The server's own work: who has no key, and is nobody who signed in. */
export function requireOperator(caller: Caller): void {
  requireScope(caller, 'admin')
  if (caller.keyId !== null || caller.userId !== null) throw forbidden('Only whoever runs the server may do this.')
}
