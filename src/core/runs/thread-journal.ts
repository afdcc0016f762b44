import { type Caller, requireScope } from '../caller.ts'
import { Fault, unlessMissing } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { getThread, type Thread } from '../threads/threads.ts'
import { Bell } from './bell.ts'
import type { Segment } from './events.ts'
import { followRun } from './journal.ts'
import { findRun, type Run, searchRuns } from './runs.ts'
import { isEnd, type RunStatus } from './status.ts'

/**
 * What happens on a thread: a run, which the segments up to the next other news belong to, from its first event; or a
 * new head, told between runs. `told`: so many events of the run were told before.
 */
export type ThreadNews = { kind: 'run'; run: Run; told: number } | { kind: 'segment'; segment: Segment } | { kind: 'head'; thread: Thread }

/** Where a reader goes on: behind event `seq` of a run (a UUID); or with the thread's first run. */
export type ThreadPlace = { runId: string; seq: number } | 'start'

/** A lost signal must not leave a reader waiting. */
const LOOK_AGAIN_MS = 10_000
const PAGE = 20
/** How far back a reader is told runs that it has not seen. */
const RUNS_MAX = 1000
/** Runs of which it is remembered how much was told. */
const TOLD_MAX = 2000

/**
 * All runs of a thread, one after the other in the order in which they began, without an end. Without a place: those that
 * are at work, and all that follow. A run that is removed while it is told just stops. Stops silently when `signal`
 * fires. Throws not_found, also when the thread is removed.
 */
export async function* followThread(
  app: Needs<'db' | 'signals'>,
  caller: Caller,
  input: { threadId: string; from?: ThreadPlace; signal: AbortSignal },
): AsyncGenerator<ThreadNews> {
  requireScope(caller, 'read')
  const { threadId, signal } = input
  const bell = new Bell(signal)
  const unsubscribe = app.signals.subscribe(threadId, bell)
  const watched = new Map<string, () => void>()
  try {
    let head = (await getThread(app, caller, threadId)).headId
    const book = await openBook(app, caller, input)
    while (!signal.aborted) {
      bell.rung = false // what rings from here on is either read below or heard
      const thread = await getThread(app, caller, threadId)
      const runs = await book.look(thread)
      for (const run of runs) {
        yield* tell(app, caller, { run, book, signal })
        if (signal.aborted) return
      }
      if (runs.length > 0) continue
      if (thread.headId !== head) yield { kind: 'head', thread }
      head = thread.headId
      // One may have begun between the look and the subscription.
      if (!watch(app, { watched, runs: book.resting, bell })) await bell.wait(LOOK_AGAIN_MS)
    }
  } finally {
    unsubscribe()
    for (const stop of watched.values()) stop()
  }
}

async function* tell(
  app: Needs<'db' | 'signals'>,
  caller: Caller,
  { run, book, signal }: { run: Run; book: Book; signal: AbortSignal },
): AsyncGenerator<ThreadNews> {
  let seq = book.told(run.id)
  // What had ended before it was read has no more to say.
  let state = stateOf(run.status)
  yield { kind: 'run', run, told: seq }
  try {
    for await (const segment of followRun(app, caller, { run, signal })) {
      seq = Math.max(seq, segment.seq + segment.events.length - 1)
      const last = segment.events.at(-1)
      if (last?.type === 'status') state = stateOf(last.status)
      yield { kind: 'segment', segment }
    }
  } catch (error) {
    // Removed meanwhile, or so old that its events are gone.
    if (!(error instanceof Fault) || (error.code !== 'not_found' && error.code !== 'invalid')) throw error
    state = 'over'
  }
  if (!signal.aborted) book.note(run.id, { seq, state })
}

/** Runs that rest ring when they begin or go on. True: some of them are heard from now on only. */
function watch(
  app: Needs<'signals'>,
  { watched, runs, bell }: { watched: Map<string, () => void>; runs: readonly Run[]; bell: Bell },
): boolean {
  const ids = new Set(runs.map(({ id }) => id))
  for (const [id, stop] of watched) {
    if (ids.has(id)) continue
    stop()
    watched.delete(id)
  }
  const added = [...ids].filter((id) => !watched.has(id))
  for (const id of added) watched.set(id, app.signals.subscribe(id, bell))
  return added.length > 0
}

