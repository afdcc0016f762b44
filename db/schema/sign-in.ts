import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { at, tenant } from './identity.ts'
import { tenantId } from './threads.ts'

/**
 * What a person signs in with, in every tenant that has a user of this credential: hence without a tenant. The only other
 * tables of this file without one are those of the server itself.
 */
export const credential = pgTable(
  'credential',
  {
    id: uuid('id').primaryKey(),
    /** In lower case. */
    email: text('email').notNull(),
    /** Argon2id, in PHC form. */
    password_hash: text('password_hash').notNull(),
    /** JSON list of earlier hashes and this one, newest first. */
    password_history: text('password_history').notNull(),
    email_verified_at: at('email_verified_at'),
    password_changed_at: at('password_changed_at').notNull(),
    created_at: at('created_at').notNull(),
  },
  (t) => [uniqueIndex('credential_email').on(t.email)],
)

/** One device that is signed in: the family of refresh tokens that follow each other. The id is the claim `sid`. */
export const session = pgTable(
  'session',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId().references(() => tenant.id),
    user_id: uuid('user_id').notNull(),
    credential_id: uuid('credential_id').notNull(),
    /** `jti` of the refresh token that counts, and of the one before it. */
    refresh_jti: uuid('refresh_jti').notNull(),
    previous_jti: uuid('previous_jti'),
    rotated_at: at('rotated_at'),
    /** SHA-256 of address and user agent. */
    fingerprint: text('fingerprint'),
    ip_masked: text('ip_masked'),
    user_agent: text('user_agent'),
    platform: text('platform'),
    browser: text('browser'),
    device: text('device'),
    created_at: at('created_at').notNull(),
    last_seen_at: at('last_seen_at'),
    expires_at: at('expires_at').notNull(),
    revoked_at: at('revoked_at'),
    revoked_reason: text('revoked_reason'),
  },
  (t) => [
    // serves listSessions and the revocation of all that a person has
    index('session_credential').on(t.credential_id, t.last_seen_at),
    index('session_user').on(t.user_id),
    // serves the sweep
    index('session_expiry').on(t.expires_at),
  ],
)

/** Proof that an address is read by its owner: one use, only the hash of its secret is kept. */
export const emailToken = pgTable(
  'email_token',
  {
    id: uuid('id').primaryKey(),
    /** verify_email or reset_password */
    kind: text('kind').notNull(),
    credential_id: uuid('credential_id').notNull(),
    /** The address it was sent to. */
    email: text('email').notNull(),
    secret_hash: text('secret_hash').notNull(),
    created_at: at('created_at').notNull(),
    expires_at: at('expires_at').notNull(),
  },
  (t) => [index('email_token_credential').on(t.credential_id), index('email_token_expiry').on(t.expires_at)],
)

/** Keys that sign tokens. Every server on the database verifies with all of them; who can open `sealed` signs. */
export const tokenKey = pgTable('token_key', {
  kid: text('kid').primaryKey(),
  /** JWK as JSON. */
  public_jwk: text('public_jwk').notNull(),
  /** The private JWK, sealed. */
  sealed: text('sealed').notNull(),
  /** active, next or retired */
  status: text('status').notNull(),
  created_at: at('created_at').notNull(),
  /** When it stopped signing. */
  retired_at: at('retired_at'),
})

/** Refresh tokens of service accounts. `tenant_id` null: of the whole server. */
export const serviceToken = pgTable(
  'service_token',
  {
    jti: uuid('jti').primaryKey(),
    tenant_id: uuid('tenant_id').references(() => tenant.id),
    account: text('account').notNull(),
    /** Sorted, separated by spaces. */
    scopes: text('scopes').notNull(),
    fingerprint: text('fingerprint'),
    kid: text('kid').notNull(),
    /** Who asked for it: a user, or null for a machine. */
    actor_user_id: uuid('actor_user_id'),
    issued_at: at('issued_at').notNull(),
    expires_at: at('expires_at').notNull(),
    revoked_at: at('revoked_at'),
    revoked_reason: text('revoked_reason'),
  },
  (t) => [
    // serves the search for a token to give out again, and lists of a tenant
    index('service_token_list').on(t.tenant_id, t.issued_at),
    // Of one account, tenant and set of scopes one token is alive.
    uniqueIndex('service_token_live')
      .on(t.account, sql`coalesce(${t.tenant_id}, '00000000-0000-0000-0000-000000000000')`, t.scopes)
      .where(sql`revoked_at is null`),
    index('service_token_expiry').on(t.expires_at),
  ],
)

