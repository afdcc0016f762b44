import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import type { RunError, RunEvent, Segment } from '../../core/runs/events.ts'
import { followRun } from '../../core/runs/journal.ts'
import type { Run } from '../../core/runs/runs.ts'
import type { RunStatus } from '../../core/runs/status.ts'
import { findHiddenThread } from '../../core/threads/threads.ts'
import { cancelWhenGone } from './disconnect.ts'
import { isOver } from './run-stop.ts'
import { openStream, toThrown } from './sse-frames.ts'
import { INTERRUPT, TIMED_OUT, toErrorData } from './stream.ts'

export interface Waiting {
  caller: Caller
  run: Run
  first?: Segment
  /** The run is cancelled when its client goes before the end. */
  cancel: boolean
  headers?: Record<string, string>
}

/**
 * The run's last values as JSON, once it is over. White space is sent meanwhile, so the status is out before anybody
 * knows how the run ends: a failure is `__error__`.
 */
export function waitForRun(app: App, request: Request, waiting: Waiting): Response {
  const open = (signal: AbortSignal) => answer(app, { ...waiting, client: request.signal }, signal)
  const onError = (error: unknown) => JSON.stringify({ __error__: toThrown(error, app.log) })
  const headers = { 'content-type': 'application/json', ...waiting.headers }
  const options = { signal: request.signal, streams: app.streams, open, onError, comment: '\n', headers }
  return openStream(options, waiting.first !== undefined)
}

/** How a run ended, with what its journal says of its values: JSON text of the last ones, and what it asked. */
interface Outcome {
  status: RunStatus
  error: RunError | null
  values: string | undefined
  asked: string | undefined
}

function answer(app: App, waiting: Waiting & { client: AbortSignal }, signal: AbortSignal): AsyncGenerator<string> {
  const { caller, run, first, client } = waiting
  const outcome: Outcome = { status: run.status, error: run.error, values: undefined, asked: undefined }
  const ended = () => isOver(outcome.status)
  if (waiting.cancel) cancelWhenGone(app, { caller, run, client, signal, ended })
  async function* said(): AsyncGenerator<string> {
    if (!ended()) {
      const followed = followRun(app, caller, { run, signal, ...(first?.events.length ? { first } : {}) })
      for await (const { events } of followed) for (const event of events) note(outcome, event)
    }
    // Else nobody listens any more.
    if (ended()) yield await textOf(app, caller, { run, outcome })
  }
  return said()
}

function note(outcome: Outcome, event: RunEvent): void {
  if (event.type === 'status') Object.assign(outcome, { status: event.status, error: event.error ?? null })
  if (event.type !== 'mode' || event.mode !== 'values' || event.ns !== '') return
  if (event.data.startsWith(INTERRUPT)) outcome.asked = event.data
  else outcome.values = event.data
}

async function textOf(app: App, caller: Caller, { run, outcome }: { run: Run; outcome: Outcome }): Promise<string> {
  const { status, error, values, asked } = outcome
  if (status === 'failed') return JSON.stringify({ __error__: toErrorData(error) })
  if (status === 'expired') return JSON.stringify({ __error__: TIMED_OUT })
  if (values === undefined) return JSON.stringify(await storedValues(app, caller, { run, status }))
  if (asked === undefined) return values
  return JSON.stringify({ ...(JSON.parse(values) as JsonObject), ...(JSON.parse(asked) as JsonObject) })
}

/** The values of the run's newest checkpoint; where it made none, or is long past, what its thread holds. */
async function storedValues(app: App, caller: Caller, { run, status }: { run: Run; status: RunStatus }): Promise<Json> {
  // Of a run without a thread of its own too, which nobody sees any more.
  const thread = await findHiddenThread(app, caller, run.threadId)
  if (!thread) return {}
  const head = await app.graphs.state(caller, { thread, at: {}, subgraphs: false })
  const own = { limit: 1, ns: '', metadata: { run_id: run.id } }
  const state = head.metadata?.run_id === run.id ? head : ((await app.graphs.history(caller, { thread, filter: own }))[0] ?? head)
  const values = state.values ?? {}
  const asked = state.tasks.flatMap((task) => task.interrupts.map(({ id, value }) => ({ id, value })))
  if ((status !== 'waiting' && asked.length === 0) || !isRecord(values)) return values
  return { ...values, __interrupt__: asked }
}

const isRecord = (value: Json): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)
