import { audit } from '../audit/audit.ts'
import { normalAddress } from '../credentials/address.ts'
import { findCredential, type Known, type Membership } from '../credentials/credentials.ts'
import { Fault } from '../fault.ts'
import { isUuid } from '../id.ts'
import type { Needs } from '../needs.ts'
import { noteFailure, noteSuccess, requireOpen } from '../rates/guard.ts'
import type { Client } from './client.ts'
import { draftSession, recordSession, type SessionUser, type SignedIn } from './session.ts'

type Parts = Needs<'db' | 'clock' | 'passwords' | 'tokens' | 'identity'>

export interface SignIn {
  email: string
  password: string
  /** Needed by who is somebody in several tenants. */
  tenantId?: string | null | undefined
  client: Client
}

/**
 * The password is compared before anything is said of the account, and where there is no account too: who does not know it
 * learns nothing. Throws unauthenticated, forbidden with why (locked, disabled), invalid (param tenant_id) or rate_limited.
 */
export async function signIn(app: Parts, { email, password, tenantId, client }: SignIn): Promise<SignedIn> {
  const attempt = { email: normalAddress(email), ip: client.ip }
  await requireOpen(app, attempt)
  const known = await findCredential(app.db, attempt.email)
  const tried = { known, client, tenantId: tenantId?.toLowerCase() ?? null }
  if (!(await app.passwords.verify(password, known?.passwordHash ?? null))) return refuse(app, attempt, tried)
  await noteSuccess(app, attempt)
  const found = await requireMembership(app, tried)
  return enter(app, { ...found, client })
}

interface Tried {
  known: Known | undefined
  tenantId: string | null
  client: Client
}

const wrong = (): Fault => new Fault('unauthenticated', 'The e-mail address or the password is wrong.')

async function refuse(app: Parts, attempt: { email: string; ip: string | null }, tried: Tried): Promise<never> {
  try {
    await noteFailure(app, attempt)
  } catch (error) {
    if (error instanceof Fault && error.facts.why === 'locked') await note(app, tried, ['locked', 'lockout_threshold'])
    throw error
  }
  await note(app, tried, ['failure', 'invalid_password'])
  throw wrong()
}

/** What is refused before a password is compared is not written: whoever asks often enough could fill the table. */
const note = (app: Parts, { known, tenantId, client }: Tried, [result, reason]: ['failure' | 'locked', string]): Promise<void> => {
  const user = known?.users.find((u) => tenantId === null || u.tenantId === tenantId)
  return audit(app, { tenantId: user?.tenantId ?? null, userId: user?.id ?? null, event: 'session.open', result, reason, client })
}

async function requireMembership(app: Parts, tried: Tried): Promise<{ known: Known; user: Membership }> {
  const { known, tenantId } = tried
  const isNamed = (user: Membership): boolean => tenantId === null || (isUuid(tenantId) && user.tenantId === tenantId)
  const users = known?.users.filter(isNamed) ?? []
  const active = users.filter(({ status }) => status === 'active')
  if (active.length > 1)
    throw new Fault('invalid', 'This person belongs to several tenants: name one by tenant_id.', {
      param: 'tenant_id',
      reason: 'missing_field',
    })
  const [user] = active
  if (known && user) return { known, user }
  await note(app, tried, ['failure', users.length > 0 ? 'disabled' : 'no_membership'])
  throw users.length > 0 ? new Fault('forbidden', 'This account is disabled.', { why: 'disabled' }) : wrong()
}

async function enter(app: Parts, { known, user, client }: { known: Known; user: Membership; client: Client }): Promise<SignedIn> {
  const draft = await draftSession(app, { user: userOf(known, user), client })
  await app.db.transaction(async (db) => {
    await recordSession({ db }, draft, known.passwordHash)
    await audit(
      { ...app, db },
      { tenantId: user.tenantId, userId: user.id, event: 'session.open', result: 'success', reason: 'login', client },
    )
  })
  return draft.signedIn
}

const userOf = (known: Known, user: Membership): SessionUser => ({
  ...{ id: user.id, tenantId: user.tenantId, credentialId: known.id },
  ...{ role: user.role, isOperator: user.isOperator, emailVerified: known.verifiedAt !== null },
})
