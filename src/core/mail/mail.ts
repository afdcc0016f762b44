import type { Role } from '../access/roles.ts'
import type { Caller } from '../caller.ts'
import { Fault } from '../fault.ts'
import { isUuid, newId } from '../id.ts'
import { requireOperator } from '../identity/users.ts'
import { insertJobs } from '../jobs/jobs.ts'
import type { Needs } from '../needs.ts'
import { deleteEndedMails, insertMailRow, listMailRows, type MailRow, type MailStatus, readMailRow } from './store.ts'

interface Addressed {
  /** One address, without a name. */
  to: string
}

interface WithLink extends Addressed {
  token: string
  /** Milliseconds since the epoch; null: never. */
  expiresAt: number | null
}

/**
 * What somebody is to be told.
 *
 * - `reset_password`: looked up and given its token when it is sent, so that asking for it takes the same time for every
 *   address. Nobody has the address: it is dropped.
 * - `invite`: into a tenant, or (both null) to make one.
 * - `signup_approved`: the invite that answers somebody's own request.
 */
export type NewMail =
  | ({ kind: 'verify_email' } & WithLink)
  | ({ kind: 'reset_password' } & Addressed)
  | ({ kind: 'invite'; tenantTitle: string | null; role: Role | null } & WithLink)
  | ({ kind: 'signup_approved' } & WithLink)
  | ({ kind: 'password_changed' } & Addressed)

export type MailKind = NewMail['kind']

export interface ComposedMail {
  subject: string
  text: string
  html: string
  link: string | null
  /** When the link stops working. */
  expiresAt: number | null
}

/** What a row of `mail` holds, sealed. */
export interface MailContent {
  about: NewMail
  /** Since its first attempt: every attempt sends the same. */
  composed?: ComposedMail
}

/** A mail as operators see it in a list. */
export interface Mail {
  id: string
  tenantId: string | null
  kind: string
  status: MailStatus
  messageId: string
  /** How often it was given to the mail server. */
  attempts: number
  /** Why the last attempt failed. */
  error: string | null
  createdAt: number
  /** When it was sent, or given up. */
  endedAt: number | null
}

/** `job.tenant_id` says whose turn a job takes. What belongs to no tenant shares this one, which no tenant has. */
const NO_TENANT = '00000000-0000-8000-8000-000000000001'

const ADDRESS_CHARS_MAX = 254
/** Nothing that could end a header, name a second recipient or start a comment. */
const ADDRESS = /^[^\s\p{Cc}<>,;:"()[\]\\@]+@[^\s\p{Cc}<>,;:"()[\]\\@]+$/u

/** What its seal is about: it opens for no other mail. */
export const aboutMail = (id: string): string => `mail ${id}`

/**
 * Call it in the transaction that makes the mail necessary, and `signals.wakeJobs()` after the commit. From then on it is
 * sent, by whichever process has time; twice only where one dies between sending and noting it, with the same message id.
 */
export async function queueMail(
  app: Needs<'db' | 'clock' | 'vault' | 'mail'>,
  input: NewMail,
  tenantId: string | null,
): Promise<{ id: string; messageId: string }> {
  if (input.to.length > ADDRESS_CHARS_MAX || !ADDRESS.test(input.to))
    throw new Fault('invalid', 'This is not an e-mail address that mail can be sent to.', { param: 'email', reason: 'value' })
  const id = newId()
  const at = app.clock.now()
  const messageId = `<${id}@${app.mail.domain}>`
  const content: MailContent = { about: input }
  const sealed = await app.vault.seal(JSON.stringify(content), aboutMail(id))
  await insertMailRow(app.db, at, { id, tenant_id: tenantId, kind: input.kind, sealed, message_id: messageId })
  await queueSending(app, { id, tenantId })
  return { id, messageId }
}

/** Of a mail whose row waits, or will at the end of the transaction. */
export const queueSending = (
  { db, clock }: Needs<'db' | 'clock'>,
  { id, tenantId }: { id: string; tenantId: string | null },
): Promise<void> => insertJobs(db, clock.now(), [{ kind: 'mail', tenantId: tenantId ?? NO_TENANT, subject: id, payload: {} }])

/** For whoever runs the server, as mails are of everybody. Newest first; without `statuses` all. */
export async function listMails(
  app: Needs<'db'>,
  caller: Caller,
  { limit, statuses = [] }: { limit: number; statuses?: readonly MailStatus[] },
): Promise<Mail[]> {
  requireOperator(caller)
  return (await listMailRows(app.db, { limit, statuses })).map(fromRow)
}

export interface OpenedMail extends Mail {
  /** Undefined: sealed by a server with another key. */
  content: MailContent | undefined
}

/** With what it says. Undefined: there is none with this id. */
export async function readMail(app: Needs<'db' | 'vault'>, caller: Caller, id: string): Promise<OpenedMail | undefined> {
  requireOperator(caller)
  const row = isUuid(id) ? await readMailRow(app.db, id) : undefined
  return row && { ...fromRow(row), content: await openContent(app, row) }
}

/** Undefined: it was sealed with another key. */
export async function openContent(app: Needs<'vault'>, { id, sealed }: Pick<MailRow, 'id' | 'sealed'>): Promise<MailContent | undefined> {
  const text = await app.vault.open(sealed, aboutMail(id))
  return text === undefined ? undefined : (JSON.parse(text) as MailContent)
}

const KEPT_MS = 30 * 24 * 60 * 60_000

/** Those that were sent or given up long ago. Answers how many went. */
export const dropMails = (app: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  deleteEndedMails(app.db, { before: app.clock.now() - KEPT_MS, limit })

export const fromRow = (row: MailRow): Mail => ({
  ...{ id: row.id, tenantId: row.tenant_id, kind: row.kind, status: row.status, messageId: row.message_id },
  ...{ attempts: row.attempts, error: row.error, createdAt: row.created_at, endedAt: row.sent_at },
})