/** Who may register. */
export const invite = pgTable(
  'invite',
  {
    id: uuid('id').primaryKey(),
    /** Null: whoever redeems it gets a tenant of his own. */
    tenant_id: uuid('tenant_id').references(() => tenant.id),
    /** In the tenant that is joined; null where one is made. */
    role: text('role'),
    /** Whoever redeems it runs the server. */
    is_operator: boolean('is_operator').notNull().default(false),
    token_hash: text('token_hash').notNull(),
    /** The first characters of the token. */
    token_hint: text('token_hint').notNull(),
    /** In lower case. Null: for whoever has the token. */
    email: text('email'),
    /** active, revoked or exhausted; expired follows from the time. */
    status: text('status').notNull(),
    redemptions_max: integer('redemptions_max').notNull(),
    redeemed: integer('redeemed').notNull().default(0),
    note: text('note'),
    signup_request_id: uuid('signup_request_id'),
    issued_by: uuid('issued_by'),
    revoked_reason: text('revoked_reason'),
    created_at: at('created_at').notNull(),
    expires_at: at('expires_at'),
  },
  (t) => [uniqueIndex('invite_token').on(t.token_hash), index('invite_list').on(t.tenant_id, t.created_at)],
)

/** Somebody without an account who asks for one. Of no tenant. */
export const signupRequest = pgTable(
  'signup_request',
  {
    id: uuid('id').primaryKey(),
    /** In lower case. */
    email: text('email').notNull(),
    organization: text('organization'),
    full_name: text('full_name'),
    message: text('message'),
    /** pending, approved or rejected */
    status: text('status').notNull(),
    /** SHA-256 of the address it came from. */
    ip_hash: text('ip_hash'),
    user_agent_hash: text('user_agent_hash'),
    decision_reason: text('decision_reason'),
    decided_by: uuid('decided_by'),
    decided_at: at('decided_at'),
    invite_token_hint: text('invite_token_hint'),
    created_at: at('created_at').notNull(),
  },
  (t) => [
    index('signup_request_list').on(t.created_at),
    // serves the limit on what one address may have waiting
    index('signup_request_pending').on(t.ip_hash).where(sql`status = 'pending'`),
  ],
)

/** What cannot be used twice, until it could not be used anyway. */
export const usedNonce = pgTable('used_nonce', { nonce: text('nonce').primaryKey(), expires_at: at('expires_at').notNull() }, (t) => [
  index('used_nonce_expiry').on(t.expires_at),
])

/** Counts of something in a window of time, for limits that all servers on the database share. */
export const rateWindow = pgTable(
  'rate_window',
  {
    /** The limit's name and the SHA-256 of what it counts. */
    bucket: text('bucket').primaryKey(),
    count: integer('count').notNull(),
    expires_at: at('expires_at').notNull(),
  },
  (t) => [index('rate_window_expiry').on(t.expires_at)],
)

/** What happened to identities, for those who must know later. */
export const auditEvent = pgTable(
  'audit_event',
  {
    id: uuid('id').primaryKey(),
    /** Null: of no tenant, as a failed sign-in with an unknown address. */
    tenant_id: uuid('tenant_id'),
    user_id: uuid('user_id'),
    event: text('event').notNull(),
    /** success, failure or locked */
    result: text('result').notNull(),
    reason: text('reason'),
    ip_hash: text('ip_hash'),
    user_agent: text('user_agent'),
    /** JSON. No secret and no address of a person. */
    details: text('details'),
    created_at: at('created_at').notNull(),
  },
  (t) => [index('audit_event_list').on(t.tenant_id, t.created_at), index('audit_event_age').on(t.created_at)],
)

/** A mail, from when it became necessary until it is forgotten. */
export const mail = pgTable(
  'mail',
  {
    id: uuid('id').primaryKey(),
    /** Null: of no tenant. */
    tenant_id: uuid('tenant_id'),
    /** verify_email, reset_password, invite, ... */
    kind: text('kind').notNull(),
    /** JSON of address, parameters and, once it is composed, subject and texts; sealed, as it holds links that are secrets. */
    sealed: text('sealed').notNull(),
    /** queued, sent, dropped (nobody has this address) or failed */
    status: text('status').notNull(),
    message_id: text('message_id').notNull(),
    attempts: integer('attempts').notNull().default(0),
    error: text('error'),
    created_at: at('created_at').notNull(),
    sent_at: at('sent_at'),
  },
  (t) => [index('mail_list').on(t.created_at)],
)

/** What a tenant's admins wrote down about billing. */
export const tenantSettings = pgTable('tenant_settings', {
  tenant_id: tenantId()
    .primaryKey()
    .references(() => tenant.id),
  /** JSON of the whole document. */
  document: text('document').notNull(),
  version: integer('version').notNull(),
  updated_at: at('updated_at').notNull(),
})
