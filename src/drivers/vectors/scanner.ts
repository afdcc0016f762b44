import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import type { ScanAnswers, ScanRequest } from './scan-index.ts'
import { scanSource } from './scan-source.ts'

export interface ScannerOptions {
  log: Log
  /** Longest silence of the thread while it has something to answer. */
  silenceMs?: number
  start?: () => Worker
  /** The thread is gone, with all it held. */
  onLost: () => void
}

const SILENCE_MS = 60_000

type Reply = { call: number; answer: unknown } | { call: number; error: string }

interface Call {
  resolve(answer: unknown): void
  reject(error: Fault): void
}

/** The thread that scans: started when first asked, and again after it failed or fell silent. */
export class Scanner {
  private worker: Worker | undefined
  private readonly calls = new Map<number, Call>()
  private count = 0
  private silence: Timer | undefined
  private closed = false

  constructor(private readonly options: ScannerOptions) {}

  ask<R extends ScanRequest>(request: R, transfer: ArrayBuffer[] = []): Promise<ScanAnswers[R['op']]> {
    if (this.closed) return Promise.reject(new Fault('unavailable', 'The vector search is closed.'))
    this.worker ??= this.start()
    const call = ++this.count
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.calls.set(call, { resolve, reject })
    this.worker.postMessage({ call, request }, transfer)
    if (this.calls.size === 1) this.watch()
    return promise as Promise<ScanAnswers[R['op']]>
  }

  close(): void {
    this.closed = true
    this.lose('it was closed')
  }

  private start(): Worker {
    const worker = (this.options.start ?? startWorker)()
    worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
      if (worker === this.worker) this.take(data)
    })
    worker.addEventListener('error', (event) => {
      // Else Bun ends the process.
      event.preventDefault()
      if (worker === this.worker) this.fail(event.message)
    })
    worker.addEventListener('close', () => {
      if (worker === this.worker) this.fail('it ended')
    })
    worker.unref()
    return worker
  }

  private take(reply: Reply): void {
    // Half a change may have been made: what it holds is not to be trusted any more.
    if ('error' in reply) {
      this.fail(reply.error)
      return
    }
    const call = this.calls.get(reply.call)
    this.calls.delete(reply.call)
    this.watch()
    call?.resolve(reply.answer)
  }

  private watch(): void {
    clearTimeout(this.silence)
    this.silence = undefined
    if (this.calls.size === 0) return
    const silenceMs = this.options.silenceMs ?? SILENCE_MS
    this.silence = setTimeout(() => this.fail(`it was silent for ${silenceMs} ms`), silenceMs)
  }

  private fail(reason: string): void {
    this.options.log.error('vectors.scanner_lost', { reason, calls: this.calls.size })
    this.lose(reason)
  }

  private lose(reason: string): void {
    const worker = this.worker
    this.worker = undefined
    worker?.terminate()
    this.options.onLost()
    const calls = [...this.calls.values()]
    this.calls.clear()
    this.watch()
    for (const call of calls) call.reject(new Fault('unavailable', 'The vector search was interrupted.', { cause: new Error(reason) }))
  }
}

let scanUrl: string | undefined

function startWorker(): Worker {
  if (scanSource === null) return new Worker(new URL('./scan-worker.ts', import.meta.url).href)
  scanUrl ??= URL.createObjectURL(new Blob([scanSource], { type: 'text/javascript' }))
  return new Worker(scanUrl)
}
