import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import { type Keep, onceCalled, once as onceCommitted, onceKept } from '../../core/idempotency/idempotency.ts'
import type { Parts } from '../../core/needs.ts'
import { readKey } from '../../http/bearer.ts'
import { pathOf } from '../../http/path.ts'
import { PendingBody } from '../../http/pending-body.ts'

/** Does a request's effect once, however often the request is sent with the same Idempotency-Key. */
export type Once = <T>(effect: (app: Parts) => Promise<T>) => Promise<T>

function resolve(app: App, headers: Headers): Promise<Caller> {
  const key = readKey(headers)
  if (key === undefined) throw new Fault('unauthenticated', 'No API key was given.')
  return app.keys.resolve(key)
}

/** The same for effects that wait first, and then keep their result in the transaction they end with. */
export type OnceKept = <T>(effect: (app: Parts, keep: Keep<T>) => Promise<T>) => Promise<T>

type Effects = { once: Once; onceCalled: Once; onceKept: OnceKept }

/** The same on every listener, and no other surface's. */
const routeOf = (app: App, request: Request): string =>
  `${request.method} langgraph:${pathOf(request.url).slice(baseOf(app, request).length)}`

const keepNothing = (): Promise<void> => Promise.resolve()

function effectsOf(app: App, caller: Caller, sent: { request: Request; body: unknown }): Effects {
  const { request, body } = sent
  const key = request.headers.get('idempotency-key')
  if (key === null)
    return { once: (effect) => effect(app), onceCalled: (effect) => effect(app), onceKept: (effect) => effect(app, keepNothing) }
  const known = () => ({ key, route: routeOf(app, request), body: body instanceof PendingBody ? body.value : body })
  return {
    once: (effect) => onceCommitted(app, caller, known(), effect),
    onceCalled: (effect) => onceCalled(app, caller, known(), effect),
    onceKept: (effect) => onceKept(app, caller, known(), effect),
  }
}

/**
 * Every route behind this knows who asks. A key in Authorization goes before one in x-api-key: SDKs send the latter by
 * themselves when they find a variable of that kind in their environment. `once` keeps effect and answer in one
 * transaction; `onceCalled` and `onceKept` are for effects that wait.
 */
export const langgraphCaller = (app: App) =>
  new Elysia().derive({ as: 'scoped' }, async ({ request, body }) => {
    const caller = await resolve(app, request.headers)
    return { caller, ...effectsOf(app, caller, { request, body }) }
  })

/** Where this surface stands in the URL of a request: its prefix, or nothing on a listener of its own. */
export function baseOf(app: Pick<App, 'config'>, request: Request): string {
  const { prefix } = app.config.langgraph
  return pathOf(request.url).startsWith(`${prefix}/`) ? prefix : ''
}
