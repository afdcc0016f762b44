import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import { effectsOf } from '../../core/idempotency/effects.ts'
import { requireManager } from '../../core/ownership/ownership.ts'
import { pathOf } from '../../http/path.ts'
import { PendingBody } from '../../http/pending-body.ts'
import { requestKey } from '../../http/socket-key.ts'
import type { Asked } from './errors.ts'

export type { Once } from '../../core/idempotency/effects.ts'

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

/**
 * Every route behind this knows who asks. `once` keeps effect and answer in one transaction; `onceCalled` is for effects
 * that wait on a model.
 */
export const openaiCaller = (app: App) =>
  new Elysia().derive({ as: 'scoped' }, async ({ request, body }) => {
    const caller = await resolve(app, request.headers)
    requireManager(caller)
    const key = request.headers.get('idempotency-key')
    const route = `${request.method} ${pathOf(request.url)}`
    const known = () => ({ key: key ?? '', route, body: body instanceof PendingBody ? body.value : body })
    return { caller, ...effectsOf(app, caller, key === null ? undefined : known) }
  })
