import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import { onceCalled, once as onceCommitted } from '../../core/idempotency/idempotency.ts'
import type { Parts } from '../../core/needs.ts'
import { readKey } from '../../http/bearer.ts'
import { pathOf } from '../../http/path.ts'
import { PendingBody } from '../../http/pending-body.ts'
import type { Asked } from './errors.ts'

/** Does a request's effect once, however often the request is sent with the same Idempotency-Key. */
export type Once = <T>(effect: (app: Parts) => Promise<T>) => Promise<T>

/** Browsers cannot set headers on a WebSocket: the key may come as a subprotocol, percent-encoded. */
const KEY_PROTOCOL = 'tetraport-key.'
/** Offered beside it, so that the answer need not repeat the key. */
const PLAIN_PROTOCOL = 'tetraport'

function offeredProtocols(headers: Headers): string[] {
  const offered = headers.get('upgrade') === null ? null : headers.get('sec-websocket-protocol')
  return (offered ?? '').split(',').map((name) => name.trim())
}

function protocolKey(headers: Headers): string | undefined {
  const protocol = offeredProtocols(headers).find((name) => name.startsWith(KEY_PROTOCOL))
  if (protocol === undefined) return undefined
  const text = protocol.slice(KEY_PROTOCOL.length)
  try {
    return decodeURIComponent(text)
  } catch {
    // Not percent-encoded, so it is the key itself.
    return text
  }
}

/** Browsers drop a socket whose server takes none of the subprotocols they offered. */
export function acceptedProtocol(headers: Headers): string | undefined {
  const offered = offeredProtocols(headers)
  return offered.find((name) => name === PLAIN_PROTOCOL) ?? offered.find((name) => name.startsWith(KEY_PROTOCOL))
}

export const requestKey = (headers: Headers): string | undefined => readKey(headers) ?? protocolKey(headers)

async function resolve(app: App, headers: Headers): Promise<Caller> {
  const key = requestKey(headers)
  if (key === undefined) throw new Fault('unauthenticated', 'No API key was given.')
  return app.keys.resolve(key)
}

/** What an error reply needs to know of the request. */
export const askedOf = (request: Request): Asked => ({
  method: request.method,
  path: pathOf(request.url),
  key: requestKey(request.headers),
  requestId: request.headers.get('x-request-id'),
})

type Effects = { once: Once; onceCalled: Once }

function effectsOf(app: App, caller: Caller, sent: { request: Request; body: unknown }): Effects {
  const { request, body } = sent
  const key = request.headers.get('idempotency-key')
  if (key === null) return { once: (effect) => effect(app), onceCalled: (effect) => effect(app) }
  const known = () => ({ key, route: `${request.method} ${pathOf(request.url)}`, body: body instanceof PendingBody ? body.value : body })
  return {
    once: (effect) => onceCommitted(app, caller, known(), effect),
    onceCalled: (effect) => onceCalled(app, caller, known(), effect),
  }
}

/**
 * Every route behind this knows who asks. `once` keeps effect and answer in one transaction; `onceCalled` is for effects
 * that wait on a model.
 */
export const openaiCaller = (app: App) =>
  new Elysia().derive({ as: 'scoped' }, async ({ request, body }) => {
    const caller = await resolve(app, request.headers)
    return { caller, ...effectsOf(app, caller, { request, body }) }
  })