interface Told {
  seq: number
  state: 'over' | 'waiting' | 'open'
}

const stateOf = (status: RunStatus): Told['state'] => (isEnd(status) ? 'over' : status === 'waiting' ? 'waiting' : 'open')

/** When a run left the queue. */
const beganAt = (run: Run): number => run.startedAt ?? run.endedAt ?? run.createdAt
const byBeginning = (a: Run, b: Run): number => beganAt(a) - beganAt(b) || (a.id < b.id ? -1 : 1)

/** Which runs of the thread a reader has been told. */
class Book {
  /** Runs that nobody is at work on, and that may begin or go on. */
  resting: Run[] = []
  private readonly known = new Map<string, Told>()

  /** @param floor runs with a lower id were made before it: they are told only while they are at work */
  constructor(
    private readonly app: Needs<'db'>,
    private readonly caller: Caller,
    private readonly at: { threadId: string; floor: string },
  ) {}

  told(runId: string): number {
    return this.known.get(runId)?.seq ?? 0
  }

  note(runId: string, told: Told): void {
    this.known.delete(runId)
    this.known.set(runId, told)
    if (this.known.size <= TOLD_MAX) return
    const [oldest] = this.known.keys()
    this.known.delete(oldest as string)
  }

  /** Runs with something to tell, in the order they began. */
  async look(thread: Thread): Promise<Run[]> {
    const runs = await newRuns(this.app, this.caller, this.at)
    // It may have been made long ago, for later.
    if (thread.runId !== null && !runs.some(({ id }) => id === thread.runId)) {
      const holder = await this.find(thread.runId)
      if (holder) runs.push(holder)
    }
    this.resting = runs.filter(({ status }) => status === 'queued' || status === 'waiting').slice(0, PAGE)
    return runs.filter((run) => this.isNews(run)).sort(byBeginning)
  }

  private isNews(run: Run): boolean {
    if (run.status === 'queued') return false
    const told = this.known.get(run.id)
    // What waits for its client has nothing new to tell until it goes on.
    if (told?.state === 'over' || (told?.state === 'waiting' && run.status === 'waiting')) return false
    return run.id >= this.at.floor || !isEnd(run.status)
  }

  private find(id: string): Promise<Run | undefined> {
    return unlessMissing(findRun(this.app, this.caller, id))
  }
}

/** Newest first, down to the floor. */
async function newRuns(app: Needs<'db'>, caller: Caller, { threadId, floor }: { threadId: string; floor: string }): Promise<Run[]> {
  const found: Run[] = []
  while (found.length < RUNS_MAX) {
    const page = await searchRuns(app, caller, { threadId, limit: PAGE, offset: found.length })
    found.push(...page)
    if (page.length < PAGE || (page.at(-1)?.id ?? '') < floor) break
  }
  return found
}

async function openBook(app: Needs<'db'>, caller: Caller, input: { threadId: string; from?: ThreadPlace }): Promise<Book> {
  const { threadId, from } = input
  if (from === 'start') return new Book(app, caller, { threadId, floor: '' })
  if (from) return bookFrom(app, caller, { threadId, from })
  const runs = await searchRuns(app, caller, { threadId, limit: PAGE, offset: 0 })
  const book = new Book(app, caller, { threadId, floor: runs[0]?.id ?? '' })
  for (const run of runs) if (stateOf(run.status) !== 'open') book.note(run.id, { seq: 0, state: stateOf(run.status) })
  return book
}

/** Goes on behind a run, which may be gone. */
async function bookFrom(
  app: Needs<'db'>,
  caller: Caller,
  { threadId, from }: { threadId: string; from: Exclude<ThreadPlace, 'start'> },
): Promise<Book> {
  const since = { threadId, floor: from.runId }
  const runs = await newRuns(app, caller, since)
  const last = runs.find(({ id }) => id === from.runId)
  const book = new Book(app, caller, since)
  book.note(from.runId, { seq: from.seq, state: 'open' })
  // Made later and begun before: those were told before it.
  const before = last ? runs.filter((run) => run !== last && run.status !== 'queued' && byBeginning(run, last) < 0) : []
  for (const run of before) book.note(run.id, { seq: 0, state: stateOf(run.status) })
  return book
}
