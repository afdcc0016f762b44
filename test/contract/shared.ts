import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../src/core/json.ts'
import { ROOT } from '../support/source-tree.ts'

/** Contracts and tools stand beside the repository, where they exist at all. */
export const SHARED = join(ROOT, '../shared')
export const CONTRACT = join(SHARED, 'contracts/openai/openapi.json')
export const LANGGRAPH_CONTRACT = join(SHARED, 'contracts/langgraph/openapi-0.1.0.json')
export const ENTITIES_CONTRACT = join(SHARED, 'contracts/entities/openapi.json')
export const PLATFORM_CONTRACT = join(SHARED, 'contracts/platform/openapi.json')

/** True where `path` of ../shared is there; else the tests of `what` are skipped, and the run says why. */
export function hasShared(path: string, what: string): boolean {
  const there = existsSync(join(SHARED, path))
  if (!there) console.log(`skipped: ${what} needs ../shared/${path}`)
  return there
}

export const readShared = async (path: string): Promise<JsonObject> => (await Bun.file(join(SHARED, path)).json()) as JsonObject
