import { sql } from 'drizzle-orm'
import { boolean, foreignKey, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { at } from './identity.ts'
import { tenantId, thread } from './threads.ts'

/** The run row is the job: there is no queue beside it. */
export const run = pgTable(
  'run',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    thread_id: uuid('thread_id').notNull(),
    assistant_id: uuid('assistant_id').notNull(),
    /** No foreign key: versions are never removed, and every run would lock one. */
    assistant_version_id: uuid('assistant_version_id').notNull(),
    status: text('status').notNull(),
    /** JSON of RunOptions: what this run overrides or adds. */
    options: text('options').notNull(),
    /** JSON of GraphCall: how the graph is called. Null: with the thread's new messages. */
    call: text('call'),
    /** What becomes of a run that finds the thread taken. */
    strategy: text('strategy').notNull().default('reject'),
    metadata: jsonb('metadata').notNull(),
    /** Not before. */
    run_at: at('run_at').notNull(),
    /** Queued: false while another run of the thread comes first. */
    ready: boolean('ready').notNull().default(true),
    /** Cancelling: nothing shall remain of it. */
    rollback: boolean('rollback').notNull().default(false),
    /** The thread's head when the run began: where a rollback goes back to. */
    base_id: uuid('base_id'),
    base_seq: integer('base_seq'),
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
    /** Until when the events are kept, where that is not as long as others'. */
    journal_until: at('journal_until'),
  },
  (t) => [
    foreignKey({ name: 'run_thread_fk', columns: [t.thread_id, t.tenant_id], foreignColumns: [thread.id, thread.tenant_id] }).onDelete(
      'cascade',
    ),
    // At most one run of a thread executes or waits.
    uniqueIndex('run_active').on(t.thread_id, t.tenant_id).where(sql`status in ('running', 'waiting', 'cancelling')`),
    // serves claimRuns: queued runs by age
    index('run_queued').on(t.run_at).where(sql`status = 'queued' and ready`),
    // serves promoteRuns: the runs behind the one that holds the thread
    index('run_behind').on(t.thread_id, t.run_at).where(sql`status = 'queued' and not ready`),
    // serves purgeJournal
    index('run_journal').on(t.journal_until).where(sql`journal_until is not null`),
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
