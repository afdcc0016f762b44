import type { AssistantConfig } from '../assistants/assistants.ts'
import type { Json, JsonObject } from '../json.ts'
import type { ToolResources } from '../tool-resources/tool-resources.ts'
import { OPTION_SHAPES } from './option-shapes.ts'
import type { RunConfig, RunOptions, ToolChoice } from './runs.ts'

/** What a run executes with. An option of the run wins over its assistant's; additional instructions come after. */
export function mergeConfig(assistant: AssistantConfig, options: RunOptions): RunConfig {
  const instructions = options.instructions ?? assistant.instructions
  const additional = options.additionalInstructions
  return {
    model: options.model ?? assistant.model,
    instructions: additional ? (instructions ? `${instructions}\n${additional}` : additional) : instructions,
    tools: options.tools ?? assistant.tools,
    toolResources: options.toolResources ?? assistant.toolResources,
    temperature: options.temperature ?? assistant.temperature,
    topP: options.topP ?? assistant.topP,
    responseFormat: options.responseFormat ?? assistant.responseFormat,
    reasoningEffort: options.reasoningEffort ?? assistant.reasoningEffort,
    toolChoice: options.toolChoice ?? 'auto',
    parallelToolCalls: options.parallelToolCalls ?? true,
    maxPromptTokens: options.maxPromptTokens ?? null,
    maxCompletionTokens: options.maxCompletionTokens ?? null,
    truncation: { type: options.truncation?.type ?? 'auto', lastMessages: options.truncation?.lastMessages ?? null },
    ...(options.textCalls ? { textCalls: true } : {}),
    ...(options.clientKey ? { clientKey: true } : {}),
  }
}

type Option = keyof typeof OPTION_SHAPES

/** Tool resources as an option says them: plain ids. */
interface ResourcesOption {
  code_interpreter?: { file_ids: string[] }
  file_search?: { vector_store_ids: string[] }
}

const TAKES: { [K in Option]: (value: never) => RunOptions } = {
  model: (model: string) => ({ model }),
  instructions: (instructions: string) => ({ instructions }),
  additional_instructions: (additionalInstructions: string) => ({ additionalInstructions }),
  tools: (tools: JsonObject[]) => ({ tools }),
  tool_resources: (value: ResourcesOption) => ({ toolResources: fromOption(value) }),
  temperature: (temperature: number) => ({ temperature }),
  top_p: (topP: number) => ({ topP }),
  response_format: (responseFormat: 'auto' | JsonObject) => ({ responseFormat }),
  reasoning_effort: (reasoningEffort: string) => ({ reasoningEffort }),
  tool_choice: (toolChoice: ToolChoice) => ({ toolChoice }),
  parallel_tool_calls: (parallelToolCalls: boolean) => ({ parallelToolCalls }),
  max_prompt_tokens: (maxPromptTokens: number) => ({ maxPromptTokens }),
  max_completion_tokens: (maxCompletionTokens: number) => ({ maxCompletionTokens }),
  truncation_strategy: ({ type, last_messages: last }: { type: 'auto' | 'last_messages'; last_messages?: number | null }) => ({
    truncation: { type, ...(last == null ? {} : { lastMessages: last }) },
  }),
}

const OPTIONS = Object.keys(OPTION_SHAPES) as Option[]

/**
 * What `configurable` says to the built-in graph. Null counts as not said, other names belong to the client. Ids of files
 * and stores are not looked up here.
 * @param at where it stood in the request; throws invalid, with the place of the value in it
 */
export function optionsOf(configurable: JsonObject, at = 'config.configurable'): RunOptions {
  let options: RunOptions = {}
  for (const name of OPTIONS) {
    const value = Object.hasOwn(configurable, name) ? (configurable[name] ?? null) : null
    if (value === null) continue
    OPTION_SHAPES[name](value, `${at}.${name}`)
    options = { ...options, ...TAKES[name](value as never) }
  }
  return options
}

const fromOption = ({ code_interpreter: code, file_search: search }: ResourcesOption): ToolResources => ({
  ...(code ? { codeInterpreter: { fileIds: code.file_ids } } : {}),
  ...(search ? { fileSearch: { storeIds: search.vector_store_ids } } : {}),
})

/** The way back. */
export function resourcesAsOption(resources: ToolResources | null): Json {
  if (resources === null) return null
  const { codeInterpreter: code, fileSearch: search } = resources
  return {
    ...(code ? { code_interpreter: { file_ids: code.fileIds } } : {}),
    ...(search ? { file_search: { vector_store_ids: search.storeIds } } : {}),
  }
}
