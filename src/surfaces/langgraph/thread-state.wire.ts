import { type Static, Type as t } from '@sinclair/typebox'
import { notFound } from '../../core/fault.ts'
import type { StateFilter, StateSnapshot, StateTask, StateUpdate } from '../../core/graphs/graphs.ts'
import { isUuid } from '../../core/id.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import type { CheckpointRef } from '../../core/runs/call.ts'
import { FreeJson, FreeObject, LIMIT_DEFAULT, LIMIT_MAX, Metadata, maybe, nullable, Timestamp, toTimeOrNull, Uuid } from './fields.wire.ts'
import { refuseField } from './refusal.ts'
import { pick } from './selection.ts'

const NS_CHARS_MAX = 4096

/** Where a client means. Its `thread_id` is not read: the path says it. */
export const CheckpointBody = t.Object({
  thread_id: maybe(t.String()),
  checkpoint_id: maybe(t.String()),
  checkpoint_ns: maybe(t.String({ maxLength: NS_CHARS_MAX })),
  checkpoint_map: maybe(FreeObject),
})
export type CheckpointBody = Static<typeof CheckpointBody>

const SELECT_MAX = 100
/** `values.<key>` is one key of the values. */
const FIELDS = [
  ...['values', 'next', 'tasks', 'checkpoint', 'metadata', 'created_at', 'parent_checkpoint', 'interrupts', 'checkpoint_id'],
  'parent_checkpoint_id',
]
const Select = t.Array(t.String(), { description: `Fields of the answer: ${FIELDS.join(', ')} or \`values.<key>\`.`, maxItems: SELECT_MAX })

export const StateQuery = t.Object({ subgraphs: t.Optional(t.Boolean()), select: t.Optional(Select) })
export const StateAt = t.Object({ checkpoint: CheckpointBody, subgraphs: maybe(t.Boolean()), select: maybe(Select) })

export const StateUpdateBody = t.Object({
  values: t.Optional(FreeJson),
  as_node: maybe(t.String({ minLength: 1 })),
  checkpoint: maybe(CheckpointBody),
  checkpoint_id: maybe(t.String()),
})
export const StatePatchBody = t.Object({ metadata: Metadata })

const Limit = t.Integer({ minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT })
export const HistoryQuery = t.Object({
  limit: t.Optional(Limit),
  before: t.Optional(t.String({ description: 'A checkpoint id, itself left out.' })),
})
export const HistoryBody = t.Object({
  limit: maybe(Limit),
  before: maybe(
    t.Union([t.String(), t.Object({ checkpoint_id: t.String() }), t.Object({ configurable: t.Object({ checkpoint_id: t.String() }) })]),
  ),
  metadata: maybe(Metadata),
  checkpoint: maybe(CheckpointBody),
  select: maybe(Select),
})

const Checkpoint = t.Object({
  thread_id: Uuid,
  checkpoint_ns: t.String(),
  checkpoint_id: t.Optional(t.String()),
  checkpoint_map: t.Optional(t.Null()),
})
const Interrupt = t.Object({ id: t.String(), value: FreeJson })

const Task = t.Object({
  id: t.String(),
  name: t.String(),
  path: FreeJson,
  error: nullable(t.String()),
  interrupts: t.Array(Interrupt),
  checkpoint: nullable(Checkpoint),
  state: t.Unsafe<Json>({ description: 'The state of the subgraph that the task runs, where it was asked for.' }),
  result: FreeJson,
})

/** In the shape of today's clients and, beside it, that of 2024: the ids at the top level. */
export const ThreadState = t.Object({
  values: FreeJson,
  next: t.Array(t.String()),
  tasks: t.Array(Task),
  metadata: Metadata,
  created_at: nullable(Timestamp),
  checkpoint: nullable(Checkpoint),
  parent_checkpoint: nullable(Checkpoint),
  interrupts: t.Array(Interrupt),
  checkpoint_id: nullable(t.String()),
  parent_checkpoint_id: nullable(t.String()),
})
export type ThreadState = Static<typeof ThreadState>

