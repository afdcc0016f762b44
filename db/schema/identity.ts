import { boolean, index, pgTable, primaryKey, text, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core'

export const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })

export const tenant = pgTable('tenant', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull().unique(),
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
    is_admin: boolean('is_admin').notNull().default(false),
    created_at: at('created_at').notNull(),
  },
  (t) => [uniqueIndex('app_user_email').on(t.tenant_id, t.email)],
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
  (t) => [uniqueIndex('api_key_hash').on(t.hash), index('api_key_list').on(t.tenant_id, t.created_at, t.id)],
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
