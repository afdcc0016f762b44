import { type Principal, whoIs } from '../access/principal.ts'
import { isAtLeast } from '../access/roles.ts'
import { audit } from '../audit/audit.ts'
import { normalAddress } from '../credentials/address.ts'
import { type Owner, readCredential, readOwner } from '../credentials/credentials.ts'
import { Fault, notFound } from '../fault.ts'
import { isUuid } from '../id.ts'
import { queueMail } from '../mail/mail.ts'
import type { Needs } from '../needs.ts'
import { requirePassword } from '../passwords/policy.ts'
import { noteFailure, noteSuccess, requireOpen } from '../rates/guard.ts'
import { passwordConfirmLimits, passwordResetLimits } from '../rates/quotas.ts'
import { takeLimit } from '../rates/rates.ts'
import type { Client } from './client.ts'
import { takeEmailToken } from './email-token-store.ts'
import { requireEmailToken, usedToken } from './email-tokens.ts'
import { draftPassword, type PasswordDraft, recordPassword } from './password-draft.ts'
import { requireCredential } from './sessions.ts'

type Parts = Needs<'db' | 'clock' | 'passwords' | 'identity' | 'signals' | 'vault' | 'mail'>

const NOBODY: Client = { ip: null, userAgent: null }

/**
 * Ends all sessions of the person, this one too. Throws unauthenticated (the current password is wrong, which counts as a
 * failed sign-in), forbidden with why locked, or invalid (param password).
 */
export async function changePassword(
  app: Parts,
  principal: Principal,
  { current, next, client }: { current: string; next: string; client: Client },
): Promise<void> {
  const { credentialId, userId } = requireCredential(principal)
  const { tenantId } = principal
  const known = await readCredential(app.db, { id: credentialId })
  if (!known) throw wrongPassword()
  const attempt = { email: known.email, ip: client.ip }
  await requireOpen(app, attempt)
  const isRight = await app.passwords.verify(current, known.passwordHash)
  const event = { tenantId, userId, event: 'password.change', client } as const
  if (!isRight) {
    await audit(app, { ...event, result: 'failure', reason: 'invalid_password' })
    await noteFailure(app, attempt)
    throw wrongPassword()
  }
  await noteSuccess(app, attempt)
  const draft = await draftPassword(app, { known, next })
  await commit(app, async (db) => {
    if (!(await recordPassword({ ...app, db }, draft, { tenantId, reason: 'password_change' }))) throw wrongPassword()
    await audit({ ...app, db }, { ...event, result: 'success' })
  })
}

const wrongPassword = (): Fault => new Fault('unauthenticated', 'The current password is wrong.')

/** Everything in one transaction, then everybody who trusts a session is told. */
async function commit(app: Parts, work: (db: Parts['db']) => Promise<void>): Promise<void> {
  await app.db.transaction(work)
  app.signals.keyChanged()
  app.signals.wakeJobs()
}

/**
 * By who manages the tenant, for one of its users. Throws not_found, forbidden (a role above the caller's, an operator,
 * somebody of other tenants too, the caller himself: he knows his password) or invalid (param password).
 */
export async function resetPasswordOf(
  app: Parts,
  principal: Principal,
  { userId, next, client = NOBODY }: { userId: string; next: string; client?: Client },
): Promise<void> {
  const { tenantId } = principal
  if (tenantId === null)
    throw new Fault('invalid', 'This needs a tenant.', { param: 'tenant_id', reason: 'missing_field', why: 'tenant_required' })
  if (!isUuid(userId)) throw notFound('user', userId)
  const target = { tenantId, userId }
  const owner = mayReset(principal, target, await readOwner(app.db, target))
  const draft = await draftPassword(app, { known: owner, next })
  await commit(app, async (db) => {
    // He may have risen, or joined another tenant, while the password was hashed.
    mayReset(principal, target, await readOwner(db, target, { hold: true }))
    if (!(await recordPassword({ ...app, db }, draft, { tenantId, reason: 'password_reset' })))
      throw new Fault('busy', 'The password was changed at the same moment; try again.', { kind: 'user', id: userId })
    const details = { by: whoIs(principal) }
    await audit({ ...app, db }, { ...target, event: 'password.reset', result: 'success', client, details })
  })
}

function mayReset(principal: Principal, target: { userId: string }, owner: Owner | undefined): Owner {
  if (!owner) throw notFound('user', target.userId)
  const refuse = (sentence: string): Fault => new Fault('forbidden', sentence, { why: 'insufficient_role' })
  if (principal.userId === target.userId) throw refuse('Your own password is changed with the current one.')
  if (principal.isOperator) return owner
  if (owner.isOperator) throw refuse('The password of an operator is set by operators only.')
  if (owner.role !== null && !isAtLeast(principal.role, owner.role)) throw refuse('The user has a role above yours.')
  if (owner.elsewhere) throw refuse('This person belongs to other tenants too: only an operator may set the password.')
  return owner
}

/** Does and answers the same for every address: who has it, is looked up when the mail is sent. Throws rate_limited. */
export async function requestPasswordReset(app: Parts, { email, client }: { email: string; client: Client }): Promise<void> {
  const to = normalAddress(email)
  await takeLimit(app, passwordResetLimits({ email: to, ip: client.ip }))
  await app.db.transaction(async (db) => {
    await queueMail({ ...app, db }, { kind: 'reset_password', to }, null)
    await audit({ ...app, db }, { tenantId: null, userId: null, event: 'password.forgot', result: 'success', client })
  })
  app.signals.wakeJobs()
}

/**
 * Before anything is known of a token: what is wrong with the password as such. Anybody may ask, and it is costly: so it is
 * counted. Throws rate_limited, or invalid (param password).
 */
export async function admitPassword(app: Needs<'db' | 'clock'>, { next, client }: { next: string; client: Client }): Promise<void> {
  await takeLimit(app, passwordConfirmLimits(client.ip))
  await requirePassword(next, {})
}

/**
 * Ends all sessions of the person, all his tokens of this kind, and the lock of the address. Throws invalid: param token,
 * or param password, after which the token is still good.
 */
export async function confirmPasswordReset(
  app: Parts,
  { token, next, client }: { token: string; next: string; client: Client },
): Promise<void> {
  const found = await requireEmailToken(app, token, 'reset_password')
  const known = await readCredential(app.db, { id: found.credential_id })
  if (!known || known.email !== found.email) throw usedToken()
  const draft: PasswordDraft = await draftPassword(app, { known, next })
  await commit(app, async (db) => {
    await readCredential(db, { id: known.id }, { hold: true })
    if (!(await takeEmailToken(db, found.id))) throw usedToken()
    if (!(await recordPassword({ ...app, db }, draft, { tenantId: null, reason: 'password_reset_token' }))) throw usedToken()
    const details = { credential: known.id }
    await audit({ ...app, db }, { tenantId: null, userId: null, event: 'password.reset', result: 'success', client, details })
  })
}
