import type { AssistantConfig } from '../assistants/assistants.ts'
import type { RunConfig, RunOptions } from './runs.ts'

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
  }
}
