import type { CallRecord, StepRecord } from '../core/runs/commits.ts'
import type { RunEvent, Segment, StepCall } from '../core/runs/events.ts'
import type { RunStatus } from '../core/runs/status.ts'
import type { HalfMessage } from './half-message.ts'
import { callRecord, NO_USAGE } from './recorder.ts'

/** What the journal of a run says about its steps, whether or not their rows were ever committed. */
export interface Story {
  lastStatus: RunStatus
  steps: { record: StepRecord; message: HalfMessage | undefined; calls: StepCall[] }[]
  /** The step that was open when the story broke off. */
  open: Story['steps'][number] | undefined
}

/** Reads a run's journal from its first event. */
export function foldJournal(segments: Segment[]): Story {
  const story: Story = { lastStatus: 'queued', steps: [], open: undefined }
  for (const segment of segments) for (const event of segment.events) apply(story, event)
  return story
}

function apply(story: Story, event: RunEvent): void {
  const { open } = story
  switch (event.type) {
    case 'status':
      story.lastStatus = event.status
      return
    case 'step': {
      const record: StepRecord = {
        id: event.id,
        kind: event.kind,
        message_id: event.messageId ?? null,
        status: 'in_progress',
        usage: null,
        error: null,
        at: event.at,
        ended: null,
      }
      const { messageId, at } = event
      const message = messageId ? { id: messageId, text: '', refusal: '', annotations: [], at, ended: at, cut: null } : undefined
      story.open = { record, message, calls: [] }
      story.steps.push(story.open)
      return
    }
    case 'text':
      if (open?.message) open.message.text += event.text
      if (open?.message && event.annotations) open.message.annotations.push(...event.annotations)
      return
    case 'refusal':
      if (open?.message) open.message.refusal += event.text
      return
    case 'call':
      if (open) open.calls[event.index] = { id: event.id, type: event.tool, name: event.name, arguments: '', output: null }
      return
    case 'arguments': {
      const call = open?.calls[event.index]
      if (call) call.arguments += event.text
      return
    }
    case 'message_end':
      if (open?.message) Object.assign(open.message, { ended: event.at, cut: event.cut ?? null })
      return
    case 'step_end': {
      const step = story.steps.find((s) => s.record.id === event.id)
      if (step) {
        Object.assign(step.record, { status: event.status, ended: event.at, usage: event.usage, error: event.error ?? null })
        if (event.calls) step.calls = event.calls
      }
      if (open?.record.id === event.id) story.open = undefined
      return
    }
    case 'reasoning':
    case 'restart':
    case 'mode':
      return
  }
}

export interface Repair {
  events: RunEvent[]
  steps: StepRecord[]
  toolCalls: CallRecord[]
  halves: HalfMessage[]
}

/**
 * What the next attempt has to write before it begins: clients saw steps and messages whose rows died with the worker,
 * and a step that nobody will end.
 * @param known ids of the steps whose rows are there
 */
export function repair(story: Story, known: ReadonlySet<string>, how: { at: number; attempt: number }): Repair {
  const { at } = how
  const events: RunEvent[] = []
  const { open } = story
  if (open && !known.has(open.record.id)) {
    const error = { code: 'server_error' as const, message: 'The worker stopped; the run goes on with a new attempt.' }
    if (open.message) {
      if (open.message.cut === null) events.push({ type: 'message_end', id: open.message.id, cut: 'run_failed', at })
      Object.assign(open.message, { ended: at, cut: open.message.cut ?? 'run_failed' })
    }
    Object.assign(open.record, { status: 'failed', ended: at, usage: NO_USAGE, error })
    const calls = open.record.kind === 'tool_calls' ? { calls: open.calls } : {}
    events.push({ type: 'step_end', id: open.record.id, status: 'failed', at, usage: NO_USAGE, error, ...calls })
  }
  events.push({ type: 'restart', attempt: how.attempt, at })
  const missing = story.steps.filter((s) => !known.has(s.record.id))
  return {
    events,
    steps: missing.map((s) => s.record),
    toolCalls: missing.flatMap((s) => s.calls.map((call, idx) => callRecord(s.record.id, idx, call))),
    halves: missing.flatMap((s) => (s.message ? [s.message] : [])),
  }
}
