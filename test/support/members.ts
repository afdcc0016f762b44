import type { Principal } from '../../src/core/access/principal.ts'
import type { Role } from '../../src/core/access/roles.ts'
import { insertCredential } from '../../src/core/credentials/credentials.ts'
import { newId } from '../../src/core/id.ts'
import { openPasswords } from '../../src/core/passwords/hashing.ts'
import { draftSession, recordSession, type SignedIn } from '../../src/core/sessions/session.ts'
import { signIn } from '../../src/core/sessions/sign-in.ts'
import type { TestApp } from './app.ts'

export const PASSWORD = 'Copper-otter-88-window'
export const OTHER_PASSWORD = 'violet Kettle 41 drums'

/** A user who can sign in, as the tables have him. */
export interface Member {
  userId: string
  tenantId: string
  credentialId: string
  email: string
}

export interface NewMember {
  tenantId: string
  role?: Role | null
  status?: string
  isOperator?: boolean
  verified?: boolean
  /** Somebody of another tenant: the same person. */
  as?: Member
}

/** As the server's, at a price that tests of hundreds of passwords can pay. */
export const quickPasswords = openPasswords({
  atOnce: 2,
  hasher: {
    hash: (password) => Bun.password.hash(password, { algorithm: 'argon2id', memoryCost: 8, timeCost: 1 }),
    verify: Bun.password.verify,
  },
})

let hash: Promise<string> | undefined
let addresses = 0
/** In a network of nobody else: limits count addresses and networks. */
function newAddress(): string {
  addresses++
  return `10.${addresses >> 8}.${addresses & 255}.7`
}
export const newClient = () => ({ ip: newAddress(), userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' })

/** With the password `PASSWORD`, cheaply hashed. */
export async function newMember(app: TestApp, input: NewMember): Promise<Member> {
  const { tenantId, role = 'member', status = 'active', isOperator = false, verified = true, as } = input
  hash ??= quickPasswords.hash(PASSWORD)
  const userId = newId()
  const credentialId = as?.credentialId ?? newId()
  const email = as?.email ?? `${userId}@example.com`
  const at = app.clock.now()
  if (!as) await insertCredential(app.records.db, { id: credentialId, email, passwordHash: await hash, verified, at })
  await app.records.db.query(
    `insert into app_user (id, tenant_id, email, role, is_operator, status, credential_id, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8::float8 / 1000))`,
    [userId, tenantId, email, role, isOperator, status, credentialId, at],
  )
  return { userId, tenantId, credentialId, email }
}

export const enter = (app: TestApp, { email, tenantId }: Member, password = PASSWORD): Promise<SignedIn> =>
  signIn(app, { email, password, tenantId, client: newClient() })

/** As somebody whose password was right. */
export async function openFor(app: TestApp, { userId, tenantId, credentialId }: Member): Promise<SignedIn> {
  const user = { id: userId, tenantId, credentialId, role: 'member', isOperator: false, emailVerified: true } as const
  const draft = await draftSession(app, { user, client: newClient() })
  await recordSession(app, draft)
  return draft.signedIn
}

/** Who is behind an access token, as a surface sees him. */
export const principalOf = (app: TestApp, { accessToken }: SignedIn): Promise<Principal> => app.keys.principal(accessToken, { fresh: true })

/** A member of a tenant who has signed in. */
export async function signedInMember(
  app: TestApp,
  input: NewMember,
): Promise<{ member: Member; signedIn: SignedIn; principal: Principal }> {
  const member = await newMember(app, input)
  const signedIn = await enter(app, member)
  return { member, signedIn, principal: await principalOf(app, signedIn) }
}

/** The fault that the work ends with, as tests compare it; undefined where it goes well. */
export const refusalOf = (work: Promise<unknown>): Promise<{ code?: string; message?: string; facts?: object } | undefined> =>
  work.then(
    () => undefined,
    ({ code, message, facts }) => ({ code, message, facts }),
  )

export const auditOf = (app: TestApp, userId: string | null): Promise<{ event: string; result: string; reason: string | null }[]> =>
  app.records.db.query(`select event, result, reason from audit_event where user_id is not distinct from $1::uuid order by id`, [userId])
