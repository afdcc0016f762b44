import { index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { at, tenant } from './identity.ts'

export const assistant = pgTable(
  'assistant',
  {
    id: uuid('id').primaryKey(),
    tenant_id: uuid('tenant_id')
      .notNull()
      .references(() => tenant.id),
    graph: text('graph').notNull(),
    version: integer('version').notNull(),
    created_at: at('created_at').notNull(),
    deleted_at: at('deleted_at'),
  },
  // serves listAssistants
  (t) => [index('assistant_list').on(t.tenant_id, t.created_at, t.id)],
)

/** Immutable: a run names the version it was created with, so deleting or changing an assistant leaves old runs as they were. */
export const assistantVersion = pgTable(
  'assistant_version',
  {
    id: uuid('id').primaryKey(),
    tenant_id: uuid('tenant_id')
      .notNull()
      .references(() => tenant.id),
    assistant_id: uuid('assistant_id')
      .notNull()
      .references(() => assistant.id, { onDelete: 'cascade' }),
    version: integer('version').notNull(),
    name: text('name'),
    description: text('description'),
    /** JSON of AssistantConfig: model, instructions, tools, sampling options. Text: SQL never looks inside. */
    config: text('config').notNull(),
    metadata: jsonb('metadata').notNull(),
    created_at: at('created_at').notNull(),
  },
  (t) => [uniqueIndex('assistant_version_number').on(t.assistant_id, t.version)],
)
