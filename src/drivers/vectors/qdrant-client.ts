import type { QdrantClient } from '@qdrant/js-client-rest'
import { Fault } from '../../core/fault.ts'
import { newId } from '../../core/id.ts'
import type { Log } from '../../core/needs.ts'

export interface QdrantOptions {
  /** As configured: http or https, a path before the API's own, and 6333 where no port is said. */
  url: string
  apiKey: string | null
  log: Log
  /** Wait before the first repetition; it doubles each time. */
  firstWaitMs?: number
}

const ATTEMPTS_MAX = 6
const FIRST_WAIT_MS = 100
const WAIT_MAX_MS = 3_000
const TIMEOUT_MS = 30_000
/** Has the query API and indexes that keep a tenant's points together. */
const VERSION_MIN = [1, 11]

type Failure = { kind: 'passing' | 'missing' | 'exists' | 'refused'; text: string; waitMs: number }

/** A Qdrant server: calls are repeated while the server is away or busy, and what it says becomes a fault. */
export class QdrantServer {
  private opened: Promise<QdrantClient> | undefined
  private closed = false

  constructor(private readonly options: QdrantOptions) {}

  /** `call` must change nothing when it is repeated. */
  async run<R>(what: string, call: (client: QdrantClient) => Promise<R>): Promise<R> {
    this.opened ??= this.open()
    try {
      return await this.repeat(what, call, await this.opened)
    } catch (error) {
      // The next call asks for the version again.
      if (!(error instanceof Unanswered)) this.opened = undefined
      throw error instanceof Unanswered ? error.fault : error
    }
  }

  /** The same, or undefined where there is no such collection. */
  async runIfThere<R>(what: string, call: (client: QdrantClient) => Promise<R>): Promise<R | undefined> {
    try {
      return await this.run(what, call)
    } catch (error) {
      if (error instanceof Fault && error.code === 'not_found') return undefined
      throw error
    }
  }

  async check(): Promise<void> {
    this.opened = this.open()
    await this.opened
  }

  /** Nothing is repeated any more. */
  close(): void {
    this.closed = true
  }

  private async open(): Promise<QdrantClient> {
    const { QdrantClient } = await import('@qdrant/js-client-rest')
    const { url, apiKey } = this.options
    const { pathname } = new URL(url)
    const client = new QdrantClient({
      url,
      ...(pathname === '/' ? {} : { url: url.replace(pathname, ''), prefix: pathname.replace(/\/$/, '') }),
      // As a header of its own: the client's own option warns on the console.
      ...(apiKey === null ? {} : { headers: { 'api-key': apiKey } }),
      timeout: TIMEOUT_MS,
      checkCompatibility: false,
    })
    const { version } = await this.repeat('version', (it) => it.versionInfo(), client).catch((error: unknown) => {
      throw error instanceof Unanswered ? error.fault : error
    })
    requireVersion(version)
    return client
  }

  private async repeat<R>(what: string, call: (client: QdrantClient) => Promise<R>, client: QdrantClient): Promise<R> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call(client)
      } catch (error) {
        const { kind, text, waitMs } = readFailure(error)
        if (kind !== 'passing' || attempt >= ATTEMPTS_MAX || this.closed) throw new Unanswered(faultOf(kind, text))
        const wait = Math.min(WAIT_MAX_MS, Math.max(waitMs, (this.options.firstWaitMs ?? FIRST_WAIT_MS) * 2 ** (attempt - 1)))
        this.options.log.warn('vectors.retry', { what, attempt, reason: text, waitMs: Math.round(wait) })
        await Bun.sleep(wait * (0.75 + 0.5 * spread()))
      }
    }
  }
}

/** Says that the server was asked, and what came of it. */
class Unanswered extends Error {
  constructor(readonly fault: Fault) {
    super(fault.message)
  }
}

/** 0 to 1, from the random tail of a fresh id. */
const spread = (): number => Number.parseInt(newId().slice(-8), 16) / 0xffffffff

function faultOf(kind: Failure['kind'], text: string): Fault {
  if (kind === 'missing') return new Fault('not_found', 'The collection does not exist.')
  if (kind === 'exists') return new Fault('wrong_state', 'The collection exists already.')
  return new Fault('unavailable', `The Qdrant server ${kind === 'refused' ? 'refused a request' : 'does not answer'}: ${text}.`)
}

/** Only the status and Qdrant's own sentence are kept: errors of the client hold requests, and those hold the key. */
function readFailure(error: unknown): Failure {
  const facts = error as {
    status?: unknown
    data?: { status?: { error?: unknown } }
    name?: unknown
    retry_after?: unknown
    message?: unknown
  }
  if (facts.name === 'QdrantClientResourceExhaustedError')
    return { kind: 'passing', text: 'HTTP 429', waitMs: Number(facts.retry_after) * 1000 }
  if (typeof facts.status === 'number') {
    const said = facts.data?.status?.error
    const text = `HTTP ${facts.status}${typeof said === 'string' ? `, ${said.replace(/\.$/, '').slice(0, 300)}` : ''}`
    return { kind: kindOf(facts.status, String(said)), text, waitMs: 0 }
  }
  const late = facts.name === 'QdrantClientTimeoutError' || facts.name === 'AbortError'
  return { kind: 'passing', text: late ? `no answer within ${TIMEOUT_MS / 1000} s` : 'no connection', waitMs: 0 }
}

function kindOf(status: number, said: string): Failure['kind'] {
  if (status === 404) return 'missing'
  if (status === 409 || (status === 400 && said.includes('already exists'))) return 'exists'
  return status === 408 || status === 429 || status >= 500 ? 'passing' : 'refused'
}

function requireVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [majorMin = 0, minorMin = 0] = VERSION_MIN
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return
  throw new Fault(
    'unavailable',
    `The Qdrant server cannot be used: it is version ${version}, and ${VERSION_MIN.join('.')} or later is needed.`,
  )
}
