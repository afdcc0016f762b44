import { type Static, Type as t } from '@sinclair/typebox'
import type { HeadState, StateUpdate } from '../../core/graphs/graphs.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import type { NewGraphThread, ThreadPatch } from '../../core/threads/graph-threads.ts'
import type { FoundThreads, ThreadFilter, ThreadSearch, ThreadSort } from '../../core/threads/thread-search.ts'
import type { Thread } from '../../core/threads/threads.ts'
import {
  FreeJson,
  FreeObject,
  LIMIT_DEFAULT,
  LIMIT_MAX,
  LIMITS,
  Metadata,
  maybe,
  nullable,
  oneOf,
  Timestamp,
  toTime,
  toTimeOrNull,
  Uuid,
} from './fields.wire.ts'
import { refuseField } from './refusal.ts'
import { follow, type Path, pick, readPath } from './selection.ts'

const MINUTES_MAX = 52_560_000
const Minutes = t.Number({ minimum: 0.01, maximum: MINUTES_MAX, description: 'Minutes, counted from the last use.' })
const Ttl = t.Union([Minutes, t.Object({ ttl: Minutes, strategy: t.Optional(oneOf('delete')) })])

export const STEPS_MAX = 1000
export const SuperstepUpdate = t.Object({
  values: t.Optional(FreeJson),
  command: maybe(t.Object({ resume: t.Optional(FreeJson), update: t.Optional(FreeJson), goto: t.Optional(FreeJson) })),
  as_node: maybe(t.String({ minLength: 1 })),
})

export const ThreadCreate = t.Object({
  thread_id: maybe(Uuid),
  metadata: maybe(Metadata),
  if_exists: maybe(oneOf('raise', 'do_nothing')),
  supersteps: maybe(
    t.Array(t.Object({ updates: t.Array(SuperstepUpdate, { minItems: 1, maxItems: STEPS_MAX }) }), { maxItems: STEPS_MAX }),
  ),
  ttl: maybe(Ttl),
})

export const ThreadPatchBody = t.Object({ metadata: maybe(Metadata), ttl: maybe(Ttl) })

const Status = oneOf('idle', 'busy', 'interrupted', 'error')
const EXTRACTS_MAX = 10
const PATH_CHARS_MAX = 512

const SORTS: Record<string, ThreadSort> = {
  thread_id: 'id',
  created_at: 'createdAt',
  updated_at: 'updatedAt',
  state_updated_at: 'stateAt',
  status: 'status',
}

const FILTERS = { metadata: maybe(Metadata), values: maybe(FreeObject), status: maybe(Status) }

export const ThreadSearchBody = t.Object({
  ...FILTERS,
  ids: maybe(t.Array(Uuid, { maxItems: LIMIT_MAX })),
  ...LIMITS,
  sort_by: maybe(oneOf(...Object.keys(SORTS))),
  sort_order: maybe(oneOf('asc', 'desc')),
  select: maybe(
    t.Array(
      oneOf(
        'thread_id',
        'created_at',
        'updated_at',
        'state_updated_at',
        'metadata',
        'config',
        'context',
        'status',
        'values',
        'interrupts',
        'error',
      ),
    ),
  ),
  extract: maybe(
    t.Unsafe<Record<string, string>>({
      type: 'object',
      description: 'Names of your own, with paths such as `values.messages[-1].content`.',
      additionalProperties: { type: 'string', minLength: 1, maxLength: PATH_CHARS_MAX },
      propertyNames: { maxLength: PATH_CHARS_MAX },
      maxProperties: EXTRACTS_MAX,
    }),
  ),
})
export type ThreadSearchBody = Static<typeof ThreadSearchBody>

export const ThreadCount = t.Object(FILTERS)
export const ThreadPrune = t.Object({
  thread_ids: t.Array(Uuid, { maxItems: LIMIT_MAX }),
  strategy: maybe(oneOf('delete', 'keep_latest')),
})
export const Pruned = t.Object({ pruned_count: t.Integer() })
export const Count = t.Integer()

export const ThreadQuery = t.Object({ include: t.Optional(t.Array(oneOf('ttl'))) })

const InterruptObject = t.Object({ id: t.String(), value: FreeJson })

export const ThreadObject = t.Object({
  thread_id: Uuid,
  created_at: Timestamp,
  updated_at: Timestamp,
  state_updated_at: Timestamp,
  metadata: Metadata,
  status: Status,
  config: FreeObject,
  values: t.Unsafe<Json>({ description: 'Of the newest checkpoint; null where there is none.' }),
  interrupts: t.Record(t.String(), t.Array(InterruptObject), { description: 'By task.' }),
  error: t.Optional(t.Object({ error: t.String(), message: t.String() }, { description: 'Why the last run failed.' })),
  ttl: t.Optional(nullable(t.Object({ strategy: t.Literal('delete'), ttl_minutes: t.Number(), expires_at: nullable(Timestamp) }))),
  extracted: t.Optional(t.Record(t.String(), FreeJson)),
})
export type ThreadObject = Static<typeof ThreadObject>

const minutesOf = (ttl: Static<typeof Ttl>): number => (typeof ttl === 'number' ? ttl : ttl.ttl)

