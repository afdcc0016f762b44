import type { BaseMessage } from '@langchain/core/messages'
import { Command, Send } from '@langchain/langgraph'
import type { CheckpointTuple } from '@langchain/langgraph-checkpoint'
import type { Json, JsonObject } from '../core/json.ts'
import type { GraphCommand } from '../core/runs/call.ts'
import type { ClaimedRun } from '../core/runs/runs.ts'
import { messageFrom } from './messages.ts'

/** The channel that OpenAI's clients append to between runs. */
export const MESSAGES = 'messages'

const isObject = (value: Json): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

const asList = (value: Json | undefined): Json[] => (value === undefined || value === null ? [] : Array.isArray(value) ? value : [value])

/** `{node, input}` as clients send it. */
function destination(value: Json): string | Send {
  if (isObject(value) && typeof value.node === 'string') return new Send(value.node, value.input)
  return String(value)
}

/** A command as LangGraph takes it. What was not sent is not set: an undefined `resume` would count as one. */
export function commandOf({ resume, update, goto }: GraphCommand): Command {
  return new Command({
    ...(resume === undefined ? {} : { resume }),
    ...(update === undefined || update === null ? {} : { update: update as Record<string, unknown> }),
    ...(goto === undefined || goto === null ? {} : { goto: Array.isArray(goto) ? goto.map(destination) : destination(goto) }),
  })
}

/** What clients appended since the last checkpoint. What this very run left in the log are half answers of a dead attempt. */
export const appended = (claimed: ClaimedRun): BaseMessage[] =>
  claimed.pending.filter((m) => m.run_id !== claimed.run.id).map((m) => messageFrom(m))

/** What was appended stands behind the head: a run that begins elsewhere leaves it, as all that came after that place. */
function beginsAtHead({ run, headId }: ClaimedRun): boolean {
  const from = run.call?.checkpoint
  return !from || (!from.ns && (from.id === undefined || from.id === headId))
}

/**
 * What a run of any graph begins with: the command it was created or answered with, until a commit holds it; then nothing,
 * the graph goes on from its checkpoint; else the input, behind the messages that were appended.
 */
export function callInput(claimed: ClaimedRun, takesMessages: boolean): unknown {
  const { run, resume, started } = claimed
  if (resume !== null) return commandOf(JSON.parse(resume) as GraphCommand)
  if (started || run.call?.command) return null
  const input = run.call?.input ?? null
  const waiting = takesMessages && beginsAtHead(claimed) ? appended(claimed) : []
  if (waiting.length === 0) return input
  if (input === null) return { [MESSAGES]: waiting }
  return isObject(input) ? { ...input, [MESSAGES]: [...waiting, ...asList(input[MESSAGES])] } : input
}

/** What a client knows already need not be told as new. */
export function messageIds(head: CheckpointTuple | undefined): string[] {
  const messages = head?.checkpoint.channel_values[MESSAGES]
  return Array.isArray(messages) ? messages.flatMap((m) => (m as { id?: string } | null)?.id ?? []) : []
}
