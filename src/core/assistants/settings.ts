import { DEFAULT_MODEL } from '../../drivers/models/port.ts'
import { BUILT_IN_GRAPH } from '../graphs/graphs.ts'
import type { Json, JsonObject } from '../json.ts'
import type { GraphConfig } from '../runs/call.ts'
import { optionsOf, resourcesAsOption } from '../runs/config.ts'
import type { Assistant, AssistantConfig } from './assistants.ts'

/**
 * Two dialects say the same about an assistant of the built-in graph: one in fields of its own, the other in
 * `configurable`. It is kept once, in AssistantConfig; here is the way there and back.
 */
const NAMES: Record<string, keyof AssistantConfig> = {
  model: 'model',
  instructions: 'instructions',
  tools: 'tools',
  tool_resources: 'toolResources',
  temperature: 'temperature',
  top_p: 'topP',
  response_format: 'responseFormat',
  reasoning_effort: 'reasoningEffort',
}

/** What an assistant of another graph has, and what nobody said of one of the built-in graph. */
export const NO_CONFIG: AssistantConfig = {
  model: DEFAULT_MODEL,
  instructions: null,
  tools: [],
  toolResources: null,
  temperature: null,
  topP: null,
  responseFormat: null,
  reasoningEffort: null,
}

/** Throws invalid for a value of the wrong shape. */
export function modelConfigOf({ configurable = {} }: GraphConfig): AssistantConfig {
  const given = optionsOf(configurable)
  return {
    model: given.model ?? NO_CONFIG.model,
    instructions: given.instructions ?? null,
    tools: given.tools ?? [],
    toolResources: given.toolResources ?? null,
    temperature: given.temperature ?? null,
    topP: given.topP ?? null,
    responseFormat: given.responseFormat ?? null,
    reasoningEffort: given.reasoningEffort ?? null,
  }
}

/** How settings are kept: with the graph's own part of them in AssistantConfig. Throws invalid. */
export function split(graph: string, settings: GraphConfig): AssistantConfig & { settings: GraphConfig } {
  if (graph !== BUILT_IN_GRAPH) return { ...NO_CONFIG, settings }
  const config = modelConfigOf(settings)
  const { configurable, ...rest } = settings
  if (configurable === undefined) return { ...config, settings: rest }
  const kept = Object.fromEntries(Object.entries(configurable).filter(([name]) => !Object.hasOwn(NAMES, name)))
  const isEmptied = Object.keys(kept).length < Object.keys(configurable).length && Object.keys(kept).length === 0
  return { ...config, settings: isEmptied ? rest : { ...rest, configurable: kept } }
}

/** The settings as they are shown, whichever dialect said them: what is not set is left out. */
export function settingsOf(assistant: Pick<Assistant, 'graph' | 'settings' | keyof AssistantConfig>): GraphConfig {
  const { graph, settings } = assistant
  if (graph !== BUILT_IN_GRAPH) return settings
  const own: JsonObject = {}
  for (const [name, field] of Object.entries(NAMES)) {
    const value = field === 'toolResources' ? resourcesAsOption(assistant.toolResources) : assistant[field]
    if (isSet(field, value)) own[name] = value
  }
  return Object.keys(own).length === 0 ? settings : { ...settings, configurable: { ...settings.configurable, ...own } }
}

const isSet = (field: keyof AssistantConfig, value: Json): boolean =>
  value !== null && !(field === 'model' && value === DEFAULT_MODEL) && !(field === 'tools' && Array.isArray(value) && value.length === 0)
