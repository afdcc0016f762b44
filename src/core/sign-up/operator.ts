import { audit } from '../audit/audit.ts'
import type { Caller } from '../caller.ts'
import { normalAddress } from '../credentials/address.ts'
import { findCredential, insertCredential, readCredential, verifyCredential } from '../credentials/credentials.ts'
import { Fault } from '../fault.ts'
import { newId } from '../id.ts'
import { operator } from '../identity/tenants.ts'
import { holdEmails, requireOperator } from '../identity/users.ts'
import type { Needs } from '../needs.ts'
import { requirePassword } from '../passwords/policy.ts'
import { insertMember, linkMember, lockNamesake, type NewMember } from './account-store.ts'
import { type IssuedInvite, newInvite, storeInvite } from './invites.ts'

export interface NewOperator {
  email: string
  name?: string | null
  password: string
}

type OperatorNeeds = Needs<'db' | 'clock' | 'passwords' | 'signals'>

export interface Operator {
  userId: string
  email: string
}

/** For whoever runs the server, in the tenant that is its own. Throws invalid for a weak password, or exists. */
export async function createOperator(app: OperatorNeeds, caller: Caller, input: NewOperator): Promise<Operator> {
  const made = await makeOperator(app, caller, input)
  if (made === undefined) throw taken()
  return made
}

/**
 * As `createOperator`, once: an operator who is there keeps his password, whatever is said here. Throws exists where
 * somebody else has the address.
 */
export async function ensureOperator(app: OperatorNeeds, input: NewOperator): Promise<Operator | undefined> {
  return makeOperator(app, await operator(app), input)
}

const taken = (): Fault => new Fault('exists', 'There is an account with this e-mail address.', { kind: 'user' })

/** Undefined: he is there already, whatever he may do by now. */
async function makeOperator(
  app: OperatorNeeds,
  caller: Caller,
  { name = null, password, ...input }: NewOperator,
): Promise<Operator | undefined> {
  requireOperator(caller)
  const email = normalAddress(input.email)
  const { tenantId } = caller
  const known = await findCredential(app.db, email)
  if (known?.users.some((user) => user.tenantId === tenantId)) return undefined
  if (!known) await requirePassword(password, { email, names: [name] })
  // Somebody who registered with this address before does not become an operator by it: the password must be his.
  if (known && !(await app.passwords.verify(password, known.passwordHash))) throw taken()
  const passwordHash = known?.passwordHash ?? (await app.passwords.hash(password))
  const userId = await app.db.transaction((db) => install({ ...app, db }, { tenantId, email, name, passwordHash }))
  if (userId === undefined) return undefined
  app.signals.keyChanged()
  return { userId, email }
}

interface Installed {
  tenantId: string
  email: string
  name: string | null
  passwordHash: string
}

/** Undefined: another process was faster. */
async function install(app: Needs<'db' | 'clock'>, { tenantId, email, name, passwordHash }: Installed): Promise<string | undefined> {
  const { db } = app
  const at = app.clock.now()
  const id = newId()
  await holdEmails(db, tenantId)
  const known = await lockNamesake(db, tenantId, email)
  const isNew = await insertCredential(db, { id, email, passwordHash, verified: true, at })
  const credential = isNew ? { id, passwordHash } : await readCredential(db, { email }, { hold: true })
  if (known && known.credentialId === credential?.id) return undefined
  if (credential?.passwordHash !== passwordHash || (known && (known.credentialId !== null || !known.isActive))) throw taken()
  if (!isNew) await verifyCredential(db, { id: credential.id, email, at })
  const member: NewMember = {
    ...{ id: known?.id ?? newId(), tenantId, credentialId: credential.id, email, verified: true, name },
    ...{ role: 'owner', isOperator: true, at },
  }
  await (known ? linkMember(db, member, known) : insertMember(db, member))
  await audit(app, { tenantId, userId: member.id, event: 'operator.create', result: 'success' })
  return member.id
}

const CLAIM_HOURS = 24

/** An invite by which somebody becomes an operator with a password that only he knows. It is sent to nobody. */
export async function claimInvite(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { email = null }: { email?: string | null } = {},
): Promise<IssuedInvite> {
  requireOperator(caller)
  const { tenantId } = caller
  const place = { tenantId, role: 'owner', isOperator: true, issuedBy: null, at: app.clock.now() } as const
  const made = newInvite({ email, expiresInHours: CLAIM_HOURS }, place)
  await app.db.transaction((db) => storeInvite({ ...app, db }, made, { by: null, event: 'operator.invite' }))
  return { invite: made.invite, token: made.token }
}
