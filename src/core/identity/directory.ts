import type { Role } from '../access/roles.ts'
import { audit } from '../audit/audit.ts'
import type { Caller } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { isUuid } from '../id.ts'
import type { Needs } from '../needs.ts'
import {
  hasOperatorRow,
  listMemberRows,
  listTenantRows,
  lockMemberRows,
  readNamesOf,
  readTenantId,
  readTenantNames,
  writeStanding,
} from './directory-store.ts'
import { DEFAULT_TENANT, operatorOf } from './tenants.ts'
import { requireOperator } from './users.ts'

export interface Tenant {
  id: string
  /** What operators and links call it. */
  slug: string
  /** As people call it. */
  title: string | null
  users: number
  /** Milliseconds since the epoch. */
  createdAt: number
}

export type UserStatus = 'active' | 'disabled'

/** A user, by what he may do. */
export interface Member {
  id: string
  email: string | null
  name: string | null
  role: Role | null
  isOperator: boolean
  status: UserStatus
  /** Null: he has keys only. */
  credentialId: string | null
  createdAt: number
}

/** For whoever runs the server. Oldest first. */
export async function listTenants(app: Needs<'db'>, caller: Caller, { limit }: { limit: number }): Promise<Tenant[]> {
  requireOperator(caller)
  return listTenantRows(app.db, limit)
}

/** As people call the tenant. */
export async function titleOf(app: Needs<'db'>, tenantId: string): Promise<string | null> {
  const names = await readTenantNames(app.db, tenantId)
  return names?.title ?? names?.name ?? null
}

const NAMED_MAX = 5

/** What a person and his tenants are called. */
export const namesOf = (app: Needs<'db'>, credentialId: string): Promise<string[]> => readNamesOf(app.db, credentialId, NAMED_MAX)

/** What operators and links call the tenant. Undefined: it is not there. */
export const tenantSlug = async (app: Needs<'db'>, tenantId: string): Promise<string | undefined> =>
  (await readTenantNames(app.db, tenantId))?.name

/** The server's operator, in a tenant that is there. Undefined: there is none with this slug. */
export async function operatorIn(app: Needs<'db'>, slug: string): Promise<Caller | undefined> {
  const tenantId = await readTenantId(app.db, slug)
  return tenantId === undefined ? undefined : operatorOf(tenantId)
}

/** For whoever runs the server: those with a role, oldest first. */
export async function listMembers(app: Needs<'db'>, caller: Caller, { limit }: { limit: number }): Promise<Member[]> {
  requireOperator(caller)
  return listMemberRows(app.db, caller.tenantId, { operators: false, limit })
}

/** For whoever runs the server: who else does, oldest first. */
export async function listOperators(app: Needs<'db'>, caller: Caller, { limit }: { limit: number }): Promise<Member[]> {
  requireOperator(caller)
  return listMemberRows(app.db, caller.tenantId, { operators: true, limit })
}

/** Whether anybody can sign in to run the server. */
export const hasOperator = (app: Needs<'db'>): Promise<boolean> => hasOperatorRow(app.db, DEFAULT_TENANT)

export interface Standing {
  role?: Role
  status?: UserStatus
  isOperator?: boolean
}

/**
 * For whoever runs the server, who by this replaces the owner of a tenant. Takes effect at once in every process on this
 * database. `who` is an id or an e-mail address. Throws not_found, or wrong_state for an operator who could not sign in or
 * is of another tenant than the server's own.
 */
export async function changeStanding(
  app: Needs<'db' | 'clock' | 'signals'>,
  caller: Caller,
  { who, change }: { who: string; change: Standing },
): Promise<Member> {
  requireOperator(caller)
  const { tenantId } = caller
  const at = app.clock.now()
  const member = await app.db.transaction(async (db) => {
    const [found, other] = await lockMemberRows(db, tenantId, isUuid(who) ? { id: who } : { email: who.trim().toLowerCase() })
    if (!found) throw notFound('user', who)
    if (other) throw new Fault('wrong_state', 'Several users have this e-mail address, in other cases.', { kind: 'user', id: who })
    if (change.isOperator === true) await requireEligible(db, tenantId, found)
    const next = { ...found, ...change }
    await writeStanding(db, tenantId, { ...next, at })
    const details = { role: next.role, status: next.status, operator: next.isOperator }
    await audit({ ...app, db }, { tenantId, userId: found.id, event: 'user.change', result: 'success', details })
    return next
  })
  app.signals.keyChanged()
  return member
}

async function requireEligible(db: Needs<'db'>['db'], tenantId: string, { id, credentialId }: Member): Promise<void> {
  const home = (await readTenantNames(db, tenantId))?.name === DEFAULT_TENANT
  if (home && credentialId !== null) return
  const why = home ? 'This user has no password to sign in with.' : `Operators are users of the tenant '${DEFAULT_TENANT}'.`
  throw new Fault('wrong_state', why, { kind: 'user', id })
}
