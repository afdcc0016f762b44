import type { Json, JsonObject } from '../../src/core/json.ts'
import type { Task } from './graph-kinds.ts'
import type { Answer, Frame } from './wire.ts'

/** A run that was asked for, whether or not anybody was told that it began. */
export interface SentRun {
  /** In its metadata: says how often the request took effect. */
  tag: string
  /** Null: of its own. */
  thread: string | null
  task: Task
  /** It goes on with the task of another run. */
  answer: string | null
  /** The server said that it is there, as this run. */
  id: string | null
  /** Somebody may have had it removed. */
  mayVanish: boolean
  /** Its removal was acknowledged. */
  removed: boolean
  temporary: boolean
  webhook: boolean
}

export const newSentRun = (
  tag: string,
  { answer = null, ...given }: { task: Task; thread: string | null; answer?: string | null } & Partial<SentRun>,
): SentRun => ({ ...{ tag, answer, id: null, mayVanish: false, removed: false, temporary: false, webhook: false }, ...given })

/** What one client saw of one run. */
export interface WatchedRun {
  run: string
  /** Where it can be read again. */
  path: string
  /** All frames in the order of their arrival, over every connection. */
  frames: Frame[]
  /** What earlier answers to the same request, repeated with its key, had shown before they broke. */
  partials: Frame[][]
  resumes: number
  ended: boolean
  sent: SentRun
}

/** A value of the store that one client alone writes. Null: removed. */
export interface KnownItem {
  namespace: string[]
  key: string
  /** What it may be: the last value that was acknowledged, and all that were sent since. */
  may: (JsonObject | null)[]
}

/** Everything the clients know. The checker has nothing else to go by but the server's final state. */
export class GraphHistory {
  /** Ids of those that were acknowledged. */
  readonly threads = new Map<string, { tag: string; deleted: boolean }>()
  readonly threadTags = new Set<string>()
  readonly runs: SentRun[] = []
  readonly watched: WatchedRun[] = []
  /** Lines that a client wrote into the state of a thread itself. */
  readonly updates: { thread: string; tag: string; acked: boolean; checkpoint: string | null }[] = []
  readonly items: KnownItem[] = []
  readonly crons: { id: string; tag: string; since: number; stopped: number | null }[] = []
  /** Their runs all say the same. */
  readonly cronThreads = new Set<string>()
  /** Threads whose lines do not simply follow each other. */
  readonly forked = new Set<string>()
  /** What the state of such a thread, or of a copy, must be. */
  readonly forks: { thread: string; lines: string[] }[] = []
  readonly answers: { sent: SentRun; values: Json }[] = []
  readonly complaints: string[] = []
  readonly counts = {
    broken: 0,
    failed: 0,
    keyedRetries: 0,
    resumes: 0,
    left: 0,
    adopted: 0,
    cancels: 0,
    rollbacks: 0,
    refusedBusy: 0,
    deletes: 0,
  }
  /** Answers of 500 and above, which acknowledge nothing, by what they said. */
  readonly refusals = new Map<string, number>()

  refused(what: string, answer: Answer): void {
    const { detail } = answer.body as { detail?: unknown }
    const said = `${what}: ${answer.status} ${typeof detail === 'string' ? detail : JSON.stringify(answer.body).slice(0, 100)}`
    this.refusals.set(said, (this.refusals.get(said) ?? 0) + 1)
  }

  complain(text: string): void {
    this.complaints.push(text)
  }

  get acked(): number {
    const runs = this.runs.filter(({ id }) => id !== null).length
    return this.threads.size + runs + this.updates.filter(({ acked }) => acked).length + this.items.length + this.crons.length
  }
}
