import type { Subprocess } from 'bun'
import type { ExtractedChunk, ExtractionProblem } from '../port.ts'
import { type ReadRequest, readLines, type WorkerMessage } from '../worker/protocol.ts'
import { launchWorker } from './launch.ts'
import { memoryOf, waitedForProcessor, watchMemory } from './memory.ts'

/** How the reading of a document ended. */
export type Outcome = { peakBytes: number } & (
  | { is: 'text'; type: string; chunks: ExtractedChunk[] }
  | { is: 'problem'; problem: ExtractionProblem; message: string }
  /** It was stopped because of a limit; `starved` where others kept it from the processor for most of its time. */
  | { is: 'stopped'; limit: 'time' | 'memory'; starved: boolean }
  /** It ended by itself. */
  | { is: 'died' }
)

export interface ReaderLimits {
  timeoutMs: number
  memoryBytesMax: number
}

type Child = Subprocess<'pipe', 'pipe', 'ignore'>

/** A busy machine takes long to start a program. */
const START_MS = 30_000
const DOCUMENTS_MAX = 200
/** A process that keeps so much more than it began with is replaced. */
const GROWTH_MAX = 24 * 1024 * 1024
/** Share of the memory allowed at which a process is stopped: it grows on until the next look at it. */
const MEMORY_SHARE = 7 / 8
/** Share of its time that a process waited for the processor, from which it was not the document that took long. */
const STARVED = 0.6

/** A process that reads one document at a time. */
export class DocumentReader {
  private documents = 0
  private alive = true

  private constructor(
    private readonly child: Child,
    private readonly lines: AsyncGenerator<string>,
    private readonly limits: ReaderLimits,
    /** Memory it had before its first document. */
    private readonly atStart: number,
    private atRest: number,
  ) {
    child.exited.then(() => {
      this.alive = false
    })
  }

  /** Undefined where the process does not come up. */
  static async start(cwd: string, limits: ReaderLimits): Promise<DocumentReader | undefined> {
    const { command, env } = launchWorker(limits.memoryBytesMax)
    const child = Bun.spawn(command, { cwd, env, stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' })
    // The server must be able to end while nothing is read; `close` ends the process.
    child.unref()
    const timer = setTimeout(() => child.kill('SIGKILL'), START_MS)
    const lines = readLines(child.stdout)
    const first = await lines.next().catch(() => undefined)
    clearTimeout(timer)
    if (first?.done !== false || (JSON.parse(first.value) as WorkerMessage).is !== 'ready') {
      child.kill('SIGKILL')
      await child.exited
      return undefined
    }
    const memory = await memoryOf(child.pid)
    return new DocumentReader(child, lines, limits, memory, memory)
  }

  /** Whether the next document may be read by the same process. */
  get healthy(): boolean {
    return this.alive && this.documents < DOCUMENTS_MAX && this.atRest - this.atStart <= GROWTH_MAX
  }

  /** Rejects when the signal fires; the process is gone then. */
  async read(request: Omit<ReadRequest, 'timeoutMs'>, signal?: AbortSignal): Promise<Outcome> {
    signal?.throwIfAborted()
    this.documents++
    const { timeoutMs, memoryBytesMax } = this.limits
    const atRest = this.atRest
    let limit: 'time' | 'memory' | undefined
    let peak = atRest
    let starved = false
    const waitedBefore = waitedForProcessor(this.child.pid) ?? 0
    const stop = (because: 'time' | 'memory'): void => {
      limit ??= because
      starved = ((waitedForProcessor(this.child.pid) ?? 0) - waitedBefore) / 1e6 > timeoutMs * STARVED
      this.child.kill('SIGKILL')
    }
    const abort = (): void => this.child.kill('SIGKILL')
    const timer = setTimeout(() => stop('time'), timeoutMs)
    const unwatch = watchMemory(this.child.pid, (bytes) => {
      peak = Math.max(peak, bytes)
      if (bytes > atRest + memoryBytesMax * MEMORY_SHARE) stop('memory')
    })
    signal?.addEventListener('abort', abort)
    try {
      const outcome = await this.ask({ ...request, timeoutMs })
      signal?.throwIfAborted()
      const peakBytes = Math.max(0, peak - atRest)
      // What was sent before the limit is all there is of an answer that came to its end.
      if (outcome !== undefined) return { ...outcome, peakBytes }
      return limit === undefined ? { is: 'died', peakBytes } : { is: 'stopped', limit, starved, peakBytes }
    } finally {
      clearTimeout(timer)
      unwatch()
      signal?.removeEventListener('abort', abort)
      if (this.alive) this.atRest = Math.max(this.atStart, await memoryOf(this.child.pid))
    }
  }

  /** Undefined where the process ended before its answer did. */
  private async ask(request: ReadRequest): Promise<Exclude<WorkerOutcome, undefined> | undefined> {
    const chunks: ExtractedChunk[] = []
    try {
      this.child.stdin.write(`${JSON.stringify(request)}\n`)
      await this.child.stdin.flush()
      for (;;) {
        const next = await this.lines.next()
        if (next.done) break
        const message = JSON.parse(next.value) as WorkerMessage
        if (message.is === 'chunks') for (const [text, tokens] of message.chunks) chunks.push({ text, tokens })
        else if (message.is === 'done') return { is: 'text', type: message.type, chunks }
        else if (message.is === 'problem') return { is: 'problem', problem: message.problem, message: message.message }
      }
    } catch {
      this.child.kill('SIGKILL')
    }
    await this.child.exited
    this.alive = false
    return undefined
  }

  async end(): Promise<void> {
    this.alive = false
    this.child.kill('SIGKILL')
    await this.child.exited
  }
}

type WorkerOutcome = { is: 'text'; type: string; chunks: ExtractedChunk[] } | { is: 'problem'; problem: ExtractionProblem; message: string }
