import { hashSecret } from '../identity/secrets.ts'
import type { Needs } from '../needs.ts'
import { deleteNonces, insertNonce } from './nonce-store.ts'

/** Clocks of replicas differ. */
const SLACK_MS = 60_000

/** False: it was used before. It is remembered until `usableUntil`, when whatever carries it is refused anyway. */
export const takeNonce = (app: Needs<'db' | 'clock'>, nonce: string, usableUntil: number): Promise<boolean> =>
  insertNonce(app.db, hashSecret(nonce), { expiresAt: usableUntil + SLACK_MS, now: app.clock.now() })

/** Answers how many. */
export const dropNonces = (app: Needs<'db' | 'clock'>, limit: number): Promise<number> => deleteNonces(app.db, app.clock.now(), limit)
