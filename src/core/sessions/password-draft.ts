import { type Credential, writePassword } from '../credentials/credentials.ts'
import { Fault } from '../fault.ts'
import { namesOf } from '../identity/directory.ts'
import { queueMail } from '../mail/mail.ts'
import type { Needs } from '../needs.ts'
import { HISTORY_MAX, isReused, withHash } from '../passwords/history.ts'
import { requirePassword } from '../passwords/policy.ts'
import { clearLock } from '../rates/guard.ts'
import { dropEmailTokensOf } from './email-token-store.ts'
import { type EndReason, endAll } from './sessions.ts'

/** A new password that keeps to all rules, hashed and not yet anybody's. */
export interface PasswordDraft {
  known: Credential
  hash: string
  history: string[]
}

/** Hashes for tens of milliseconds: outside of a transaction. Throws invalid (param password). */
export async function draftPassword(
  app: Needs<'db' | 'passwords'>,
  { known, next }: { known: Credential; next: string },
): Promise<PasswordDraft> {
  const history = readHistory(known)
  if (await isReused(app, next, history))
    throw new Fault('invalid', `This is one of the last ${HISTORY_MAX} passwords; choose another.`, { param: 'password', reason: 'value' })
  await requirePassword(next, { email: known.email, names: await namesOf(app, known.id) })
  const hash = await app.passwords.hash(next)
  return { known, hash, history: withHash(history, hash) }
}

/** Newest first; with the one that counts, whatever the list says. */
const readHistory = ({ passwordHistory, passwordHash }: Credential): string[] =>
  [passwordHash, ...passwordHistory.filter((hash) => hash !== passwordHash)].slice(0, HISTORY_MAX)

/**
 * In a transaction. What was begun with the old password ends: sessions, links to reset it, the lock of the address; and
 * the owner is told. False: there is another password by now.
 */
export async function recordPassword(
  app: Needs<'db' | 'clock' | 'vault' | 'mail'>,
  { known, hash, history }: PasswordDraft,
  { tenantId, reason }: { tenantId: string | null; reason: EndReason },
): Promise<boolean> {
  const { id, email, passwordHash: was } = known
  const at = app.clock.now()
  if (!(await writePassword(app.db, { id, was, hash, history, at }))) return false
  await endAll(app, { credentialId: id, reason })
  await dropEmailTokensOf(app.db, { credentialId: id, kind: 'reset_password' })
  await clearLock(app, email)
  await queueMail(app, { kind: 'password_changed', to: email }, tenantId)
  return true
}
