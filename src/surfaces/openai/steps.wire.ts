import { type Static, Type as t } from '@sinclair/typebox'
import type { SearchDetail, StepCall } from '../../core/runs/events.ts'
import type { Step } from '../../core/runs/steps.ts'
import { Metadata, nullable, oneOf, toSeconds, toSecondsOrNull, UnixSeconds, Usage } from './fields.wire.ts'
import { spell } from './ids.ts'
import { toUsage } from './runs.wire.ts'

const CodeOutput = t.Union([
  t.Object({ type: t.Literal('logs'), logs: t.String() }),
  t.Object({ type: t.Literal('image'), image: t.Object({ file_id: t.String() }) }),
])
const CodeCall = t.Object({
  id: t.String(),
  type: t.Literal('code_interpreter'),
  code_interpreter: t.Object({ input: t.String(), outputs: t.Array(CodeOutput) }),
})
const SearchResult = t.Object({
  file_id: t.String(),
  file_name: t.String(),
  score: t.Number({ minimum: 0, maximum: 1 }),
  content: t.Optional(t.Array(t.Object({ type: t.Optional(t.Literal('text')), text: t.Optional(t.String()) }))),
})
const SearchCall = t.Object({
  id: t.String(),
  type: t.Literal('file_search'),
  file_search: t.Object({
    ranking_options: t.Optional(
      t.Object({ ranker: oneOf('auto', 'default_2024_08_21'), score_threshold: t.Number({ minimum: 0, maximum: 1 }) }),
    ),
    results: t.Optional(t.Array(SearchResult)),
  }),
})
const FunctionCallDone = t.Object({
  id: t.String(),
  type: t.Literal('function'),
  function: t.Object({ name: t.String(), arguments: t.String(), output: nullable(t.String()) }),
})

const StepDetails = t.Union([
  t.Object({ type: t.Literal('message_creation'), message_creation: t.Object({ message_id: t.String() }) }),
  t.Object({ type: t.Literal('tool_calls'), tool_calls: t.Array(t.Union([CodeCall, SearchCall, FunctionCallDone])) }),
])

export const StepObject = t.Object({
  id: t.String(),
  object: t.Literal('thread.run.step'),
  created_at: UnixSeconds,
  run_id: t.String(),
  assistant_id: t.String(),
  thread_id: t.String(),
  type: oneOf('message_creation', 'tool_calls'),
  status: oneOf('in_progress', 'cancelled', 'failed', 'completed', 'expired'),
  cancelled_at: nullable(UnixSeconds),
  completed_at: nullable(UnixSeconds),
  expired_at: nullable(UnixSeconds),
  expires_at: nullable(UnixSeconds),
  failed_at: nullable(UnixSeconds),
  last_error: nullable(t.Object({ code: oneOf('server_error', 'rate_limit_exceeded'), message: t.String() })),
  step_details: StepDetails,
  metadata: Metadata,
  usage: nullable(Usage),
})
export type StepObject = Static<typeof StepObject>

/** What of a step is shown only to those who ask for it. */
export interface StepView {
  /** The texts that a search found. */
  resultContent: boolean
}
const BARE: StepView = { resultContent: false }

const toCall = (call: StepCall, view: StepView): Static<typeof FunctionCallDone> | Static<typeof SearchCall> =>
  call.type === 'file_search'
    ? { id: call.id, type: 'file_search', file_search: toSearch(call.detail as SearchDetail | undefined, view) }
    : { id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments, output: call.output } }

/** Empty for a search that has not ended, or never will. */
const toSearch = (detail: SearchDetail | undefined, view: StepView): Static<typeof SearchCall>['file_search'] =>
  detail === undefined
    ? {}
    : {
        ranking_options: { ranker: detail.rankingOptions.ranker, score_threshold: detail.rankingOptions.scoreThreshold },
        results: detail.results.map((result) => ({
          file_id: spell('file', result.fileId),
          file_name: result.fileName,
          score: result.score,
          ...(view.resultContent ? { content: [{ type: 'text' as const, text: result.text }] } : {}),
        })),
      }

const toDetails = ({ kind, messageId, calls }: Step, view: StepView): Static<typeof StepDetails> =>
  kind === 'message'
    ? { type: 'message_creation', message_creation: { message_id: spell('message', messageId ?? '') } }
    : { type: 'tool_calls', tool_calls: calls.map((call) => toCall(call, view)) }

/** Steps have no word for a prompt that the provider refused. */
const toStepError = ({ error }: Step): StepObject['last_error'] =>
  error && { code: error.code === 'invalid_prompt' ? 'server_error' : error.code, message: error.message }

export function toStep(step: Step, view: StepView = BARE): StepObject {
  const endedAs = (end: Step['status']): number | null => (step.status === end ? toSecondsOrNull(step.endedAt) : null)
  return {
    id: spell('step', step.id),
    object: 'thread.run.step',
    created_at: toSeconds(step.createdAt),
    run_id: spell('run', step.runId),
    assistant_id: spell('assistant', step.assistantId),
    thread_id: spell('thread', step.threadId),
    type: step.kind === 'message' ? 'message_creation' : 'tool_calls',
    status: step.status,
    cancelled_at: endedAs('cancelled'),
    completed_at: endedAs('completed'),
    expired_at: endedAs('expired'),
    expires_at: toSecondsOrNull(step.runExpiresAt),
    failed_at: endedAs('failed'),
    last_error: toStepError(step),
    step_details: toDetails(step, view),
    metadata: {},
    usage: step.status === 'in_progress' ? null : toUsage(step.usage),
  }
}
