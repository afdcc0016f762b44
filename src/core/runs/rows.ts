import type { AssistantConfig } from '../assistants/assistants.ts'
import type { JsonObject } from '../json.ts'
import type { GraphCall, Strategy } from './call.ts'
import { mergeConfig } from './config.ts'
import type { FunctionCall, IncompleteReason, RunError, StepCall, Usage } from './events.ts'
import type { Run, RunOptions } from './runs.ts'
import type { RunStatus } from './status.ts'

/** A run joined with the assistant version it was created with. */
export interface RunRow {
  id: string
  tenant_id: string
  thread_id: string
  assistant_id: string
  status: RunStatus
  options: string
  config: string
  call: string | null
  strategy: Strategy
  run_at: number
  metadata: JsonObject
  calls: string | null
  usage: string | null
  error: string | null
  incomplete: IncompleteReason | null
  created_at: number
  started_at: number | null
  expires_at: number | null
  ended_at: number | null
}

export const RUN_COLUMNS = `r.id, r.tenant_id, r.thread_id, r.assistant_id, r.status, r.options, v.config, r.call, r.strategy, r.run_at, r.metadata, r.calls, r.usage, r.error,
  r.incomplete, r.created_at, r.started_at, r.expires_at, r.ended_at`

const parse = <T>(text: string | null): T | null => (text === null ? null : (JSON.parse(text) as T))

export const runFromRow = (r: RunRow): Run => ({
  id: r.id,
  tenantId: r.tenant_id,
  threadId: r.thread_id,
  assistantId: r.assistant_id,
  status: r.status,
  config: mergeConfig(JSON.parse(r.config) as AssistantConfig, JSON.parse(r.options) as RunOptions),
  call: parse<GraphCall>(r.call),
  strategy: r.strategy,
  metadata: r.metadata,
  calls: parse<FunctionCall[]>(r.calls),
  usage: parse<Usage>(r.usage),
  error: parse<RunError>(r.error),
  incomplete: r.incomplete,
  createdAt: r.created_at,
  runAt: r.run_at,
  updatedAt: r.ended_at ?? r.started_at ?? r.created_at,
  startedAt: r.started_at,
  expiresAt: r.expires_at,
  endedAt: r.ended_at,
})

/** A tool call as its row holds it: arguments and output are JSON strings, so that any generated text fits. */
export interface CallRow {
  call_id: string
  type: string
  name: string
  arguments: string
  output: string | null
  detail: string | null
}

export const CALL_FIELDS = `'call_id', c.call_id, 'type', c.type, 'name', c.name, 'arguments', c.arguments, 'output', c.output, 'detail', c.detail`

export const callFromRow = (c: CallRow): StepCall => ({
  id: c.call_id,
  type: c.type,
  name: c.name,
  arguments: JSON.parse(c.arguments) as string,
  output: c.output === null ? null : (JSON.parse(c.output) as string),
  ...(c.detail === null ? {} : { detail: JSON.parse(c.detail) }),
})
