import { audit } from '../audit/audit.ts'
import { normalAddress } from '../credentials/address.ts'
import { readCredential } from '../credentials/credentials.ts'
import { Fault } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { requirePassword } from '../passwords/policy.ts'
import { invitedSignupLimits, signupLimits } from '../rates/quotas.ts'
import { takeLimit } from '../rates/rates.ts'
import type { Client } from '../sessions/client.ts'
import { draftSession, type SignedIn } from '../sessions/session.ts'
import { type Applicant, enrol, planEnrolment } from './enrolment.ts'
import { requireName } from './slug.ts'

export interface SignupPolicy {
  policy: 'public' | 'invite_only' | 'approval'
  inviteRequired: boolean
  requestAccessEnabled: boolean
}

export function signupPolicy({ identity }: Needs<'identity'>): SignupPolicy {
  const needsInvite = identity.signup !== 'public'
  return { policy: identity.signup, inviteRequired: needsInvite, requestAccessEnabled: needsInvite }
}

export interface Registration {
  email: string
  password: string
  /** Of the tenant that is made; an invite into one that is there has its own. */
  tenantName: string
  displayName?: string | null | undefined
  inviteToken?: string | null | undefined
  planCode?: string | null | undefined
  client: Client
}

/** What everybody has: nothing is billed. */
const PLAN = 'starter'

type SignupNeeds = Needs<'db' | 'clock' | 'passwords' | 'tokens' | 'identity' | 'signals' | 'vault' | 'mail'>

/**
 * Makes a tenant and its owner, or a user of the tenant that an invite leads to, and signs him in: all of it in one
 * transaction, the invite's redemption too. Throws rate_limited, invalid, not_found for a plan, forbidden without a good
 * invite, or exists.
 */
export async function register(app: SignupNeeds, input: Registration): Promise<SignedIn & { tenantSlug: string }> {
  requirePlan(input.planCode ?? null)
  const email = normalAddress(input.email)
  const tenantName = requireName('tenant_name', input.tenantName)
  const { client } = input
  const token = input.inviteToken?.trim() || null
  const limitsOf = token === null && app.identity.signup === 'public' ? signupLimits : invitedSignupLimits
  await takeLimit(app, limitsOf({ email, ip: client.ip }))
  const name = input.displayName?.trim() || null
  await requirePassword(input.password, { email, names: [name, tenantName] })
  const proven = await prove(app, email, input.password)
  try {
    return await enter(app, { email, name, tenantName, token, client, ...proven })
  } catch (error) {
    if (error instanceof Fault && (error.code === 'forbidden' || error.code === 'exists'))
      await audit(app, { tenantId: null, userId: null, event: 'account.register', result: 'failure', reason: error.code, client })
    throw error
  }
}

function requirePlan(code: string | null): void {
  if (code === null || code === PLAN) return
  throw new Fault('not_found', `There is no such plan; the only one is '${PLAN}'.`, { param: 'plan_code' })
}

/** The same work for every address: one hash is made, and one compared. */
async function prove(
  app: Needs<'db' | 'passwords'>,
  email: string,
  password: string,
): Promise<Pick<Applicant, 'passwordHash' | 'known' | 'isProven'>> {
  const known = await readCredential(app.db, { email })
  const passwordHash = await app.passwords.hash(password)
  const isProven = await app.passwords.verify(password, known?.passwordHash ?? null)
  return { known, passwordHash, isProven }
}

async function enter(app: SignupNeeds, applicant: Applicant): Promise<SignedIn & { tenantSlug: string }> {
  const plan = await planEnrolment(app, applicant)
  const { member } = plan
  const draft = await draftSession(app, { user: { ...member, emailVerified: member.verified }, client: applicant.client })
  const tenantSlug = await app.db.transaction((db) => enrol({ ...app, db }, { applicant, plan, draft }))
  app.signals.wakeJobs()
  // Keys of a user who got a role can do more now.
  if (plan.namesake) app.signals.keyChanged()
  return { ...draft.signedIn, tenantSlug }
}
