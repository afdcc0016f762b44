import type { Terms } from './proxy.ts'
import { ENTITIES_CONTRACT } from './shared.ts'

/** What the contract says, and where its own notes say otherwise. */
export const ENTITIES: Terms = {
  contract: ENTITIES_CONTRACT,
  known: [['POST /completions /status', 'a function call is told by a frame of its own beside its text; behaviour.md, 12']],
  otherTypes: [],
  // What any operation may answer: idempotency and busy threads are 409, what is too large is 413, a piece of a message 202.
  allowStatus: [202, 400, 401, 403, 404, 405, 409, 413],
}
