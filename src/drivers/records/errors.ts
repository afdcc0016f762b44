import { Fault } from '../../core/fault.ts'

/** Error classes of the SQL standard and of Postgres; `EPIPE` and its like have five characters too. */
const SQLSTATE = /^(?:[0-9][0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/

/** Codes of postgres.js and of the socket that mean "no answer from the server". */
const LOST =
  /^(?:CONNECTION_\w+|CONNECT_TIMEOUT|ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ENOENT|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EACCES|ERR_SOCKET_CLOSED)$/

/** The server is going down, starting, or has no room: 57P01-57P03, 53300 and class 08. */
const REFUSED = /^(?:57P0[1-4]|53300|08\w{3})$/

const codeOf = (error: unknown): string | undefined => {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** The SQLSTATE behind a thrown error, or undefined when Postgres did not report it. */
export function sqlState(error: unknown): string | undefined {
  const own = codeOf(error)
  if (own !== undefined && SQLSTATE.test(own)) return own
  const cause = error instanceof Error ? codeOf(error.cause) : undefined
  return cause !== undefined && SQLSTATE.test(cause) ? cause : undefined
}

/** True when the server cannot be reached: whether the statement took effect is then unknown. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof Fault) return error.code === 'unavailable'
  const code = codeOf(error)
  return code !== undefined && (LOST.test(code) || REFUSED.test(code))
}

/** Connection failures become one fault; everything Postgres says about a statement passes unchanged. */
export function toFault(error: unknown): unknown {
  if (error instanceof Fault || !isUnavailable(error)) return error
  return new Fault('unavailable', 'The database does not answer.', { cause: error })
}

/** Settles with `work`, or fails with `late()` when that takes longer than `ms`. */
export async function within<R>(ms: number, work: Promise<R>, late: () => Error): Promise<R> {
  let timer: Timer | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/** For promises whose failure changes nothing. */
export const ignored = (): undefined => undefined

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
