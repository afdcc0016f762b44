/** A server's own word on each answer: under which id it is in the log, and how long it took. */
export interface Marks {
  correlationId: string
}

/** Sets X-Correlation-ID, always a new one, and X-Process-Time in seconds. */
export function markProcess(headers: Headers, ms: number): Marks {
  const correlationId = crypto.randomUUID()
  headers.set('x-correlation-id', correlationId)
  headers.set('x-process-time', (ms / 1000).toFixed(4))
  return { correlationId }
}

/** Whether a path stands under the prefix, or is one of those beside it. */
export const standsAt =
  (prefix: string, beside: readonly string[]) =>
  (path: string): boolean =>
    path === prefix || path.startsWith(`${prefix}/`) || beside.includes(path)
