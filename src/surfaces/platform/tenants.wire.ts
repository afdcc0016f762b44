import { type Static, Type as t } from '@sinclair/typebox'
import type { StoredSettings, TenantSettings } from '../../core/identity/tenant-settings.ts'
import { CLOSED, IsoTime, mapOf, maybe, nullable, toIsoOrNull } from './fields.wire.ts'

const NAMES_MAX = 1000

const Contact = t.Object(
  {
    name: t.String({ minLength: 1, maxLength: 128 }),
    email: t.String({ maxLength: 320 }),
    role: maybe(t.String({ maxLength: 64 })),
    phone: maybe(t.String({ maxLength: 64 })),
    notify_billing: t.Optional(t.Boolean({ default: true })),
  },
  CLOSED,
)

/** A full replacement of the document. */
export const SettingsUpdate = t.Object(
  {
    billing_contacts: t.Array(Contact),
    billing_webhook_url: maybe(t.String({ minLength: 1, maxLength: 2048 })),
    plan_metadata: mapOf(t.String(), NAMES_MAX),
    flags: mapOf(t.Boolean(), NAMES_MAX),
  },
  CLOSED,
)

export const Settings = t.Object(
  {
    tenant_id: t.String(),
    billing_contacts: t.Array(
      t.Object(
        {
          name: t.String(),
          email: t.String({ format: 'email' }),
          role: nullable(t.String()),
          phone: nullable(t.String()),
          notify_billing: t.Boolean(),
        },
        CLOSED,
      ),
    ),
    billing_webhook_url: nullable(t.String({ format: 'uri' })),
    plan_metadata: mapOf(t.String()),
    flags: mapOf(t.Boolean()),
    updated_at: nullable(IsoTime),
  },
  CLOSED,
)

export const toDocument = (body: Static<typeof SettingsUpdate>): TenantSettings => ({
  billingContacts: body.billing_contacts.map(({ name, email, role = null, phone = null, notify_billing: notifyBilling = true }) => ({
    ...{ name, email, role, phone, notifyBilling },
  })),
  billingWebhookUrl: body.billing_webhook_url ?? null,
  planMetadata: body.plan_metadata,
  flags: body.flags,
})

export const toSettings = (tenantId: string, { document, updatedAt }: StoredSettings): Static<typeof Settings> => ({
  tenant_id: tenantId,
  billing_contacts: document.billingContacts.map(({ notifyBilling, ...contact }) => ({ ...contact, notify_billing: notifyBilling })),
  billing_webhook_url: document.billingWebhookUrl,
  plan_metadata: document.planMetadata,
  flags: document.flags,
  updated_at: toIsoOrNull(updatedAt),
})
