import { sql } from 'drizzle-orm'
import { foreignKey, index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { at } from './identity.ts'
import { tenantId, thread } from './threads.ts'

/**
 * Whose an object is, within its tenant, and what only the dialect that made it remembers. An object without a row is the
 * tenant's.
 */
export const ownership = pgTable(
  'ownership',
  {
    tenant_id: tenantId(),
    /** assistant, thread, message, run, file or vector_store */
    kind: text('kind').notNull(),
    object_id: uuid('object_id').notNull(),
    /** Null: the tenant's. */
    user_id: uuid('user_id'),
    /** The id that a client chose for it. */
    alias: text('alias'),
    /** What goes away with a thread. */
    thread_id: uuid('thread_id'),
    /** JSON. SQL never looks inside. */
    facts: text('facts'),
    created_at: at('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.object_id, t.kind, t.tenant_id] }),
    uniqueIndex('ownership_alias').on(t.tenant_id, t.kind, t.alias).where(sql`alias is not null`),
    // serves listOwned
    index('ownership_list').on(t.tenant_id, t.kind, t.user_id, t.object_id),
    // serves the removal of a thread, and listOwned within one
    index('ownership_thread').on(t.thread_id).where(sql`thread_id is not null`),
    foreignKey({
      name: 'ownership_thread_fk',
      columns: [t.thread_id, t.tenant_id],
      foreignColumns: [thread.id, thread.tenant_id],
    }).onDelete('cascade'),
  ],
)

/** Which objects belong together, in the order in which they were put together. */
export const association = pgTable(
  'association',
  {
    tenant_id: tenantId(),
    /** assistant_tool, assistant_user, assistant_store or thread_user */
    kind: text('kind').notNull(),
    from_id: uuid('from_id').notNull(),
    to_id: uuid('to_id').notNull(),
    created_at: at('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.from_id, t.kind, t.to_id, t.tenant_id] }),
    // serves the way back: a user's threads, a store's assistants
    index('association_to').on(t.to_id, t.kind),
  ],
)
