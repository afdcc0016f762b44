import type { GraphConfig } from './call.ts'

/** Later ones win, key by key; of `configurable` too. */
export function mergeGraphConfig(...configs: GraphConfig[]): GraphConfig {
  const merged: GraphConfig = Object.assign({}, ...configs)
  const configurable = Object.assign({}, ...configs.map((config) => config.configurable ?? {}))
  return Object.keys(configurable).length > 0 ? { ...merged, configurable } : merged
}
