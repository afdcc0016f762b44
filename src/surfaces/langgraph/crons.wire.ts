import { type Static, type TSchema, Type as t } from '@sinclair/typebox'
import type { JsonObject } from '../../core/json.ts'
import type { NewSchedule, Schedule, ScheduleChange, ScheduledRun, ScheduleOrder, ScheduleSearch } from '../../core/schedules/schedules.ts'
import {
  AssistantRef,
  fromTime,
  LIMIT_DEFAULT,
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
import { CALL_FIELDS, type RunBody } from './run-body.wire.ts'
import { fromRunBody } from './runs.wire.ts'

const Cron = t.String({
  minLength: 1,
  description: 'Five fields of cron, or six with seconds before them; in UTC unless a timezone is given.',
})
const Timezone = t.String({ minLength: 1, description: 'IANA name, such as Europe/Berlin.' })
const OnCompleted = oneOf('delete', 'keep')

export const CronObject = t.Object({
  cron_id: Uuid,
  assistant_id: Uuid,
  thread_id: nullable(Uuid),
  on_run_completed: t.Optional(OnCompleted),
  end_time: nullable(Timestamp),
  schedule: Cron,
  timezone: nullable(Timezone),
  created_at: Timestamp,
  updated_at: Timestamp,
  user_id: nullable(t.String()),
  payload: t.Unsafe<JsonObject>({ type: 'object', additionalProperties: true, description: 'The run that it starts each time.' }),
  next_run_date: nullable(Timestamp),
  metadata: Metadata,
  enabled: t.Boolean(),
  error: nullable(t.String({ description: 'Why the last time started no run.' })),
})
export type CronObject = Static<typeof CronObject>

export function toCron(schedule: Schedule): CronObject {
  return {
    cron_id: schedule.id,
    assistant_id: schedule.assistantId,
    thread_id: schedule.threadId,
    ...(schedule.threadId === null ? { on_run_completed: schedule.onCompletion } : {}),
    end_time: toTimeOrNull(schedule.endAt),
    schedule: schedule.cron,
    timezone: schedule.timezone,
    created_at: toTime(schedule.createdAt),
    updated_at: toTime(schedule.updatedAt),
    user_id: schedule.userId,
    payload: { assistant_id: schedule.assistantId, ...toPayload(schedule.run), metadata: schedule.metadata },
    next_run_date: toTimeOrNull(schedule.nextAt),
    metadata: schedule.metadata,
    enabled: schedule.enabled,
    error: schedule.error,
  }
}

/** As a request for the run would be, without what has no value. */
function toPayload({ call, strategy }: ScheduledRun): JsonObject {
  const { config, context, command, checkpoint, interruptBefore, interruptAfter, webhook } = call
  return {
    input: call.input,
    config: { ...config },
    ...(context ? { context } : {}),
    ...(command ? { command: { ...command } } : {}),
    ...(checkpoint ? { checkpoint: { checkpoint_id: checkpoint.id ?? null, checkpoint_ns: checkpoint.ns ?? '' } } : {}),
    ...(interruptBefore === null ? {} : { interrupt_before: interruptBefore }),
    ...(interruptAfter === null ? {} : { interrupt_after: interruptAfter }),
    ...(webhook === null ? {} : { webhook }),
    ...(strategy === undefined ? {} : { multitask_strategy: strategy }),
    stream_mode: call.modes,
    stream_subgraphs: call.subgraphs,
    stream_resumable: call.resumable,
    durability: call.durability,
  }
}

const TIMES = {
  timezone: maybe(Timezone),
  end_time: maybe(Timestamp),
  enabled: maybe(t.Boolean()),
  on_run_completed: maybe(OnCompleted),
} satisfies Record<string, TSchema>

export const CronCreate = t.Object({ ...CALL_FIELDS, ...TIMES, schedule: Cron })
export type CronCreate = Static<typeof CronCreate>

/** Of runs, but not of those that begin by themselves. */
function refuseOthers(body: CronCreate): void {
  if (body.after_seconds) throw refuseField(['after_seconds'], "after_seconds: a cron's runs start at their time. Say it in the schedule.")
  if (body.on_completion) throw refuseField(['on_completion'], 'on_completion: of a cron this is called on_run_completed.')
}

/** @param threadId null: every run gets a thread of its own */
export function fromCronCreate(body: CronCreate, threadId: string | null): Omit<NewSchedule, 'assistantId'> {
  refuseOthers(body)
  const { call, strategy, metadata } = fromRunBody(body, { threadId, headers: new Headers() })
  return {
    cron: body.schedule,
    threadId,
    run: { call, ...(strategy === undefined ? {} : { strategy }) },
    ...(metadata === undefined ? {} : { metadata }),
    ...(body.if_not_exists === 'create' ? { createThread: true } : {}),
    ...fromTimes(body),
  }
}

type Times = { [K in keyof typeof TIMES]?: Static<(typeof TIMES)[K]> }

const fromTimes = (body: Times): Pick<ScheduleChange, 'timezone' | 'enabled' | 'onCompletion' | 'endAt'> => ({
  ...(body.timezone == null ? {} : { timezone: body.timezone }),
  ...(body.enabled == null ? {} : { enabled: body.enabled }),
  ...(body.on_run_completed == null ? {} : { onCompletion: body.on_run_completed }),
  ...(body.end_time === undefined ? {} : { endAt: body.end_time === null ? null : fromTime(body.end_time) }),
})

const { assistant_id: _assistant, checkpoint: _checkpoint, checkpoint_id: _id, ...CHANGEABLE } = CALL_FIELDS
export const CronPatch = t.Object({ ...CHANGEABLE, ...TIMES, schedule: maybe(Cron) })
export type CronPatch = Static<typeof CronPatch>

const CALL_OF: Partial<Record<keyof CronPatch, keyof ScheduledRun['call']>> = {
  input: 'input',
  command: 'command',
  config: 'config',
  context: 'context',
  interrupt_before: 'interruptBefore',
  interrupt_after: 'interruptAfter',
  webhook: 'webhook',
  stream_mode: 'modes',
  stream_subgraphs: 'subgraphs',
  stream_resumable: 'resumable',
  checkpoint_during: 'durability',
  durability: 'durability',
}

/** Absent fields stay as they are, and so do those that are null, but for `input` and `end_time`: those have a null of their own. */
export function fromCronPatch(body: CronPatch): ScheduleChange {
  refuseOthers(body as CronCreate)
  const { call, strategy, metadata } = fromRunBody(body as RunBody, { threadId: null, headers: new Headers() })
  const given = Object.entries(CALL_OF).filter(([name]) => body[name as keyof CronPatch] != null || (name === 'input' && 'input' in body))
  const changed = Object.fromEntries(given.map(([, field]) => [field, call[field] ?? null])) as NonNullable<ScheduleChange['call']>
  return {
    ...(body.schedule == null ? {} : { cron: body.schedule }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(given.length === 0 ? {} : { call: changed }),
    ...fromTimes(body),
  }
}

const FILTER = {
  assistant_id: maybe(AssistantRef),
  thread_id: maybe(Uuid),
  enabled: maybe(t.Boolean()),
  metadata: maybe(Metadata),
} satisfies Record<string, TSchema>

export const CronCount = t.Object(FILTER)
export type CronCount = Static<typeof CronCount>

/** `assistantId`: what its filter means, which the graphs know. */
export const fromCronFilter = (body: CronCount, assistantId: string | undefined): ScheduleSearch['filter'] => ({
  ...(assistantId === undefined ? {} : { assistantId }),
  ...(body.thread_id == null ? {} : { threadId: body.thread_id }),
  ...(body.enabled == null ? {} : { enabled: body.enabled }),
  ...(body.metadata == null ? {} : { metadata: body.metadata }),
})

const ORDER = {
  cron_id: 'id',
  assistant_id: 'assistantId',
  thread_id: 'threadId',
  created_at: 'createdAt',
  updated_at: 'updatedAt',
  next_run_date: 'nextAt',
} as const satisfies Record<string, ScheduleOrder>
type OrderName = keyof typeof ORDER

const FIELDS = [...Object.keys(CronObject.properties), 'now']

export const CronSearch = t.Object({
  ...FILTER,
  limit: maybe(LIMITS.limit),
  offset: maybe(LIMITS.offset),
  sort_by: maybe(t.Unsafe<OrderName>({ type: 'string', enum: Object.keys(ORDER) })),
  sort_order: maybe(oneOf('asc', 'desc')),
  select: maybe(t.Array(t.Unsafe<string>({ type: 'string', enum: FIELDS }))),
})
export type CronSearch = Static<typeof CronSearch>

export const fromCronSearch = (body: CronSearch, assistantId: string | undefined): ScheduleSearch => ({
  filter: fromCronFilter(body, assistantId),
  sortBy: ORDER[body.sort_by ?? 'created_at'],
  descending: body.sort_order !== 'asc',
  limit: body.limit ?? LIMIT_DEFAULT,
  offset: body.offset ?? 0,
})
