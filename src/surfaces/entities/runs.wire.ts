import { type Static, type TSchema, Type as t } from '@sinclair/typebox'
import type { JsonObject } from '../../core/json.ts'
import type { RunLabel, SettableLabel } from '../../core/runs/labels.ts'
import type { PlannedRun, RunView } from '../../core/runs/planned.ts'
import type { Run as CoreRun } from '../../core/runs/runs.ts'
import { isEnd } from '../../core/runs/status.ts'
import { ActionRead, toAction } from './actions.wire.ts'
import { FreeJson, FreeObject, Id, maybe, nullable, oneOf, Seconds, toSeconds, toSecondsOrNull } from './fields.wire.ts'
import { spell } from './ids.ts'
import { requireMetaData } from './threads.wire.ts'

/** Equal to core's words. */
const SETTABLE = [
  ...([
    'queued',
    'in_progress',
    'action_required',
    'completed',
    'failed',
    'cancelled',
    'pending',
    'processing',
    'expired',
    'retrying',
  ] as const),
] as const satisfies SettableLabel[]
const STATUSES = [...SETTABLE, 'cancelling'] as const satisfies RunLabel[]

const Definition = t.Object({ name: maybe(t.String()), description: maybe(t.String()), parameters: maybe(FreeObject) })
/** Kept and shown only: what a run works with are the tools of its assistant. */
const Tool = t.Object({
  id: t.String(),
  type: t.String(),
  name: nullable(t.String()),
  function: nullable(t.Object({ function: maybe(Definition) })),
})

const Name = t.String({ maxLength: 256 })
/** Left out and null mean the default. */
const kept = <S extends TSchema>(schema: S, fallback: unknown) => t.Optional(t.Union([schema, t.Null()], { default: fallback }))

/** What of a run is the client's to say; shown as it was said. */
const KEPT = {
  incomplete_details: maybe(FreeObject),
  instructions: kept(t.String({ maxLength: 256_000 }), ''),
  last_error: maybe(t.String({ maxLength: 10_000 })),
  max_completion_tokens: kept(t.Integer(), 1000),
  max_prompt_tokens: kept(t.Integer(), 500),
  meta_data: kept(FreeObject, {}),
  model: kept(Name, 'gpt-4'),
  parallel_tool_calls: kept(t.Boolean(), false),
  required_action: maybe(t.String({ maxLength: 10_000 })),
  response_format: kept(Name, 'text'),
  tool_choice: kept(Name, 'none'),
  tools: kept(t.Array(Tool, { maxItems: 128 }), []),
  truncation_strategy: kept(FreeObject, {}),
  usage: t.Optional(FreeJson),
  temperature: kept(t.Number(), 0.7),
  top_p: kept(t.Number(), 0.9),
  tool_resources: kept(FreeObject, {}),
}

const unused = <S extends TSchema>(schema: S) => t.Optional(t.Union([schema, t.Null()], { description: 'Not used: the server says it.' }))

export const RunCreate = t.Object({
  assistant_id: Id,
  thread_id: Id,
  expires_at: maybe(
    t.Integer({ minimum: 0, maximum: 253_402_300_799, description: 'Unix time in seconds; without one, an hour from now.' }),
  ),
  ...KEPT,
  id: unused(t.String()),
  status: unused(t.String()),
  object: unused(t.String()),
  created_at: unused(t.Integer()),
  cancelled_at: unused(t.Integer()),
  completed_at: unused(t.Integer()),
  failed_at: unused(t.Integer()),
  started_at: unused(t.Integer()),
})

const FIELDS = {
  id: t.String(),
  assistant_id: t.String(),
  cancelled_at: nullable(Seconds),
  completed_at: nullable(Seconds),
  created_at: Seconds,
  failed_at: nullable(Seconds),
  incomplete_details: nullable(FreeObject),
  instructions: t.String(),
  last_error: nullable(t.String()),
  max_completion_tokens: nullable(t.Integer()),
  max_prompt_tokens: nullable(t.Integer()),
  meta_data: FreeObject,
  model: t.String(),
  object: t.Literal('run'),
  parallel_tool_calls: t.Boolean(),
  required_action: nullable(t.String()),
  response_format: t.String(),
  started_at: nullable(Seconds),
  status: oneOf(...STATUSES),
  thread_id: t.String(),
  tool_choice: t.String(),
  tools: t.Array(Tool),
  truncation_strategy: FreeObject,
  usage: FreeJson,
  temperature: t.Number(),
  top_p: t.Number(),
  tool_resources: FreeObject,
}

export const Run = t.Object({ ...FIELDS, expires_at: Seconds })
export type Run = Static<typeof Run>
export const RunReadDetailed = t.Object({ ...FIELDS, expires_at: nullable(Seconds), actions: t.Array(ActionRead) })
export type RunReadDetailed = Static<typeof RunReadDetailed>

