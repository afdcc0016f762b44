import { type Caller, requireScope } from '../caller.ts'
import { Fault, type InvalidReason } from '../fault.ts'
import { findUnstorable } from '../json.ts'
import type { Needs } from '../needs.ts'
import { readSettingsRow, writeSettingsRow } from './settings-store.ts'

export interface BillingContact {
  name: string
  email: string
  role: string | null
  phone: string | null
  notifyBilling: boolean
}

/** What a tenant's admins wrote down about billing. Nothing here acts on it. */
export interface TenantSettings {
  billingContacts: BillingContact[]
  billingWebhookUrl: string | null
  planMetadata: Record<string, string>
  flags: Record<string, boolean>
}

export interface StoredSettings {
  document: TenantSettings
  /** Goes up by one with every change; 0: nothing was written yet. */
  version: number
  /** Milliseconds since the epoch; null with version 0. */
  updatedAt: number | null
}

const CONTACTS_MAX = 10
const NAME_CHARS_MAX = 128
const DETAIL_CHARS_MAX = 64
const EMAIL_CHARS_MAX = 320
/** Of the whole document as JSON text. */
const DOCUMENT_CHARS_MAX = 256 * 1024
const EMAIL = /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/

const EMPTY: StoredSettings = {
  document: { billingContacts: [], billingWebhookUrl: null, planMetadata: {}, flags: {} },
  version: 0,
  updatedAt: null,
}

export async function getSettings(app: Needs<'db'>, caller: Caller): Promise<StoredSettings> {
  requireScope(caller, 'admin')
  return (await readSettingsRow(app.db, caller.tenantId)) ?? EMPTY
}

/**
 * Replaces the whole document. With `ifVersion` only what the caller has read: throws wrong_state with the version that is
 * there in `facts.expected`. Throws invalid.
 */
export async function putSettings(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { document, ifVersion = null }: { document: TenantSettings; ifVersion?: number | null },
): Promise<StoredSettings> {
  requireScope(caller, 'admin')
  const stored = await writeSettingsRow(app.db, caller.tenantId, { document: requireDocument(document), at: app.clock.now(), ifVersion })
  if (stored) return stored
  const { version } = (await readSettingsRow(app.db, caller.tenantId)) ?? EMPTY
  throw new Fault('wrong_state', 'The settings were changed by somebody else since they were read.', {
    action: 'change',
    expected: [String(version)],
    got: [String(ifVersion)],
  })
}

const invalid = (param: string, reason: InvalidReason, sentence: string): Fault => new Fault('invalid', sentence, { param, reason })

/** As it is stored: trimmed, without blank names of fields. */
function requireDocument({ billingContacts, billingWebhookUrl, planMetadata, flags }: TenantSettings): TenantSettings {
  if (billingContacts.length > CONTACTS_MAX)
    throw invalid('billing_contacts', 'too_many_items', `At most ${CONTACTS_MAX} billing contacts are kept.`)
  const document: TenantSettings = {
    billingContacts: billingContacts.map(requireContact),
    billingWebhookUrl: billingWebhookUrl === null ? null : requireUrl(billingWebhookUrl),
    planMetadata: named('plan_metadata', planMetadata, 'string'),
    flags: named('flags', flags, 'boolean'),
  }
  const unstorable = findUnstorable(document)
  if (unstorable !== undefined) throw invalid(wireNameOf(unstorable), 'value', 'The text holds characters that cannot be stored.')
  if (JSON.stringify(document).length > DOCUMENT_CHARS_MAX)
    throw invalid('plan_metadata', 'too_long', `The settings are longer than ${DOCUMENT_CHARS_MAX} characters.`)
  return document
}

function requireContact(contact: BillingContact, index: number): BillingContact {
  const at = `billing_contacts[${index}]`
  const name = contact.name.trim()
  if (name === '') throw invalid(`${at}.name`, 'too_short', 'A billing contact needs a name.')
  if (name.length > NAME_CHARS_MAX) throw tooLong(`${at}.name`, NAME_CHARS_MAX)
  const email = contact.email.trim()
  if (email.length > EMAIL_CHARS_MAX || !EMAIL.test(email))
    throw invalid(`${at}.email`, 'value', 'A billing contact needs an e-mail address such as name@example.com.')
  for (const detail of ['role', 'phone'] as const)
    if ((contact[detail]?.length ?? 0) > DETAIL_CHARS_MAX) throw tooLong(`${at}.${detail}`, DETAIL_CHARS_MAX)
  return { name, email, role: contact.role, phone: contact.phone, notifyBilling: contact.notifyBilling }
}

const tooLong = (param: string, max: number): Fault => invalid(param, 'too_long', `At most ${max} characters are kept.`)

function requireUrl(text: string): string {
  const url = URL.parse(text.trim())
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.hostname === '')
    throw invalid('billing_webhook_url', 'value', 'The webhook needs an address that begins with http:// or https:// and names a host.')
  return url.href
}

/** Without fields whose name is blank. */
function named<T extends string | boolean>(param: string, fields: Record<string, T>, type: 'string' | 'boolean'): Record<string, T> {
  for (const [name, value] of Object.entries(fields))
    if (typeof value !== type) throw invalid(`${param}.${name}`, 'type', `The values of ${param} are of type ${type}.`)
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name.trim() !== ''))
}

const WIRE_NAMES: Record<string, string> = {
  billingContacts: 'billing_contacts',
  billingWebhookUrl: 'billing_webhook_url',
  planMetadata: 'plan_metadata',
}

const wireNameOf = (path: string): string => path.replace(/^\w+/, (name) => WIRE_NAMES[name] ?? name)
