import type { JsonObject } from '../../src/core/json.ts'
import type { Chance } from './chance.ts'
import { type GraphHistory, newSentRun, type SentRun, type WatchedRun } from './graph-history.ts'
import type { Task } from './graph-kinds.ts'
import { callGraphs, type GraphAnswer, type GraphEnding, listenGraphs } from './graph-wire.ts'
import { type Answer, type Ask, Broken, type Frame } from './wire.ts'

/** What kills may be timed by. */
export const MOMENTS = ['create', 'cancel', 'rollback', 'resume', 'update', 'enqueue'] as const
export type Moment = (typeof MOMENTS)[number]

/** What the traffic runs against: the servers may be others, or away, from one moment to the next. */
export interface GraphGround {
  history: GraphHistory
  /** Resolves with the address of some server once there is one. */
  url(): Promise<string>
  /** Told when a request of this kind is about to be sent. */
  onMoment(moment: Moment): void
  /** Clients finish what they have begun, and begin nothing new. */
  stopping(): boolean
  /** Where webhooks are received. */
  receiver: string
  /** Id of an assistant of the built-in graph. */
  assistant: string
}

/** No run of the lab takes this long, whatever is killed: who waits longer is stuck. */
const STUCK_MS = 90_000
const RETRY_MS = 20

/** A path without its ids. */
const nameOf = (path: string): string => path.replace(/\?.*/, '').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, ':id')

const OVER = new Set(['success', 'error', 'timeout', 'interrupted'])
export const isOver = (status: unknown): boolean => OVER.has(String(status))

let tags = 0

/** Id of the run in `/threads/<id>/runs/<id>` or `/runs/<id>`. */
export const runIn = (place: string): string => place.slice(place.lastIndexOf('/') + 1)

/** The habits of one client: how it sends, repeats what it may repeat, and follows a run over broken connections. */
export class GraphClient {
  /** What came of requests that were not answered. */
  private readonly tries: string[] = []

  constructor(
    readonly ground: GraphGround,
    readonly chance: Chance,
    readonly name: string,
  ) {}

  get history(): GraphHistory {
    return this.ground.history
  }

  tag(kind: string): string {
    return `${kind}-${this.name}-${++tags}`
  }

  key(): string | undefined {
    return this.chance.is(0.4) ? this.tag('key') : undefined
  }

  async createThread(): Promise<string | undefined> {
    const tag = this.tag('thread')
    this.history.threadTags.add(tag)
    const key = this.key()
    const answer = await this.write({ path: '/threads', body: { metadata: { tag } }, ...(key ? { key } : {}) })
    if (answer === undefined) return undefined
    if (answer.status !== 200) return void this.complain('create thread', answer)
    const id = String(answer.body.thread_id)
    this.history.threads.set(id, { tag, deleted: false })
    return id
  }

  complain(what: string, answer: Answer): void {
    this.history.complain(`${what}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 500)}`)
  }

  note(task: Task, more: { thread: string | null; answer?: string; mayVanish?: boolean; temporary?: boolean; webhook?: boolean }): SentRun {
    const sent = newSentRun(this.tag('run'), { task, ...more })
    this.history.runs.push(sent)
    return sent
  }

  /**
   * One write. Undefined: no answer, so nobody knows. With a key it is repeated until there is one. A server without its
   * database answers 5xx: that acknowledges nothing.
   */
  async write(ask: Ask, onHead?: (place: string | null) => void): Promise<GraphAnswer | undefined> {
    const until = performance.now() + STUCK_MS
    for (;;) {
      const answer = await this.attempt(ask, onHead)
      if (answer) return answer
      if (ask.key === undefined) return undefined
      if (performance.now() > until) {
        this.history.complain(`no answer in ${STUCK_MS} ms: ${ask.path}; ${this.tries.slice(-8).join('; ')}`)
        return undefined
      }
      this.history.counts.keyedRetries++
      await Bun.sleep(RETRY_MS)
    }
  }

  private async attempt(ask: Ask, onHead?: (place: string | null) => void): Promise<GraphAnswer | undefined> {
    const since = performance.now()
    try {
      const answer = await callGraphs(await this.ground.url(), ask, onHead)
      if (answer.status < 500) return answer
      this.tries.push(`${answer.status} ${JSON.stringify(answer.body).slice(0, 80)}`)
      this.history.refused(`${ask.method ?? (ask.body ? 'POST' : 'GET')} ${nameOf(ask.path)}`, answer)
    } catch (cause) {
      if (!(cause instanceof Broken)) throw cause
      this.tries.push(`${Math.round(performance.now() - since)} ms, ${cause.message.slice(0, 80)}`)
      this.history.counts.broken++
    }
    return undefined
  }

