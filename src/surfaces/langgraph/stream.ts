import { BUILT_IN_GRAPH } from '../../core/graphs/graphs.ts'
import type { StreamMode } from '../../core/runs/call.ts'
import type { RunEvent, Segment } from '../../core/runs/events.ts'
import type { Run } from '../../core/runs/runs.ts'
import { isEnd } from '../../core/runs/status.ts'
import type { Cursor } from './cursor.ts'
import { type Frame, Tokens } from './tokens.ts'

/** What the journal does not repeat. The run may be in any state: only what never changes is taken from it. */
export interface Story {
  run: Run
  /** What its reader asked for; null: all that was recorded; none: only how it begins and ends. */
  modes: ReadonlySet<StreamMode> | null
  /** The frame behind the last one, where there is one. */
  closing?: Frame
  /** Before the ids, where a stream tells of several runs. */
  idPrefix?: string
}

export interface Frames {
  /** The frames of the next segment, those up to the cursor left out. Segments come in order, from the first. */
  push(segment: Segment): string
  /** True when the newest event is one that a stream ends with. */
  ended(): boolean
}

type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** Events of these modes concern the run, not one of its subgraphs. */
const PLAIN_NAMES = new Set(['events', 'error', 'metadata', 'feedback'])
/** How the values begin with which a graph says that it stopped to ask. */
export const INTERRUPT = '{"__interrupt__":'

/** The mode that asks for events of this name: `messages` are tuples, `messages/partial` and the like are the old mode. */
function modeOf(name: string): StreamMode {
  if (name === 'messages') return 'messages-tuple'
  return (name.startsWith('messages/') ? 'messages' : name) as StreamMode
}

const isOver = (event: RunEvent | undefined): boolean => event?.type === 'status' && (event.status === 'waiting' || isEnd(event.status))

/** Translates a run's journal, from its first event, into frames after `after`. */
export function langgraphFrames(story: Story, after: Cursor): Frames {
  const { modes, idPrefix = '' } = story
  const tokens = tokensOf(story)
  let begun = false
  let wasOver = false
  let last: RunEvent | undefined
  const shows = (seq: number, part: number): boolean => seq > after.seq || (seq === after.seq && after.part !== null && part > after.part)
  /** An interrupt is told as values where nobody asked for updates, and must reach whoever listens. */
  const asksFor = ({ mode, data }: EventOf<'mode'>): boolean =>
    !modes || modes.has(modeOf(mode)) || (modes.size > 0 && data.startsWith(INTERRUPT))
  const write = (seq: number, frames: readonly Frame[]): string => {
    let text = ''
    for (const [part, [event, data]] of frames.entries()) {
      if (!shows(seq, part)) continue
      const id = part === frames.length - 1 ? `${seq}` : `${seq}.${part}`
      text += `event: ${event}\ndata: ${data}\nid: ${idPrefix}${id}\n\n`
    }
    return text
  }
  const speak = (seq: number, event: EventOf<'mode'>): string => {
    if (seq <= after.seq || !asksFor(event) || tokens?.told(event)) return ''
    const { mode, ns, data } = event
    const name = ns === '' || PLAIN_NAMES.has(mode) || mode.startsWith('messages/') ? mode : `${mode}|${ns}`
    return `event: ${name}\ndata: ${data}\nid: ${idPrefix}${seq}\n\n`
  }
  const framesOf = (seq: number, event: Exclude<RunEvent, EventOf<'mode'>>): readonly Frame[] => {
    if (event.type === 'status') {
      const first = begun ? [] : [metadataFrame(story.run, 1)]
      begun = true
      // A run that waited and is not asked to go on has been over since.
      const over = isOver(event)
      const ends = over && !wasOver ? endFrames(story, event) : []
      wasOver = over
      return [...first, ...ends]
    }
    if (event.type !== 'restart') return tokens?.read(event, seq >= after.seq) ?? []
    tokens?.read(event, false)
    return [metadataFrame(story.run, event.attempt)]
  }
  return {
    push({ seq, events }) {
      let text = ''
      for (let i = 0; i < events.length; i++) {
        const event = events[i] as RunEvent
        text += event.type === 'mode' ? speak(seq + i, event) : write(seq + i, framesOf(seq + i, event))
        last = event
      }
      return text
    },
    ended: () => isOver(last),
  }
}

/** The built-in graph's tokens are no mode events of the journal. Runs of other dialects were asked for nothing else. */
function tokensOf({ run, modes }: Story): Tokens | undefined {
  const { call } = run
  if (call && call.graph !== BUILT_IN_GRAPH) return undefined
  const recorded = call?.modes ?? (modes ? (['messages-tuple', 'messages'] as const) : (['messages-tuple'] as const))
  const has = (mode: StreamMode): boolean => recorded.some((m) => m === mode) && (modes?.has(mode) ?? true)
  const shown = { tuple: has('messages-tuple'), legacy: has('messages') }
  return shown.tuple || shown.legacy ? new Tokens(run, shown) : undefined
}

const metadataFrame = (run: Run, attempt: number): Frame => [
  'metadata',
  JSON.stringify({ run_id: run.id, attempt, thread_id: run.threadId }),
]

export const TIMED_OUT = { error: 'TimeoutError', message: 'The run took longer than it was allowed to.' }

/** A run that was stopped on request just ends. */
function endFrames({ closing }: Story, event: EventOf<'status'>): Frame[] {
  const frames: Frame[] = []
  if (event.status === 'failed') frames.push(['error', JSON.stringify(toErrorData(event.error))])
  if (event.status === 'expired') frames.push(['error', JSON.stringify(TIMED_OUT)])
  return closing ? [...frames, closing] : frames
}

/** An error as clients of this API raise it. */
export const toErrorData = (error: Run['error'] | undefined): { error: string; message: string } => ({
  error: error?.name ?? 'Error',
  message: error?.message ?? 'The run failed.',
})
