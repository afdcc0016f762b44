import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Principal } from '../../core/access/principal.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import { getSettings, putSettings } from '../../core/identity/tenant-settings.ts'
import { signedIn } from './caller.ts'
import { Refusal } from './refusal.ts'
import { answers, takes } from './route.ts'
import { Settings, SettingsUpdate, toDocument, toSettings } from './tenants.wire.ts'

/** The table of permissions let nobody without a tenant come here. */
function callerOf({ caller }: Principal): Caller {
  if (caller === null) throw new Fault('forbidden', 'This needs a tenant.', { why: 'tenant_required' })
  return caller
}

const etagOf = (version: number): string => `"${version}"`

/** The version that the client has read; null where any will do. */
function versionOf(ifMatch: string | null): number | null {
  if (ifMatch === null || ifMatch.trim() === '*') return null
  const [, version] = /^\s*"(\d{1,9})"\s*$/.exec(ifMatch) ?? []
  if (version === undefined) throw changed()
  return Number(version)
}

const changed = (): Refusal => new Refusal(412, 'The settings were changed since they were read: read them again.', 'precondition_failed')

const asPrecondition = (error: unknown): never => {
  throw error instanceof Fault && error.code === 'wrong_state' ? changed() : error
}

/** What a tenant's administrators wrote down about it. The entity tag keeps two of them from undoing each other's work. */
export const tenants = (app: App) =>
  new Elysia({ tags: ['tenants'] })
    .use(signedIn(app))
    .get(
      '/tenants/settings',
      async ({ principal, set }) => {
        const caller = callerOf(principal)
        const stored = await getSettings(app, caller)
        set.headers.etag = etagOf(stored.version)
        return toSettings(caller.tenantId, stored)
      },
      answers(
        { may: 'tenants.settings.get', id: 'get_tenant_settings_api_v1_tenants_settings_get', summary: "The tenant's settings" },
        Settings,
      ),
    )
    .put(
      '/tenants/settings',
      async ({ principal, body, request, set }) => {
        const caller = callerOf(principal)
        const input = { document: toDocument(body), ifVersion: versionOf(request.headers.get('if-match')) }
        const stored = await putSettings(app, caller, input).catch(asPrecondition)
        set.headers.etag = etagOf(stored.version)
        return toSettings(caller.tenantId, stored)
      },
      {
        ...takes(SettingsUpdate),
        ...answers(
          {
            may: 'tenants.settings.put',
            id: 'update_tenant_settings_api_v1_tenants_settings_put',
            summary: "Replaces the tenant's settings",
          },
          Settings,
        ),
      },
    )
