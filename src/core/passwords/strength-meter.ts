import { Fault } from '../fault.ts'
import type { Strength, StrengthRequest } from './strength.ts'
import { strengthFile } from './strength-source.ts'

/** The thread takes 100 MB, and people rarely choose a password. */
const IDLE_MS = 30_000
/** Far more than the slowest password takes on a busy machine. */
const SILENCE_MS = 20_000
const CALLS_MAX = 100
const RETRY_AFTER_MS = 5_000

type Reply = { call: number; strength: Strength } | { call: number; error: string }

interface Call {
  resolve(strength: Strength): void
  reject(error: Fault): void
}

export interface MeterOptions {
  start?: () => Promise<Worker>
  idleMs?: number
  silenceMs?: number
}

/**
 * Measures how soon a password is guessed, on a thread that is there while it is needed: on the main thread a look would
 * hold up every stream, the first one for a quarter of a second.
 */
export class StrengthMeter {
  private opening: Promise<Worker> | undefined
  private current: Worker | undefined
  private readonly calls = new Map<number, Call>()
  private count = 0
  private timer: Timer | undefined

  constructor(private readonly options: MeterOptions = {}) {}

  get isOpen(): boolean {
    return this.opening !== undefined
  }

  /** Throws unavailable when too many ask, or the thread is lost. */
  async measure(request: StrengthRequest): Promise<Strength> {
    if (this.calls.size >= CALLS_MAX)
      throw new Fault('unavailable', 'Too many people choose a password at this moment.', { retryAfterMs: RETRY_AFTER_MS })
    const call = ++this.count
    const { promise, resolve, reject } = Promise.withResolvers<Strength>()
    this.calls.set(call, { resolve, reject })
    this.watch()
    this.opening ??= this.open()
    const { opening } = this
    opening.then(
      (worker) => worker.postMessage({ call, request }),
      (error) => this.opening === opening && this.lose(error),
    )
    return promise
  }

  private async open(): Promise<Worker> {
    const worker = await (this.options.start ?? startWorker)()
    const lose = (reason: string): void => {
      if (this.current === worker) this.lose(new Error(reason))
    }
    this.current?.terminate()
    this.current = worker
    worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
      if (this.current === worker) this.take(data)
    })
    worker.addEventListener('error', (event) => {
      // Else Bun ends the process.
      event.preventDefault()
      lose('it failed')
    })
    worker.addEventListener('close', () => lose('it ended'))
    worker.unref()
    return worker
  }

  private take(reply: Reply): void {
    const call = this.calls.get(reply.call)
    this.calls.delete(reply.call)
    this.watch()
    if ('strength' in reply) call?.resolve(reply.strength)
    else call?.reject(interrupted(new Error(reply.error)))
  }

  /** While somebody waits it may not be silent for long; when nobody does, it may go. */
  private watch(): void {
    clearTimeout(this.timer)
    const { idleMs = IDLE_MS, silenceMs = SILENCE_MS } = this.options
    const isIdle = this.calls.size === 0
    this.timer = setTimeout(() => this.lose(new Error('it was silent')), isIdle ? idleMs : silenceMs)
    this.timer.unref()
  }

  private lose(cause: unknown): void {
    clearTimeout(this.timer)
    this.opening = undefined
    this.current?.terminate()
    this.current = undefined
    const calls = [...this.calls.values()]
    this.calls.clear()
    for (const call of calls) call.reject(interrupted(cause))
  }
}

const interrupted = (cause: unknown): Fault =>
  new Fault('unavailable', 'The password could not be checked. Try again.', { cause, retryAfterMs: RETRY_AFTER_MS })

async function startWorker(): Promise<Worker> {
  if (strengthFile === null) return new Worker(new URL('./strength.ts', import.meta.url).href)
  const text = await Bun.zstdDecompress(await Bun.file(strengthFile).bytes())
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }))
  const worker = new Worker(url)
  worker.addEventListener('close', () => URL.revokeObjectURL(url))
  return worker
}
