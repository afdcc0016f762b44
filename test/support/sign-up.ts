import type { Principal } from '../../src/core/access/principal.ts'
import type { Role } from '../../src/core/access/roles.ts'
import { newId } from '../../src/core/id.ts'
import { operator } from '../../src/core/identity/tenants.ts'
import { type IssuedInvite, issueInvite, type NewInvite } from '../../src/core/sign-up/invites.ts'
import { type Registration, register, type SignupPolicy } from '../../src/core/sign-up/sign-up.ts'
import type { TestApp } from './app.ts'
import { newClient, PASSWORD, signedInMember } from './members.ts'

/** In a domain of nobody else: limits count domains. */
export const newEmail = (): string => `ann@${newId()}.example`

/** The same app under another policy. */
export const under = (app: TestApp, signup: SignupPolicy['policy']): TestApp => ({ ...app, identity: { ...app.identity, signup } })

/** Who runs the server. */
export async function operatorOf(app: TestApp): Promise<Principal> {
  const { tenantId } = await operator(app)
  return (await signedInMember(app, { tenantId, role: 'owner', isOperator: true })).principal
}

export const memberOf = async (app: TestApp, tenantId: string, role: Role): Promise<Principal> =>
  (await signedInMember(app, { tenantId, role })).principal

/** Each from an address and a domain of its own. */
export const registration = (given: Partial<Registration> = {}): Registration => ({
  ...{ email: newEmail(), password: PASSWORD, tenantName: `Firm ${newId()}`, client: newClient() },
  ...given,
})

export const invited = (app: TestApp, by: Principal, given: NewInvite = {}): Promise<IssuedInvite> => issueInvite(app, by, given)

export const registerWith = (app: TestApp, { token }: { token: string }, given: Partial<Registration> = {}) =>
  register(app, registration({ inviteToken: token, ...given }))

/** Everything that registering writes, counted; and whatever is there without what it belongs to. */
export async function accountsOf(app: TestApp): Promise<Record<string, number>> {
  const [row] = await app.records.db.query<Record<string, number>>(`select
    (select count(*)::int from tenant) as tenants, (select count(*)::int from app_user) as users,
    (select count(*)::int from credential) as credentials, (select count(*)::int from session) as sessions,
    (select count(*)::int from mail) as mails, (select coalesce(sum(redeemed), 0)::int from invite) as redeemed,
    (select count(*)::int from tenant t where t.title is not null and not exists
      (select from app_user u where u.tenant_id = t.id and u.role = 'owner')) as ownerless,
    (select count(*)::int from credential c where not exists (select from app_user u where u.credential_id = c.id)) as unused,
    (select count(*)::int from session s where not exists
      (select from app_user u where u.id = s.user_id and u.credential_id = s.credential_id)) as lost`)
  return row ?? {}
}

/** How often invites were redeemed, and what they brought. */
export const redeemedOf = async (app: TestApp, id: string): Promise<{ redeemed: number; status: string } | undefined> =>
  (await app.records.db.query<{ redeemed: number; status: string }>('select redeemed, status from invite where id = $1', [id]))[0]
