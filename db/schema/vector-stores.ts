import { sql } from 'drizzle-orm'
import { bigint, boolean, customType, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { at } from './identity.ts'
import { bytea, tenantId } from './threads.ts'

const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' })

export const vectorStore = pgTable(
  'vector_store',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    /** Short name of the store inside lexemes: a word of one store is no word of another. */
    no: bigint('no', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    name: text('name'),
    description: text('description'),
    metadata: jsonb('metadata').notNull(),
    /** Vectors of different models cannot be compared: a store keeps the one it was made with. */
    embedding_model: text('embedding_model').notNull(),
    expires_days: integer('expires_days'),
    last_active_at: at('last_active_at').notNull(),
    created_at: at('created_at').notNull(),
    /** When an expired store was emptied. */
    emptied_at: at('emptied_at'),
  },
  (t) => [
    // serves listStores
    index('vector_store_list').on(t.tenant_id, t.created_at, t.id),
    // serves emptyExpiredStores
    index('vector_store_expiry').on(t.last_active_at).where(sql`expires_days is not null and emptied_at is null`),
  ],
)

/** A file in a store. `document_id` names this ingestion of it: chunks and vectors belong to that, not to the file. */
export const vectorStoreFile = pgTable(
  'vector_store_file',
  {
    store_id: uuid('store_id')
      .notNull()
      .references(() => vectorStore.id, { onDelete: 'cascade' }),
    file_id: uuid('file_id').notNull(),
    tenant_id: tenantId(),
    document_id: uuid('document_id').notNull(),
    batch_id: uuid('batch_id'),
    /** in_progress, completed, failed or cancelled */
    status: text('status').notNull(),
    error_code: text('error_code'),
    error_message: text('error_message'),
    chunk_tokens: integer('chunk_tokens').notNull(),
    overlap_tokens: integer('overlap_tokens').notNull(),
    attributes: jsonb('attributes').notNull(),
    usage_bytes: bigint('usage_bytes', { mode: 'number' }).notNull().default(0),
    chunks: integer('chunks').notNull().default(0),
    created_at: at('created_at').notNull(),
    ended_at: at('ended_at'),
  },
  (t) => [
    primaryKey({ columns: [t.store_id, t.file_id] }),
    uniqueIndex('vector_store_file_document').on(t.document_id),
    // serves listStoreFiles
    index('vector_store_file_list').on(t.store_id, t.created_at, t.file_id),
    // serves the counts of a store
    index('vector_store_file_status').on(t.store_id, t.status),
    // serves the removal of a file from its stores
    index('vector_store_file_file').on(t.file_id),
  ],
)

export const fileBatch = pgTable(
  'file_batch',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    store_id: uuid('store_id')
      .notNull()
      .references(() => vectorStore.id, { onDelete: 'cascade' }),
    created_at: at('created_at').notNull(),
    cancelled_at: at('cancelled_at'),
  },
  (t) => [index('file_batch_store').on(t.store_id)],
)

/** What a batch brought. A document that is gone, or was replaced by another batch, counts as cancelled. */
export const fileBatchFile = pgTable(
  'file_batch_file',
  {
    batch_id: uuid('batch_id')
      .notNull()
      .references(() => fileBatch.id, { onDelete: 'cascade' }),
    document_id: uuid('document_id').notNull(),
    tenant_id: tenantId(),
    file_id: uuid('file_id').notNull(),
  },
  (t) => [primaryKey({ columns: [t.batch_id, t.document_id] })],
)

/**
 * A piece of a document's text, there before its vector and after it. No foreign keys: chunks outlive their store and
 * file until the job that removes their vectors is done.
 */
export const chunk = pgTable(
  'chunk',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    store_id: uuid('store_id').notNull(),
    document_id: uuid('document_id').notNull(),
    file_id: uuid('file_id').notNull(),
    idx: integer('idx').notNull(),
    text: text('text').notNull(),
    tokens: integer('tokens').notNull(),
    /** `<store no>/<word>` for each word of the text, with positions; made by us, not by a text search configuration. */
    lexemes: tsvector('lexemes').notNull(),
  },
  (t) => [
    uniqueIndex('chunk_document').on(t.document_id, t.idx),
    index('chunk_store').on(t.store_id),
    // serves searchByWords
    index('chunk_lexemes').using('gin', t.lexemes),
  ],
)

/**
 * Of the vectors adapters that keep vectors in Postgres: one row for each store they have vectors of. Every change raises
 * `revision` first, and so waits for the change before it: who sees a revision sees all changes up to it.
 */
export const vectorSpace = pgTable('vector_space', {
  store_id: uuid('store_id').primaryKey(),
  tenant_id: tenantId(),
  dimensions: integer('dimensions').notNull(),
  /** Begins with the microseconds of its making, so that no earlier row of the same store had it. */
  revision: bigint('revision', { mode: 'number' }).notNull(),
  /** Removals before this revision are forgotten: a copy that is older must be made anew. */
  floor: bigint('floor', { mode: 'number' }).notNull(),
})

export const vectorDocument = pgTable(
  'vector_document',
  {
    document_id: uuid('document_id').primaryKey(),
    tenant_id: tenantId(),
    store_id: uuid('store_id').notNull(),
    file_id: uuid('file_id').notNull(),
    attributes: jsonb('attributes').notNull(),
    /** Revision of the space in which this document was last changed. */
    revision: bigint('revision', { mode: 'number' }).notNull(),
    /** Revision in which it came, or came again after its removal. */
    born: bigint('born', { mode: 'number' }).notNull(),
    /** Kept for a while, so that copies of the space learn of it. */
    removed: boolean('removed').notNull().default(false),
  },
  // serves readDocuments
  (t) => [index('vector_document_revision').on(t.store_id, t.revision, t.document_id)],
)

/** Of the embedded vectors adapter. */
export const vectorPoint = pgTable(
  'vector_point',
  {
    /** The chunk's. */
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    store_id: uuid('store_id').notNull(),
    document_id: uuid('document_id').notNull(),
    /** Of the space, when this point was written. */
    revision: bigint('revision', { mode: 'number' }).notNull(),
    /** Little-endian float32, of length 1 or 0. */
    data: bytea('data').notNull(),
    /** The same in a quarter of the space: a little-endian float32 scale, then int8s. */
    coarse: bytea('coarse').notNull(),
  },
  (t) => [
    // serves removeDocument and pointIds
    index('vector_point_document').on(t.document_id, t.id),
    // serves readPoints
    index('vector_point_revision').on(t.store_id, t.revision, t.id),
  ],
)

/** What a client says of a file in its own index, or of one that this server ingests. */
export const storeEntry = pgTable(
  'store_entry',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    store_id: uuid('store_id')
      .notNull()
      .references(() => vectorStore.id, { onDelete: 'cascade' }),
    /** The id that the client chose. */
    alias: text('alias').notNull(),
    file_name: text('file_name').notNull(),
    file_path: text('file_path').notNull(),
    status: text('status').notNull(),
    error_message: text('error_message'),
    metadata: jsonb('metadata').notNull(),
    /** A file of this server, which its store holds. */
    file_id: uuid('file_id'),
    processed_at: at('processed_at'),
    created_at: at('created_at').notNull(),
  },
  (t) => [
    uniqueIndex('store_entry_alias').on(t.tenant_id, t.alias),
    // serves listEntries and the look-up by path
    index('store_entry_list').on(t.store_id, t.created_at, t.id),
  ],
)
