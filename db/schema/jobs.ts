import { sql } from 'drizzle-orm'
import { index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { at } from './identity.ts'
import { tenantId } from './threads.ts'

/** Work beside the runs: ingestion and removals. A job that is done has no row. */
export const job = pgTable(
  'job',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    kind: text('kind').notNull(),
    /** What the job is about, e.g. a document: there is one job of a kind for it. */
    subject: uuid('subject').notNull(),
    /** JSON of what the kind needs to know. */
    payload: text('payload').notNull(),
    /** How often it was begun. */
    attempt: integer('attempt').notNull().default(0),
    /** Goes up with every claim; what an older claim wants to commit is not written. */
    fence: integer('fence').notNull().default(0),
    worker_id: uuid('worker_id'),
    lease_until: at('lease_until'),
    /** Not before this time; while a lease runs it is not looked at. */
    run_at: at('run_at').notNull(),
    /** Why the last attempt failed. */
    error: text('error'),
    created_at: at('created_at').notNull(),
  },
  (t) => [
    // The kind comes last: an index that began with it would serve claims too, with a sort of the whole backlog.
    uniqueIndex('job_subject').on(t.subject, t.kind),
    // serves claimJobs, tenant by tenant, and countJobs
    index('job_due').on(t.kind, t.tenant_id, t.run_at),
    // serves claimJobs: who has jobs at work. Not on the lease, so that a renewal writes no index.
    index('job_busy').on(t.tenant_id).where(sql`worker_id is not null`),
  ],
)
