import type { JsonObject } from '../../src/core/json.ts'
import { type Answer, Broken } from './wire.ts'

/** A request to the platform's surface. */
export interface PlatformAsk {
  method?: string
  /** Below /api/v1/auth. */
  path: string
  body?: JsonObject
  /** Access token of whoever asks; absent: anybody. */
  token?: string
}

/** A server that answers no request within this time hangs. */
const ANSWER_MS = 30_000

let addresses = 0
/** Of nobody else, as limits count addresses and their networks. */
function newAddress(): string {
  addresses++
  return `10.${addresses & 255}.${(addresses >> 8) & 255}.${(addresses >> 16) & 255}`
}

/** Resolves with an answer that was received to its last byte. Throws Broken. */
export async function callPlatform(base: string, { path, body, token, method = body ? 'POST' : 'GET' }: PlatformAsk): Promise<Answer> {
  const headers: Record<string, string> = { 'x-forwarded-for': newAddress() }
  if (token) headers.authorization = `Bearer ${token}`
  if (body) headers['content-type'] = 'application/json'
  try {
    const response = await fetch(`${base}/api/v1/auth${path}`, {
      ...{ method, headers, signal: AbortSignal.timeout(ANSWER_MS) },
      // On a connection used before Bun repeats a POST by itself when it breaks: that must be the client's decision.
      keepalive: false,
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const text = await response.text()
    return { status: response.status, body: JSON.parse(text || '{}') as JsonObject }
  } catch (cause) {
    throw new Broken(`${method} ${path}: ${cause}`, { cause })
  }
}
