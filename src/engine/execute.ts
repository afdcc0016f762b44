import { Command } from '@langchain/langgraph'
import type { CheckpointTuple } from '@langchain/langgraph-checkpoint'
import { Fault } from '../core/fault.ts'
import { BUILT_IN_GRAPH } from '../core/graphs/graphs.ts'
import type { Needs } from '../core/needs.ts'
import { type Commit, type Committed, commitStep, isCommitted } from '../core/runs/commits.ts'
import type { FunctionCall, MessageCut, RunError, RunEvent } from '../core/runs/events.ts'
import { readJournal } from '../core/runs/journal.ts'
import { promoteThread } from '../core/runs/promotion.ts'
import { rollbackRun } from '../core/runs/removal.ts'
import type { ClaimedRun } from '../core/runs/runs.ts'
import { dropClientKey } from '../core/runs/secrets.ts'
import type { RunStatus } from '../core/runs/status.ts'
import { knownSteps, stepCalls } from '../core/runs/steps.ts'
import type { MessageRecord } from '../core/threads/message-rows.ts'
import { appended, messageIds } from './call-input.ts'
import { Checkpointer, noRows, type Owner } from './checkpointer.ts'
import { callGraph } from './graph-call.ts'
import { openGraphStore } from './graph-store.ts'
import { HOST } from './graphs/assistant.ts'
import type { Graph } from './graphs/built-in.ts'
import type { GraphRegistry } from './graphs/registry.ts'
import { type HalfMessage, halfMessageRecord } from './half-message.ts'
import { Recorder } from './recorder.ts'
import { foldJournal, repair } from './recover.ts'
import { type GraphShape, RunCheckpointer } from './run-checkpointer.ts'
import { holdsInput, leavesNothing, webhookJob } from './run-end.ts'
import { assistantError, graphError } from './run-errors.ts'
import { RunStream } from './run-stream.ts'
import { wantedCalls } from './tool-outputs.ts'
import { Filtered, ModelHost } from './turn.ts'
import { watchedDb } from './watched-db.ts'

export interface Engine {
  app: Needs<'db' | 'clock' | 'signals' | 'log' | 'models' | 'files' | 'vectors' | 'vault' | 'limits'>
  graph: Graph
  graphs: GraphRegistry
  limits: { stepsMax: number; attemptsMax: number; contextTokens: number; leaseMs: number }
}

/** Why a run is stopped from outside. `lost`: somebody else has the lease. `handed_back`: this process ends. */
export type StopReason = 'cancel' | 'expire' | 'lost' | 'handed_back'

type CommitStatus = 'running' | 'waiting' | 'completed' | 'incomplete' | 'failed' | 'expired' | 'cancelled'
interface End {
  status: Exclude<CommitStatus, 'running'>
  error: RunError | null
  /** How an open message and step are closed; null where the graph came to its own end. */
  cut: { cut: MessageCut; step: 'failed' | 'cancelled' | 'expired' } | null
}

class Lost extends Error {
  override readonly name = 'Lost'
}

/** One claimed run in this process, from claim to end, or until the lease is somebody else's. */
export class Execution {
  private readonly abort = new AbortController()
  private readonly stream: RunStream
  private readonly recorder: Recorder
  private readonly host: ModelHost
  private saver: RunCheckpointer | undefined
  private nextSeq: number
  /** Readers know that the run was asked to stop. */
  private cancelTold = false
  /** What an earlier owner told is known: until then nothing is told, lest it be told twice. */
  private storyRead: boolean
  /** Nothing may be written any more: somebody else has the lease, or something that was to be written is missing. */
  private lost = false
  private readonly startedAt: number

  constructor(
    private readonly engine: Engine,
    private readonly claimed: ClaimedRun,
  ) {
    const { app } = engine
    const { run } = claimed
    this.nextSeq = claimed.nextSeq
    this.storyRead = !claimed.takenOver
    this.startedAt = app.clock.now()
    this.stream = new RunStream(app, { id: run.id, fence: claimed.fence }, claimed.nextEvent, () => this.stop('lost'))
    this.recorder = new Recorder((event) => this.stream.emit(event), app.clock)
    this.host = new ModelHost(app, run, {
      recorder: this.recorder,
      contextTokens: engine.limits.contextTokens,
      attempt: claimed.attempt,
      // The model is what a run waits for. Given to the graph, the signal would be joined and listened to at every task.
      signal: this.abort.signal,
      // A checkpoint of this run exists once a turn is over, not before.
      begun: claimed.started,
      beforeEnd: () => this.stream.hold(),
    })
  }

