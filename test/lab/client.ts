import type { JsonObject } from '../../src/core/json.ts'
import type { Chance } from './chance.ts'
import type { History, Watched } from './history.ts'
import { type Answer, type Ask, Broken, type Frame, listen, request } from './wire.ts'

/** What the traffic runs against: the server may be another one, or away, from one moment to the next. */
export interface Ground {
  history: History
  assistant: string
  toolAssistant: string
  /** Resolves with the address of a server once there is one. */
  url(): Promise<string>
  /** Told when a run is about to be created. */
  onCreate(): void
  /** Clients finish what they have begun, and begin nothing new. */
  stopping(): boolean
}

/** No run of the lab takes this long, whatever is killed: who waits longer is stuck. */
const STUCK_MS = 90_000
const RETRY_MS = 20

export interface RunRef {
  thread: string
  run: string
}

const ENDED = new Set(['completed', 'incomplete', 'failed', 'expired', 'cancelled'])
export const isEnded = (status: unknown): boolean => ENDED.has(String(status))

/** A path without its ids. */
const nameOf = (path: string): string => path.replace(/\?.*/, '').replace(/_[0-9a-f]{32}/g, '')

let tags = 0

/** The habits of one client: how it sends, repeats what it may repeat, and follows a run over broken connections. */
export class LabClient {
  constructor(
    readonly ground: Ground,
    readonly chance: Chance,
    readonly name: string,
  ) {}

  tag(kind: string): string {
    return `${kind}-${this.name}-${++tags}`
  }

  /**
   * One write. Undefined: no answer, so nobody knows. With a key it is repeated until there is one. A server without its
   * database answers 5xx: that acknowledges nothing.
   */
  async write(ask: Ask): Promise<Answer | undefined> {
    const until = performance.now() + STUCK_MS
    for (;;) {
      const answer = await this.attempt(ask)
      if (answer) return answer
      if (ask.key === undefined) return undefined
      if (performance.now() > until) {
        this.ground.history.complain(`no answer in ${STUCK_MS} ms: POST ${ask.path}`)
        return undefined
      }
      this.ground.history.counts.keyedRetries++
      await Bun.sleep(RETRY_MS)
    }
  }

  private async attempt(ask: Ask): Promise<Answer | undefined> {
    const { counts } = this.ground.history
    try {
      const answer = await request(await this.ground.url(), ask)
      if (answer.status < 500) return answer
      this.ground.history.refused(`${ask.body ? 'POST' : 'GET'} ${nameOf(ask.path)}`, answer)
    } catch (cause) {
      if (!(cause instanceof Broken)) throw cause
      counts.broken++
    }
    return undefined
  }

  /** A read is repeated until it is answered. */
  async read(path: string): Promise<Answer> {
    const until = performance.now() + STUCK_MS
    for (;;) {
      const answer = await this.attempt({ path })
      if (answer) return answer
      if (performance.now() > until) throw new Error(`no answer in ${STUCK_MS} ms: GET ${path}`)
      await Bun.sleep(RETRY_MS)
    }
  }

  watch(ref: RunRef): Watched {
    const watched: Watched = { ...ref, frames: [], partials: [], resumes: 0, ended: false }
    this.ground.history.watched.push(watched)
    return watched
  }

  /** Reads frames into `watched`; at times goes away in the middle, as people do. */
  async listen(ask: Ask, frames: Frame[], onFirst?: (frame: Frame) => void) {
    const { counts } = this.ground.history
    const leaveAfter = this.chance.is(0.2) ? this.chance.between(1, 25) : Number.POSITIVE_INFINITY
    let refusal: Answer | undefined
    let seen = 0
    const ending = await listen(await this.ground.url(), ask, {
      onFrame: (frame) => {
        frames.push(frame)
        if (seen === 0) onFirst?.(frame)
        return ++seen < leaveAfter
      },
      onRefusal: (answer) => {
        refusal = answer
        if (answer.status >= 500) this.ground.history.refused(`stream ${nameOf(ask.path)}`, answer)
      },
    })
    if (ending === 'broken') counts.broken++
    if (ending === 'failed') counts.failed++
    if (ending === 'left') counts.left++
    return { ending, seen, refusal }
  }

  /** Follows a run until its end frame, resuming after the last event seen. */
  async follow(watched: Watched): Promise<void> {
    const until = performance.now() + STUCK_MS
    watched.ended = false
    while (!watched.ended) {
      const last = watched.frames.at(-1)?.id
      const path = `/v1/threads/${watched.thread}/runs/${watched.run}/stream`
      const { ending, refusal } = await this.listen({ path, ...(last ? { lastEventId: last } : {}) }, watched.frames)
      watched.ended = ending === 'done'
      if (watched.ended) return
      watched.resumes++
      this.ground.history.counts.resumes++
      if (refusal && refusal.status < 500) {
        this.ground.history.complain(`resume of ${watched.run} after ${last}: ${refusal.status} ${JSON.stringify(refusal.body)}`)
        return
      }
      if (performance.now() > until) {
        this.ground.history.complain(`${watched.run} did not end for its reader in ${STUCK_MS} ms, last event ${last}`)
        return
      }
      await Bun.sleep(RETRY_MS)
    }
  }

  /** Asks until the run has ended, or waits for outputs. */
  async poll({ thread, run }: RunRef): Promise<JsonObject> {
    const until = performance.now() + STUCK_MS
    for (;;) {
      const { status, body } = await this.read(`/v1/threads/${thread}/runs/${run}`)
      if (status !== 200) {
        this.ground.history.complain(`${run} was acknowledged and is gone: ${status} ${JSON.stringify(body)}`)
        return body
      }
      if (isEnded(body.status) || body.status === 'requires_action') return body
      if (performance.now() > until) {
        this.ground.history.complain(`${run} did not end for its poller in ${STUCK_MS} ms: ${body.status}`)
        return body
      }
      await Bun.sleep(this.chance.between(30, 150))
    }
  }
}
