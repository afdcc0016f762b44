import { sql } from 'drizzle-orm'
import { foreignKey, index, integer, pgTable, primaryKey, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { at } from './identity.ts'
import { tenantId, thread } from './threads.ts'

/** A tool that several assistants may have. */
export const tool = pgTable(
  'tool',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    /** Null: every user of the tenant may give it to assistants. */
    user_id: uuid('user_id'),
    name: text('name').notNull(),
    type: text('type').notNull(),
    /** JSON of {name, description, parameters}; null: the server knows what it is. */
    definition: text('definition'),
    created_at: at('created_at').notNull(),
    updated_at: at('updated_at').notNull(),
  },
  // One owner has no two tools of a name: calls name them.
  (t) => [unique('tool_name').on(t.tenant_id, t.user_id, t.name).nullsNotDistinct()],
)

/** Something a client has to do for a run. */
export const action = pgTable(
  'action',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    thread_id: uuid('thread_id').notNull(),
    /** No foreign key: a run that has not begun has no row yet. */
    run_id: uuid('run_id').notNull(),
    tool_id: uuid('tool_id'),
    tool_name: text('tool_name').notNull(),
    /** The model's call; null: a client asked for it. */
    call_id: text('call_id'),
    /** JSON object. */
    arguments: text('arguments').notNull(),
    /** pending, processing, retrying, completed, failed, expired or cancelled */
    status: text('status').notNull(),
    /** What the model is told. */
    output: text('output'),
    /** JSON object, for people and clients. */
    result: text('result'),
    triggered_at: at('triggered_at').notNull(),
    expires_at: at('expires_at'),
    processed_at: at('processed_at'),
  },
  (t) => [
    // serves listActions
    index('action_run').on(t.run_id, t.triggered_at, t.id),
    uniqueIndex('action_call').on(t.run_id, t.call_id).where(sql`call_id is not null`),
    // serves expireActions
    index('action_expiry').on(t.expires_at).where(sql`expires_at is not null and processed_at is null`),
    index('action_thread').on(t.thread_id),
    foreignKey({ name: 'action_thread_fk', columns: [t.thread_id, t.tenant_id], foreignColumns: [thread.id, thread.tenant_id] }).onDelete(
      'cascade',
    ),
  ],
)

/** A message that arrives in pieces, of one author in one thread. */
export const messageDraft = pgTable(
  'message_draft',
  {
    tenant_id: tenantId(),
    thread_id: uuid('thread_id').notNull(),
    /** Who writes, as the client says it. */
    author: text('author').notNull(),
    /** Of all that has come so far. */
    bytes: integer('bytes').notNull(),
    updated_at: at('updated_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.thread_id, t.author, t.tenant_id] }),
    // serves dropDrafts
    index('message_draft_age').on(t.updated_at),
    foreignKey({
      name: 'message_draft_thread_fk',
      columns: [t.thread_id, t.tenant_id],
      foreignColumns: [thread.id, thread.tenant_id],
    }).onDelete('cascade'),
  ],
)

/** What has come, in parts of some kilobytes: a text that grows in one row is written anew with every word. */
export const messageDraftPart = pgTable(
  'message_draft_part',
  {
    tenant_id: tenantId(),
    thread_id: uuid('thread_id').notNull(),
    author: text('author').notNull(),
    n: integer('n').notNull(),
    text: text('text').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.thread_id, t.author, t.tenant_id, t.n] }),
    foreignKey({
      name: 'message_draft_part_fk',
      columns: [t.thread_id, t.author, t.tenant_id],
      foreignColumns: [messageDraft.thread_id, messageDraft.author, messageDraft.tenant_id],
    }).onDelete('cascade'),
  ],
)

/** What a run needs to call its model and nobody may read: sealed with the server's key, removed at the run's end. */
export const runSecret = pgTable(
  'run_secret',
  {
    run_id: uuid('run_id').primaryKey(),
    tenant_id: tenantId(),
    sealed: text('sealed').notNull(),
    created_at: at('created_at').notNull(),
  },
  // serves dropSecrets
  (t) => [index('run_secret_age').on(t.created_at)],
)
