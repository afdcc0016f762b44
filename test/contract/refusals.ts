import type { JsonObject } from '../../src/core/json.ts'
import type { Served } from '../support/served.ts'

/** Longest wait for one answer: what takes longer hangs. */
const HANGS_MS = 10_000
const AT_ONCE = 8

export interface Sent {
  body?: Bun.BodyInit
  headers?: Record<string, string>
  method?: string
  key?: string | null
}

export interface Answer {
  status: number
  error: JsonObject | undefined
  text: string
}

export async function ask(served: Served, path: string, { body, headers = {}, method = 'POST', key = served.key }: Sent): Promise<Answer> {
  const response = await fetch(served.url + path, {
    method,
    // A form brings its own type, with the boundary.
    headers: {
      ...(body instanceof FormData ? {} : { 'content-type': 'application/json' }),
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(HANGS_MS),
  })
  const text = await response.text()
  return { status: response.status, error: errorIn(text), text }
}

function errorIn(text: string): JsonObject | undefined {
  try {
    return (JSON.parse(text) as { error?: JsonObject }).error
  } catch {
    return undefined
  }
}

/** What is wrong with a refusal; undefined for a good one. Anything but a 4xx is no refusal. */
export function flawOf({ status, error, text }: Answer): string | undefined {
  const shown = text.slice(0, 200)
  if (status < 400 || status > 499) return `status ${status}: ${shown}`
  if (Object.keys(error ?? {}).join() !== 'message,type,param,code') return `no envelope with ${status}: ${shown}`
  if (typeof error?.message !== 'string' || error.message === '' || error.type !== 'invalid_request_error') return `odd error: ${shown}`
  return undefined
}

export interface Case {
  name: string
  path: string
  sent: Sent
}

/** Sends them all, a few at once, and lists those whose answer `judge` finds fault with. */
export async function judged(
  served: Served,
  cases: Iterable<Case>,
  judge: (answer: Answer, sent: Case) => string | undefined = flawOf,
): Promise<string[]> {
  const flaws: string[] = []
  const queue = cases[Symbol.iterator]()
  const work = async () => {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      const { name, path, sent } = next.value
      const flaw = await ask(served, path, sent).then(
        (answer) => judge(answer, next.value),
        (cause: unknown) => `no answer: ${String(cause)}`,
      )
      if (flaw !== undefined) flaws.push(`${name} -> ${flaw}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return flaws
}
