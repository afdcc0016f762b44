import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import { effectsOf } from '../../core/idempotency/effects.ts'
import { requireManager } from '../../core/ownership/ownership.ts'
import { readKey } from '../../http/bearer.ts'
import { pathOf } from '../../http/path.ts'
import { PendingBody } from '../../http/pending-body.ts'

export type { Once, OnceKept } from '../../core/idempotency/effects.ts'

function resolve(app: App, headers: Headers): Promise<Caller> {
  const key = readKey(headers)
  if (key === undefined) throw new Fault('unauthenticated', 'No API key was given.')
  return app.keys.resolve(key)
}

/** The same on every listener, and no other surface's. */
const routeOf = (app: App, request: Request): string =>
  `${request.method} langgraph:${pathOf(request.url).slice(baseOf(app, request).length)}`

/**
 * Every route behind this knows who asks. A key in Authorization goes before one in x-api-key: SDKs send the latter by
 * themselves when they find a variable of that kind in their environment. `once` keeps effect and answer in one
 * transaction; `onceCalled` and `onceKept` are for effects that wait.
 */
export const langgraphCaller = (app: App) =>
  new Elysia().derive({ as: 'scoped' }, async ({ request, body }) => {
    const caller = await resolve(app, request.headers)
    requireManager(caller)
    const key = request.headers.get('idempotency-key')
    const known = () => ({ key: key ?? '', route: routeOf(app, request), body: body instanceof PendingBody ? body.value : body })
    return { caller, ...effectsOf(app, caller, key === null ? undefined : known) }
  })

/** Where this surface stands in the URL of a request: its prefix, or nothing on a listener of its own. */
export function baseOf(app: Pick<App, 'config'>, request: Request): string {
  const { prefix } = app.config.langgraph
  return pathOf(request.url).startsWith(`${prefix}/`) ? prefix : ''
}
