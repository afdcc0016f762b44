import { Fault } from '../core/fault.ts'
import type { Log } from '../core/needs.ts'
import { pathOf } from './path.ts'

/** What of the request the log of a failure needs. */
export interface Asked {
  method: string
  path: string
  requestId: string | null
}

export const askedOf = (request: Request): Asked => ({
  method: request.method,
  path: pathOf(request.url),
  requestId: request.headers.get('x-request-id'),
})

/** Any thrown value as a fault. What is our own mistake is logged, and told with `sorry` alone. */
export function faultOf(error: unknown, { asked, log, sorry }: { asked: Asked; log: Log; sorry: string }): Fault {
  const fault = error instanceof Fault ? error : new Fault('internal', sorry, { cause: error })
  if (fault.code === 'internal') log.error('request.failed', { ...asked, cause: fault.facts.cause ?? fault })
  return fault
}
