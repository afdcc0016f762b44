import type { Principal } from '../access/principal.ts'
import { audit } from '../audit/audit.ts'
import { markVerified, readCredential } from '../credentials/credentials.ts'
import { Fault } from '../fault.ts'
import { queueMail } from '../mail/mail.ts'
import type { Needs } from '../needs.ts'
import { emailVerifyLimits } from '../rates/quotas.ts'
import { takeLimit } from '../rates/rates.ts'
import type { Client } from './client.ts'
import { dropEmailTokensOf, takeEmailToken } from './email-token-store.ts'
import { createEmailToken, requireEmailToken, usedToken } from './email-tokens.ts'
import { requireCredential } from './sessions.ts'

type Parts = Needs<'db' | 'clock' | 'signals' | 'vault' | 'mail'>

/** A link to the caller's own address, unless that is verified: then nothing happens. Throws rate_limited. */
export async function sendVerification(
  app: Parts,
  principal: Principal,
  { client }: { client: Client },
): Promise<{ emailVerified: boolean }> {
  const { credentialId, userId } = requireCredential(principal)
  const { tenantId } = principal
  await takeLimit(app, emailVerifyLimits({ userId, ip: client.ip }))
  const known = await readCredential(app.db, { id: credentialId })
  if (!known) throw new Fault('unauthenticated', 'This account is gone.')
  if (known.verifiedAt !== null) return { emailVerified: true }
  await app.db.transaction(async (db) => {
    const inside = { ...app, db }
    const token = await createEmailToken(inside, { kind: 'verify_email', credentialId, email: known.email })
    await queueMail(inside, { kind: 'verify_email', to: known.email, ...token }, tenantId)
    await audit(inside, { tenantId, userId, event: 'email.send', result: 'success', client })
  })
  app.signals.wakeJobs()
  return { emailVerified: false }
}

/**
 * Sessions go on: whether an address is verified is read with each request, and the next refresh puts it into the tokens.
 * Throws invalid (param token).
 */
export async function verifyEmail(app: Parts, { token, client }: { token: string; client: Client }): Promise<void> {
  const { id, credential_id: credentialId, email } = await requireEmailToken(app, token, 'verify_email')
  await app.db.transaction(async (db) => {
    const isMarked = await markVerified(db, { id: credentialId, email, at: app.clock.now() })
    if (!isMarked || !(await takeEmailToken(db, id))) throw usedToken()
    await dropEmailTokensOf(db, { credentialId, kind: 'verify_email' })
    const details = { credential: credentialId }
    await audit({ ...app, db }, { tenantId: null, userId: null, event: 'email.verify', result: 'success', client, details })
  })
  app.signals.keyChanged()
}
