import { type Static, Type as t } from '@sinclair/typebox'
import type { JsonObject } from '../../core/json.ts'
import type { Usage as CoreUsage, FunctionCall } from '../../core/runs/events.ts'
import type { ToolOutput } from '../../core/runs/outputs.ts'
import type { ToolChoice as CoreToolChoice, NewRun, NewThreadRun, Run, RunOptions } from '../../core/runs/runs.ts'
import { isEnd, type RunStatus } from '../../core/runs/status.ts'
import {
  CLOSED,
  Metadata,
  nullable,
  oneOf,
  ShownMetadata,
  toMetadata,
  toSeconds,
  toSecondsOrNull,
  UnixSeconds,
  Usage,
} from './fields.wire.ts'
import { requireId, spell } from './ids.ts'
import { fromMessages, MessageCreate } from './messages.wire.ts'
import { RUN_STATUS, RunStatusWord } from './status.wire.ts'
import { fromThreadCreate, ThreadCreate } from './threads.wire.ts'
import {
  fromResources,
  fromTools,
  ReasoningEffort,
  ResponseFormat,
  requireServed,
  Tool,
  ToolChoice,
  ToolResources,
  toResources,
  toTools,
} from './tools.wire.ts'

const Truncation = t.Object(
  { type: oneOf('auto', 'last_messages'), last_messages: t.Optional(nullable(t.Integer({ minimum: 1 }))) },
  CLOSED,
)
const TokenBudget = t.Optional(nullable(t.Integer({ minimum: 256 })))

const RUN_FIELDS = {
  assistant_id: t.String(),
  model: t.Optional(nullable(t.String())),
  instructions: t.Optional(nullable(t.String())),
  tools: t.Optional(nullable(t.Array(Tool, { maxItems: 20 }))),
  metadata: t.Optional(nullable(Metadata)),
  temperature: t.Optional(nullable(t.Number({ minimum: 0, maximum: 2 }))),
  top_p: t.Optional(nullable(t.Number({ minimum: 0, maximum: 1 }))),
  stream: t.Optional(nullable(t.Boolean())),
  max_prompt_tokens: TokenBudget,
  max_completion_tokens: TokenBudget,
  truncation_strategy: t.Optional(nullable(Truncation)),
  tool_choice: t.Optional(nullable(ToolChoice)),
  parallel_tool_calls: t.Optional(t.Boolean()),
  response_format: t.Optional(nullable(ResponseFormat)),
}

export const RunCreate = t.Object(
  {
    ...RUN_FIELDS,
    reasoning_effort: t.Optional(nullable(ReasoningEffort)),
    additional_instructions: t.Optional(nullable(t.String())),
    additional_messages: t.Optional(nullable(t.Array(MessageCreate))),
  },
  CLOSED,
)
export const ThreadRunCreate = t.Object(
  { ...RUN_FIELDS, thread: t.Optional(ThreadCreate), tool_resources: t.Optional(nullable(ToolResources)) },
  CLOSED,
)
export const RunModify = t.Object({ metadata: t.Optional(nullable(Metadata)) }, CLOSED)
export const OutputsSubmit = t.Object(
  {
    tool_outputs: t.Array(t.Object({ tool_call_id: t.Optional(t.String()), output: t.Optional(t.String()) }, CLOSED)),
    stream: t.Optional(nullable(t.Boolean())),
  },
  CLOSED,
)

const WaitingCall = t.Object({
  id: t.String(),
  type: t.Literal('function'),
  function: t.Object({ name: t.String(), arguments: t.String() }),
})
export const RunErrorObject = t.Object({ code: oneOf('server_error', 'rate_limit_exceeded', 'invalid_prompt'), message: t.String() })

/** The order of the keys is what clients of the seed dialect were shown. */
export const RunObject = t.Object({
  id: t.String(),
  assistant_id: t.String(),
  cancelled_at: nullable(UnixSeconds),
  completed_at: nullable(UnixSeconds),
  created_at: UnixSeconds,
  expires_at: nullable(UnixSeconds),
  failed_at: nullable(UnixSeconds),
  incomplete_details: nullable(t.Object({ reason: oneOf('max_completion_tokens', 'max_prompt_tokens') })),
  instructions: t.String(),
  last_error: nullable(RunErrorObject),
  max_completion_tokens: nullable(t.Integer()),
  max_prompt_tokens: nullable(t.Integer()),
  model: t.String(),
  object: t.Literal('thread.run'),
  parallel_tool_calls: t.Boolean(),
  required_action: nullable(
    t.Object({ type: t.Literal('submit_tool_outputs'), submit_tool_outputs: t.Object({ tool_calls: t.Array(WaitingCall) }) }),
  ),
  started_at: nullable(UnixSeconds),
  status: RunStatusWord,
  thread_id: t.String(),
  tools: t.Array(Tool),
  truncation_strategy: t.Object({ type: oneOf('auto', 'last_messages'), last_messages: nullable(t.Integer()) }),
  usage: nullable(Usage),
  temperature: nullable(t.Number()),
  top_p: nullable(t.Number()),
  metadata: ShownMetadata,
  response_format: ResponseFormat,
  tool_choice: ToolChoice,
  tool_resources: t.Optional(ToolResources),
})
export type RunObject = Static<typeof RunObject>

