import { sql } from 'drizzle-orm'
import {
  boolean,
  customType,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core'
import { at } from './identity.ts'

export const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' })

/**
 * No foreign key: every insert would lock the one row of its tenant, which all concurrent commits then share. The tenant
 * comes from the caller or from the guarded run, never from a client.
 */
export const tenantId = () => uuid('tenant_id').notNull()

/** Clients may choose the id, so it names a thread only together with its tenant. */
export const thread = pgTable(
  'thread',
  {
    id: uuid('id').notNull(),
    tenant_id: tenantId(),
    metadata: jsonb('metadata').notNull(),
    /** JSON of ToolResources. */
    tool_resources: text('tool_resources'),
    status: text('status').notNull().default('idle'),
    /** The run that holds the thread: queued and ready, running, waiting or cancelling. No foreign key: run names thread. */
    run_id: uuid('run_id'),
    /** When the first of the runs behind that one may begin; null when there is none. It may be too early, never too late. */
    next_at: at('next_at'),
    /** The newest checkpoint; messages up to `head_seq` are in it or were decided against. */
    head_id: uuid('head_id'),
    head_seq: integer('head_seq').notNull().default(0),
    /** Lists show what the head holds: a graph or an update may have left messages of the log out of it. */
    by_head: boolean('by_head').notNull().default(false),
    next_seq: integer('next_seq').notNull().default(1),
    /** The graph that ran last, or that the thread was made for. */
    graph: text('graph'),
    /** JSON of GraphConfig: the last run's, merged. Graphs that are made by functions need it to be made again. */
    config: text('config'),
    /** JSON of RunError: why the last run failed. */
    error: text('error'),
    /** Made for one run; nobody sees it once that run has ended. */
    temporary: boolean('temporary').notNull().default(false),
    /** Goes on from the last use; null: kept for ever. */
    ttl_minutes: doublePrecision('ttl_minutes'),
    expires_at: at('expires_at'),
    created_at: at('created_at').notNull(),
    updated_at: at('updated_at').notNull(),
    /** When the head changed last. */
    state_at: at('state_at'),
  },
  (t) => [
    primaryKey({ columns: [t.id, t.tenant_id] }),
    index('thread_list').on(t.tenant_id, t.created_at, t.id),
    // serves promoteRuns: threads nobody is at work on, with a run that may begin
    index('thread_next').on(t.next_at).where(sql`next_at is not null`),
    // serves deleteExpiredThreads
    index('thread_expiry').on(t.expires_at).where(sql`expires_at is not null`),
  ],
)

const threadId = () => uuid('thread_id').notNull()
/** The append-only log of a thread. Content never changes once the row is there; `seq` orders it. */
export const message = pgTable(
  'message',
  {
    id: uuid('id').primaryKey(),
    tenant_id: tenantId(),
    thread_id: threadId(),
    seq: integer('seq').notNull(),
    /** The id a client or graph gave the message, where it is not the row's own. */
    key: text('key'),
    role: text('role').notNull(),
    /** JSON: text or a list of content parts. Text column: holds \u0000 and is never searched by SQL. */
    content: text('content').notNull(),
    tool_calls: text('tool_calls'),
    tool_call_id: text('tool_call_id'),
    run_id: uuid('run_id'),
    assistant_id: uuid('assistant_id'),
    status: text('status').notNull().default('completed'),
    cut: text('cut'),
    attachments: text('attachments'),
    metadata: jsonb('metadata').notNull().default({}),
    /** JSON of the LangChain fields that have no column, so that a round trip loses nothing. */
    extra: text('extra'),
    created_at: at('created_at').notNull(),
    ended_at: at('ended_at'),
    deleted_at: at('deleted_at'),
  },
  (t) => [
    // serves listMessages and the pending messages of a run
    index('message_thread').on(t.thread_id, t.seq),
    // serves listMessages by run and the fold of a recovered run
    index('message_run').on(t.run_id).where(sql`run_id is not null`),
    foreignKey({ name: 'message_thread_fk', columns: [t.thread_id, t.tenant_id], foreignColumns: [thread.id, thread.tenant_id] }).onDelete(
      'cascade',
    ),
  ],
)

/**
 * No foreign key: a run writes five such rows, and each would look its thread up and lock it once more. They are written
 * only under the fence of a run, and `deleteThread` removes them after the thread.
 */
const stateThreadId = () => uuid('thread_id').notNull()

export const checkpoint = pgTable(
  'checkpoint',
  {
    tenant_id: tenantId(),
    thread_id: stateThreadId(),
    ns: text('ns').notNull(),
    id: uuid('id').notNull(),
    parent_id: uuid('parent_id'),
    run_id: uuid('run_id'),
    step: integer('step').notNull(),
    source: text('source').notNull(),
    /** Version of every channel; with `channel_blob` it says every value. */
    versions: jsonb('versions').notNull(),
    seen: text('seen').notNull(),
    /** JSON of the channels whose value is a primitive. */
    inline: text('inline'),
    metadata: jsonb('metadata').notNull(),
    created_at: at('created_at').notNull(),
    v: integer('v').notNull(),
  },
  (t) => [primaryKey({ columns: [t.thread_id, t.ns, t.id] }), index('checkpoint_run').on(t.run_id)],
)

/**
 * Each changed channel value once per version: an ordered list of message rows, or any other value. A list that only grew
 * says what came after the first `keep` of an earlier version, so that storage grows with the conversation, not its square.
 */
export const channelBlob = pgTable(
  'channel_blob',
  {
    tenant_id: tenantId(),
    thread_id: stateThreadId(),
    ns: text('ns').notNull(),
    channel: text('channel').notNull(),
    version: text('version').notNull(),
    message_ids: uuid('message_ids').array(),
    /** An earlier version of the channel: the list begins with its first `keep`. It is never removed while this one is there. */
    base: text('base'),
    /** Where that one is, if not in the same namespace. */
    base_ns: text('base_ns'),
    keep: integer('keep'),
    data: text('data'),
    bytes: bytea('bytes'),
  },
  (t) => [primaryKey({ columns: [t.thread_id, t.ns, t.channel, t.version] })],
)

/** What finished tasks of a step wrote before the step itself is committed. */
export const checkpointWrite = pgTable(
  'checkpoint_write',
  {
    tenant_id: tenantId(),
    thread_id: stateThreadId(),
    ns: text('ns').notNull(),
    checkpoint_id: uuid('checkpoint_id').notNull(),
    task_id: text('task_id').notNull(),
    idx: integer('idx').notNull(),
    path: text('path').notNull(),
    channel: text('channel').notNull(),
    data: text('data'),
    bytes: bytea('bytes'),
    /** The run that wrote it first. */
    run_id: uuid('run_id'),
  },
  (t) => [primaryKey({ columns: [t.thread_id, t.ns, t.checkpoint_id, t.task_id, t.idx] })],
)
