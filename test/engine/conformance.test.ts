import { afterAll, beforeAll } from 'bun:test'
import type { RunnableConfig } from '@langchain/core/runnables'
import type {
  BaseCheckpointSaver,
  ChannelVersions,
  Checkpoint,
  CheckpointListOptions,
  CheckpointMetadata,
  CheckpointTuple,
  PendingWrite,
} from '@langchain/langgraph-checkpoint'
import { BaseCheckpointSaver as Base } from '@langchain/langgraph-checkpoint'
import { writeCheckpoints } from '../../src/core/threads/checkpoints.ts'
import { createThread } from '../../src/core/threads/threads.ts'
import { Checkpointer, type Owner } from '../../src/engine/checkpointer.ts'
import { RunCheckpointer } from '../../src/engine/run-checkpointer.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { loadKit, withExceptions } from './kit.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

const configurable = (config: RunnableConfig | undefined): Record<string, string | undefined> => config?.configurable ?? {}

/**
 * The kit names threads "1" and "thread-1" and makes no thread rows: each of its names gets a thread of ours, and the
 * answers carry the kit's name again. A saver lives in a tenant of its own, so that it sees no rows of another.
 */
abstract class KitSaver extends Base {
  private readonly ours = new Map<string, Promise<string>>()
  private readonly names = new Map<string, string>()
  constructor(protected readonly owner: Owner & { userId: string | null }) {
    super()
  }

  protected abstract saverOf(threadId: string | undefined): BaseCheckpointSaver
  /** Called before every read. */
  protected settle(): Promise<void> {
    return Promise.resolve()
  }

  private thread(name: string): Promise<string> {
    const known = this.ours.get(name)
    if (known) return known
    const caller = { tenantId: this.owner.tenantId, userId: null, keyId: null, scopes: new Set(['write'] as const) }
    const made = createThread(app, caller, {}).then(({ id }) => {
      this.names.set(id, name)
      return id
    })
    this.ours.set(name, made)
    return made
  }

  private async toOurs(config: RunnableConfig): Promise<RunnableConfig> {
    const { thread_id: name, ...rest } = configurable(config)
    return config.configurable && name !== undefined ? { ...config, configurable: { ...rest, thread_id: await this.thread(name) } } : config
  }
  private toTheirs(config: RunnableConfig): RunnableConfig {
    return { configurable: { ...config.configurable, thread_id: this.names.get(configurable(config).thread_id ?? '') } }
  }
  private tuple(tuple: CheckpointTuple): CheckpointTuple {
    const { parentConfig } = tuple
    return { ...tuple, config: this.toTheirs(tuple.config), ...(parentConfig ? { parentConfig: this.toTheirs(parentConfig) } : {}) }
  }

  override async put(config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, versions: ChannelVersions) {
    const ours = await this.toOurs(config)
    return this.toTheirs(await this.saverOf(configurable(ours).thread_id).put(ours, checkpoint, metadata, versions))
  }
  override async putWrites(config: RunnableConfig, writes: PendingWrite[], taskId: string): Promise<void> {
    const ours = await this.toOurs(config)
    return this.saverOf(configurable(ours).thread_id).putWrites(ours, writes, taskId)
  }
  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    await this.settle()
    const ours = await this.toOurs(config)
    const tuple = await this.saverOf(undefined).getTuple(ours)
    return tuple && this.tuple(tuple)
  }
  override async *list(config: RunnableConfig, options?: CheckpointListOptions): AsyncGenerator<CheckpointTuple> {
    await this.settle()
    for await (const tuple of this.saverOf(undefined).list(await this.toOurs(config), options)) yield this.tuple(tuple)
  }
  override async deleteThread(name: string): Promise<void> {
    await this.settle()
    return this.saverOf(undefined).deleteThread(await this.thread(name))
  }
}

class PlainKitSaver extends KitSaver {
  private readonly inner = new Checkpointer(app, this.owner)
  protected override saverOf(): BaseCheckpointSaver {
    return this.inner
  }
}

/** As a run does it: one buffering checkpointer for each thread, its rows committed when it asks, or at the end. */
class BufferingKitSaver extends KitSaver {
  private readonly reader = new Checkpointer(app, this.owner)
  private readonly runs = new Map<string, RunCheckpointer>()
  private commits: Promise<void> = Promise.resolve()

  protected override saverOf(threadId: string | undefined): BaseCheckpointSaver {
    return threadId === undefined ? this.reader : this.run(threadId)
  }

  private run(threadId: string): RunCheckpointer {
    const known = this.runs.get(threadId)
    if (known) return known
    const commit = () => this.commit(threadId)
    const made = new RunCheckpointer(app, this.owner, { threadId, head: undefined, graph: { nodes: {} }, commit })
    this.runs.set(threadId, made)
    return made
  }

  private commit(threadId: string): Promise<void> {
    const rows = this.run(threadId).take()
    this.commits = this.commits.then(async () => {
      const numbered = rows.messages.map((message, seq) => ({ ...message, seq }))
      const state = { ...rows, messages: numbered, tenantId: this.owner.tenantId, threadId, at: app.clock.now() }
      if ((await writeCheckpoints(app, state)) !== 'written') throw new Error('not written')
    })
    return this.commits
  }

  protected override async settle(): Promise<void> {
    for (const threadId of this.runs.keys()) await this.commit(threadId)
  }
}

const newOwner = async () => ({ ...(await app.newTenant()), runId: null, assistantId: null })

const { deltaChannelHistoryTests, validate } = await loadKit()

const plain = { checkpointerName: 'Checkpointer', createCheckpointer: async () => new PlainKitSaver(await newOwner()) }
validate(plain)
deltaChannelHistoryTests(plain)

const buffering = { checkpointerName: 'RunCheckpointer', createCheckpointer: async () => new BufferingKitSaver(await newOwner()) }
const inlined = 'a run keeps every primitive in the checkpoint row, changed or not, which saves a row for each'
withExceptions({ 'should only store channel_values that have changed (based on newVersions)': inlined }, () => validate(buffering))
deltaChannelHistoryTests(buffering)
