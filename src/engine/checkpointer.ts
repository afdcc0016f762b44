import type { BaseMessage } from '@langchain/core/messages'
import type { RunnableConfig } from '@langchain/core/runnables'
import {
  BaseCheckpointSaver,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointTuple,
  type PendingWrite,
  WRITES_IDX_MAP,
} from '@langchain/langgraph-checkpoint'
import type { Json } from '../core/json.ts'
import type { Needs } from '../core/needs.ts'
import {
  type BlobRecord,
  type CheckpointFilter,
  type CheckpointPage,
  type CheckpointRecord,
  deleteCheckpoints,
  type HeadPage,
  type LogRow,
  readCheckpoints,
  readHeads,
  type WriteRecord,
  writeCheckpoints,
} from '../core/threads/checkpoints.ts'
import type { MessageRecord } from '../core/threads/message-rows.ts'
import { encode, isPrimitive } from './channels.ts'
import { MessageLists } from './message-lists.ts'
import { messageFrom, type RowContext, rowFor } from './messages.ts'
import { type Decoding, decodePage, listsOf } from './tuples.ts'

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
  /** Of the one thread that a checkpointer serves; with more, it only stores more. */
  private readonly lists = new MessageLists()
  private last: Promise<unknown> = Promise.resolve()

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
    const inline: Record<string, unknown> = {}
    for (const channel of Object.keys(checkpoint.channel_values)) {
      const value = checkpoint.channel_values[channel]
      if (this.inlineAll && isPrimitive(value)) inline[channel] = value
      else if (channel in newVersions)
        rows.blobs.push(await this.encodeValue(rows, { threadId: thread_id, ns, channel, version: newVersions[channel] ?? 0, value }))
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

  protected async encodeValue(
    rows: StateRows,
    at: { threadId: string; ns: string; channel: string; version: number | string; value: unknown },
  ): Promise<BlobRecord> {
    const { threadId, ns, channel, value } = at
    const context = this.context(threadId, rows.messages)
    const { message_ids: ids, ...encoded } = await encode(value, (message) => rowFor(message, context))
    const version = String(at.version)
    return { thread_id: threadId, ns, channel, version, ...encoded, ...(ids && this.lists.store({ ns, channel, version, ids })) }
  }

  protected async encodeWrites(rows: StateRows, call: WriteCall): Promise<void> {
    const { thread_id, checkpoint_ns: ns = '', checkpoint_id } = keyOf(call.config)
    if (!thread_id || !checkpoint_id) throw new Error('configurable.thread_id and checkpoint_id are required')
    const row = (message: BaseMessage) => rowFor(message, this.context(thread_id, rows.messages))
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

  /** A head names messages by number: a call that comes later must not be written before the one that brought its messages. */
  private inTurn<T>(call: () => Promise<T>): Promise<T> {
    const result = this.last.then(call)
    this.last = result.catch(() => undefined)
    return result
  }

  private async write(rows: StateRows, threadId: string): Promise<void> {
    try {
      const written = await writeCheckpoints(this.app, {
        ...{ ...rows, messages: rows.messages.map((m, seq) => ({ ...m, seq })), threadId },
        ...{ tenantId: this.owner.tenantId, at: this.app.clock.now() },
      })
      if (written !== 'written') throw new Error('the thread is gone, or a run holds it')
    } catch (error) {
      this.lists.forget()
      throw error
    }
  }

  override put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    return this.inTurn(async () => {
      const rows = noRows()
      await this.encodeCheckpoint(rows, { config, checkpoint, metadata, newVersions })
      const { thread_id = '', checkpoint_ns = '' } = keyOf(config)
      await this.write(rows, thread_id)
      return { configurable: { thread_id, checkpoint_ns, checkpoint_id: checkpoint.id } }
    })
  }

  override putWrites(config: RunnableConfig, writes: PendingWrite[], taskId: string, taskPath = ''): Promise<void> {
    return this.inTurn(async () => {
      const rows = noRows()
      await this.encodeWrites(rows, { config, writes, taskId, taskPath })
      await this.write(rows, keyOf(config).thread_id ?? '')
    })
  }

  /** Without an id it is the thread's head, or in a namespace the newest. */
  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const { thread_id: threadId, checkpoint_ns: ns = '', checkpoint_id: id } = keyOf(config)
    if (!threadId) return undefined
    const page = !id && ns === '' ? await this.readHead(threadId) : await this.read({ threadId, ns, limit: 1, ...(id ? { id } : {}) })
    const [tuple] = await this.tuples(page)
    if (tuple) this.learn(tuple)
    return tuple
  }

  protected readHead(threadId: string): Promise<HeadPage> {
    return readHeads(this.app, this.owner.tenantId, [threadId])
  }

  private async read(filter: CheckpointFilter): Promise<CheckpointPage> {
    if (filter.id && !UUID.test(filter.id)) return { checkpoints: [], blobs: [] }
    return readCheckpoints(this.app, this.owner.tenantId, filter)
  }

  /** New versions may build on what this checkpoint holds. */
  protected learn({ checkpoint }: CheckpointTuple): void {
    for (const list of listsOf(checkpoint)) this.lists.learn(list)
  }

  override async *list(config: RunnableConfig, options: CheckpointListOptions = {}): AsyncGenerator<CheckpointTuple> {
    const { thread_id, checkpoint_ns, checkpoint_id } = keyOf(config)
    const { source, step, run_id, thread_id: named, ...metadata } = options.filter ?? {}
    if (named !== undefined && named !== thread_id) return
    const filter: CheckpointFilter = {
      ...(thread_id === undefined ? {} : { threadId: thread_id }),
      ...(checkpoint_ns === undefined ? {} : { ns: checkpoint_ns }),
      ...(checkpoint_id === undefined ? {} : { id: checkpoint_id }),
      ...(source === undefined ? {} : { source: String(source) }),
      ...(step === undefined ? {} : { step: String(step) }),
      ...(run_id === undefined ? {} : { runId: String(run_id) }),
      metadata,
    }
    let before = options.before && keyOf(options.before).checkpoint_id
    if (before && !UUID.test(before)) return
    for (let left = options.limit ?? Number.POSITIVE_INFINITY; left > 0; ) {
      const limit = Math.min(left, PAGE)
      const tuples = await this.tuples(await this.read({ ...filter, limit, ...(before ? { before } : {}) }))
      yield* tuples
      if (tuples.length < limit) return
      before = tuples.at(-1)?.checkpoint.id
      left -= limit
    }
  }

  override deleteThread(threadId: string): Promise<void> {
    this.lists.forget()
    return deleteCheckpoints(this.app, this.owner.tenantId, threadId)
  }

  /** Of one row. A checkpointer that only reads makes messages that are never written again. */
  protected message(row: LogRow): BaseMessage {
    return messageFrom(row)
  }

  /** Of rows that were read already. */
  tuples(page: CheckpointPage): Promise<CheckpointTuple[]> {
    return decodePage(this.app, page, this.decoding())
  }

  protected decoding(): Decoding {
    return {
      tenantId: this.owner.tenantId,
      message: (row) => this.message(row),
      nextVersion: (current) => this.getNextVersion(current),
    }
  }
}

/** How many checkpoints are read at once. */
const PAGE = 100
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

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
