import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import type { Needs } from '../needs.ts'
import type { RunEvent, Segment } from './events.ts'
import { getRun, type Run } from './runs.ts'
import { isEnd } from './status.ts'
import { eventsAfter } from './store.ts'

/** Rows of the journal read at once, and segments kept for a reader that is slower than the run. */
const READ_ROWS = 200
const AHEAD_MAX = 256
/** How long a reader trusts signals alone: the table is the truth, and a lost signal must not leave it waiting. */
const LOOK_AGAIN_MS = 10_000
/** The same for a reader that was given the first events and subscribed later: what came between is in the table only. */
const LOOK_SOON_MS = 250

/** The whole journal of a run from event `after + 1`, for the executor that takes it over. */
export async function readJournal(app: Needs<'db'>, runId: string, after: number): Promise<Segment[]> {
  const segments: Segment[] = []
  for (let last = after; ; ) {
    const rows = await eventsAfter(app.db, runId, last, READ_ROWS)
    for (const row of rows) {
      const segment = cut({ seq: row.seq, events: JSON.parse(row.data) as RunEvent[] }, last)
      if (segment) segments.push(segment)
      last = row.seq + row.n - 1
    }
    if (rows.length < READ_ROWS) return segments
  }
}

/** What of a segment comes after event `last`. */
function cut(segment: Segment, last: number): Segment | undefined {
  const skip = last + 1 - segment.seq
  if (skip <= 0) return segment
  return skip >= segment.events.length ? undefined : { seq: segment.seq + skip, events: segment.events.slice(skip) }
}

/** True when the reader has nothing more to wait for: the run ended, or waits for its client, with this very event. */
function isLast(segment: Segment): 'end' | 'waiting' | undefined {
  const event = segment.events.at(-1)
  if (event?.type !== 'status') return undefined
  if (isEnd(event.status)) return 'end'
  return event.status === 'waiting' ? 'waiting' : undefined
}

/**
 * The story of a run from its first event: what is in the journal, then what comes. Ends after the run's end, or after a
 * `waiting` that is the newest event. A slow reader costs a place in the journal, not a buffer: what it cannot take from
 * memory it reads from the table. Stops silently when `signal` fires. Throws not_found when the run is gone.
 */
export async function* followRun(
  app: Needs<'db' | 'signals'>,
  caller: Caller,
  input: { run: Run; first?: Segment; signal: AbortSignal },
): AsyncGenerator<Segment> {
  requireScope(caller, 'read')
  if (input.run.tenantId !== caller.tenantId) throw notFound('run', input.run.id)
  const mailbox = new Mailbox(input.signal)
  const unsubscribe = app.signals.subscribe(input.run.id, mailbox)
  try {
    let last = 0
    let patienceMs = input.first ? LOOK_SOON_MS : LOOK_AGAIN_MS
    if (input.first) {
      yield input.first
      last = input.first.seq + input.first.events.length - 1
    } else mailbox.behind = true
    while (!input.signal.aborted) {
      const segments = mailbox.behind ? await readOn(app, caller, { run: input.run, last, mailbox }) : mailbox.take()
      if (!segments) return
      for (const segment of segments) {
        const next = cut(segment, last)
        if (!next) continue
        if (next.seq > last + 1) {
          mailbox.behind = true // a signal was lost between: the table has it
          break
        }
        last = next.seq + next.events.length - 1
        yield next
        const why = isLast(next)
        if (why === 'end' || (why === 'waiting' && !(await goesOn(app, input.run.id, last)))) return
      }
      if (!mailbox.behind && mailbox.empty) await mailbox.wait(patienceMs)
      patienceMs = LOOK_AGAIN_MS
    }
  } finally {
    unsubscribe()
  }
}

const goesOn = async (app: Needs<'db'>, runId: string, last: number): Promise<boolean> =>
  (await eventsAfter(app.db, runId, last, 1)).length > 0

/** What the table has beyond `last`; undefined when nothing will come any more. */
async function readOn(
  app: Needs<'db'>,
  caller: Caller,
  input: { run: Run; last: number; mailbox: Mailbox },
): Promise<Segment[] | undefined> {
  const { run, last, mailbox } = input
  mailbox.behind = false // what arrives from here on is either read below or in the mailbox
  let rows = await eventsAfter(app.db, run.id, last, READ_ROWS)
  if (rows.length === 0) {
    // Nothing new is also what a deleted run looks like, and one whose journal is no longer kept: those end the stream.
    const now = await getRun(app, caller, { threadId: run.threadId, id: run.id })
    if (!isEnd(now.status)) return []
    rows = await eventsAfter(app.db, run.id, last, READ_ROWS)
    if (rows.length === 0 && last === 0)
      throw new Fault('invalid', 'The events of this run are no longer kept.', { reason: 'value', param: 'run_id' })
    if (rows.length === 0) return undefined
  }
  if (rows.length === READ_ROWS) mailbox.behind = true
  if ((rows[0]?.seq ?? 0) > last + 1) throw new Fault('internal', 'The journal of a run has a gap.', { kind: 'run', id: run.id })
  return rows.map((row) => ({ seq: row.seq, events: JSON.parse(row.data) as RunEvent[] }))
}

/** Where signals of one run wait for one reader. Bounded: past the bound it forgets them all and sends its reader to the table. */
class Mailbox {
  behind = false
  private segments: Segment[] = []
  private wake: (() => void) | undefined
  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', () => this.wake?.(), { once: true })
  }

  get empty(): boolean {
    return this.segments.length === 0
  }

  onSegment(segment: Segment): void {
    if (this.segments.length >= AHEAD_MAX) {
      this.segments = []
      this.behind = true
    } else if (!this.behind) this.segments.push(segment)
    this.wake?.()
  }

  onWake(): void {
    this.behind = true
    this.wake?.()
  }

  take(): Segment[] {
    const taken = this.segments
    this.segments = []
    return taken
  }

  wait(ms: number): Promise<void> {
    if (this.signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.onWake(), ms)
      this.wake = () => {
        clearTimeout(timer)
        this.wake = undefined
        resolve()
      }
    })
  }
}
