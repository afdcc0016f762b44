import { type Static, Type as t } from '@sinclair/typebox'
import type { Json, JsonObject } from '../../core/json.ts'
import type { CheckpointRef, GraphCommand, GraphConfig, StreamMode } from '../../core/runs/call.ts'
import type { NewGraphCall, NewGraphRun } from '../../core/runs/graph-runs.ts'
import type { Run } from '../../core/runs/runs.ts'
import { reportRun } from '../../core/webhooks/run-report.ts'
import { fromConfig, Metadata, oneOf, Timestamp, Uuid } from './fields.wire.ts'
import { refuseField } from './refusal.ts'
import type { RunBody } from './run-body.wire.ts'
import { WIRE_STATUSES } from './run-status.ts'

export const RunObject = t.Object({
  run_id: Uuid,
  thread_id: Uuid,
  assistant_id: Uuid,
  created_at: Timestamp,
  updated_at: Timestamp,
  status: oneOf(...WIRE_STATUSES),
  metadata: Metadata,
  kwargs: t.Unsafe<JsonObject>({ type: 'object', additionalProperties: true, description: 'How the run calls its graph.' }),
  multitask_strategy: oneOf('reject', 'rollback', 'interrupt', 'enqueue'),
})
export type RunObject = Static<typeof RunObject>

export const RUN_FIELDS = Object.keys(RunObject.properties) as (keyof RunObject)[]

/** Runs are shown as webhooks tell of them. */
export const toRun = (run: Run): RunObject => reportRun(run)

/** What of a run a list shows; every name is one of RUN_FIELDS. */
export function selected(run: RunObject, select: readonly (keyof RunObject)[] | undefined): Partial<RunObject> {
  return select ? Object.fromEntries(select.map((name) => [name, run[name]])) : run
}

/** Where the run is to be; null: it gets a thread of its own. */
export interface RunPlace {
  threadId: string | null
  /** Of the request: some of them are for the graph. */
  headers: Headers
  /** The request waits for the end, and nobody follows it there. */
  waited?: boolean
}

/** Throws Refusal for what the schema cannot say. */
export function fromRunBody(body: RunBody, place: RunPlace): Omit<NewGraphRun, 'assistantId'> {
  if (body.on_completion === 'delete' && place.threadId !== null)
    throw refuseField(['on_completion'], 'on_completion: only the thread of a run that was made without one can be deleted after it.')
  const { config, checkpoint } = callPlace(body, place)
  const { metadata, context, multitask_strategy: strategy, after_seconds: seconds } = body
  return {
    call: {
      input: body.input ?? null,
      command: fromCommand(body.command),
      config,
      ...(context ? { context } : {}),
      ...modesToTell(body, place),
      subgraphs: body.stream_subgraphs ?? false,
      resumable: body.stream_resumable ?? false,
      interruptBefore: fromBreakpoints(body.interrupt_before),
      interruptAfter: fromBreakpoints(body.interrupt_after),
      checkpoint,
      durability: body.durability ?? (body.checkpoint_during === false ? 'exit' : 'async'),
      webhook: body.webhook ?? null,
    },
    ...(metadata ? { metadata } : {}),
    ...(strategy ? { strategy } : {}),
    ...(seconds ? { delayMs: Math.round(seconds * 1000) } : {}),
  }
}

/** Who waits for a run wants its last values only. */
const modesToTell = (body: RunBody, { waited = false }: RunPlace): Pick<NewGraphCall, 'modes' | 'waited'> =>
  waited && body.stream_mode == null ? { modes: DEFAULT_MODES, waited: true } : { modes: fromModes(body.stream_mode) }

const DEFAULT_MODES: StreamMode[] = ['values']

/** Clients that read nothing of a stream ask for no mode. */
export function fromModes(modes: RunBody['stream_mode']): StreamMode[] {
  const list = typeof modes === 'string' ? [modes] : (modes ?? [])
  return list.length > 0 ? [...new Set(list)] : DEFAULT_MODES
}

/** What of a run a reader asks for; null: all that was recorded. */
export function modesOf(asked: StreamMode | StreamMode[] | undefined): ReadonlySet<StreamMode> | null {
  const list = typeof asked === 'string' ? [asked] : (asked ?? [])
  return list.length > 0 ? new Set(list) : null
}

const fromBreakpoints = (nodes: RunBody['interrupt_before']): '*' | string[] | null => {
  if (!nodes || nodes.length === 0) return null
  return nodes === '*' || nodes.includes('*') ? '*' : nodes
}

function fromCommand(command: RunBody['command']): GraphCommand | null {
  if (!command) return null
  const { resume, update, goto } = command
  const given: GraphCommand = {
    ...(resume === undefined ? {} : { resume }),
    ...(update === undefined || update === null ? {} : { update: update as Json }),
    ...(goto === undefined || goto === null ? {} : { goto: goto as Json }),
  }
  return Object.keys(given).length > 0 ? given : null
}

const UUID = /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i

/** A checkpoint may be named in three places; the one that says most wins. What names it is no part of the config then. */
function callPlace(body: RunBody, place: RunPlace): { config: GraphConfig; checkpoint: CheckpointRef | null } {
  const config = fromConfig(body.config ?? {})
  const { checkpoint_id, checkpoint_ns, ...configurable } = { ...config.configurable, ...graphHeaders(place.headers) }
  const { checkpoint } = body
  requireOwnCheckpoint(checkpoint, place.threadId)
  const id = checkpoint?.checkpoint_id ?? body.checkpoint_id ?? checkpoint_id ?? undefined
  const ns = checkpoint?.checkpoint_ns ?? checkpoint_ns ?? undefined
  if (id !== undefined && (typeof id !== 'string' || !UUID.test(id)))
    throw refuseField(['config', 'configurable', 'checkpoint_id'], 'config.configurable.checkpoint_id: expected a UUID.')
  if (ns !== undefined && typeof ns !== 'string')
    throw refuseField(['config', 'configurable', 'checkpoint_ns'], 'config.configurable.checkpoint_ns: expected a string.')
  const ref: CheckpointRef = { ...(id === undefined ? {} : { id: id.toLowerCase() }), ...(ns ? { ns } : {}) }
  return {
    config: Object.keys(configurable).length > 0 ? { ...config, configurable } : withoutConfigurable(config),
    checkpoint: Object.keys(ref).length > 0 ? ref : null,
  }
}

const withoutConfigurable = ({ configurable: _, ...config }: GraphConfig): GraphConfig => config

function requireOwnCheckpoint(checkpoint: RunBody['checkpoint'], threadId: string | null): void {
  if (!checkpoint) return
  const { thread_id, checkpoint_map } = checkpoint
  if (thread_id && thread_id.toLowerCase() !== threadId)
    throw refuseField(['checkpoint', 'thread_id'], 'checkpoint.thread_id: a checkpoint of another thread cannot be run from.')
  if (checkpoint_map && Object.keys(checkpoint_map).length > 0)
    throw refuseField(['checkpoint', 'checkpoint_map'], 'checkpoint.checkpoint_map: not supported. Name the checkpoint by its id.')
}

/** Keys, and the id that this server itself gives every request. */
const KEPT_HEADERS = new Set(['x-api-key', 'x-tenant-id', 'x-service-key', 'x-request-id'])

/** Headers that graphs get as `configurable`. They win over the body: a gateway in front of this server may have set them. */
export function graphHeaders(headers: Headers): JsonObject {
  const given: JsonObject = {}
  for (const [name, value] of headers) if (name === 'user-agent' || (name.startsWith('x-') && !KEPT_HEADERS.has(name))) given[name] = value
  return given
}
