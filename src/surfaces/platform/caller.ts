import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { type Operation, PERMISSIONS, type Permission, requirePermission } from '../../core/access/permissions.ts'
import type { Principal } from '../../core/access/principal.ts'
import { Fault } from '../../core/fault.ts'
import { type Effects, effectsOf } from '../../core/idempotency/effects.ts'
import { readKey } from '../../http/bearer.ts'
import { clientOf } from '../../http/client-address.ts'
import { pathOf } from '../../http/path.ts'
import { PendingBody } from '../../http/pending-body.ts'
import { Refusal } from './refusal.ts'
import { inTenant } from './tenant-headers.ts'

/** What needs no credential. */
export type OpenOperation = { [O in Operation]: (typeof PERMISSIONS)[O]['level'] extends 'none' ? O : never }[Operation]

/** Somebody who uses the operator's path, and why. */
export interface Override {
  reason: string
}

interface Asker {
  principal: Principal
  override: Override | null
}

/** Routes behind this are for anybody: their context has the `client`. */
export const anybody = (_app: object) =>
  new Elysia().derive({ as: 'scoped' }, ({ request }) => ({ client: clientOf(request) })).macro({ may: (_: OpenOperation) => ({}) })

/**
 * Routes behind this know who asks, before anything else of the request is looked at: `principal`, `client`, `override`
 * where the operator's path was chosen, and `once` for what an Idempotency-Key does only once.
 */
export const signedIn = (app: App) =>
  new Elysia()
    .derive({ as: 'scoped' }, async ({ request, body }) => {
      const principal = await principalOf(app, request)
      return { principal, client: clientOf(request), override: overrideOf(request.headers), ...onceOf(app, { principal, request, body }) }
    })
    .macro({
      may: (operation: Exclude<Operation, OpenOperation>) => ({
        // Elysia does not know here what was derived above.
        transform: (context) => requireMay(app, operation, context as unknown as Asker),
      }),
    })

/** Throws unauthenticated, or forbidden with why. */
function requireMay(app: App, operation: Operation, { principal, override }: Asker): void {
  const { operator }: Permission = PERMISSIONS[operation]
  const asOperator = operator === true && override !== null
  requirePermission(operation, { principal, verifiedEmail: app.config.auth.verifiedEmail, asOperator })
  if (asOperator && override.reason === '') throw new Fault('invalid', 'X-Operator-Reason must say why.')
}

/** What changes credentials, sessions, invites or tokens is not decided by what a process remembers. */
const isSensitive = ({ method }: Request): boolean => method !== 'GET' && method !== 'HEAD'

async function principalOf(app: App, request: Request): Promise<Principal> {
  const secret = readKey(request.headers)
  if (secret === undefined) throw new Refusal(401, 'This needs a credential: Authorization: Bearer ...', 'unauthenticated')
  try {
    return await inTenant(app, await app.keys.principal(secret, { fresh: isSensitive(request) }), request.headers)
  } catch (error) {
    if (!(error instanceof Fault && error.code === 'unauthenticated' && error.facts.why === undefined)) throw error
    throw new Fault('unauthenticated', error.message, { ...error.facts, why: 'invalid_token' })
  }
}

const YES = ['1', 'true', 'yes', 'on']

function overrideOf(headers: Headers): Override | null {
  if (!YES.includes(headers.get('x-operator-override')?.trim().toLowerCase() ?? '')) return null
  return { reason: (headers.get('x-operator-reason') ?? '').trim() }
}

interface Asked {
  principal: Principal
  request: Request
  body: unknown
}

function onceOf(app: App, { principal: { caller, userId }, request, body }: Asked): Pick<Effects, 'once'> {
  const key = request.headers.get('idempotency-key')
  // Answers are kept for a tenant; whoever has none repeats at his own risk.
  if (caller === null) return { once: (effect) => effect(app) }
  // Users of one tenant do not see each other's answers.
  const route = `${request.method} platform:${userId ?? ''}:${pathOf(request.url)}`
  const known = key === null ? undefined : () => ({ key, route, body: body instanceof PendingBody ? body.value : body })
  return { once: effectsOf(app, caller, known).once }
}
