import type { Answer, Frame } from './wire.ts'

/** A write that the server acknowledged: its answer was received whole. */
export interface Acked {
  id: string
  thread: string
  /** Text that only this write carries: says how often it took effect. */
  tag: string
}

/** What one client saw of one run. */
export interface Watched {
  thread: string
  run: string
  /** All frames in the order of their arrival, over every connection. */
  frames: Frame[]
  /** What earlier answers to the same request, repeated with its key, had shown before they broke: each from the first event. */
  partials: Frame[][]
  /** Connections that broke, or were left, before the end frame. */
  resumes: number
  /** The end frame came. */
  ended: boolean
}

/** Everything the clients know. The checker has nothing else to go by but the server's final state. */
export class History {
  readonly threads: Acked[] = []
  /** Those that came with a run are known by their tag only. */
  readonly messages: (Omit<Acked, 'id'> & { id: string | null; text: string })[] = []
  readonly runs: Acked[] = []
  readonly watched: Watched[] = []
  readonly outputs: { run: string; callId: string; output: string }[] = []
  /** Tags of everything that was sent, acknowledged or not: each may have taken effect once at most. */
  readonly sent = { threads: new Set<string>(), messages: new Set<string>(), runs: new Set<string>() }
  /** What clients met that should not be. */
  readonly complaints: string[] = []
  readonly counts = { broken: 0, failed: 0, keyedRetries: 0, resumes: 0, left: 0, adopted: 0, cancels: 0 }
  /** Answers of 500 and above, which acknowledge nothing, by what they said. */
  readonly refusals = new Map<string, number>()

  refused(what: string, answer: Answer): void {
    const { error } = answer.body as { error?: { message?: string } }
    const said = `${what}: ${answer.status} ${error?.message ?? ''}`
    this.refusals.set(said, (this.refusals.get(said) ?? 0) + 1)
  }

  complain(text: string): void {
    this.complaints.push(text)
  }

  get acked(): number {
    return this.threads.length + this.messages.length + this.runs.length + this.outputs.length
  }
}
