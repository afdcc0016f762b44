import type { JsonObject } from '../../../src/core/json.ts'
import { said } from '../../contract/platform-journey.ts'
import { Device } from '../../support/device.ts'
import type { Served } from '../../support/served.ts'

/** What a tenant has, by the names the cases use. */
export interface Ids {
  tenant: string
  user: string
  session: string
  invite: string
  token: string
  email: string
}

/** A tenant of its own: its owner, a member, and what they made. */
export interface World {
  owner: Device
  ids: Ids
}

const PASSWORD = 'Copper-otter-88-window'

async function verified(served: Served, email: string): Promise<void> {
  await served.app.records.db.query('update credential set email_verified_at = now() where email = $1', [email])
  served.app.signals.keyChanged()
}

/** @param root may invite */
export async function buildWorld(served: Served, root: Device, name: string): Promise<World> {
  const email = `owner@${name}.example`
  const owner = new Device(served)
  const { invite_token } = said(await root.auth('POST', '/invites', {}), 201)
  const { tenant_id: tenant } = said(await owner.register({ email, password: PASSWORD, tenant_name: name, invite_token }), 201)
  await verified(served, email)
  const { session_id: session } = said(await new Device(served).signIn(email, PASSWORD), 200)
  const second = said(await owner.auth('POST', '/invites', { max_redemptions: 2, role: 'member' }), 201)
  const member = { email: `member@${name}.example`, password: PASSWORD, tenant_name: 'Unused', invite_token: second.invite_token }
  const { user_id: user } = said(await new Device(served).register(member), 201)
  await verified(served, member.email)
  const ask = { account: 'analytics-batch', scopes: ['conversations:read'], tenant_id: String(tenant), reason: 'For the test.' }
  said(await owner.auth('POST', '/service-accounts/browser-issue', ask), 201)
  const { items } = said(await owner.auth('GET', '/service-accounts/tokens'), 200) as { items: JsonObject[] }
  said(await owner.send('PUT', '/api/v1/tenants/settings', { billing_contacts: [], plan_metadata: { secret: name }, flags: {} }), 200)
  return {
    owner,
    ids: {
      ...{ tenant: String(tenant), user: String(user), session: String(session), invite: String(second.id) },
      ...{ token: String(items[0]?.jti), email: member.email },
    },
  }
}

/** Of nobody. */
export const nobody = (): Ids => {
  const id = () => crypto.randomUUID()
  return { tenant: id(), user: id(), session: id(), invite: id(), token: id(), email: `${id()}@nobody.example` }
}

const TABLES = 'app_user credential session invite service_token tenant_settings email_token'.split(' ')

/** All rows of identities, but when somebody was seen. */
export async function contentsOf({ app }: Served): Promise<string[]> {
  const rows = await Promise.all(
    TABLES.map((table) => app.records.db.query<{ row: string }>(`select (to_jsonb(t) - 'last_seen_at')::text as row from ${table} t`)),
  )
  return rows.flatMap((table) => table.map(({ row }) => row)).sort()
}