/** LangGraph's `Config` of a checkpoint, and the checkpoint as today's clients read it. */
export const StateWritten = t.Object({
  configurable: t.Object({ thread_id: Uuid, checkpoint_ns: t.String(), checkpoint_id: t.String() }),
  checkpoint: Checkpoint,
  checkpoint_id: t.String(),
})

/** An id in another form names nothing. */
function checkpointId(text: string): string {
  const id = text.toLowerCase()
  if (!isUuid(id)) throw notFound('checkpoint', text)
  return id
}

export function fromCheckpoint(body: CheckpointBody | null | undefined, id?: string | null): CheckpointRef {
  if (body?.checkpoint_map && Object.keys(body.checkpoint_map).length > 0)
    throw refuseField(
      ['checkpoint', 'checkpoint_map'],
      'checkpoint.checkpoint_map: not supported; name the namespace and the id of the checkpoint.',
    )
  const named = id ?? body?.checkpoint_id
  return { ...(named == null ? {} : { id: checkpointId(named) }), ...(body?.checkpoint_ns == null ? {} : { ns: body.checkpoint_ns }) }
}

export const fromStateUpdate = (body: Static<typeof StateUpdateBody>): { at: CheckpointRef; update: StateUpdate } => ({
  at: fromCheckpoint(body.checkpoint, body.checkpoint_id),
  update: { values: body.values ?? null, ...(body.as_node == null ? {} : { asNode: body.as_node }) },
})

export function fromHistory(body: Static<typeof HistoryBody>): StateFilter {
  const at = fromCheckpoint(body.checkpoint)
  return {
    limit: body.limit ?? LIMIT_DEFAULT,
    ns: at.ns ?? '',
    ...(at.id === undefined ? {} : { id: at.id }),
    ...(body.before == null ? {} : { before: fromBefore(body.before) }),
    ...(body.metadata == null ? {} : { metadata: body.metadata }),
  }
}

function fromBefore(before: NonNullable<Static<typeof HistoryBody>['before']>): string {
  if (typeof before === 'string') return checkpointId(before)
  return checkpointId('configurable' in before ? before.configurable.checkpoint_id : before.checkpoint_id)
}

const toCheckpoint = (threadId: string, at: { id?: string; ns: string }): Static<typeof Checkpoint> => ({
  thread_id: threadId,
  checkpoint_ns: at.ns,
  ...(at.id === undefined ? {} : { checkpoint_id: at.id, checkpoint_map: null }),
})

export function toState(threadId: string, state: StateSnapshot): ThreadState {
  return {
    values: state.values ?? {},
    next: state.next,
    tasks: state.tasks.map((task) => toTask(threadId, task)),
    metadata: state.metadata ?? {},
    created_at: toTimeOrNull(state.createdAt),
    checkpoint: state.checkpoint && toCheckpoint(threadId, state.checkpoint),
    parent_checkpoint: state.parent && toCheckpoint(threadId, state.parent),
    interrupts: state.tasks.flatMap((task) => task.interrupts),
    checkpoint_id: state.checkpoint?.id ?? null,
    parent_checkpoint_id: state.parent?.id ?? null,
  }
}

const toTask = (threadId: string, task: StateTask): ThreadState['tasks'][number] => ({
  id: task.id,
  name: task.name,
  path: task.path,
  error: task.error,
  interrupts: task.interrupts,
  checkpoint: task.checkpoint && toCheckpoint(threadId, task.checkpoint),
  state: task.state === null ? null : (toState(threadId, task.state) as unknown as Json),
  result: task.result,
})

/** Fields that were not selected are left out. */
export function toSelected(state: ThreadState, select: readonly string[]): JsonObject {
  return pick(state as unknown as JsonObject, select)
}

export function requireFields(select: readonly string[] | null | undefined): readonly string[] | undefined {
  const unknown = select?.find((field) => !FIELDS.includes(field) && !/^values\../.test(field))
  if (unknown !== undefined) throw refuseField(['select'], `select: '${unknown}' is no field of a state.`)
  return select ?? undefined
}

export const toWritten = (threadId: string, { id, ns }: { id: string; ns: string }): Static<typeof StateWritten> => ({
  configurable: { thread_id: threadId, checkpoint_ns: ns, checkpoint_id: id },
  checkpoint: toCheckpoint(threadId, { id, ns }),
  checkpoint_id: id,
})