type RunFields = Omit<Static<typeof RunCreate>, 'additional_messages'>

/** Null and absent mean the same here: the assistant's, or the default. */
function fromOptions(body: RunFields): RunOptions {
  const choice = body.tool_choice
  if (typeof choice === 'object' && choice !== null) requireServed(choice.type, 'tool_choice')
  const options: RunOptions = {}
  if (body.model != null) options.model = body.model
  if (body.instructions != null) options.instructions = body.instructions
  if (body.additional_instructions != null) options.additionalInstructions = body.additional_instructions
  if (body.tools != null) options.tools = fromTools(body.tools)
  if (body.temperature != null) options.temperature = body.temperature
  if (body.top_p != null) options.topP = body.top_p
  if (body.response_format != null) options.responseFormat = body.response_format as 'auto' | JsonObject
  if (body.reasoning_effort != null) options.reasoningEffort = body.reasoning_effort
  if (choice != null) options.toolChoice = choice as CoreToolChoice
  if (body.parallel_tool_calls !== undefined) options.parallelToolCalls = body.parallel_tool_calls
  if (body.max_prompt_tokens != null) options.maxPromptTokens = body.max_prompt_tokens
  if (body.max_completion_tokens != null) options.maxCompletionTokens = body.max_completion_tokens
  if (body.truncation_strategy != null) options.truncation = fromTruncation(body.truncation_strategy)
  return options
}

const fromTruncation = ({ type, last_messages: last }: Static<typeof Truncation>): NonNullable<RunOptions['truncation']> => ({
  type,
  ...(last == null ? {} : { lastMessages: last }),
})

export const fromRunCreate = (body: Static<typeof RunCreate>): NewRun => ({
  assistantId: requireId('assistant', 'assistant_id', body.assistant_id),
  options: fromOptions(body),
  metadata: body.metadata ?? {},
  messages: fromMessages(body.additional_messages, 'additional_messages'),
})

export function fromThreadRunCreate(body: Static<typeof ThreadRunCreate>): NewThreadRun {
  const resources = fromResources(body.tool_resources)
  return {
    assistantId: requireId('assistant', 'assistant_id', body.assistant_id),
    options: { ...fromOptions(body), ...(resources ? { toolResources: resources } : {}) },
    metadata: body.metadata ?? {},
    thread: fromThreadCreate(body.thread ?? {}, 'thread.'),
  }
}

export const fromOutputs = (body: Static<typeof OutputsSubmit>): ToolOutput[] =>
  body.tool_outputs.map(({ tool_call_id: callId = '', output = '' }) => ({ callId, output }))

export const toUsage = (usage: CoreUsage | null): Static<typeof Usage> | null =>
  usage && {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.totalTokens,
    ...(usage.cachedTokens === undefined ? {} : { prompt_token_details: { cached_tokens: usage.cachedTokens } }),
  }

const toCalls = (calls: readonly FunctionCall[]): RunObject['required_action'] => ({
  type: 'submit_tool_outputs',
  submit_tool_outputs: {
    tool_calls: calls.map((call) => ({ id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } })),
  },
})

export function toRun(run: Run): RunObject {
  const { config, status } = run
  const endedAs = (end: RunStatus): number | null => (status === end ? toSecondsOrNull(run.endedAt) : null)
  return {
    id: spell('run', run.id),
    assistant_id: spell('assistant', run.assistantId),
    cancelled_at: endedAs('cancelled'),
    completed_at: endedAs('completed'),
    created_at: toSeconds(run.createdAt),
    expires_at: isEnd(status) ? null : toSecondsOrNull(run.expiresAt),
    failed_at: endedAs('failed'),
    incomplete_details: run.incomplete === null ? null : { reason: run.incomplete },
    instructions: config.instructions ?? '',
    last_error: run.error,
    max_completion_tokens: config.maxCompletionTokens,
    max_prompt_tokens: config.maxPromptTokens,
    model: config.model,
    object: 'thread.run',
    parallel_tool_calls: config.parallelToolCalls,
    required_action: status === 'waiting' && run.calls ? toCalls(run.calls) : null,
    started_at: toSecondsOrNull(run.startedAt),
    status: RUN_STATUS[status],
    thread_id: spell('thread', run.threadId),
    tools: toTools(config.tools),
    truncation_strategy: { type: config.truncation.type, last_messages: config.truncation.lastMessages },
    usage: isEnd(status) ? toUsage(run.usage) : null,
    temperature: config.temperature ?? 1,
    top_p: config.topP ?? 1,
    metadata: toMetadata(run.metadata),
    response_format: (config.responseFormat ?? 'auto') as RunObject['response_format'],
    tool_choice: config.toolChoice as RunObject['tool_choice'],
    ...(config.toolResources === null ? {} : { tool_resources: toResources(config.toolResources) }),
  }
}
