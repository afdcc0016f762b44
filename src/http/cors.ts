const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
const ALLOWED = [
  'authorization',
  'content-type',
  'accept',
  'openai-beta',
  'openai-organization',
  'openai-project',
  'idempotency-key',
  'last-event-id',
  'cache-control',
  'prefer',
  'if-match',
  'if-none-match',
]
const EXPOSED = [
  'x-request-id',
  'openai-poll-after-ms',
  'openai-processing-ms',
  'openai-version',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'content-location',
  'location',
  'x-pagination-total',
  'x-pagination-next',
  'x-correlation-id',
  'x-process-time',
  'etag',
].join(', ')
const PREFLIGHT_SECONDS = 86_400
/** SDKs add headers of this family with every release, and graphs read those that their users make up. */
const OPEN_PREFIX = 'x-'

export interface Cors {
  /** The answer to a preflight; undefined when the request is none. */
  preflight(request: Request): Response | undefined
  /** Adds what a browser needs to read the answer. Costs one header look-up for everybody else. */
  mark(request: Request, headers: Headers): void
}

/** Keys travel in headers and never in cookies, so every origin may be allowed without lending anyone's rights. */
export function openCors(origins: readonly string[]): Cors {
  const any = origins.includes('*')
  const allowed = (origin: string): string | undefined => (any ? '*' : origins.includes(origin) ? origin : undefined)
  const mark = (request: Request, headers: Headers) => {
    const origin = request.headers.get('origin')
    if (origin === null) return
    if (!any) headers.append('vary', 'origin')
    const value = allowed(origin)
    if (value === undefined) return
    headers.set('access-control-allow-origin', value)
    headers.set('access-control-expose-headers', EXPOSED)
  }
  return {
    mark,
    preflight(request) {
      if (request.method !== 'OPTIONS' || !request.headers.has('access-control-request-method')) return undefined
      const headers = new Headers({
        'access-control-allow-methods': METHODS,
        'access-control-allow-headers': allowedHeaders(request.headers.get('access-control-request-headers')),
        'access-control-max-age': String(PREFLIGHT_SECONDS),
      })
      return new Response(null, { status: 204, headers })
    },
  }
}

/** The fixed names, and those the browser asks for that belong to the open family. */
function allowedHeaders(asked: string | null): string {
  const family = (asked ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name.startsWith(OPEN_PREFIX) && /^[a-z0-9-]+$/.test(name))
  return [...ALLOWED, ...family].join(', ')
}
