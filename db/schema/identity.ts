import { sql } from 'drizzle-orm'
import { boolean, index, pgTable, primaryKey, text, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core'

export const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })

export const tenant = pgTable('tenant', {
  id: uuid('id').primaryKey(),
  /** What operators and links call it: lower case letters, digits and dashes. */
  name: text('name').notNull().unique(),
  /** As people call it. */
  title: text('title'),
  /** Signs the tenant's links to files; made when the first link is. */
  signing_key: text('signing_key'),
  created_at: at('created_at').notNull(),
})

/** `user` is a reserved word of SQL, hence the prefix. */
export const appUser = pgTable(
  'app_user',
  {
    id: uuid('id').primaryKey(),
    tenant_id: uuid('tenant_id')
      .notNull()
      .references(() => tenant.id),
    email: text('email'),
    name: text('name'),
    given_name: text('given_name'),
    family_name: text('family_name'),
    picture_url: text('picture_url'),
    email_verified: boolean('email_verified').notNull().default(false),
    /** Who vouches for the user: `local`, or the name of a provider, and the user's id there. */
    provider: text('provider').notNull().default('local'),
    provider_user_id: text('provider_user_id'),
    /** Set by whoever runs the server, never over HTTP. */
    is_admin: boolean('is_admin').notNull().default(false),
    /** viewer, member, admin or owner: what he may do with all that is the tenant's. Null: he has only what is his own. */
    role: text('role'),
    /** Runs the server: also what is of no tenant, or of another. */
    is_operator: boolean('is_operator').notNull().default(false),
    /** What he signs in with; null: he has keys only. */
    credential_id: uuid('credential_id'),
    /** active or disabled */
    status: text('status').notNull().default('active'),
    created_at: at('created_at').notNull(),
    updated_at: at('updated_at').notNull().defaultNow(),
  },
  (t) => [uniqueIndex('app_user_email').on(t.tenant_id, t.email), uniqueIndex('app_user_credential').on(t.credential_id, t.tenant_id)],
)

/** Only the SHA-256 of a key is kept: keys are long random text, a slow hash would buy nothing. */
export const apiKey = pgTable(
  'api_key',
  {
    id: uuid('id').primaryKey(),
    tenant_id: uuid('tenant_id')
      .notNull()
      .references(() => tenant.id),
    user_id: uuid('user_id').references(() => appUser.id),
    name: text('name').notNull(),
    hash: text('hash').notNull(),
    prefix: text('prefix').notNull(),
    scopes: text('scopes').notNull(),
    created_at: at('created_at').notNull(),
    expires_at: at('expires_at'),
    revoked_at: at('revoked_at'),
    last_used_at: at('last_used_at'),
  },
  (t) => [
    uniqueIndex('api_key_hash').on(t.hash),
    index('api_key_list').on(t.tenant_id, t.created_at, t.id),
    // Users name their keys by the first characters.
    uniqueIndex('api_key_user').on(t.user_id, t.prefix).where(sql`user_id is not null and prefix <> ''`),
  ],
)

/** The answer to a POST that carried an Idempotency-Key, written in the transaction of its effect. */
export const idempotency = pgTable(
  'idempotency',
  {
    tenant_id: uuid('tenant_id')
      .notNull()
      .references(() => tenant.id),
    key: text('key').notNull(),
    route: text('route').notNull(),
    body_hash: text('body_hash').notNull(),
    /** Null while the first request is still at work. */
    answer: text('answer'),
    /** While `answer` is null: until when the first request is believed alive. */
    locked_until: at('locked_until'),
    created_at: at('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant_id, t.key, t.route] }), index('idempotency_age').on(t.created_at)],
)