  get id(): string {
    return this.claimed.run.id
  }

  /**
   * The first reason wins, but a lost run is lost whatever else was asked of it. A cancellation is told to readers at
   * once, before the model has noticed.
   */
  stop(reason: StopReason): void {
    if (reason === 'lost') this.lost = true
    if (this.abort.signal.aborted) return
    if (reason === 'cancel') this.tellCancelling()
    this.abort.abort(reason)
  }

  private tellCancelling(): void {
    if (this.cancelTold || !this.storyRead) return
    this.cancelTold = true
    this.stream.emit({ type: 'status', status: 'cancelling', at: this.engine.app.clock.now() })
  }

  /** Resolves when the run has ended, waits, or is no longer ours. Never rejects. */
  async execute(): Promise<void> {
    const { run } = this.claimed
    const left = run.expiresAt === null ? undefined : Math.max(0, run.expiresAt - this.engine.app.clock.now())
    const timer = left === undefined ? undefined : setTimeout(() => this.stop('expire'), left)
    try {
      if (this.claimed.takenOver) await this.pickUp()
      if (run.status === 'cancelling') this.stop('cancel')
      const end = await this.drive()
      if (end) await this.finish(end)
    } catch (cause) {
      this.stop('lost')
      if (!(cause instanceof Lost)) this.engine.app.log.error('run.broke_off', { run: run.id, cause })
    } finally {
      clearTimeout(timer)
      this.recorder.close()
      this.stream.stop()
    }
  }

  /** Takes over what an earlier owner left: closes what it left open, in a commit of its own. */
  private async pickUp(): Promise<void> {
    const { app } = this.engine
    const { run, attempt } = this.claimed
    const story = foldJournal(await readJournal(app, run.id, 0))
    this.cancelTold = story.lastStatus === 'cancelling'
    if (story.lastStatus === 'running' || story.open) {
      const known = await knownSteps(app, run.id)
      const mend = repair(story, new Set(known.keys()), { at: app.clock.now(), attempt })
      // Its rows are there, so the graph goes on behind the model: nobody will say the calls again. What the server
      // answered itself is told with the end of the step, and until then in the rows only.
      if (story.open && known.has(story.open.record.id)) {
        const { record } = story.open
        this.recorder.takeUp({ record, calls: await stepCalls(app, record.id) }, known.get(record.id) ?? null)
      }
      this.stream.hold()
      for (const event of mend.events) this.stream.emit(event)
      await this.commit({ status: 'running', error: null }, mend)
    }
    if (story.lastStatus === 'queued') this.stream.emit({ type: 'status', status: 'running', at: this.startedAt })
    this.storyRead = true
    if (this.abort.signal.reason === 'cancel') this.tellCancelling()
  }

  private async drive(): Promise<End | undefined> {
    const { engine, claimed } = this
    if (claimed.attempt > engine.limits.attemptsMax)
      return failure({ code: 'server_error', message: `The run was interrupted ${claimed.attempt - 1} times and given up.` })
    // A database that does not answer is no end of the run: outside of what makes it fail.
    const head = this.abort.signal.aborted ? undefined : await this.readHead()
    try {
      if (!this.abort.signal.aborted) await this.runGraph(head)
      if (!this.abort.signal.aborted) return this.natural()
    } catch (cause) {
      if (!this.abort.signal.aborted) return failure(this.errorOf(cause), cause instanceof Filtered ? 'content_filter' : 'run_failed')
    }
    switch (this.abort.signal.reason as StopReason) {
      case 'cancel':
        return CANCELLED
      case 'expire':
        return { status: 'expired', error: null, cut: { cut: 'run_expired', step: 'expired' } }
      default:
        return undefined
    }
  }

  private natural(): End {
    // A turn that was not taken leaves the state as it was: what it waits for may be an earlier run's calls.
    if (this.host.incomplete) return { status: 'incomplete', error: null, cut: null }
    const { call } = this.claimed.run
    const stopped = Boolean(this.saver?.interrupts.length) || (call !== null && this.saver?.unfinished === true)
    // Nobody could answer on a thread that goes with its run.
    return { status: stopped && !call?.temporary ? 'waiting' : 'completed', error: null, cut: null }
  }

  private get owner(): Owner {
    const { run } = this.claimed
    return { tenantId: run.tenantId, runId: run.id, assistantId: run.assistantId }
  }