export const RunStatusUpdate = t.Object({ status: oneOf(...SETTABLE) })
export const RunsQuery = t.Object({
  thread_id: t.Optional(t.String()),
  limit: t.Optional(t.Integer({ minimum: 1, maximum: 1000, default: 100 })),
})
export const Deleted = t.Object({ id: t.String(), deleted: t.Literal(true) })

const DEFAULTS = Object.fromEntries(Object.entries(KEPT).map(([name, schema]) => [name, schema.default ?? null])) as JsonObject
const OBJECTS = ['incomplete_details', 'meta_data', 'truncation_strategy', 'tool_resources'] as const

/** What is remembered of a body: every field that clients read, and the assistant's id as they know it. */
export function optionsOf(body: Static<typeof RunCreate>): JsonObject {
  for (const name of OBJECTS) requireMetaData(body[name] ?? {}, [name])
  if (body.usage !== undefined) requireMetaData({ usage: body.usage }, ['usage'])
  if (body.tools) requireMetaData({ tools: body.tools as JsonObject[] }, ['tools'])
  const said = Object.entries(DEFAULTS).map(([name, fallback]) => [name, (body as JsonObject)[name] ?? fallback])
  return { ...Object.fromEntries(said), assistant_id: body.assistant_id }
}

/** A run that was made in another dialect has no words of its own. */
function toldOf(run: CoreRun | undefined): JsonObject {
  if (!run) return {}
  const { config } = run
  const { responseFormat: format, toolChoice: choice } = config
  return {
    ...{
      model: config.model,
      instructions: config.instructions ?? '',
      meta_data: run.metadata,
      parallel_tool_calls: config.parallelToolCalls,
    },
    ...{ max_completion_tokens: config.maxCompletionTokens, max_prompt_tokens: config.maxPromptTokens },
    ...{ temperature: config.temperature ?? 1, top_p: config.topP ?? 1 },
    response_format: format !== null && typeof format === 'object' ? String(format.type) : (format ?? 'auto'),
    tool_choice: typeof choice === 'object' ? String(choice.type) : choice,
    truncation_strategy: { type: config.truncation.type },
  }
}

/** What the server found out; where it found nothing, the client's own words stay. */
function found(run: CoreRun | undefined): JsonObject {
  if (!run) return {}
  const { usage, error, incomplete } = run
  return {
    ...(usage && isEnd(run.status)
      ? { usage: { prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens, total_tokens: usage.totalTokens } }
      : {}),
    ...(error ? { last_error: error.message } : {}),
    ...(incomplete ? { incomplete_details: { reason: incomplete } } : {}),
  }
}

function timesOf({ label, planned, run }: Pick<RunView, 'label' | 'planned' | 'run'>) {
  const ended = toSecondsOrNull(run ? run.endedAt : planned?.plan.endedAt)
  const at = (end: RunLabel) => (label === end ? ended : null)
  return {
    created_at: toSeconds(planned?.createdAt ?? run?.createdAt ?? 0),
    ...{
      started_at: toSecondsOrNull(run?.startedAt),
      cancelled_at: at('cancelled'),
      completed_at: at('completed'),
      failed_at: at('failed'),
    },
  }
}

/** `assistantName`: what the assistant's id is here, where the run's client has not said it. */
function fieldsOf(view: RunView, assistantName: string | undefined) {
  const { planned, run } = view
  const { assistant_id: said, ...options } = { ...DEFAULTS, ...(planned ? planned.plan.options : toldOf(run)), ...found(run) } as JsonObject
  const own = planned !== undefined && planned.plan.assistantId === view.assistantId
  return {
    ...(options as Omit<Run, 'assistant_id'>),
    ...{ id: spell('run', view.id), object: 'run' as const, thread_id: spell('thread', view.threadId), status: view.label },
    assistant_id: own && typeof said === 'string' ? said : (assistantName ?? spell('assistant', view.assistantId)),
    ...timesOf(view),
  }
}

const expiryOf = ({ planned, run }: RunView): number | null => (run ? run.expiresAt : (planned?.plan.expiresAt ?? null))

/** A run that never expires is shown to the end of time: the SDK wants a number here. */
const NEVER_S = 253_402_300_799

export const toRun = (view: RunView, assistantName?: string): Run => ({
  ...fieldsOf(view, assistantName),
  expires_at: toSecondsOrNull(expiryOf(view)) ?? NEVER_S,
})

export const toRunDetailed = (view: RunView, assistantName?: string): RunReadDetailed => ({
  ...fieldsOf(view, assistantName),
  ...{ expires_at: toSecondsOrNull(expiryOf(view)), actions: view.actions.map(toAction) },
})

/** As planned: whatever its time is, it is told as queued. */
export const toNewRun = (planned: PlannedRun): Run =>
  toRun({
    ...{ id: planned.id, threadId: planned.threadId, assistantId: planned.plan.assistantId, planned, run: undefined },
    ...{ label: 'queued', actions: [] },
  })
