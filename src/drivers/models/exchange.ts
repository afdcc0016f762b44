import { abortError } from './abort.ts'
import { broken, ProviderFailure, silent } from './failure.ts'
import { EventReader } from './reader.ts'

/** More than any honest answer holds; what is read is kept in memory until it ends. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024
/** How long, and how far, an answered stream is read on so that its connection can be used again. */
const RELEASE_MS = 1_000
const RELEASE_READS_MAX = 4

/**
 * One request and its answer: ends early when the caller's signal fires or the provider falls silent, and then never
 * leaves the connection open behind it. Whoever makes one must `close` or `release` it.
 */
export class Exchange {
  readonly #controller = new AbortController()
  readonly #events = new EventReader()
  #replayed: string[] | undefined
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #silenceMs = 0
  #waiting = false
  #timedOut = false
  #bytes = 0

  constructor(
    readonly provider: string,
    readonly caller: AbortSignal,
  ) {
    caller.addEventListener('abort', this.#stop)
    if (caller.aborted) this.#stop()
  }

  /** For the request itself. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** From now on, `ms` of waiting without a byte end the exchange. */
  watch(ms: number): void {
    clearTimeout(this.#timer)
    this.#silenceMs = ms
    this.#timer = setTimeout(this.#onSilence, ms)
    this.#waiting = true
  }

  /** Allows no longer silence than this from now on. */
  shorten(ms: number): void {
    if (ms >= this.#silenceMs) return
    this.watch(ms)
    this.#waiting = false
  }

  /** Why the exchange ended early, if it did: an AbortError or the failure of a silent provider. */
  get interruption(): Error | undefined {
    if (this.caller.aborted) return abortError()
    return this.#timedOut ? silent(this.provider, this.#silenceMs) : undefined
  }

  /** Takes the answer's body; `ms` is the longest silence allowed inside it. */
  open(response: Response, ms: number): void {
    this.#reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined
    this.watch(ms)
    this.#waiting = false
  }

  /** Data fields that arrived together, perhaps none; undefined at the end of the stream. */
  async readEvents(): Promise<string[] | undefined> {
    const replayed = this.#replayed
    this.#replayed = undefined
    if (replayed) return replayed
    const bytes = await this.#read()
    if (bytes) return this.#events.push(bytes)
    const last = this.#events.end()
    return last.length > 0 ? last : undefined
  }

  /** Makes the next read answer these. */
  replay(events: string[]): void {
    this.#replayed = events
  }

  async readText(): Promise<string> {
    const parts: Uint8Array[] = []
    for (let part = await this.#read(); part; part = await this.#read()) parts.push(part)
    return Buffer.concat(parts).toString('utf8')
  }

  /** The answer is whole: lets the connection serve again if the provider ends the stream soon. Never throws. */
  async release(): Promise<void> {
    try {
      this.watch(RELEASE_MS)
      for (let reads = 0; reads < RELEASE_READS_MAX; reads++) if (!(await this.#read())) return
    } catch {
      // The answer was delivered; how its connection ends interests nobody.
    } finally {
      this.close()
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    this.caller.removeEventListener('abort', this.#stop)
    this.#stop()
  }

  async #read(): Promise<Uint8Array | undefined> {
    if (!this.#reader) return undefined
    this.#waiting = true
    this.#timer?.refresh()
    const result = await this.#reader.read().catch((error: unknown) => this.#brokenBy(error))
    this.#waiting = false
    // An aborted body can end as if it were whole.
    if (this.#controller.signal.aborted) throw this.interruption ?? broken(this.provider, 'was left')
    if (result.done) {
      this.#reader = undefined
      return undefined
    }
    this.#bytes += result.value.byteLength
    if (this.#bytes > ANSWER_BYTES_MAX) throw this.#tooLarge()
    return result.value
  }

  #brokenBy(error: unknown): never {
    this.#waiting = false
    throw this.interruption ?? broken(this.provider, `broke the connection (${errorCode(error)})`)
  }

  #tooLarge(): ProviderFailure {
    const { fault } = broken(this.provider, `sent more than ${ANSWER_BYTES_MAX} bytes`)
    return new ProviderFailure(fault, false)
  }

  readonly #stop = (): void => {
    this.#controller.abort()
    const reader = this.#reader
    this.#reader = undefined
    // Cancelling a body that broke by itself reports that break again.
    reader?.cancel().catch(() => undefined)
  }

  readonly #onSilence = (): void => {
    if (!this.#waiting) return
    this.#timedOut = true
    this.#stop()
  }
}

/** A short word for a network error; its text may hold the address. */
export function errorCode(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown }
    if (typeof code === 'string') return code
    if (cause.cause === undefined) return cause.name
  }
  return 'unknown error'
}