export function fromThreadCreate(body: Static<typeof ThreadCreate>): NewGraphThread {
  return {
    ifExists: body.if_exists ?? 'raise',
    ...(body.thread_id == null ? {} : { id: body.thread_id }),
    ...(body.metadata == null ? {} : { metadata: body.metadata }),
    ...(body.ttl == null ? {} : { ttlMinutes: minutesOf(body.ttl) }),
    ...(body.supersteps == null ? {} : { steps: body.supersteps.map(({ updates }) => updates.map(fromSuperstepUpdate)) }),
  }
}

function fromSuperstepUpdate(update: Static<typeof SuperstepUpdate>): StateUpdate {
  return {
    ...(update.command == null ? { values: update.values ?? null } : { command: update.command }),
    ...(update.as_node == null ? {} : { asNode: update.as_node }),
  }
}

/** Null for `ttl` keeps the thread for ever; null for `metadata` changes nothing. */
export const fromThreadPatch = (body: Static<typeof ThreadPatchBody>): ThreadPatch => ({
  ...(body.metadata == null ? {} : { metadata: body.metadata }),
  ...(body.ttl === undefined ? {} : { ttlMinutes: body.ttl === null ? null : minutesOf(body.ttl) }),
})

export const fromThreadFilter = (body: Static<typeof ThreadCount>): ThreadFilter => ({
  ...(body.metadata == null ? {} : { metadata: body.metadata }),
  ...(body.values == null ? {} : { values: body.values }),
  ...(body.status == null ? {} : { status: body.status }),
})

const NEEDS_HEAD = ['values', 'interrupts']

/** How the found threads are told. */
interface Shown {
  select: readonly string[] | null
  extract: Record<string, Path>
}

export function fromThreadSearch(body: ThreadSearchBody): { search: ThreadSearch; shown: Shown } {
  const extract = Object.fromEntries(Object.entries(body.extract ?? {}).map(([name, text]) => [name, readRooted(text, name)]))
  const select = body.select ?? null
  const heads =
    select === null ||
    select.some((f) => NEEDS_HEAD.includes(f)) ||
    Object.values(extract).some(([root]) => NEEDS_HEAD.includes(String(root)))
  const filter = { ...fromThreadFilter(body), ...(body.ids == null ? {} : { ids: body.ids.map((id) => id.toLowerCase()) }) }
  return {
    search: {
      ...{ filter, heads, limit: body.limit ?? LIMIT_DEFAULT, offset: body.offset ?? 0 },
      ...{ sortBy: SORTS[body.sort_by ?? 'created_at'] ?? 'createdAt', order: body.sort_order ?? 'desc' },
    },
    shown: { select, extract },
  }
}

const ROOTS = Object.keys(ThreadObject.properties).filter((name) => name !== 'extracted')

function readRooted(text: string, name: string): Path {
  const path = readPath(text, ['extract', name])
  if (ROOTS.includes(String(path[0]))) return path
  throw refuseField(
    ['extract', name],
    `extract.${name}: a path begins with a field of the thread, such as 'values', but this one is '${text}'.`,
  )
}

export const NO_HEAD: HeadState = { values: null, interrupts: {} }

export function toThread(thread: Thread, head: HeadState | undefined, include: readonly string[] = []): ThreadObject {
  const { error } = thread
  return {
    thread_id: thread.id,
    created_at: toTime(thread.createdAt),
    updated_at: toTime(thread.updatedAt),
    state_updated_at: toTime(thread.stateAt ?? thread.createdAt),
    metadata: thread.metadata,
    status: toThreadStatus(thread),
    config: thread.config as JsonObject,
    values: head?.values ?? null,
    interrupts: head?.interrupts ?? {},
    ...(error === null ? {} : { error: { error: error.name ?? error.code, message: error.message } }),
    ...(include.includes('ttl') ? { ttl: toTtl(thread) } : {}),
  }
}

export const toThreadStatus = (thread: Pick<Thread, 'status' | 'behind'>): Thread['status'] => (thread.behind ? 'busy' : thread.status)

const MINUTE_MS = 60_000

function toTtl({ ttlMinutes, expiresAt, updatedAt, stateAt }: Thread): NonNullable<ThreadObject['ttl']> | null {
  if (ttlMinutes === null) return null
  const until = Math.max(updatedAt, stateAt ?? 0) + ttlMinutes * MINUTE_MS
  return { strategy: 'delete', ttl_minutes: ttlMinutes, expires_at: toTimeOrNull(Math.max(until, expiresAt ?? 0)) }
}

/** Fields that were not selected are left out; what was extracted is told beside them. */
export function toFoundThreads({ threads, heads }: FoundThreads, { select, extract }: Shown): ThreadObject[] {
  const paths = Object.entries(extract)
  return threads.map((thread) => {
    const whole = toThread(thread, heads.get(thread.id), ['ttl'])
    const { ttl: _, ...usual } = whole
    const shown = select === null ? usual : (pick({ context: null, ...usual } as JsonObject, select) as unknown as ThreadObject)
    if (paths.length === 0) return shown
    return { ...shown, extracted: Object.fromEntries(paths.map(([name, path]) => [name, follow(whole as unknown as Json, path)])) }
  })
}

/** For leafing through: where the next page begins, and how many there are. */
export const pageHeaders = (
  { hasMore, total }: FoundThreads,
  { limit, offset }: { limit: number; offset: number },
): Record<string, string> => ({
  ...(total === null ? {} : { 'x-pagination-total': String(total) }),
  ...(hasMore ? { 'x-pagination-next': String(offset + limit) } : {}),
})
