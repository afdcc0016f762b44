import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import { Bell } from '../../core/runs/bell.ts'
import { newestStretch } from '../../core/runs/continuation.ts'
import type { RunEvent } from '../../core/runs/events.ts'
import { followRun, readJournal } from '../../core/runs/journal.ts'
import { isEndLabel } from '../../core/runs/labels.ts'
import { getPlanned, type RunView } from '../../core/runs/planned.ts'
import type { Run } from '../../core/runs/runs.ts'
import { isEnd } from '../../core/runs/status.ts'
import { type Told, toActionRequired, toConnected, toEnd } from './events.wire.ts'

/** A lost signal must not leave a reader waiting. */
const LOOK_AGAIN_MS = 10_000

/** A place among a run's events: event `seq` of the journal may be told as several, of which `part` (from 0) was seen last; null: all. */
export interface Place {
  seq: number
  part: number | null
}

/** Of a run that was over before it began, or whose journal is gone: it has no event to be told from. */
const BARE_END: Place = { seq: 0, part: 1 }
const hasHeardBareEnd = ({ seq, part }: Place): boolean => seq === 0 && part === BARE_END.part

const spellPlace = ({ seq, part }: Place): string => (part === null ? `${seq}` : `${seq}.${part}`)
const isBehind = (place: Place, { seq, part }: { seq: number; part: number }): boolean =>
  seq > place.seq || (seq === place.seq && place.part !== null && part > place.part)

export interface Frame {
  id: string
  event: string
  data: object
}

export interface Subscriber {
  caller: Caller
  view: RunView
  /** Undefined: whoever comes first hears how the run stands, and what happens from then on. */
  after: Place | undefined
}

/** True when the subscriber has heard the end already: nothing will follow. */
export async function hasHeardAll(app: App, { view, after }: Subscriber): Promise<boolean> {
  if (!after || !isEndLabel(view.label)) return false
  const last = view.run ? (await newestStretch(app, view.run)).last : 0
  return last === 0 ? hasHeardBareEnd(after) : !isBehind(after, { seq: last, part: Number.MAX_SAFE_INTEGER })
}

/** How the run stands, then everything that happens to it, until it is over. Throws not_found when the run goes. */
export async function* subscription(app: App, subscriber: Subscriber, signal: AbortSignal): AsyncGenerator<Frame> {
  const { caller, view } = subscriber
  const bell = new Bell(signal)
  const silence = [view.id, view.threadId].map((id) => app.signals.subscribe(id, bell))
  try {
    const place = subscriber.after ?? (await currentPlace(app, view))
    yield frameOf(place, toConnected(view))
    const reader = new Reader(app, caller, place)
    while (!signal.aborted) {
      bell.rung = false // what rings from here on is either read below or heard
      const now = await getPlanned(app, caller, view.id)
      if (now.run) yield* reader.follow(now.run, signal)
      else if (isEndLabel(now.label)) yield* reader.bareEnd(now)
      if (reader.over) return
      await bell.wait(LOOK_AGAIN_MS)
    }
  } finally {
    for (const stop of silence) stop()
  }
}

/** Just before what the run waits for, or ended with, so that nobody comes too late for it. */
async function currentPlace(app: App, { run }: RunView): Promise<Place> {
  if (!run) return { seq: 0, part: null }
  const { waits, last } = await newestStretch(app, run)
  return { seq: Math.max(0, waits || isEnd(run.status) ? last - 1 : last), part: null }
}

const frameOf = (place: Place, [event, data]: Told): Frame => ({ id: spellPlace(place), event, data })

class Reader {
  over = false
  /** The newest event that was read. */
  private last = 0

  constructor(
    private readonly app: App,
    private readonly caller: Caller,
    private readonly place: Place,
  ) {}

  /** What has come since the last look, up to the run's end or to where it waits. */
  async *follow(run: Run, signal: AbortSignal): AsyncGenerator<Frame> {
    if (this.last > 0 && (await readJournal(this.app, run.id, this.last)).length === 0) return
    try {
      for await (const { seq, events } of followRun(this.app, this.caller, { run, signal })) {
        for (const [i, event] of events.entries()) {
          if (seq + i > this.last) yield* this.tell(run, seq + i, event)
          this.last = Math.max(this.last, seq + i)
        }
      }
    } catch (error) {
      // Its journal is no longer kept.
      if (!(error instanceof Fault) || error.code !== 'invalid') throw error
      yield* this.bareEnd(await getPlanned(this.app, this.caller, run.id))
    }
  }

  *bareEnd(view: RunView): Generator<Frame> {
    this.over = true
    if (hasHeardBareEnd(this.place)) return
    for (const told of toEnd(view)) yield frameOf(BARE_END, told)
  }

  private async *tell(run: Run, seq: number, event: RunEvent): AsyncGenerator<Frame> {
    if (event.type !== 'status' || (event.status !== 'waiting' && !isEnd(event.status))) return
    const view = await getPlanned(this.app, this.caller, run.id)
    const told = event.status === 'waiting' ? toActionRequired(view, event) : toEnd(view)
    for (const [part, each] of told.entries()) {
      if (isBehind(this.place, { seq, part })) yield frameOf({ seq, part: part === told.length - 1 ? null : part }, each)
    }
    if (isEnd(event.status)) this.over = true
  }
}
