import { isAtLeast, ROLES, type Role } from '../access/roles.ts'
import { audit } from '../audit/audit.ts'
import { type Credential, insertCredential, readCredential, verifyCredential } from '../credentials/credentials.ts'
import { Fault } from '../fault.ts'
import { newId } from '../id.ts'
import { tenantSlug } from '../identity/directory.ts'
import { holdEmails } from '../identity/users.ts'
import { queueMail } from '../mail/mail.ts'
import type { Needs } from '../needs.ts'
import type { Client } from '../sessions/client.ts'
import { createEmailToken } from '../sessions/email-tokens.ts'
import { recordSession, type SessionDraft } from '../sessions/session.ts'
import { type FoundUser, insertMember, insertTenant, linkMember, lockNamesake, type NewMember, readNamesake } from './account-store.ts'
import { isIssuer, lockInvite, readInviteByHash, redeemInviteRow } from './invite-store.ts'
import { hashToken } from './invite-token.ts'
import type { Invite } from './invites.ts'
import { slugAt, slugOf } from './slug.ts'

/** Who wants to register. */
export interface Applicant {
  email: string
  name: string | null
  tenantName: string
  token: string | null
  client: Client
  /** Of the password that was given. */
  passwordHash: string
  /** What the address signs in with already. */
  known: Credential | undefined
  /** The password that was given is the one of `known`. */
  isProven: boolean
}

/** What registering would write. Tokens can be signed for it before the transaction begins, which finds out whether it still holds. */
export interface Plan {
  invite: Invite | undefined
  /** Who has keys in the tenant that is joined, and becomes `member`. */
  namesake: FoundUser | undefined
  member: NewMember
}

type PlanNeeds = Needs<'db' | 'clock' | 'identity'>
type EnrolNeeds = PlanNeeds & Needs<'vault' | 'mail'>

/** One sentence for all that can be wrong with an invite. */
const refused = (): Fault => new Fault('forbidden', 'Registering needs an invite that is good for this address.', { why: 'invalid_token' })

const taken = (): Fault => new Fault('exists', 'There is an account with this e-mail address: sign in instead.', { kind: 'user' })

/** Throws forbidden, or exists. */
export async function planEnrolment(app: PlanNeeds, applicant: Applicant): Promise<Plan> {
  const { email, name, known } = applicant
  const invite = await findInvite(app, applicant)
  const into = invite?.tenantId ?? null
  const isNamed = invite?.email != null
  if (known && !(into !== null && isNamed && applicant.isProven)) throw taken()
  const namesake = into === null ? undefined : await readNamesake(app.db, into, email)
  // Somebody who has keys in this tenant becomes who signs in, if he was invited by name.
  if (namesake && !(namesake.credentialId === null && namesake.isActive && isNamed)) throw taken()
  const isOperator = invite?.isOperator ?? false
  const member: NewMember = {
    ...{ id: namesake?.id ?? newId(), tenantId: into ?? newId(), credentialId: known?.id ?? newId(), email, name, isOperator },
    role: into === null ? 'owner' : higher(namesake?.role ?? null, invite?.role ?? 'member'),
    // Whoever runs the server gave the invite to whom he knows.
    verified: isOperator || known?.verifiedAt != null,
    at: app.clock.now(),
  }
  return { invite, namesake, member }
}

const higher = (held: Role | null, given: Role): Role => (held !== null && isAtLeast(held, given) ? held : given)

/** Undefined where none is needed and none was given. Who proved that the address is his is told that he has an account. */
async function findInvite({ db, clock, identity }: PlanNeeds, { token, email, isProven }: Applicant): Promise<Invite | undefined> {
  if (token === null && identity.signup === 'public') return undefined
  const invite = await readInviteByHash(db, hashToken(token ?? ''), clock.now())
  const isGood = invite !== undefined && isRedeemable(invite, { email, policy: identity.signup }) && (await isStillGiven(db, invite))
  if (!isGood) throw isProven ? taken() : refused()
  return invite
}

/**
 * Where requests are approved, who gets a tenant must have asked for it. Invites into a tenant are that tenant's business,
 * those that make operators too.
 */
