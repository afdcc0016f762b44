import { sql } from 'drizzle-orm'
import { customType, doublePrecision, index, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { at } from './identity.ts'
import { tenantId } from './threads.ts'

/** Compared byte by byte, so that the items below a namespace are one range of the index. */
const bytewise = customType<{ data: string }>({ dataType: () => 'text collate "C"' })

/** What graphs remember beyond a thread. */
export const item = pgTable(
  'item',
  {
    tenant_id: tenantId(),
    /** The labels, each followed by a dot: `users.7.`; labels have none. */
    namespace: bytewise('namespace').notNull(),
    key: text('key').notNull(),
    value: jsonb('value').notNull(),
    /** Minutes from the last use; null: kept for ever. */
    ttl_minutes: doublePrecision('ttl_minutes'),
    expires_at: at('expires_at'),
    created_at: at('created_at').notNull(),
    updated_at: at('updated_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant_id, t.namespace, t.key] }),
    // serves deleteExpiredItems
    index('item_expiry').on(t.expires_at).where(sql`expires_at is not null`),
  ],
)
