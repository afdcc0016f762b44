import type { Db } from '../../drivers/records/port.ts'
import type { Caller } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { Parts } from '../needs.ts'
import { HeldSignals } from '../runs/held-signals.ts'
import { beginRow, deleteOldAnswers, finishRow, forgetRow, type IdempotencyRow, keepRow, lockRow, renewRow } from './store.ts'

export interface IdempotentRequest {
  /** The client's Idempotency-Key, 1..255 characters. */
  key: string
  /** Method and path as sent: the same key on another route is another request. */
  route: string
  body: unknown
}

const KEY_CHARS_MAX = 255
/** How long a request that waits is believed alive without a sign of life; it gives several in that time. */
const CALL_LEASE_MS = 15_000
const RENEW_MS = 5_000
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

/** Takes the key, or waits for the answer of whoever has it. */
async function take<T>(app: Parts, row: IdempotencyRow): Promise<{ answer: T } | undefined> {
  for (;;) {
    const now = app.clock.now()
    const state = await beginRow(app.db, row, { now, lockedUntil: now + CALL_LEASE_MS })
    if (state.answer !== null) return { answer: replay<T>({ body_hash: state.body_hash, answer: state.answer }, row) }
    if (state.body_hash !== row.bodyHash) return { answer: replay<T>({ body_hash: state.body_hash, answer: 'null' }, row) }
    if (state.mine) return undefined
    await Bun.sleep(LOOK_AGAIN_MS)
  }
}

async function holding<T>(app: Parts, row: IdempotencyRow, effect: () => Promise<T>): Promise<T> {
  const renew = () => renewRow(app.db, row, app.clock.now() + CALL_LEASE_MS)
  const timer = setInterval(() => renew().catch((cause) => app.log.warn('idempotency.not_renewed', { cause: String(cause) })), RENEW_MS)
  timer.unref()
  try {
    return await effect()
  } finally {
    clearInterval(timer)
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
  const earlier = await take<T>(app, row)
  if (earlier) return earlier.answer
  try {
    return await holding(app, row, async () => {
      const fresh = await effect(app)
      await finishRow(app.db, row, JSON.stringify(fresh))
      return fresh
    })
  } catch (error) {
    await forgetRow(app.db, row)
    throw error
  }
}

/** Call it inside the transaction of the effect: neither stays without the other. */
export type Keep<T> = (db: Db, result: T) => Promise<void>

class Overtaken extends Error {}

/**
 * As `onceCalled`, for effects that wait first and end with one transaction, in which they must `keep` their result: they
 * take effect once, whoever crashes, or is believed to have crashed, when.
 */
export async function onceKept<T>(
  app: Parts,
  caller: Caller,
  request: IdempotentRequest,
  effect: (app: Parts, keep: Keep<T>) => Promise<T>,
): Promise<T> {
  const row = rowOf(caller, request)
  const keep: Keep<T> = async (db, result) => {
    if (!(await keepRow(db, row, JSON.stringify(result)))) throw new Overtaken()
  }
  for (;;) {
    const earlier = await take<T>(app, row)
    if (earlier) return earlier.answer
    try {
      return await holding(app, row, () => effect(app, keep))
    } catch (error) {
      if (error instanceof Overtaken) continue
      await forgetRow(app.db, row)
      throw error
    }
  }
}

/** Removes answers older than the promise to keep them. */
export const purgeAnswers = (app: Pick<Parts, 'db' | 'clock' | 'limits'>, limit: number): Promise<number> =>
  deleteOldAnswers(app.db, app.clock.now() - app.limits.idempotencyKeepMs, limit)