function isRedeemable(invite: Invite, { email, policy }: { email: string; policy: string }): boolean {
  const isMeant = invite.email === null || invite.email === email
  const isApproved = policy !== 'approval' || invite.requestId !== null || invite.tenantId !== null
  return invite.status === 'active' && invite.redeemed < invite.redemptionsMax && isMeant && isApproved
}

/**
 * Who was shut out, or may invite nobody any more, does not come back by an invite that he kept. Those of the server itself
 * and of keys of the tenant have no issuer.
 */
async function isStillGiven(db: Needs<'db'>['db'], invite: Invite): Promise<boolean> {
  const roles = ROLES.filter((role) => isAtLeast(role, 'admin') && isAtLeast(role, invite.role ?? 'owner'))
  return invite.issuedBy === null || isIssuer(db, invite, invite.tenantId === null ? [] : roles)
}

/**
 * In one transaction: without its commit nothing was made and nothing redeemed. Answers the tenant's slug. Throws forbidden
 * or exists where somebody was faster.
 */
export async function enrol(
  app: EnrolNeeds,
  { applicant, plan, draft }: { applicant: Applicant; plan: Plan; draft: SessionDraft },
): Promise<string> {
  const { invite, member } = plan
  const { id: userId, tenantId } = member
  if (invite) await redeem(app, invite, applicant)
  const slug = invite?.tenantId == null ? await found(app.db, member, applicant.tenantName) : await join(app.db, plan)
  await giveCredential(app.db, applicant, member)
  const keysEnded = await settle(app.db, plan)
  await recordSession(app, draft)
  if (!member.verified) await askForProof(app, member)
  const details = { ...(invite ? { invite: invite.id } : {}), ...(keysEnded > 0 ? { keys_ended: keysEnded } : {}) }
  await audit(app, { tenantId, userId, event: 'account.register', result: 'success', client: applicant.client, details })
  return slug
}

/** Answers how many keys ended. */
async function settle(db: Needs<'db'>['db'], { member, namesake }: Plan): Promise<number> {
  if (namesake) return linkMember(db, member, namesake)
  await insertMember(db, member)
  return 0
}

/** Nobody else redeems it until the end of the transaction. */
async function redeem({ db, clock, identity }: EnrolNeeds, { id }: Invite, { email }: Applicant): Promise<void> {
  const invite = await lockInvite(db, null, { id, now: clock.now() })
  if (!invite || !isRedeemable(invite, { email, policy: identity.signup }) || !(await isStillGiven(db, invite))) throw refused()
  await redeemInviteRow(db, id)
}

const SLUG_ATTEMPTS = 10

async function found(db: Needs<'db'>['db'], { tenantId, at }: NewMember, title: string): Promise<string> {
  const slug = slugOf(title)
  for (let attempt = 0; attempt < SLUG_ATTEMPTS; attempt++) {
    const name = slugAt(slug, attempt)
    if (await insertTenant(db, { id: tenantId, name, title, at })) return name
  }
  throw new Fault('exists', 'Too many tenants have this name: choose another.', { param: 'tenant_name' })
}

async function join(db: Needs<'db'>['db'], { member, namesake }: Plan): Promise<string> {
  const slug = await tenantSlug({ db }, member.tenantId)
  if (slug === undefined) throw refused()
  await holdEmails(db, member.tenantId)
  const now = await lockNamesake(db, member.tenantId, member.email)
  if (!Bun.deepEquals(now, namesake)) throw taken()
  return slug
}

async function giveCredential(db: Needs<'db'>['db'], { email, passwordHash, known }: Applicant, member: NewMember): Promise<void> {
  const { credentialId: id, verified, at } = member
  if (!known) {
    if (!(await insertCredential(db, { id, email, passwordHash, verified, at }))) throw taken()
    return
  }
  // Its password is still the one that was proven.
  if ((await readCredential(db, { email }, { hold: true }))?.passwordHash !== known.passwordHash) throw taken()
  if (verified) await verifyCredential(db, { id, email, at })
}

async function askForProof(app: EnrolNeeds, { credentialId, email, tenantId }: NewMember): Promise<void> {
  const { token, expiresAt } = await createEmailToken(app, { kind: 'verify_email', credentialId, email })
  await queueMail(app, { kind: 'verify_email', to: email, token, expiresAt }, tenantId)
}
