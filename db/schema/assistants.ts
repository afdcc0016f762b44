import { foreignKey, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { at, tenant } from './identity.ts'

/** Clients may choose the id, so it names an assistant only together with its tenant. */
export const assistant = pgTable(
  'assistant',
  {
    id: uuid('id').notNull(),
    tenant_id: uuid('tenant_id')
      .notNull()
      .references(() => tenant.id),
    version: integer('version').notNull(),
    /** The highest version there ever was: an older one may be the current one again. */
    newest: integer('newest').notNull().default(1),
    /** Where it began: an id that was deleted may be taken again, and the versions of the one before are not of this one. */
    first: integer('first').notNull().default(1),
    created_at: at('created_at').notNull(),
    updated_at: at('updated_at').notNull(),
    deleted_at: at('deleted_at'),
  },
  // serves listAssistants
  (t) => [primaryKey({ columns: [t.id, t.tenant_id] }), index('assistant_list').on(t.tenant_id, t.created_at, t.id)],
)

/** Immutable: a run names the version it was created with, so deleting or changing an assistant leaves old runs as they were. */
export const assistantVersion = pgTable(
  'assistant_version',
  {
    id: uuid('id').primaryKey(),
    tenant_id: uuid('tenant_id')
      .notNull()
      .references(() => tenant.id),
    assistant_id: uuid('assistant_id').notNull(),
    version: integer('version').notNull(),
    graph: text('graph').notNull(),
    name: text('name'),
    description: text('description'),
    /** JSON of AssistantConfig: model, instructions, tools, sampling options. Text: SQL never looks inside. */
    config: text('config').notNull(),
    /** JSON of GraphConfig: what runs of any graph are configured with. */
    settings: text('settings'),
    /** JSON of the context that runs get. */
    context: text('context'),
    metadata: jsonb('metadata').notNull(),
    created_at: at('created_at').notNull(),
  },
  (t) => [
    uniqueIndex('assistant_version_number').on(t.assistant_id, t.tenant_id, t.version),
    foreignKey({
      name: 'assistant_version_assistant_fk',
      columns: [t.assistant_id, t.tenant_id],
      foreignColumns: [assistant.id, assistant.tenant_id],
    }).onDelete('cascade'),
  ],
)
