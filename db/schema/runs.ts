import { sql } from 'drizzle-orm'
import { index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { at } from './identity.ts'
import { tenantId, thread } from './threads.ts'

const threadId = () =>
  uuid('thread_id')
    .notNull()
    .references(() => thread.id, { onDelete: 'cascade' })

/** The run row is the job: there is no queue beside it. */
export const run = pgTable(
  'run',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    thread_id: threadId(),
    assistant_id: uuid('assistant_id').notNull(),
    /** No foreign key: versions are never removed, and every run would lock one. */
    assistant_version_id: uuid('assistant_version_id').notNull(),
    status: text('status').notNull(),
    /** JSON of RunOptions: what this run overrides or adds. */
    options: text('options').notNull(),
    metadata: jsonb('metadata').notNull(),
    worker_id: uuid('worker_id'),
    attempt: integer('attempt').notNull().default(1),
    /** Goes up with every change of owner; a commit under an older fence writes nothing. */
    fence: integer('fence').notNull().default(1),
    lease_until: at('lease_until'),
    /** JSON of the value a waiting run is resumed with; cleared by the commit that consumed it. */
    resume: text('resume'),
    /** JSON of FunctionCall[] while the run waits for their outputs. */
    calls: text('calls'),
    usage: text('usage'),
    error: text('error'),
    incomplete: text('incomplete'),
    created_at: at('created_at').notNull(),
    started_at: at('started_at'),
    expires_at: at('expires_at'),
    ended_at: at('ended_at'),
  },
  (t) => [
    // At most one run of a thread executes or waits.
    uniqueIndex('run_active').on(t.thread_id).where(sql`status in ('running', 'waiting', 'cancelling')`),
    // serves claimRuns: queued runs by age
    index('run_queued').on(t.created_at).where(sql`status = 'queued'`),
    // serves claimRuns: leases that ran out
    index('run_lease').on(t.lease_until).where(sql`status in ('running', 'cancelling')`),
    // serves expireRuns
    index('run_expiry').on(t.expires_at).where(sql`status in ('queued', 'waiting')`),
    // serves listRuns
    index('run_list').on(t.thread_id, t.created_at, t.id),
  ],
)

const runId = () =>
  uuid('run_id')
    .notNull()
    .references(() => run.id, { onDelete: 'cascade' })

export const runStep = pgTable(
  'run_step',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    run_id: runId(),
    kind: text('kind').notNull(),
    message_id: uuid('message_id'),
    status: text('status').notNull(),
    usage: text('usage'),
    error: text('error'),
    created_at: at('created_at').notNull(),
    ended_at: at('ended_at'),
  },
  (t) => [index('run_step_list').on(t.run_id, t.created_at, t.id)],
)

export const toolCall = pgTable(
  'tool_call',
  {
    step_id: uuid('step_id')
      .notNull()
      .references(() => runStep.id, { onDelete: 'cascade' }),
    idx: integer('idx').notNull(),
    tenant_id: tenantId(),
    run_id: runId(),
    call_id: text('call_id').notNull(),
    type: text('type').notNull(),
    name: text('name').notNull(),
    /** JSON string, so that any generated text fits. */
    arguments: text('arguments').notNull(),
    output: text('output'),
    detail: text('detail'),
  },
  (t) => [primaryKey({ columns: [t.step_id, t.idx] }), index('tool_call_run').on(t.run_id)],
)

/** The journal: one row is a segment, the events seq .. seq+n-1 of a run, written by one insert. */
export const runEvent = pgTable(
  'run_event',
  {
    run_id: runId(),
    seq: integer('seq').notNull(),
    tenant_id: tenantId(),
    n: integer('n').notNull(),
    data: text('data').notNull(),
  },
  (t) => [primaryKey({ columns: [t.run_id, t.seq] })],
)

/** A chat completion kept because its request said `store`. */
export const completion = pgTable(
  'completion',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    model: text('model').notNull(),
    /** JSON of the request's messages. */
    messages: text('messages').notNull(),
    /** JSON of the answer. */
    answer: text('answer').notNull(),
    metadata: jsonb('metadata').notNull(),
    created_at: at('created_at').notNull(),
  },
  (t) => [index('completion_list').on(t.tenant_id, t.created_at, t.id)],
)
