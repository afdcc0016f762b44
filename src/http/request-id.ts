import { newId } from '../core/id.ts'

const SANE = /^[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}$/

/** The caller's own id when it is fit for a header and a log line, else a new one. */
export function requestId(headers: Headers): string {
  const given = headers.get('x-request-id')
  return given !== null && SANE.test(given) ? given : newId()
}
