import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import { effectsOf } from '../../core/idempotency/effects.ts'
import { pathOf } from '../../http/path.ts'
import { PendingBody } from '../../http/pending-body.ts'
import { requestKey } from '../../http/socket-key.ts'
import { Refusal } from './refusal.ts'

export type { Once, OnceKept } from '../../core/idempotency/effects.ts'

const CHALLENGE = { 'www-authenticate': 'APIKey' }

/** No key of the contract is as short. One that an operator chose may be, so it is looked up first. */
const KEY_CHARS_MIN = 9

async function resolve(app: Pick<App, 'keys'>, headers: Headers): Promise<Caller> {
  const key = headers.get('x-api-key') || requestKey(headers)
  if (key === undefined) throw new Refusal(401, "Missing API Key in 'X-API-Key' header.", CHALLENGE)
  try {
    return await app.keys.resolve(key)
  } catch (error) {
    if (!(error instanceof Fault && error.code === 'unauthenticated')) throw error
    throw new Refusal(401, wrongKey(key, error), CHALLENGE)
  }
}

function wrongKey(key: string, { facts }: Fault): string {
  if (facts.expired) return 'API Key has expired.'
  return key.length < KEY_CHARS_MIN ? 'Invalid API Key format.' : 'Invalid or inactive API Key.'
}

/** A body so small has arrived with its head. */
const SMALL_BYTES = 65_536

/**
 * What is not JSON goes before a wrong key, as far as that costs nobody anything: of a large body nothing is taken in for
 * a caller who is unknown.
 */
async function requireSyntax(request: Request, body: unknown): Promise<void> {
  const { headers } = request
  const isForm = headers.get('content-type')?.startsWith('multipart/') === true
  if (!(body instanceof PendingBody) || isForm || !(Number(headers.get('content-length') ?? Number.NaN) <= SMALL_BYTES)) return
  try {
    await body.read()
  } catch (error) {
    if (error instanceof Fault && error.facts.reason === 'syntax') throw error
  }
}

/** Where this surface stands in the URL of a request: its prefix, or nothing on a listener of its own. */
export function baseOf(app: Pick<App, 'config'>, request: Request): string {
  const { prefix } = app.config.entities
  return pathOf(request.url).startsWith(`${prefix}/`) ? prefix : ''
}

/** An operation's path, the same for both mounts and every listener. */
const operationOf = (app: App, request: Request): string =>
  pathOf(request.url)
    .slice(baseOf(app, request).length)
    .replace(/^\/v1(?=\/)/, '')

/**
 * Every route behind this knows who asks. A key in X-API-Key goes before one in Authorization: SDKs send the latter for
 * completions only.
 */
export const entitiesCaller = (app: App) =>
  new Elysia().derive({ as: 'scoped' }, async ({ request, body }) => {
    const caller = await resolve(app, request.headers).catch(async (error) => {
      if (error instanceof Refusal) await requireSyntax(request, body)
      throw error
    })
    const key = request.headers.get('idempotency-key')
    // Users of one tenant do not see each other's answers.
    const route = () => `${request.method} entities:${caller.userId ?? ''}:${operationOf(app, request)}`
    const known = key === null ? undefined : () => ({ key, route: route(), body: body instanceof PendingBody ? body.value : body })
    return { caller, ...effectsOf(app, caller, known) }
  })
