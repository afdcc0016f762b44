import type { BaseMessage } from '@langchain/core/messages'
import type { RunnableConfig } from '@langchain/core/runnables'
import {
  BaseCheckpointSaver,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointTuple,
  maxChannelVersion,
  type PendingWrite,
  TASKS,
  WRITES_IDX_MAP,
} from '@langchain/langgraph-checkpoint'
import type { Json } from '../core/json.ts'
import type { Needs } from '../core/needs.ts'
import {
  type BlobRecord,
  type CheckpointFilter,
  type CheckpointRecord,
  type CheckpointRow,
  deleteCheckpoints,
  readCheckpoints,
  readLog,
  type WriteRecord,
  writeCheckpoints,
} from '../core/threads/checkpoints.ts'
import type { MessageRecord } from '../core/threads/message-rows.ts'
import { decode, encode, isPrimitive, referencesIn } from './channels.ts'
import { messageFrom, type RowContext, rowFor } from './messages.ts'

/** What a call of the checkpointer writes: rows of four tables. */
export interface StateRows {
  messages: MessageRecord[]
  checkpoints: CheckpointRecord[]
  blobs: BlobRecord[]
  writes: WriteRecord[]
}
export const noRows = (): StateRows => ({ messages: [], checkpoints: [], blobs: [], writes: [] })

interface Key {
  thread_id?: string
  checkpoint_ns?: string
  checkpoint_id?: string
}
const keyOf = (config: RunnableConfig): Key => (config.configurable ?? {}) as Key

/** Who the rows belong to. */
export interface Owner {
  tenantId: string
  runId: string | null
  assistantId: string | null
}

/**
 * LangGraph's checkpointer on our rows, committing every call: for the state API and updates outside a run.
 * A run has its own (run-checkpointer.ts), which decides where commits fall.
 */
export class Checkpointer extends BaseCheckpointSaver {
  /** Primitives of every channel ride in the checkpoint row; the conformance kit wants values outside `newVersions` left out. */
  protected readonly inlineAll: boolean = false
  constructor(
    protected readonly app: Needs<'db' | 'clock'>,
    protected readonly owner: Owner,
  ) {
    super()
  }

  /**
   * The integer part counts, the fraction is random: two branches from one checkpoint must not give the same version to
   * different values, because a value is stored once per (thread, ns, channel, version).
   */
  override getNextVersion(current: number | undefined): number {
    return Math.floor(current ?? 0) + 1 + Math.random()
  }

  protected context(threadId: string, out: MessageRecord[]): RowContext {
    return { ...this.owner, threadId, now: this.app.clock.now(), out }
  }

  protected async encodeCheckpoint(rows: StateRows, put: PutCall): Promise<void> {
    const { config, checkpoint, metadata, newVersions } = put
    const { thread_id, checkpoint_ns: ns = '', checkpoint_id: parent } = keyOf(config)
    if (!thread_id) throw new Error('configurable.thread_id is required')
    const context = this.context(thread_id, rows.messages)
    const row = (message: BaseMessage) => rowFor(message, context)
    const inline: Record<string, unknown> = {}
    for (const channel of Object.keys(checkpoint.channel_values)) {
      const value = checkpoint.channel_values[channel]
      if (this.inlineAll && isPrimitive(value)) inline[channel] = value
      else if (channel in newVersions)
        rows.blobs.push({ thread_id, ns, channel, version: String(newVersions[channel]), ...(await encode(value, row)) })
    }
    const given = { ...(config.metadata as Record<string, Json> | undefined), ...(metadata as Record<string, Json>) }
    const { step, source, thread_id: _thread, ls_integration: _integration, ...rest } = given
    rows.checkpoints.push({
      thread_id,
      ns,
      id: checkpoint.id,
      parent_id: parent ?? null,
      run_id: this.owner.runId ?? (typeof given.run_id === 'string' ? given.run_id : null),
      step: Number(step ?? -2),
      source: String(source ?? 'input'),
      versions: checkpoint.channel_versions as Record<string, string | number>,
      seen: JSON.stringify(checkpoint.versions_seen),
      inline: Object.keys(inline).length ? JSON.stringify(inline) : null,
      metadata: rest as Record<string, Json>,
      at: Date.parse(checkpoint.ts),
      v: checkpoint.v,
    })
  }

  protected async encodeWrites(rows: StateRows, call: WriteCall): Promise<void> {
    const { thread_id, checkpoint_ns: ns = '', checkpoint_id } = keyOf(call.config)
    if (!thread_id || !checkpoint_id) throw new Error('configurable.thread_id and checkpoint_id are required')
    const context = this.context(thread_id, rows.messages)
    const row = (message: BaseMessage) => rowFor(message, context)
    for (const [index, [channel, value]] of call.writes.entries()) {
      const { message_ids, ...encoded } = await encode(value, row)
      rows.writes.push({
        thread_id,
        ns,
        checkpoint_id,
        task_id: call.taskId,
        idx: WRITES_IDX_MAP[channel] ?? index,
        path: call.taskPath,
        channel,
        run_id: this.owner.runId,
        upsert: channel in WRITES_IDX_MAP,
        // A list of messages as a write: references, so that one column serves.
        ...(message_ids ? { data: JSON.stringify(message_ids.map(($m) => ({ $m }))) } : encoded),
      })
    }
  }

  private async write(rows: StateRows, threadId: string): Promise<void> {
    const numbered = rows.messages.map((m, i) => ({ ...m, seq: i }))
    const done = await writeCheckpoints(this.app, { ...rows, messages: numbered, tenantId: this.owner.tenantId, threadId })
    if (!done) throw new Error('the thread is gone, or a run holds it')
  }

