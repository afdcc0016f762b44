import { audit } from '../audit/audit.ts'
import type { Caller } from '../caller.ts'
import { Fault } from '../fault.ts'
import { isUuid } from '../id.ts'
import { requireOperator } from '../identity/users.ts'
import type { Needs } from '../needs.ts'
import { fromRow, type Mail, type MailContent, openContent, queueSending } from './mail.ts'
import { type MailRow, readMailRow, requeueMailRow } from './store.ts'

/**
 * What keeps a mail from being sent again:
 *
 * - `sent`: it was, and `again` was not asked for.
 * - `dropped`: nobody had the address, so there is nothing to send.
 * - `sealed`: with another secret than this server's.
 * - `expired`: its link works no more.
 */
export type Hindrance = 'sent' | 'dropped' | 'sealed' | 'expired'

export type Resending = { mail: Mail } | { mail: Mail; hindrance: Hindrance }

/**
 * For whoever runs the server: the same mail, under the same message id, as soon as a process has time. One that failed
 * gets all its attempts anew; one that waits is tried at once. Undefined: there is none with this id. Throws busy when it is
 * being sent in this moment.
 */
export async function resendMail(
  app: Needs<'db' | 'clock' | 'vault' | 'signals'>,
  caller: Caller,
  { id, again }: { id: string; again: boolean },
): Promise<Resending | undefined> {
  requireOperator(caller)
  const row = isUuid(id) ? await readMailRow(app.db, id) : undefined
  if (!row) return undefined
  const hindrance = hindranceOf(row, { again, content: await openContent(app, row), now: app.clock.now() })
  if (hindrance) return { mail: fromRow(row), hindrance }
  await app.db.transaction((db) => requeue({ ...app, db }, row))
  app.signals.wakeJobs()
  const mail = await readMailRow(app.db, id)
  return mail && { mail: fromRow(mail) }
}

interface Circumstances {
  again: boolean
  /** Undefined: it cannot be opened. */
  content: MailContent | undefined
  now: number
}

function hindranceOf({ status }: MailRow, { again, content, now }: Circumstances): Hindrance | undefined {
  if (status === 'dropped') return 'dropped'
  if (status === 'sent' && !again) return 'sent'
  if (!content) return 'sealed'
  const expiresAt = content.composed ? content.composed.expiresAt : 'expiresAt' in content.about ? content.about.expiresAt : null
  return expiresAt !== null && expiresAt <= now ? 'expired' : undefined
}

/** The job before the mail: whoever notes the end of a mail locks them in this order. */
async function requeue(app: Needs<'db' | 'clock'>, { id, tenant_id: tenantId, status }: MailRow): Promise<void> {
  await queueSending(app, { id, tenantId })
  if (!(await requeueMailRow(app.db, id, status))) throw new Fault('busy', 'This mail is being sent at this moment.')
  await audit(app, { tenantId, userId: null, event: 'mail.resend', result: 'success', details: { mail: id, was: status } })
}
