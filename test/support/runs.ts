import { expect } from 'bun:test'
import { type Assistant, createAssistant, type NewAssistant } from '../../src/core/assistants/assistants.ts'
import type { Caller } from '../../src/core/caller.ts'
import { newId } from '../../src/core/id.ts'
import { type CreatedRun, createRun } from '../../src/core/runs/create.ts'
import type { RunEvent, Segment } from '../../src/core/runs/events.ts'
import { followRun, readJournal } from '../../src/core/runs/journal.ts'
import { submitOutputs } from '../../src/core/runs/outputs.ts'
import { getRun, type NewRun, type Run, type RunOptions } from '../../src/core/runs/runs.ts'
import { createMessage, listMessages, type Message, type NewMessage } from '../../src/core/threads/messages.ts'
import { createThread } from '../../src/core/threads/threads.ts'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import type { TestApp } from './app.ts'

export const FUNCTION = { type: 'function', function: { name: 'look', parameters: { type: 'object' } } }
/** A turn that says this and then nothing more, until it is cut off. */
export const saysThenHangs = (text: string): ScriptTurn[] => [{ text: [text, 'never said'], pauseMs: 3_600_000 }]
export const callsFunctions = (...ids: string[]): ScriptTurn => ({ calls: ids.map((id) => ({ id, name: 'look', arguments: { for: id } })) })

export interface Start {
  caller?: Caller
  /** What the model says; by default it echoes. */
  turns?: ScriptTurn[]
  gate?: Promise<void>
  assistant?: Partial<NewAssistant>
  /** An earlier thread; by default a new one. */
  threadId?: string
  /** What the user says before; null: nothing. */
  text?: string | null
  options?: RunOptions
  messages?: NewMessage[]
}

export interface Started extends CreatedRun {
  caller: Caller
  threadId: string
  assistant: Assistant
  model: string
}

export async function startRun(app: TestApp, start: Start = {}): Promise<Started> {
  const { caller = app.one, text = 'hello there' } = start
  const model = start.turns ? app.models.script(start.turns, start.gate) : 'echo'
  const assistant = await createAssistant(app, caller, { model, tools: [FUNCTION], ...start.assistant })
  const threadId = start.threadId ?? (await createThread(app, caller, {})).id
  if (text !== null) await createMessage(app, caller, { threadId, message: { role: 'user', content: text } })
  const run: NewRun = { assistantId: assistant.id, options: start.options ?? {}, ...(start.messages ? { messages: start.messages } : {}) }
  return { ...(await createRun(app, caller, { threadId, run })), caller, threadId, assistant, model }
}

/** Every event from the first, as a reader gets them, until the run ends or waits. Numbers must follow each other. */
export async function storyOf(app: TestApp, { caller, run, first }: { caller: Caller; run: Run; first?: Segment }): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  const input = { run, signal: AbortSignal.timeout(4_000), ...(first ? { first } : {}) }
  for await (const segment of followRun(app, caller, input)) {
    expect(segment.seq).toBe(events.length + 1)
    events.push(...segment.events)
  }
  if (input.signal.aborted) throw new Error(`The story did not end: ${sketch(events).join(', ')}`)
  return events
}

/** Follows a run from its first event until one fits. */
export async function untilEvent(app: TestApp, started: { caller: Caller; run: Run }, fits: (event: RunEvent) => boolean): Promise<void> {
  const signal = AbortSignal.timeout(4_000)
  for await (const segment of followRun(app, started.caller, { run: started.run, signal })) if (segment.events.some(fits)) return
  throw new Error('The event did not come.')
}

export const isText = (text: string) => (event: RunEvent) => event.type === 'text' && event.text === text

export async function untilEnd(app: TestApp, started: { caller: Caller; run: Run }): Promise<Run> {
  await storyOf(app, started)
  return currentRun(app, started)
}

export const currentRun = (app: TestApp, { caller, run }: { caller: Caller; run: Run }): Promise<Run> =>
  getRun(app, caller, { threadId: run.threadId, id: run.id })

/** The journal as the table has it; segments must follow each other without gap or overlap. */
export async function journalOf(app: TestApp, runId: string): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  for (const segment of await readJournal(app, runId, 0)) {
    expect(segment.seq).toBe(events.length + 1)
    events.push(...segment.events)
  }
  return events
}

export async function messagesOf(app: TestApp, caller: Caller, threadId: string): Promise<Message[]> {
  return (await listMessages(app, caller, { threadId, page: { limit: 100, order: 'asc' } })).items
}

export const answer = (app: TestApp, started: Started, outputs: Record<string, string>) =>
  submitOutputs(app, started.caller, {
    threadId: started.threadId,
    id: started.run.id,
    outputs: Object.entries(outputs).map(([callId, output]) => ({ callId, output })),
  })

/** One line for each event, without ids and times. */
export const sketch = (events: RunEvent[]): string[] => events.map(sketchOne)

function sketchOne(event: RunEvent): string {
  switch (event.type) {
    case 'status':
      return `run ${event.status}${event.incomplete ? ` ${event.incomplete}` : ''}${event.error ? ` ${event.error.code}` : ''}`
    case 'step':
      return `step ${event.kind}`
    case 'text':
    case 'refusal':
    case 'reasoning':
      return `${event.type} ${event.text}`
    case 'call':
      return `call ${event.index} ${event.id} ${event.name}`
    case 'arguments':
      return `arguments ${event.index} ${event.text}`
    case 'message_end':
      return `message_end${event.cut ? ` ${event.cut}` : ''}`
    case 'step_end':
      return `step_end ${event.status}`
    case 'mode':
      return `${event.mode}${event.ns ? ` ${event.ns}` : ''} ${event.data}`
    case 'restart':
      return `restart ${event.attempt}`
  }
}

/** For conditions that no signal announces. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let look = 0; look < 800; look++) {
    if (await condition()) return
    await Bun.sleep(5)
  }
  throw new Error('The condition did not come true.')
}

/** As if the worker that holds the run had not been heard of for the whole lease. */
export async function expireLease(app: TestApp, runId: string): Promise<void> {
  // The lock waits for an insert that is still under way: a claim would leave its run out, and look again a second later.
  await app.records.db.query(
    `with r as materialized (select id from run where id = $1 for update)
    update run set lease_until = now() - interval '1 s' from r where run.id = r.id`,
    [runId],
  )
}

/** What thread and tenant neither have. */
export const UNKNOWN_ID = newId()