  override async put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    const rows = noRows()
    await this.encodeCheckpoint(rows, { config, checkpoint, metadata, newVersions })
    const { thread_id = '', checkpoint_ns = '' } = keyOf(config)
    await this.write(rows, thread_id)
    return { configurable: { thread_id, checkpoint_ns, checkpoint_id: checkpoint.id } }
  }

  override async putWrites(config: RunnableConfig, writes: PendingWrite[], taskId: string, taskPath = ''): Promise<void> {
    const rows = noRows()
    await this.encodeWrites(rows, { config, writes, taskId, taskPath })
    await this.write(rows, keyOf(config).thread_id ?? '')
  }

  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const { thread_id, checkpoint_ns: ns = '', checkpoint_id: id } = keyOf(config)
    if (!thread_id) return undefined
    const rows = await readCheckpoints(this.app, this.owner.tenantId, { threadId: thread_id, ns, limit: 1, ...(id ? { id } : {}) })
    return (await this.tuples(rows))[0]
  }

  override async *list(config: RunnableConfig, options: CheckpointListOptions = {}): AsyncGenerator<CheckpointTuple> {
    const { thread_id, checkpoint_ns, checkpoint_id } = keyOf(config)
    const { source, step, run_id, ...metadata } = options.filter ?? {}
    const before = options.before && keyOf(options.before).checkpoint_id
    const filter: CheckpointFilter = {
      ...(thread_id === undefined ? {} : { threadId: thread_id }),
      ...(checkpoint_ns === undefined ? {} : { ns: checkpoint_ns }),
      ...(checkpoint_id === undefined ? {} : { id: checkpoint_id }),
      ...(before === undefined ? {} : { before }),
      ...(source === undefined ? {} : { source: String(source) }),
      ...(step === undefined ? {} : { step: Number(step) }),
      ...(run_id === undefined ? {} : { runId: String(run_id) }),
      ...(options.limit === undefined ? {} : { limit: options.limit }),
      metadata,
    }
    yield* await this.tuples(await readCheckpoints(this.app, this.owner.tenantId, filter))
  }

  override deleteThread(threadId: string): Promise<void> {
    return deleteCheckpoints(this.app, this.owner.tenantId, threadId)
  }

  /** One query for all messages of all rows: a page of history shares the message objects. */
  private async tuples(rows: CheckpointRow[]): Promise<CheckpointTuple[]> {
    const ids = new Set<string>()
    for (const row of rows) {
      for (const blob of row.blobs ?? []) for (const id of referencesIn(blob)) ids.add(id)
      for (const [, , data] of row.writes ?? []) for (const id of referencesIn({ data })) ids.add(id)
    }
    const log = await readLog(this.app, this.owner.tenantId, [...ids])
    const messages = new Map(log.map((row) => [row.id, messageFrom(row)]))
    const message = (id: string): BaseMessage => {
      const found = messages.get(id)
      if (!found) throw new Error('a checkpoint names a message that is not in the log')
      return found
    }
    return Promise.all(rows.map((row) => this.tuple(row, message)))
  }

  private async tuple(row: CheckpointRow, message: (id: string) => BaseMessage): Promise<CheckpointTuple> {
    const values: Record<string, unknown> = row.inline ? (JSON.parse(row.inline) as Record<string, unknown>) : {}
    for (const blob of row.blobs ?? []) values[blob.channel] = await decode(blob, message)
    const versions = row.versions
    if (row.v < 4 && row.parent_id) await this.migrateSends({ row, values, versions, message })
    const key = (id: string) => ({ configurable: { thread_id: row.thread_id, checkpoint_ns: row.ns, checkpoint_id: id } })
    return {
      config: key(row.id),
      checkpoint: {
        v: row.v,
        id: row.id,
        ts: new Date(row.created_at).toISOString(),
        channel_values: values,
        channel_versions: versions,
        versions_seen: JSON.parse(row.seen) as Checkpoint['versions_seen'],
      },
      metadata: { source: row.source, step: row.step, ...row.metadata } as CheckpointMetadata,
      pendingWrites: await Promise.all(
        (row.writes ?? []).map(
          async ([task, channel, data, bytes]): Promise<[string, string, unknown]> => [
            task,
            channel,
            await decode({ data, bytes }, message),
          ],
        ),
      ),
      ...(row.parent_id ? { parentConfig: key(row.parent_id) } : {}),
    }
  }

  /** Before version 4 pending sends lived in the parent's writes. */
  private async migrateSends(old: {
    row: CheckpointRow
    values: Record<string, unknown>
    versions: Record<string, string | number>
    message: (id: string) => BaseMessage
  }): Promise<void> {
    const { row, values, versions } = old
    const filter = { threadId: row.thread_id, ns: row.ns, id: row.parent_id ?? '' }
    const parent = (await readCheckpoints(this.app, this.owner.tenantId, filter))[0]
    const sends = (parent?.writes ?? []).filter(([, channel]) => channel === TASKS)
    values[TASKS] = await Promise.all(sends.map(([, , data, bytes]) => decode({ data, bytes }, old.message)))
    const known = Object.values(versions) as number[]
    versions[TASKS] = known.length ? (maxChannelVersion(...known) as number) : this.getNextVersion(undefined)
  }
}

export interface PutCall {
  config: RunnableConfig
  checkpoint: Checkpoint
  metadata: CheckpointMetadata
  newVersions: ChannelVersions
}
export interface WriteCall {
  config: RunnableConfig
  writes: PendingWrite[]
  taskId: string
  taskPath: string
}