  private async readHead(): Promise<CheckpointTuple | undefined> {
    const { run, headId } = this.claimed
    const key = { thread_id: run.threadId, checkpoint_id: headId }
    return headId ? new Checkpointer(this.engine.app, this.owner).getTuple({ configurable: key }) : undefined
  }

  private async runGraph(head: CheckpointTuple | undefined): Promise<void> {
    const { engine, claimed } = this
    const { run } = claimed
    const loaded = run.call && (await engine.graphs.open(run.call))
    // A database that does not answer the graph is no end of the run either: who finds its lease over goes on.
    const app = { ...engine.app, db: watchedDb(engine.app, () => this.stop('lost')) }
    this.saver = new RunCheckpointer(app, this.owner, {
      threadId: run.threadId,
      head,
      graph: loaded ? (loaded.compiled as unknown as GraphShape) : engine.graph,
      commit: async () => void (await this.commit({ status: 'running', error: null })),
    })
    if (loaded) {
      const builtIn = run.call?.graph === BUILT_IN_GRAPH
      await callGraph({
        ...{ claimed, loaded, saver: this.saver, store: openGraphStore(app, run.tenantId), stream: this.stream },
        ...{ host: builtIn ? this.host : undefined, stepsMax: builtIn ? engine.limits.stepsMax : undefined, signal: this.abort.signal },
        known: messageIds(head),
      })
      return
    }
    const stream = await engine.graph.with(this.saver).stream(this.input() as never, {
      configurable: { thread_id: run.threadId, [HOST]: this.host },
      metadata: { run_id: run.id },
      streamMode: [],
      durability: 'sync',
      recursionLimit: engine.limits.stepsMax,
    })
    for await (const _ of stream); // no mode was asked for: this waits for the end
  }

  /** The outputs a waiting run was given; else, with a checkpoint of this run, nothing: go on; else the thread's new messages. */
  private input(): unknown {
    const { claimed } = this
    if (claimed.resume !== null) return new Command({ resume: JSON.parse(claimed.resume) })
    if (claimed.started) return null
    return this.engine.graph.input(appended(claimed))
  }

  private errorOf(cause: unknown): RunError {
    const { call } = this.claimed.run
    const ownGraph = call === null || call.graph === BUILT_IN_GRAPH
    const told = ownGraph || cause instanceof Fault ? assistantError(cause, this.engine.limits.stepsMax) : graphError(cause)
    if (told && ownGraph) return told
    this.engine.app.log.error('run.failed', { run: this.id, cause })
    return told ?? { code: 'server_error', message: 'The run failed inside the server.' }
  }

  private async finish(natural: End): Promise<void> {
    await this.saver?.settle()
    await this.stream.settle()
    if (this.lost) return
    const reason = this.abort.signal.reason as StopReason | undefined
    const end = reason === 'cancel' && natural.status === 'waiting' ? CANCELLED : natural
    if (end.status === 'waiting' && this.recorder.waitingCalls().length === 0) this.recorder.ask(this.openCalls())
    const half = end.cut ? this.recorder.cutOff({ ...end.cut, error: end.error }) : undefined
    const after = await this.commit(end, half ? { halves: [half] } : {})
    // Asked to stop in the moment it began to wait: nobody would come back for it.
    if (end.status === 'waiting' && after === 'cancelling') {
      this.tellCancelling()
      this.recorder.cutOff({ cut: 'run_cancelled', step: 'cancelled', error: null })
      await this.commit(CANCELLED)
    } else if (end.status === 'waiting') return
    if (this.claimed.run.config.clientKey) await this.forgetKey()
  }

  /** What stays is found by the sweep. */
  private async forgetKey(): Promise<void> {
    const { app } = this.engine
    await dropClientKey(app, this.claimed.run).catch((cause) => app.log.warn('run.key_kept', { run: this.id, cause: String(cause) }))
  }

  /** Of an earlier run, that the graph asks for again. */
  private openCalls(): FunctionCall[] {
    return this.claimed.run.call?.graph === BUILT_IN_GRAPH ? wantedCalls(this.saver?.interrupts ?? []) : []
  }

  private statusEvent(status: CommitStatus, error: RunError | null, at: number): RunEvent {
    const incomplete = status === 'incomplete' ? this.host.incomplete : null
    return {
      type: 'status',
      status,
      at,
      ...(status === 'waiting' ? { calls: this.recorder.waitingCalls() } : { usage: this.host.usage }),
      ...(error ? { error } : {}),
      ...(incomplete ? { incomplete } : {}),
    }
  }

