import type { BaseMessage } from '@langchain/core/messages'
import type { RunnableConfig } from '@langchain/core/runnables'
import {
  type ChannelVersions,
  type Checkpoint,
  type CheckpointMetadata,
  type CheckpointTuple,
  maxChannelVersion,
  type PendingWrite,
} from '@langchain/langgraph-checkpoint'
import { notFound } from '../core/fault.ts'
import type { Needs } from '../core/needs.ts'
import { type HeadPage, type StateWrite, type Written, writeCheckpoints } from '../core/threads/checkpoints.ts'
import type { Thread } from '../core/threads/threads.ts'
import { MESSAGES } from './call-input.ts'
import { Checkpointer, noRows } from './checkpointer.ts'
import { isMessage, messageFrom } from './messages.ts'

interface Key {
  checkpoint_ns?: string
  checkpoint_id?: string
}

/**
 * The checkpointer of one update outside a run, of however many steps. Nothing is written before `commit`, and then all of
 * it or nothing; what it made is read back from memory.
 */
export class UpdateCheckpointer extends Checkpointer {
  protected override readonly inlineAll = true
  private readonly rows = noRows()
  private readonly made: CheckpointTuple[] = []
  /** What it stands on. */
  private readonly stood = new Map<string, { ns: string; id: string }>()
  private head: HeadPage['threads'][number] | undefined
  /** What went wrong in here, and not in the graph. */
  failure: unknown

  constructor(
    app: Needs<'db' | 'clock'>,
    private readonly thread: Thread,
    /** Whether messages that were appended to the thread belong into the graph's state. */
    private readonly takesMessages: boolean,
  ) {
    super(app, { tenantId: thread.tenantId, runId: null, assistantId: null })
  }

  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const { checkpoint_ns: ns = '', checkpoint_id: id } = (config.configurable ?? {}) as Key
    const made = this.made.findLast(
      ({ config: own }) => own.configurable?.checkpoint_ns === ns && (!id || own.configurable?.checkpoint_id === id),
    )
    if (made) return made
    try {
      const tuple = await super.getTuple(config)
      if (!tuple && id) throw notFound('checkpoint', id)
      if (!tuple) return undefined
      this.stood.set(`${ns} ${tuple.checkpoint.id}`, { ns, id: tuple.checkpoint.id })
      if (ns === '' && (!id || (await this.isHead(id)))) await this.takeIn(tuple)
      return tuple
    } catch (error) {
      this.failure = error
      throw error
    }
  }

  protected override async readHead(threadId: string): Promise<HeadPage> {
    const page = await super.readHead(threadId)
    this.head = page.threads[0]
    return page
  }

  private async isHead(id: string): Promise<boolean> {
    await this.readHead(this.thread.id)
    return this.head?.head_id === id
  }

  /** Messages that no checkpoint of the thread names yet. */
  async pending(): Promise<BaseMessage[]> {
    if (!this.head) await this.readHead(this.thread.id)
    return this.takesMessages ? (this.head?.pending ?? []).map((row) => messageFrom(row)) : []
  }

  /** Whether the thread has a checkpoint. */
  get hasHead(): boolean {
    return typeof this.head?.head_id === 'string'
  }

  /** What clients appended since belongs to the state that is changed: a new version of the channel, as if a step had written it. */
  private async takeIn({ checkpoint }: CheckpointTuple): Promise<void> {
    const pending = await this.pending()
    const list = checkpoint.channel_values[MESSAGES] ?? []
    if (pending.length === 0 || !Array.isArray(list) || !list.every(isMessage)) return
    const versions = checkpoint.channel_versions as Record<string, number>
    const version = this.getNextVersion(maxChannelVersion(...Object.values(versions)) as number | undefined)
    checkpoint.channel_values[MESSAGES] = [...list, ...pending]
    versions[MESSAGES] = version
    this.rows.blobs.push(
      await this.encodeValue(this.rows, { threadId: this.thread.id, ns: '', channel: MESSAGES, version, value: [...list, ...pending] }),
    )
  }

  override async put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    // The run that made the state before did not make this one.
    const { run_id: _run, run_attempt: _attempt, ...own } = metadata as CheckpointMetadata & { run_id?: string; run_attempt?: number }
    await this.encodeCheckpoint(this.rows, { config, checkpoint, metadata: own as CheckpointMetadata, newVersions })
    const { checkpoint_ns = '', checkpoint_id: parent } = (config.configurable ?? {}) as Key
    const key = (id: string) => ({ configurable: { thread_id: this.thread.id, checkpoint_ns, checkpoint_id: id } })
    this.made.push({
      ...{ config: key(checkpoint.id), checkpoint, metadata: own as CheckpointMetadata, pendingWrites: [] },
      ...(parent ? { parentConfig: key(parent) } : {}),
    })
    return key(checkpoint.id)
  }

  override async putWrites(config: RunnableConfig, writes: PendingWrite[], taskId: string, taskPath = ''): Promise<void> {
    await this.encodeWrites(this.rows, { config, writes, taskId, taskPath })
    const { checkpoint_id: id } = (config.configurable ?? {}) as Key
    const made = this.made.find(({ checkpoint }) => checkpoint.id === id)
    made?.pendingWrites?.push(...writes.map(([channel, value]): [string, string, unknown] => [taskId, channel, value]))
  }

  /** @param alongside is done in the same transaction */
  commit(alongside?: NonNullable<StateWrite['alongside']>): Promise<Written> {
    const { head, thread } = this
    return writeCheckpoints(this.app, {
      ...{ ...this.rows, messages: this.rows.messages.map((m, seq) => ({ ...m, seq })) },
      ...{ tenantId: thread.tenantId, threadId: thread.id, at: this.app.clock.now(), graph: thread.graph },
      ...(alongside ? { alongside } : {}),
      from: { checkpoints: [...this.stood.values()], ...(head ? { head: { id: head.head_id, nextSeq: head.next_seq } } : {}) },
    })
  }
}
