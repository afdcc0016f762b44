import type { Terms } from './proxy.ts'
import { PLATFORM_CONTRACT } from './shared.ts'

/** What the contract says, and where its own notes say otherwise. */
export const PLATFORM: Terms = {
  contract: PLATFORM_CONTRACT,
  known: [],
  otherTypes: [],
  // What any operation may answer: a body that is no JSON is 422, what is too large 413, a wrong path 404 or 405.
  allowStatus: [400, 401, 403, 404, 405, 409, 413, 422, 429],
}