  /** One step, or the end, in one transaction. Throws when the lease is lost. */
  private async commit(
    to: { status: CommitStatus; error: RunError | null },
    extra: {
      steps?: ReturnType<Recorder['take']>['steps']
      toolCalls?: ReturnType<Recorder['take']>['toolCalls']
      halves?: HalfMessage[]
    } = {},
  ): Promise<RunStatus> {
    const { app } = this.engine
    const { run, fence } = this.claimed
    await this.stream.settle()
    if (this.lost) throw new Lost()
    const at = app.clock.now()
    if (to.status !== 'running') this.stream.emit(this.statusEvent(to.status, to.error, at))
    const rows = leavesNothing(run, to.status) ? noRows() : (this.saver?.take() ?? noRows())
    const recorded = this.recorder.take()
    for (const message of rows.messages) this.number(message)
    const headId = leavesNothing(run, to.status) ? null : (this.saver?.headId ?? null)
    const headSeq = headId ? this.nextSeq - 1 : null
    const halves = (extra.halves ?? []).map((half) => halfMessageRecord(half, run, this.nextSeq++))
    const segment = this.stream.take()
    const { status: after, behind } = await this.keep({
      runId: run.id,
      tenantId: run.tenantId,
      threadId: run.threadId,
      fence,
      status: to.status,
      at,
      usage: this.host.usage,
      error: to.error,
      incomplete: to.status === 'incomplete' ? this.host.incomplete : null,
      calls: to.status === 'waiting' ? this.recorder.waitingCalls() : null,
      headId,
      headSeq,
      nextSeq: this.nextSeq,
      keepResume: to.status === 'running' && !holdsInput(rows),
      messages: [...rows.messages, ...halves],
      checkpoints: rows.checkpoints,
      blobs: rows.blobs,
      writes: rows.writes,
      steps: [...recorded.steps, ...(extra.steps ?? [])],
      toolCalls: [...recorded.toolCalls, ...(extra.toolCalls ?? [])],
      segment,
      job: to.status === 'running' ? null : webhookJob(run, at),
      journalKeepMs: run.call ? app.limits.graphJournalKeepMs : null,
      temporaryKeepMs: app.limits.temporaryKeepMs,
    })
    // A wait that nobody may answer is not shown alone: readers get it with the end that follows.
    if (segment && !(to.status === 'waiting' && after === 'cancelling')) this.stream.show(segment)
    if (run.call?.webhook && to.status !== 'running') app.signals.wakeJobs()
    if (to.status === 'running') {
      this.stream.release()
      if (after === 'cancelling') this.stop('cancel')
    } else if (behind && after !== 'cancelling') this.promote()
    return after
  }

  /** The thread's next run begins. Should that fail, the worker's own look finds it. */
  private promote(): void {
    const { app } = this.engine
    const { threadId, tenantId } = this.claimed.run
    promoteThread(app, { id: threadId, tenantId }).catch((cause) =>
      app.log.warn('run.promote_failed', { run: this.id, cause: String(cause) }),
    )
  }

  private number(message: MessageRecord): void {
    message.seq = this.nextSeq++
    const facts = this.recorder.facts.get(message.id)
    if (facts) Object.assign(message, facts)
  }

  /**
   * A commit that fails for a reason of the database is tried until the lease would be over. Then the run is left to
   * the next claim: whatever this attempt wrote later would stand on rows and events that are not there.
   */
  private async keep(commit: Commit): Promise<Committed> {
    const { app, limits } = this.engine
    const until = app.clock.now() + limits.leaseMs
    for (let wait = 50, failed = false; ; wait *= 2, failed = true) {
      try {
        const committed = await commitStep(app, commit)
        if (committed !== undefined) return committed
        if (failed && (await isCommitted(app, commit))) return { status: commit.status, behind: true }
        // Whatever its end was to be: nothing of it shall remain.
        if (commit.status !== 'running') await rollbackRun(app, { ...this.claimed.run, fence: commit.fence })
        this.stop('lost')
        throw new Lost()
      } catch (cause) {
        if (cause instanceof Lost) throw cause
        if (app.clock.now() + wait > until) {
          app.log.error('run.broke_off', { run: this.id, cause })
          this.stop('lost')
          throw new Lost()
        }
        app.log.warn('commit.retry', { run: this.id, cause: String(cause) })
        await Bun.sleep(wait)
      }
    }
  }
}

const CANCELLED: End = { status: 'cancelled', error: null, cut: { cut: 'run_cancelled', step: 'cancelled' } }
const failure = (error: RunError, cut: MessageCut = 'run_failed'): End => ({ status: 'failed', error, cut: { cut, step: 'failed' } })
