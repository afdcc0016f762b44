import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import { type Asked, toReply } from './errors.ts'

/** One line and no more: with a blank line behind it, older SDKs make an empty event of it once they have seen an id. */
export const HEARTBEAT = ': heartbeat\n'

const STREAM: Asked = { method: 'GET', path: 'stream', requestId: null }

/** What went wrong after the headers went out, as clients raise it. */
export function toThrown(error: unknown, log: Log): { error: string; message: string } {
  const { detail } = toReply(error, STREAM, log)
  const message = typeof detail === 'string' ? detail : detail.map(({ msg }) => msg).join(' ')
  return { error: error instanceof Fault ? (NAMES[error.code] ?? 'Error') : 'Error', message }
}

const NAMES: Partial<Record<Fault['code'], string>> = { not_found: 'NotFoundError', unavailable: 'UnavailableError' }

export const errorFrame = (error: unknown, log: Log): string => `event: error\ndata: ${JSON.stringify(toThrown(error, log))}\n\n`
