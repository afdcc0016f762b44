import { sql } from 'drizzle-orm'
import { boolean, foreignKey, index, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { at } from './identity.ts'
import { tenantId, thread } from './threads.ts'

/** What begins a run again and again. */
export const schedule = pgTable(
  'schedule',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    assistant_id: uuid('assistant_id').notNull(),
    /** Null: every run gets a thread of its own. */
    thread_id: uuid('thread_id'),
    user_id: uuid('user_id'),
    /** Five or six fields, as cron has them. */
    cron: text('cron').notNull(),
    /** IANA name; null: UTC. */
    timezone: text('timezone'),
    /** JSON of the run that it creates. */
    run: text('run').notNull(),
    metadata: jsonb('metadata').notNull(),
    enabled: boolean('enabled').notNull().default(true),
    /** What becomes of a thread of its own when its run has ended: `delete` or `keep`. */
    on_completion: text('on_completion').notNull().default('delete'),
    /** Null: it has no next time. */
    next_at: at('next_at'),
    end_at: at('end_at'),
    /** Why the last time created no run. */
    error: text('error'),
    created_at: at('created_at').notNull(),
    updated_at: at('updated_at').notNull(),
  },
  (t) => [
    foreignKey({ name: 'schedule_thread_fk', columns: [t.thread_id, t.tenant_id], foreignColumns: [thread.id, thread.tenant_id] }).onDelete(
      'cascade',
    ),
    index('schedule_list').on(t.tenant_id, t.created_at, t.id),
    // serves the removal of threads: without it, each one reads all schedules
    index('schedule_thread').on(t.thread_id).where(sql`thread_id is not null`),
    // serves claimSchedules
    index('schedule_due').on(t.next_at).where(sql`enabled and next_at is not null`),
  ],
)
