import type { RunnableConfig } from '@langchain/core/runnables'
import type { ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple, PendingWrite } from '@langchain/langgraph-checkpoint'
import type { Needs } from '../core/needs.ts'
import { Checkpointer, noRows, type Owner, type StateRows } from './checkpointer.ts'

/** Of a compiled graph, what tells whether a step will follow. */
export interface GraphShape {
  nodes: Record<string, { triggers: string[] }>
}

export interface RunScope {
  threadId: string
  /** The thread's head when the run was claimed; undefined for a thread without checkpoints. */
  head: CheckpointTuple | undefined
  graph: GraphShape
  /** Commits what is buffered; rejects when the lease is lost. */
  commit(): Promise<void>
}

const NO_TASK = '00000000-0000-0000-0000-000000000000'

/** A lost lease is met again by the run's own next commit, and told by its signal. */
const lostElsewhere = (): undefined => undefined

/**
 * A run's own checkpointer. Every call is buffered; a commit falls only
 *  - when a step that ran nodes is over and another will follow (the graph waits for it),
 *  - soon after one of several parallel tasks has ended, or
 *  - at the end, with status, events and thread head.
 * The input checkpoint never costs a commit: the run and message rows still hold what it was made from.
 */
export class RunCheckpointer extends Checkpointer {
  protected override readonly inlineAll = true
  /** Values that nodes asked the client for, in the order of the tasks. */
  readonly interrupts: unknown[] = []
  /** The newest root checkpoint of this run. */
  headId: string | null = null
  /** Whether the graph would go on behind that checkpoint. */
  unfinished = false
  private rows: StateRows = noRows()
  /** Checkpoints that are in the database or in a commit. */
  private readonly kept = new Set<string>()
  private worked = false
  private ended = false
  private inFlight: Promise<void> = Promise.resolve()

  constructor(
    app: Needs<'db' | 'clock'>,
    owner: Owner,
    private readonly scope: RunScope,
  ) {
    super(app, owner)
  }

  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const { checkpoint_ns: ns = '', checkpoint_id: id } = (config.configurable ?? {}) as { checkpoint_ns?: string; checkpoint_id?: string }
    const { head } = this.scope
    if (ns === '' && (!id || id === head?.checkpoint.id)) {
      if (head) this.learn(head)
      return this.keep(head)
    }
    await this.flush()
    return this.keep(await super.getTuple(config))
  }

  private keep(tuple: CheckpointTuple | undefined): CheckpointTuple | undefined {
    const { checkpoint_ns: ns = '' } = (tuple?.config.configurable ?? {}) as { checkpoint_ns?: string }
    if (tuple) this.kept.add(placeOf(ns, tuple.checkpoint.id))
    return tuple
  }

  /**
   * For one call: a commit that falls while it is being encoded takes all of it or nothing. Only its messages go straight
   * to the others, as another call may refer to them already.
   */
  private draft(): StateRows {
    const rows = () => this.rows
    return {
      ...noRows(),
      get messages() {
        return rows().messages
      },
    }
  }

  private add({ checkpoints, blobs, writes }: StateRows): void {
    this.rows.checkpoints.push(...checkpoints)
    this.rows.blobs.push(...blobs)
    this.rows.writes.push(...writes)
  }

  override async put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    const rows = this.draft()
    await this.encodeCheckpoint(rows, { config, checkpoint, metadata, newVersions })
    this.add(rows)
    const ns = (config.configurable?.checkpoint_ns as string | undefined) ?? ''
    if (ns === '') {
      this.headId = checkpoint.id
      this.unfinished = this.hasNext(checkpoint)
    }
    if (ns !== '' || (this.worked && this.unfinished)) await this.flush()
    return { configurable: { thread_id: this.scope.threadId, checkpoint_ns: ns, checkpoint_id: checkpoint.id } }
  }

  override async putWrites(config: RunnableConfig, writes: PendingWrite[], taskId: string, taskPath = ''): Promise<void> {
    for (const [channel, value] of writes) if (channel === '__interrupt__') this.interrupts.push(...(value as unknown[]))
    const rows = this.draft()
    await this.encodeWrites(rows, { config, writes, taskId, taskPath })
    this.add(rows)
    if (taskId === NO_TASK || taskPath.endsWith(', __start__')) return
    this.worked = true
    setImmediate(() => {
      // A step that is over commits in `put`; rows still here belong to a task whose siblings are at work.
      if (!this.ended && this.rows.writes.length > 0) void this.flush().catch(lostElsewhere)
    })
  }

  /** The test that the graph's own loop makes: a trigger newer than what the node has seen. */
  private hasNext(checkpoint: Checkpoint): boolean {
    if ((checkpoint.channel_values.__pregel_tasks as unknown[] | undefined)?.length) return true
    const versions = checkpoint.channel_versions as Record<string, number>
    for (const name of Object.keys(this.scope.graph.nodes)) {
      const seen = checkpoint.versions_seen[name] as Record<string, number> | undefined
      for (const trigger of this.scope.graph.nodes[name]?.triggers ?? [])
        if (trigger in checkpoint.channel_values && (versions[trigger] ?? 0) > (seen?.[trigger] ?? 0)) return true
    }
    return false
  }

  private flush(): Promise<void> {
    this.inFlight = this.inFlight.then(() => {
      if (this.ended || (this.rows.checkpoints.length === 0 && this.rows.writes.length === 0)) return undefined
      return this.scope.commit()
    })
    return this.inFlight
  }

  /** No commit of its own any more: what is left is taken by the run's last one. */
  async settle(): Promise<void> {
    this.ended = true
    await this.inFlight.catch(lostElsewhere)
  }

  /** What was written for a checkpoint that is still to come waits for it: with a run that is cut off neither remains. */
  take(): StateRows {
    const { writes: all, ...rows } = this.rows
    for (const { ns, id } of rows.checkpoints) this.kept.add(placeOf(ns, id))
    const early = all.filter(({ ns, checkpoint_id: id }) => !this.kept.has(placeOf(ns, id)))
    this.rows = { ...noRows(), writes: early }
    this.worked = false
    return { ...rows, writes: early.length === 0 ? all : all.filter((write) => !early.includes(write)) }
  }
}

const placeOf = (ns: string, id: string): string => `${ns}/${id}`
