import type { RunEvent, Segment, StepCall } from '../../core/runs/events.ts'
import type { Run } from '../../core/runs/runs.ts'
import { isEnd } from '../../core/runs/status.ts'
import type { Step } from '../../core/runs/steps.ts'
import type { Citation } from '../../core/threads/citation.ts'
import type { Message } from '../../core/threads/messages.ts'
import type { Thread } from '../../core/threads/threads.ts'
import type { Cursor } from './cursor.ts'
import { type FrameFormat, SSE } from './frame-format.ts'
import { spell } from './ids.ts'
import { type MessageObject, toAnnotation, toMessage } from './messages.wire.ts'
import { toRun } from './runs.wire.ts'
import { RUN_STATUS } from './status.wire.ts'
import { type StepView, toStep } from './steps.wire.ts'
import { toThread } from './threads.wire.ts'

/** What the journal does not repeat. The run may be in any state: only what never changes is taken from it. */
export interface Story {
  run: Run
  thread?: Thread
  /** What its reader asked to see of steps. */
  view?: StepView
}

export interface Frames {
  /** The frames of the next segment, those up to the cursor left out. Segments come in order, from the first. */
  push(segment: Segment): string
  /** True when the newest event is one that a stream ends with. */
  ended(): boolean
}

/** Event name and JSON of one frame. */
type Frame = readonly [event: string, data: string]

type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** What is open while the story is told. */
interface Scene {
  story: Story
  run: Run
  created: boolean
  step: Step | undefined
  message: Message | undefined
  part: Part | undefined
}

interface Part {
  kind: 'text' | 'refusal'
  text: string
  annotations: Citation[]
  /** All of a delta frame between its id and the text. */
  opening: string
}

/** Translates a run's journal, from its first event, into frames after `after`. */
export function openaiFrames(story: Story, after: Cursor, format: FrameFormat = SSE): Frames {
  const scene = openScene(story)
  let last: RunEvent | undefined
  const shows = (seq: number, part: number): boolean => seq > after.seq || (seq === after.seq && after.part !== null && part > after.part)
  const write = (seq: number, frames: readonly Frame[]): string => {
    let text = ''
    for (const [part, [event, data]] of frames.entries()) {
      if (!shows(seq, part)) continue
      const id = part === frames.length - 1 ? `${seq}` : `${seq}.${part}`
      text += format.before + id + format.middle(event) + data + format.after
    }
    return text
  }
  const speak = (seq: number, event: EventOf<'text' | 'refusal'>): string => {
    const first = addText(scene, event, format)
    if (event.type === 'text' && event.annotations) scene.part?.annotations.push(...event.annotations)
    if (first === undefined || !shows(seq, 0)) return ''
    return format.before + seq + scene.part?.opening + JSON.stringify(event.text) + closingOf(scene, event, first) + format.after
  }
  return {
    push({ seq, events }) {
      let text = ''
      for (let i = 0; i < events.length; i++) {
        const event = events[i] as RunEvent
        text += event.type === 'text' || event.type === 'refusal' ? speak(seq + i, event) : write(seq + i, framesOf(scene, event))
        last = event
      }
      return text
    },
    ended: () => last?.type === 'status' && (last.status === 'waiting' || isEnd(last.status)),
  }
}

const openScene = (story: Story): Scene => ({
  story,
  run: { ...story.run, status: 'queued', calls: null, usage: null, error: null, incomplete: null, startedAt: null, endedAt: null },
  created: false,
  step: undefined,
  message: undefined,
  part: undefined,
})

const TEXT_CLOSING = '}}]}}'
const FIRST_TEXT_CLOSING = `,"annotations":[]${TEXT_CLOSING}`
const REFUSAL_CLOSING = '}]}}'

function closingOf(scene: Scene, event: EventOf<'text' | 'refusal'>, first: boolean): string {
  if (event.type === 'refusal') return REFUSAL_CLOSING
  if (event.annotations) return cited(scene, event.annotations)
  return first ? FIRST_TEXT_CLOSING : TEXT_CLOSING
}

/** Each annotation is said once, in the delta of its marker, under its place among those of the whole part. */
function cited({ part }: Scene, annotations: readonly Citation[]): string {
  const first = (part?.annotations.length ?? 0) - annotations.length
  const shown = annotations.map((annotation, i) => ({ index: first + i, ...toAnnotation(annotation) }))
  return `,"annotations":${JSON.stringify(shown)}${TEXT_CLOSING}`
}

/** Adds to the open message; true for the first text of a part, undefined when no message is open. */
function addText(scene: Scene, event: EventOf<'text' | 'refusal'>, format: FrameFormat): boolean | undefined {
  const { message, part } = scene
  if (!message) return undefined
  if (part?.kind === event.type) {
    part.text += event.text
    return false
  }
  closePart(scene)
  const index = message.content.length
  const inner = event.type === 'text' ? '"text":{"value":' : '"refusal":'
  const data = `{"id":"${spell('message', message.id)}","object":"thread.message.delta","delta":{"content":[{"index":${index},"type":"${event.type}",${inner}`
  scene.part = { kind: event.type, text: event.text, annotations: [], opening: format.middle('thread.message.delta') + data }
  return true
}

