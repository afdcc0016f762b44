import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import type { Asked } from '../../http/asked.ts'
import { type SseOptions, sseResponse } from '../../http/sse.ts'
import { toReply } from './errors.ts'

/** One line and no more: with a blank line behind it, older SDKs make an empty event of it once they have seen an id. */
export const HEARTBEAT = ': heartbeat\n'

/**
 * When this server goes down its streams break: SDKs come back after that, and take an end for the end of the run.
 * @param started this request has started a run: a failure must not make its client start another
 */
export function openStream(options: SseOptions, started: boolean): Response {
  try {
    return sseResponse({ ...options, breaks: true })
  } catch (error) {
    if (started && error instanceof Fault) throw new Fault(error.code, error.message, { ...error.facts, committed: true })
    throw error
  }
}

const STREAM: Asked = { method: 'GET', path: 'stream', requestId: null }

/** What went wrong after the headers went out, as clients raise it. */
export function toThrown(error: unknown, log: Log): { error: string; message: string } {
  const { detail } = toReply(error, STREAM, log)
  const message = typeof detail === 'string' ? detail : detail.map(({ msg }) => msg).join(' ')
  return { error: error instanceof Fault ? (NAMES[error.code] ?? 'Error') : 'Error', message }
}

const NAMES: Partial<Record<Fault['code'], string>> = { not_found: 'NotFoundError', unavailable: 'UnavailableError' }

export const errorFrame = (error: unknown, log: Log): string => `event: error\ndata: ${JSON.stringify(toThrown(error, log))}\n\n`
