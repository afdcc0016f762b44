import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { Message } from './messages.ts'
import { getThread } from './threads.ts'
import { listSpokenRows, readSpokenRow } from './transcript-store.ts'

/** What an assistant message asks for. */
export interface SpokenCall {
  id: string
  name: string
  args: JsonObject
}

/** A message of any role, with what it asks for, or the call that it answers. */
export interface TranscriptMessage extends Message {
  calls: SpokenCall[]
  /** Null also for a tool message of a client that answers no call of a model. */
  callId: string | null
}

/** Of all contents of one answer together: there is no cursor, so nothing else bounds it. */
export const TRANSCRIPT_BYTES_MAX = 64 * 1024 * 1024

/**
 * What everybody said, in the order of the conversation: as `listMessages`, with instructions, calls and their outputs.
 * Throws not_found for the thread, or too_large.
 */
export async function listTranscript(
  app: Needs<'db'>,
  caller: Caller,
  input: { threadId: string; order: 'asc' | 'desc'; limit: number; bytesMax?: number },
): Promise<TranscriptMessage[]> {
  requireScope(caller, 'read')
  const { threadId, order, limit, bytesMax = TRANSCRIPT_BYTES_MAX } = input
  const { byHead } = await getThread(app, caller, threadId)
  if (limit <= 0) return []
  const found = await listSpokenRows(app.db, caller.tenantId, { threadId, byHead, order, limit, bytesMax })
  if (found) return found
  throw new Fault('too_large', `These messages hold more than ${bytesMax} bytes together. Ask for fewer of them.`, { param: 'limit' })
}

/** Undefined where there is none, or it was deleted. */
export function findMessage(
  app: Needs<'db'>,
  caller: Caller,
  key: { threadId: string; id: string },
): Promise<TranscriptMessage | undefined> {
  requireScope(caller, 'read')
  return readSpokenRow(app.db, caller.tenantId, key)
}
