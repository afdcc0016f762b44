import type { GraphConfig } from './call.ts'

/**
 * What a run is configured with. `configurable` is merged key by key, later ones win; of the other keys the run's replace
 * the assistant's, and the thread's do not count.
 */
export function mergeGraphConfig(assistant: GraphConfig, thread: GraphConfig, run: GraphConfig): GraphConfig {
  const configurable = { ...assistant.configurable, ...thread.configurable, ...run.configurable }
  const merged: GraphConfig = { ...assistant, ...run }
  if (Object.keys(configurable).length > 0) merged.configurable = configurable
  return merged
}
