import { timingSafeEqual } from 'node:crypto'
import { Fault } from '../fault.ts'
import { newId, readId, spellId } from '../id.ts'
import { hashSecret } from '../identity/secrets.ts'
import type { Needs } from '../needs.ts'
import { deleteExpiredEmailTokens, type EmailTokenKind, type EmailTokenRow, insertEmailToken, readEmailToken } from './email-token-store.ts'

const MINUTE_MS = 60_000
const LIVES_MS: Record<EmailTokenKind, number> = { verify_email: 60 * MINUTE_MS, reset_password: 30 * MINUTE_MS }

const SECRET_BYTES = 32
const FORM = /^([0-9a-f]{32})\.([0-9a-f]{64})$/

/** For a mail that is queued in the same transaction; only its hash is kept. `<32 hex digits of the id>.<64 hex digits>` */
export async function createEmailToken(
  app: Needs<'db' | 'clock'>,
  { kind, credentialId, email }: { kind: EmailTokenKind; credentialId: string; email: string },
): Promise<{ token: string; expiresAt: number }> {
  const id = newId()
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(SECRET_BYTES))).toString('hex')
  const at = app.clock.now()
  const expiresAt = at + LIVES_MS[kind]
  const row = { id, kind, credential_id: credentialId, email, secret_hash: hashSecret(secret), expires_at: expiresAt }
  await insertEmailToken(app.db, at, row)
  return { token: `${spellId('', id)}.${secret}`, expiresAt }
}

/** Also compared with where there is none: in the end both are refused alike. */
const NOBODYS = hashSecret('nobody')

const badToken = (): Fault =>
  new Fault('invalid', 'This token is not valid, was used, or has expired; ask for a new one.', { param: 'token', reason: 'value' })

/** What the token stands for; it can still be used. Throws invalid (param token), whatever is wrong with it. */
export async function requireEmailToken(app: Needs<'db' | 'clock'>, token: string, kind: EmailTokenKind): Promise<EmailTokenRow> {
  const [, digits, secret] = FORM.exec(token.trim()) ?? []
  const id = digits === undefined ? undefined : readId('', digits)
  if (id === undefined || secret === undefined) throw badToken()
  const row = await readEmailToken(app.db, id)
  const isRight = timingSafeEqual(Buffer.from(hashSecret(secret)), Buffer.from(row?.secret_hash ?? NOBODYS))
  if (!row || !isRight || row.kind !== kind || row.expires_at <= app.clock.now()) throw badToken()
  return row
}

/** For who finds it used when he wants to use it. */
export const usedToken = badToken

/** Answers how many went, at most `limit`. */
export const dropEmailTokens = (app: Needs<'db' | 'clock'>, limit: number): Promise<number> =>
  deleteExpiredEmailTokens(app.db, app.clock.now(), limit)
