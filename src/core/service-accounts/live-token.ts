import { Fault } from '../fault.ts'
import { newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import { serviceClaims } from '../tokens/claims.ts'
import type { Order } from './order.ts'
import { insertRow, readLiveRow, revokeLiveRow } from './store.ts'
import type { ServiceToken } from './tokens.ts'

export interface GivenToken {
  refreshToken: string
  token: ServiceToken
  /** False: it was alive, and is the same as before. */
  isNew: boolean
}

const SECOND_MS = 1_000
/** Each turn that is lost was won by somebody who asked for the same at the same time. */
const TURNS_MAX = 20

/**
 * The token that is alive for this account, tenant and set of scopes, or a new one, which ends the one before it.
 * @param note is called in the transaction that makes a token; for one that is given out again, alone
 */
export async function giveToken(
  app: Needs<'db' | 'clock' | 'tokens' | 'signals'>,
  order: Order,
  by: { actorUserId: string | null; note: (app: Needs<'db' | 'clock'>, given: GivenToken) => Promise<void> },
): Promise<GivenToken> {
  const slot = { account: order.account.name, tenantId: order.tenantId, scopes: order.scopes }
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    const live = await readLiveRow(app.db, slot)
    const again = live && !order.force ? await spellAgain(app, live) : undefined
    if (live && again !== undefined) {
      const given = { refreshToken: again, token: live, isNew: false }
      await by.note(app, given)
      return given
    }
    const made = await makeToken(app, order, by.actorUserId)
    const room = { stale: live?.jti ?? null, force: order.force, at: app.clock.now() }
    const replaced = await app.db.transaction(async (db) => {
      const ended = await revokeLiveRow(db, slot, room)
      if (!(await insertRow(db, made.token))) return undefined
      await by.note({ db, clock: app.clock }, made)
      return ended
    })
    if (replaced === undefined) continue
    if (replaced.length > 0) app.signals.keyChanged()
    return made
  }
  throw new Fault('unavailable', 'Too many ask for this token at this moment.', { retryAfterMs: SECOND_MS })
}

async function makeToken(app: Needs<'clock' | 'tokens'>, order: Order, actorUserId: string | null): Promise<GivenToken> {
  const issuedAt = Math.floor(app.clock.now() / SECOND_MS) * SECOND_MS
  const { account, tenantId, scopes, fingerprint, lifetimeMs } = order
  const draft = {
    jti: newId(),
    tenantId,
    account: account.name,
    scopes,
    fingerprint,
    actorUserId,
    issuedAt,
    expiresAt: issuedAt + lifetimeMs,
  }
  const { token: refreshToken, kid } = await app.tokens.sign(serviceClaims({ use: 'refresh', ...draft }))
  return { refreshToken, token: { ...draft, kid, revokedAt: null, revokedReason: null }, isNew: true }
}

/** The same bytes as at first, whichever server does it. Undefined: it expired, or its key can sign no more. */
async function spellAgain(app: Needs<'clock' | 'tokens'>, token: ServiceToken): Promise<string | undefined> {
  return token.expiresAt > app.clock.now() ? app.tokens.signAgain(serviceClaims({ use: 'refresh', ...token }), token.kid) : undefined
}
