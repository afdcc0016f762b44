import type { AssistantConfig } from '../assistants/assistants.ts'
import { type Caller, requireScope } from '../caller.ts'
import { notFound } from '../fault.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { Page, PageRequest } from '../page.ts'
import type { MessageRecord } from '../threads/message-rows.ts'
import type { NewMessage } from '../threads/messages.ts'
import { getThread, type NewThread } from '../threads/threads.ts'
import type { ToolResources } from '../tool-resources/tool-resources.ts'
import type { GraphCall, Strategy } from './call.ts'
import type { FunctionCall, IncompleteReason, RunError, Usage } from './events.ts'
import type { RunStatus } from './status.ts'
import { changeRunRow, findRunRow, listRunRows, type RunSearch, readRun, searchRunRows } from './store.ts'

export type { RunSearch }

export type ToolChoice = 'none' | 'auto' | 'required' | JsonObject

/** What a run may say beside its assistant. Absent: the assistant's, or the default. */
export interface RunOptions {
  model?: string
  instructions?: string
  additionalInstructions?: string
  tools?: JsonObject[]
  temperature?: number
  topP?: number
  responseFormat?: 'auto' | JsonObject
  reasoningEffort?: string
  toolChoice?: ToolChoice
  parallelToolCalls?: boolean
  maxPromptTokens?: number
  maxCompletionTokens?: number
  truncation?: { type: 'auto' | 'last_messages'; lastMessages?: number }
  toolResources?: ToolResources
  /** A turn without calls whose text spells one is taken for it. */
  textCalls?: true
  /** Its client may have left a key of the model's provider for it: see secrets.ts. */
  clientKey?: true
}

/** What a run executes with: its assistant version and its own options, merged. */
export interface RunConfig extends AssistantConfig {
  toolChoice: ToolChoice
  parallelToolCalls: boolean
  maxPromptTokens: number | null
  maxCompletionTokens: number | null
  truncation: { type: 'auto' | 'last_messages'; lastMessages: number | null }
  textCalls?: true
  clientKey?: true
}

export interface Run {
  id: string
  tenantId: string
  threadId: string
  assistantId: string
  status: RunStatus
  /** Of the built-in graph. */
  config: RunConfig
  /** Null: with the thread's new messages. */
  call: GraphCall | null
  strategy: Strategy
  metadata: JsonObject
  /** The function calls a waiting run wants outputs for. */
  calls: FunctionCall[] | null
  usage: Usage | null
  error: RunError | null
  incomplete: IncompleteReason | null
  createdAt: number
  /** It does not begin before. */
  runAt: number
  /** When its status changed last, as far as its times tell. */
  updatedAt: number
  startedAt: number | null
  /** Null: never. */
  expiresAt: number | null
  endedAt: number | null
}

export interface NewRun {
  /** Absent: a new one. */
  id?: string
  assistantId: string
  options: RunOptions
  metadata?: JsonObject
  /** Appended to the thread in the same commit, before the run. */
  messages?: NewMessage[]
}

export type NewThreadRun = NewRun & { thread: NewThread }

/** A run with its lease, and all that its executor needs before the first token. */
export interface ClaimedRun {
  run: Run
  fence: number
  attempt: number
  nextEvent: number
  /** JSON of the value a waiting run was resumed with, or of the command that a run of a graph begins with. */
  resume: string | null
  /** A checkpoint of this run exists: go on from there instead of from the input. */
  started: boolean
  /** The thread's head when the run began. */
  baseId: string | null
  headId: string | null
  headSeq: number
  nextSeq: number
  /** Messages that no checkpoint names yet, oldest first. */
  pending: MessageRecord[]
  /** Claimed from the table: an earlier owner may have left steps open. */
  takenOver: boolean
}

/** Throws not_found. */
export async function getRun(app: Needs<'db'>, caller: Caller, input: { threadId: string; id: string }): Promise<Run> {
  requireScope(caller, 'read')
  const run = await readRun(app.db, caller.tenantId, input)
  if (run) return run
  await getThread(app, caller, input.threadId)
  throw notFound('run', input.id)
}

/** By its id alone. Throws not_found. */
export async function findRun(app: Needs<'db'>, caller: Caller, id: string): Promise<Run> {
  requireScope(caller, 'read')
  const run = await findRunRow(app.db, caller.tenantId, id)
  if (!run) throw notFound('run', id)
  return run
}

/** Newest first. Throws not_found for the thread. */
export async function searchRuns(app: Needs<'db'>, caller: Caller, search: RunSearch): Promise<Run[]> {
  requireScope(caller, 'read')
  if (search.threadId !== undefined) await getThread(app, caller, search.threadId)
  return searchRunRows(app.db, caller.tenantId, search)
}

/** Throws not_found for the thread. */
export async function listRuns(app: Needs<'db'>, caller: Caller, input: { threadId: string; page: PageRequest }): Promise<Page<Run>> {
  requireScope(caller, 'read')
  await getThread(app, caller, input.threadId)
  return listRunRows(app.db, caller.tenantId, input)
}

/** Only metadata can change; it is replaced as a whole. Throws not_found. */
export async function changeRun(
  app: Needs<'db'>,
  caller: Caller,
  input: { threadId: string; id: string; metadata?: JsonObject },
): Promise<Run> {
  requireScope(caller, 'write')
  const { metadata, ...key } = input
  if (metadata !== undefined && !(await changeRunRow(app.db, caller.tenantId, { ...key, metadata }))) {
    await getThread(app, caller, key.threadId)
    throw notFound('run', key.id)
  }
  return getRun(app, caller, key)
}
