import type { Caller } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { Parts } from '../needs.ts'
import { HeldSignals } from '../runs/held-signals.ts'
import { beginRow, deleteOldRows, finishRow, forgetRow, type IdempotencyRow, lockRow } from './store.ts'

export interface IdempotentRequest {
  /** The client's Idempotency-Key, 1..255 characters. */
  key: string
  /** Method and path as sent: the same key on another route is another request. */
  route: string
  body: unknown
}

const KEY_CHARS_MAX = 255
/** How long a request that waits on a model is believed alive without an answer. */
const CALL_LOCK_MS = 15 * 60_000
const LOOK_AGAIN_MS = 250

function rowOf(caller: Caller, request: IdempotentRequest): IdempotencyRow {
  if (request.key.length === 0 || request.key.length > KEY_CHARS_MAX)
    throw new Fault('invalid', `An idempotency key has 1 to ${KEY_CHARS_MAX} characters.`, { param: 'Idempotency-Key', reason: 'value' })
  const bodyHash = new Bun.CryptoHasher('sha256').update(JSON.stringify(request.body) ?? '').digest('hex')
  return { tenantId: caller.tenantId, key: request.key, route: request.route, bodyHash }
}

function replay<T>(row: { body_hash: string; answer: string }, wanted: IdempotencyRow): T {
  if (row.body_hash !== wanted.bodyHash)
    throw new Fault('key_reused', 'This idempotency key was used with another body.', { param: 'Idempotency-Key' })
  return JSON.parse(row.answer) as T
}

/**
 * Runs `effect` and keeps its result in one transaction: the same request gets the same result, also after a crash
 * between commit and answer. `effect` must use the parts it is given and return JSON data. A thrown fault keeps nothing.
 */
export async function once<T>(app: Parts, caller: Caller, request: IdempotentRequest, effect: (app: Parts) => Promise<T>): Promise<T> {
  const row = rowOf(caller, request)
  const signals = new HeldSignals(app.signals)
  try {
    const result = await app.db.transaction(async (db) => {
      // The row is inserted first and locked until the end: a second request with this key waits here.
      const earlier = await lockRow(db, row, app.clock.now())
      if (earlier) return { replayed: replay<T>(earlier, row) }
      const fresh = await effect({ ...app, db, signals })
      await finishRow(db, row, JSON.stringify(fresh))
      return { fresh }
    })
    if ('replayed' in result) return result.replayed
    signals.settle(true)
    return result.fresh
  } catch (error) {
    signals.settle(false)
    throw error
  }
}

/** As `once`, for effects that wait on a model: no transaction is open meanwhile; a crashed request may call again. */
export async function onceCalled<T>(
  app: Parts,
  caller: Caller,
  request: IdempotentRequest,
  effect: (app: Parts) => Promise<T>,
): Promise<T> {
  const row = rowOf(caller, request)
  for (;;) {
    const now = app.clock.now()
    const state = await beginRow(app.db, row, { now, lockedUntil: now + CALL_LOCK_MS })
    if (state.answer !== null) return replay<T>({ body_hash: state.body_hash, answer: state.answer }, row)
    if (state.body_hash !== row.bodyHash) return replay<T>({ body_hash: state.body_hash, answer: 'null' }, row)
    if (state.mine) break
    await Bun.sleep(LOOK_AGAIN_MS)
  }
  try {
    const fresh = await effect(app)
    await finishRow(app.db, row, JSON.stringify(fresh))
    return fresh
  } catch (error) {
    await forgetRow(app.db, row)
    throw error
  }
}

/** Removes answers older than the promise to keep them. */
export const purgeAnswers = (app: Pick<Parts, 'db' | 'clock' | 'limits'>, limit: number): Promise<number> =>
  deleteOldRows(app.db, app.clock.now() - app.limits.idempotencyKeepMs, limit)
