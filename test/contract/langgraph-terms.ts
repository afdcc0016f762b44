import type { Terms } from './proxy.ts'
import { LANGGRAPH_CONTRACT } from './shared.ts'

/** What the contract of 2024 says, and where it never was true. */
export const LANGGRAPH: Terms = {
  contract: LANGGRAPH_CONTRACT,
  known: [
    ['GET /threads/*/state* /parent_checkpoint_id', 'the first checkpoint has no parent; behaviour.md, 5'],
    ['GET /threads/*/history /*/parent_checkpoint_id', 'the first checkpoint has no parent; behaviour.md, 5'],
    ['POST /threads/*/history /*/parent_checkpoint_id', 'the first checkpoint has no parent; behaviour.md, 5'],
    ['GET /threads/*/state /checkpoint_id', 'a thread that never ran has no checkpoint; behaviour.md, 5'],
    ['GET /threads/*/state /created_at', 'a thread that never ran has no checkpoint; behaviour.md, 5'],
    ['POST /runs/crons /thread_id', 'each tick makes a thread, so there is none before; behaviour.md, 8'],
    ['POST /*runs/crons /end_time', 'most crons have no end; behaviour.md, 8'],
  ],
  otherTypes: [
    ['POST /threads/{thread_id}/runs/stream', 'a stream is text/event-stream, which the generated contract does not say; behaviour.md, 7'],
    ['POST /runs/stream', 'a stream is text/event-stream, which the generated contract does not say; behaviour.md, 7'],
  ],
  // The generated contract names 200 and 422 only; the others are behaviour.md, 1 and 2.
  allowStatus: [202, 204, 400, 401, 403, 404, 405, 409, 413],
}
