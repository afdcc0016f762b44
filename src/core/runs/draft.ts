import type { AssistantConfig } from '../assistants/assistants.ts'
import type { Caller } from '../caller.ts'
import { BUILT_IN_GRAPH } from '../graphs/graphs.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { draftMessage } from '../threads/draft.ts'
import { toRecord } from '../threads/message-rows.ts'
import type { NewMessage } from '../threads/messages.ts'
import type { GraphCall, Strategy } from './call.ts'
import { mergeConfig } from './config.ts'
import type { CreatedRow, NewRunItem } from './create-store.ts'
import type { Segment } from './events.ts'
import type { ClaimedRun, Run, RunOptions } from './runs.ts'
import type { Slot } from './signals.ts'

/** The run as created, and the first segment of its journal. */
export interface CreatedRun {
  run: Run
  first: Segment
}

export interface Inserted extends CreatedRun {
  claimed: ClaimedRun
}

export interface RunDraft {
  /** Absent: a new one. */
  id?: string
  threadId: string
  assistantId: string
  options: RunOptions
  metadata: JsonObject
  call: GraphCall | null
  strategy: Strategy
  messages: readonly NewMessage[]
  slot: Slot | undefined
  /** Told with the first event. */
  newThread: boolean
  /** Milliseconds from now; null: it never expires. */
  expiryMs: number | null
  delayMs: number
  /** Merged into the thread's. */
  threadMetadata: JsonObject | null
}

/** What is inserted, and what becomes of it once the database has answered. */
export interface DraftedRun {
  item: NewRunItem
  inserted(row: CreatedRow): Inserted
}

const firstSegment = (draft: RunDraft, at: number): Segment => {
  const first: Segment = {
    seq: 1,
    events: [{ type: 'status', status: 'queued', at, ...(draft.newThread ? { newThread: true as const } : {}) }],
  }
  if (draft.slot) first.events.push({ type: 'status', status: 'running', at })
  return first
}

export function draftRun(app: Needs<'clock'>, caller: Caller, draft: RunDraft): DraftedRun {
  const { call, slot, id = newId() } = draft
  const at = app.clock.now()
  const first = firstSegment(draft, at)
  const messages = draft.messages.map((m, i) => ({
    ...toRecord(caller.tenantId, draftMessage(draft.threadId, m, at)),
    seq: i,
    for_run: id,
  }))
  const expiresAt = draft.expiryMs === null ? null : at + draft.expiryMs
  const resume = call?.command ? JSON.stringify(call.command) : null
  const item: NewRunItem = {
    run: {
      ...{ id, tenant_id: caller.tenantId, thread_id: draft.threadId, assistant_id: draft.assistantId },
      ...{ status: slot ? 'running' : 'queued', options: JSON.stringify(draft.options), metadata: draft.metadata },
      ...{ call: call && JSON.stringify(call), resume, strategy: draft.strategy },
      ...{
        graph: call?.graph ?? BUILT_IN_GRAPH,
        thread_config: call && JSON.stringify(call.config),
        thread_metadata: draft.threadMetadata,
      },
      ...{ worker_id: slot?.workerId ?? null, lease_ms: slot?.leaseMs ?? null, at, run_at: at + draft.delayMs, expires: expiresAt },
      ...{ n: first.events.length, data: JSON.stringify(first.events), messages: messages.length },
    },
    messages,
  }
  const inserted = (row: CreatedRow): Inserted => {
    const run: Run = {
      ...{ id, tenantId: caller.tenantId, threadId: draft.threadId, assistantId: draft.assistantId, status: 'queued' },
      ...{ config: mergeConfig(JSON.parse(row.config) as AssistantConfig, draft.options), call, strategy: draft.strategy },
      ...{ metadata: draft.metadata, calls: null, usage: null, error: null, incomplete: null },
      ...{ createdAt: at, runAt: item.run.run_at, updatedAt: at, startedAt: null, expiresAt, endedAt: null },
    }
    const pending = [...(row.pending ?? []), ...messages.map(({ for_run: _, ...m }) => ({ ...m, seq: row.base + m.seq }))]
    const claimed: ClaimedRun = {
      ...{ run: { ...run, status: 'running', startedAt: at }, fence: 1, attempt: 1, nextEvent: first.events.length + 1, resume },
      ...{ started: false, headId: row.head_id, baseId: row.head_id, headSeq: row.head_seq, nextSeq: row.base + messages.length },
      ...{ pending, takenOver: false },
    }
    return { run, first, claimed }
  }
  return { item, inserted }
}

/** What follows the commit that made a run. */
export function start(app: Needs<'signals'>, slot: Slot | undefined, created: Inserted): void {
  if (slot) app.signals.hand(slot, created.claimed)
  else app.signals.wake()
  app.signals.announce(created.run.threadId)
}
