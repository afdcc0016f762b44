import { type AnyElysia, Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { PendingBody } from '../../http/pending-body.ts'
import { plainJson } from '../../http/plain-json.ts'
import { authEmail } from './auth-email.ts'
import { authInvites } from './auth-invites.ts'
import { authPasswords } from './auth-passwords.ts'
import { authServiceAccounts } from './auth-service-accounts.ts'
import { authSessions } from './auth-sessions.ts'
import { authSignUp } from './auth-sign-up.ts'
import { onError } from './errors.ts'
import { requireOperations } from './route.ts'
import { tenants } from './tenants.ts'
import { unknownUrl } from './unknown-url.ts'

export { withRoot } from './document.ts'
export { PAGE_PATHS, pages } from './pages.ts'
export { ROOT_PATHS, rootRoutes } from './root.ts'

/** Each part's routes. */
const PARTS: readonly ((app: App) => AnyElysia)[] = [
  authSessions,
  authEmail,
  authPasswords,
  authServiceAccounts,
  authSignUp,
  authInvites,
  tenants,
]

/** The platform dialect, under one prefix. */
export function platform(app: App, options: { prefix?: string } = {}) {
  const { platform: config, http } = app.config
  const plugin = new Elysia({ prefix: options.prefix ?? config.prefix })
    .onParse(({ request }) => new PendingBody(request, http))
    .mapResponse(plainJson)
    .onError(onError(app.log, config))
  for (const part of PARTS) plugin.use(part(app))
  requireOperations(plugin.routes)
  const unknown = unknownUrl(plugin.routes)
  return plugin.all('/', unknown, { detail: { hide: true } }).all('/*', unknown, { detail: { hide: true } })
}
