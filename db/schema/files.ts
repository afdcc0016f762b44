import { sql } from 'drizzle-orm'
import { bigint, index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { at } from './identity.ts'
import { tenantId } from './threads.ts'

const bytes = (name: string) => bigint(name, { mode: 'number' })

/**
 * One object of the files driver. The row is there before the first byte and after the last: what a crash leaves is
 * found here, never by looking through the store.
 */
export const fileObject = pgTable(
  'file_object',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    /** writing, kept or removing */
    state: text('state').notNull(),
    bytes: bytes('bytes'),
    sha256: text('sha256'),
    /** While it is written: when its writer is taken for dead. While it is removed: when to try again. */
    stale_at: at('stale_at'),
    /** How often its removal was begun. */
    tries: integer('tries').notNull().default(0),
    created_at: at('created_at').notNull(),
  },
  // serves sweepObjects
  (t) => [index('file_object_stale').on(t.stale_at).where(sql`state <> 'kept'`)],
)

export const file = pgTable(
  'file',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    object_id: uuid('object_id').notNull(),
    filename: text('filename').notNull(),
    purpose: text('purpose').notNull(),
    media_type: text('media_type').notNull(),
    bytes: bytes('bytes').notNull(),
    sha256: text('sha256').notNull(),
    created_at: at('created_at').notNull(),
    expires_at: at('expires_at'),
  },
  (t) => [
    // serves listFiles
    index('file_list').on(t.tenant_id, t.created_at, t.id),
    // serves expireFiles
    index('file_expiry').on(t.expires_at).where(sql`expires_at is not null`),
  ],
)

/** A file that arrives in parts. */
export const upload = pgTable(
  'upload',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    filename: text('filename').notNull(),
    purpose: text('purpose').notNull(),
    media_type: text('media_type').notNull(),
    bytes: bytes('bytes').notNull(),
    /** pending, completed, cancelled or expired */
    status: text('status').notNull(),
    /** Lifetime of the file to be, in seconds. */
    file_expires_s: integer('file_expires_s'),
    file_id: uuid('file_id'),
    created_at: at('created_at').notNull(),
    expires_at: at('expires_at').notNull(),
  },
  // serves expireUploads
  (t) => [index('upload_pending').on(t.expires_at).where(sql`status = 'pending'`)],
)

export const uploadPart = pgTable(
  'upload_part',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    upload_id: uuid('upload_id')
      .notNull()
      .references(() => upload.id, { onDelete: 'cascade' }),
    object_id: uuid('object_id').notNull(),
    bytes: bytes('bytes').notNull(),
    created_at: at('created_at').notNull(),
  },
  (t) => [index('upload_part_upload').on(t.upload_id)],
)