function closePart({ message, part }: Scene): void {
  if (!message || !part || typeof message.content === 'string') return
  const { kind, text, annotations } = part
  if (kind === 'refusal') message.content.push({ type: 'refusal', refusal: text })
  else message.content.push({ type: 'text', text, ...(annotations.length > 0 ? { annotations } : {}) })
}

function framesOf(scene: Scene, event: Exclude<RunEvent, EventOf<'text' | 'refusal'>>): readonly Frame[] {
  switch (event.type) {
    case 'status':
      return onStatus(scene, event)
    case 'step':
      return onStep(scene, event)
    case 'call':
      return onCall(scene, event)
    case 'arguments':
      return onArguments(scene, event)
    case 'message_end':
      return onMessageEnd(scene, event)
    case 'step_end':
      return onStepEnd(scene, event)
    case 'reasoning':
    case 'mode':
    case 'restart':
      return []
  }
}

function onStatus(scene: Scene, event: EventOf<'status'>): readonly Frame[] {
  const { status, at } = event
  const over = isEnd(status)
  scene.run = {
    ...scene.run,
    status,
    calls: event.calls ?? null,
    startedAt: status === 'running' ? at : scene.run.startedAt,
    endedAt: over ? at : null,
    usage: over ? (event.usage ?? null) : null,
    error: event.error ?? null,
    incomplete: event.incomplete ?? null,
  }
  const data = JSON.stringify(toRun(scene.run))
  const frames: Frame[] = [[`thread.run.${RUN_STATUS[status]}`, data]]
  if (scene.created) return frames
  scene.created = true
  frames.unshift(['thread.run.created', data])
  if (event.newThread && scene.story.thread) frames.unshift(['thread.created', JSON.stringify(toThread(scene.story.thread))])
  return frames
}

function onStep(scene: Scene, event: EventOf<'step'>): readonly Frame[] {
  const { run } = scene
  const step: Step = {
    id: event.id,
    runId: run.id,
    threadId: run.threadId,
    assistantId: run.assistantId,
    kind: event.kind,
    messageId: event.messageId ?? null,
    calls: [],
    status: 'in_progress',
    usage: null,
    error: null,
    createdAt: event.at,
    endedAt: null,
    runExpiresAt: run.expiresAt,
  }
  scene.step = step
  const data = JSON.stringify(toStep(step))
  const frames: Frame[] = [
    ['thread.run.step.created', data],
    ['thread.run.step.in_progress', data],
  ]
  return event.messageId === undefined ? frames : [...frames, ...openMessage(scene, { id: event.messageId, at: event.at })]
}

function openMessage(scene: Scene, { id, at }: { id: string; at: number }): readonly Frame[] {
  const { run } = scene
  scene.part = undefined
  scene.message = {
    id,
    threadId: run.threadId,
    seq: 0,
    role: 'assistant',
    content: [],
    runId: run.id,
    assistantId: run.assistantId,
    status: 'completed',
    cut: null,
    attachments: [],
    metadata: {},
    createdAt: at,
    endedAt: null,
  }
  const shown: MessageObject = { ...toMessage(scene.message), status: 'in_progress' }
  const data = JSON.stringify(shown)
  return [
    ['thread.message.created', data],
    ['thread.message.in_progress', data],
  ]
}

/** A delta of one call. SDKs add up what they get, so an id or name is said exactly once. */
const callDelta = (step: Step, call: string): Frame => [
  'thread.run.step.delta',
  `{"id":"${spell('step', step.id)}","object":"thread.run.step.delta","delta":{"step_details":{"type":"tool_calls","tool_calls":[${call}]}}}`,
]

function onCall({ step }: Scene, { index, id, tool, name }: EventOf<'call'>): readonly Frame[] {
  if (!step) return []
  step.calls[index] = { id, type: tool, name, arguments: '', output: null }
  const call =
    tool === 'file_search' ? { type: tool, file_search: {} } : { type: 'function', function: { name, arguments: '', output: null } }
  return [callDelta(step, JSON.stringify({ index, id, ...call }))]
}

function onArguments({ step }: Scene, { index, text }: EventOf<'arguments'>): readonly Frame[] {
  const call = step?.calls[index]
  if (!step || !call) return []
  call.arguments += text
  // A search has no word for what was looked for.
  if (call.type === 'file_search') return []
  return [callDelta(step, `{"index":${index},"type":"function","function":{"arguments":${JSON.stringify(text)}}}`)]
}

function onMessageEnd(scene: Scene, { cut, at }: EventOf<'message_end'>): readonly Frame[] {
  const { message } = scene
  if (!message) return []
  closePart(scene)
  const status = cut === undefined ? 'completed' : 'incomplete'
  const whole: Message = { ...message, status, cut: cut ?? null, endedAt: at }
  scene.message = undefined
  scene.part = undefined
  return [[`thread.message.${status}`, JSON.stringify(toMessage(whole))]]
}

function onStepEnd(scene: Scene, event: EventOf<'step_end'>): readonly Frame[] {
  const { step } = scene
  if (!step) return []
  const calls: StepCall[] = event.calls ?? step.calls
  const whole: Step = { ...step, status: event.status, endedAt: event.at, usage: event.usage, error: event.error ?? null, calls }
  scene.step = undefined
  return [[`thread.run.step.${event.status}`, JSON.stringify(toStep(whole, scene.story.view))]]
}
