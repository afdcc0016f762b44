import type { Db, Statement } from '../../drivers/records/port.ts'

/** What decides about a user's token now. */
export interface SessionFacts {
  id: string
  tenant_id: string
  user_id: string
  credential_id: string
  expires_at: number
  revoked_at: number | null
  /** Those of the user; null where he is gone, or has another credential now. */
  status: string | null
  role: string | null
  is_operator: boolean | null
  is_admin: boolean | null
  email_verified: boolean
}

const sessions: Statement<string, SessionFacts | undefined> = {
  name: 'session.find',
  lanes: 2,
  itemsMax: 64,
  async run(db, ids) {
    const rows = await db.hot<SessionFacts>(
      `select s.id, s.tenant_id, s.user_id, s.credential_id, s.expires_at, s.revoked_at, u.status, u.role, u.is_operator, u.is_admin,
        c.email_verified_at is not null as email_verified
      from session s
      left join app_user u on u.id = s.user_id and u.tenant_id is not distinct from s.tenant_id and u.credential_id is not distinct from s.credential_id
      left join credential c on c.id = s.credential_id
      where s.id = any($1::text::uuid[])`,
      [`{${ids.join(',')}}`],
    )
    const byId = new Map(rows.map((row) => [row.id, row]))
    return ids.map((id) => byId.get(id))
  },
}

/** @param id a UUID */
export const findSession = (db: Db, id: string): Promise<SessionFacts | undefined> => db.batch(sessions, id)

/** What decides about a service account's token now. */
export interface ServiceTokenFacts {
  jti: string
  tenant_id: string | null
  account: string
  scopes: string
  expires_at: number
  revoked_at: number | null
}

const serviceTokens: Statement<string, ServiceTokenFacts | undefined> = {
  name: 'service_token.find',
  lanes: 2,
  itemsMax: 64,
  async run(db, ids) {
    const rows = await db.hot<ServiceTokenFacts>(
      `select jti, tenant_id, account, scopes, expires_at, revoked_at from service_token where jti = any($1::text::uuid[])`,
      [`{${ids.join(',')}}`],
    )
    const byId = new Map(rows.map((row) => [row.jti, row]))
    return ids.map((id) => byId.get(id))
  },
}

/** @param jti a UUID */
export const findServiceToken = (db: Db, jti: string): Promise<ServiceTokenFacts | undefined> => db.batch(serviceTokens, jti)