  /** A read is repeated until it is answered. */
  async read(path: string, body?: JsonObject): Promise<GraphAnswer> {
    const until = performance.now() + STUCK_MS
    for (;;) {
      const answer = await this.attempt({ path, ...(body ? { body } : {}) })
      if (answer) return answer
      if (performance.now() > until) throw new Error(`no answer in ${STUCK_MS} ms: ${path}`)
      await Bun.sleep(RETRY_MS)
    }
  }

  /** Reads frames into `frames`; at times goes away in the middle, as people do. */
  async listen(ask: Ask, frames: Frame[], onHead?: (place: string | null) => void) {
    const { counts } = this.history
    const leaveAfter = this.chance.is(0.15) ? this.chance.between(1, 25) : Number.POSITIVE_INFINITY
    let refusal: Answer | undefined
    let seen = 0
    const ending: GraphEnding = await listenGraphs(await this.ground.url(), ask, {
      onFrame: (frame) => frames.push(frame) > 0 && ++seen < leaveAfter,
      ...(onHead ? { onHead } : {}),
      onRefusal: (answer) => {
        refusal = answer
        if (answer.status >= 500) this.history.refused(`stream ${nameOf(ask.path)}`, answer)
      },
    })
    if (ending === 'broken') counts.broken++
    if (ending === 'failed') counts.failed++
    if (ending === 'left') counts.left++
    return { ending, seen, refusal }
  }

  watch(sent: SentRun, place: string): WatchedRun {
    const watched: WatchedRun = { ...{ run: runIn(place), path: place, frames: [], partials: [], resumes: 0, ended: false, sent } }
    this.history.watched.push(watched)
    return watched
  }

  /** Follows a run until its stream ends by itself, resuming after the last event seen. */
  async follow(watched: WatchedRun): Promise<void> {
    const until = performance.now() + STUCK_MS
    while (!watched.ended) {
      const last = watched.frames.at(-1)?.id ?? '-1'
      const { ending, refusal } = await this.listen({ path: `${watched.path}/stream`, lastEventId: last }, watched.frames)
      if (ending === 'ended') watched.ended = true
      if (ending === 'gone' && !watched.sent.mayVanish) this.history.complain(`${watched.run} is gone for its reader`)
      if (ending === 'ended' || ending === 'gone') return
      watched.resumes++
      this.history.counts.resumes++
      if (refusal && refusal.status < 500) {
        if (!watched.sent.mayVanish || refusal.status !== 404) this.complain(`resume of ${watched.run} after ${last}`, refusal)
        return
      }
      if (performance.now() > until) {
        this.history.complain(`${watched.run} did not end for its reader in ${STUCK_MS} ms, last event ${last}`)
        return
      }
      await Bun.sleep(RETRY_MS)
    }
  }

  /** Asks until the run is over. Undefined: it is gone. */
  async poll(sent: SentRun): Promise<JsonObject | undefined> {
    const until = performance.now() + STUCK_MS
    const path = `/threads/${sent.thread}/runs/${sent.id}`
    for (;;) {
      const answer = await this.read(path)
      if (answer.status === 404 && (sent.mayVanish || sent.temporary)) return undefined
      if (answer.status !== 200) {
        this.complain(`${sent.id} was acknowledged and is gone`, answer)
        return undefined
      }
      if (isOver(answer.body.status)) return answer.body
      if (performance.now() > until) {
        this.history.complain(`${sent.id} did not end for its poller in ${STUCK_MS} ms: ${answer.body.status}`)
        return undefined
      }
      await Bun.sleep(this.chance.between(30, 150))
    }
  }

  /** No answer came: did it take effect? */
  async find(sent: SentRun): Promise<string | undefined> {
    const { status, body } = await this.read(`/threads/${sent.thread}/runs?limit=1000`)
    if (status !== 200) return undefined
    const found = (body as unknown as JsonObject[]).find((run) => (run.metadata as JsonObject).tag === sent.tag)
    if (!found) return undefined
    this.history.counts.adopted++
    return String(found.run_id)
  }
}
