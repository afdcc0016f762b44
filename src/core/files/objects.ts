import type { ObjectKey, StoredObject } from '../../drivers/files/port.ts'
import type { Db } from '../../drivers/records/port.ts'
import { Fault } from '../fault.ts'
import { newId } from '../id.ts'
import type { Needs } from '../needs.ts'
import { abandonRow, deleteObjectRow, dropRows, insertObject, keepObjectRow, lookAgain, renewObject, takeDue } from './object-store.ts'

/** Bytes in the file store that nothing owns yet. */
export interface WrittenObject extends ObjectKey, StoredObject {}

export interface ObjectSource {
  source: AsyncIterable<Uint8Array>
  bytesMax: number
  signal?: AbortSignal
}

/** A writer that could not say for `ms` that it lives is taken for dead. It says so every `renewMs`. */
export interface Lease {
  ms: number
  renewMs: number
}

const LEASE: Lease = { ms: 60_000, renewMs: 20_000 }

/**
 * Streams into the file store. The row is there before the first byte and stays `writing` until `keepObject`; what nobody
 * keeps is swept. Whatever `source` throws goes through, as do the faults of the files port.
 */
export async function writeObject(
  app: Needs<'db' | 'clock' | 'files'>,
  tenantId: string,
  { source, bytesMax, signal, lease = LEASE }: ObjectSource & { lease?: Lease },
): Promise<WrittenObject> {
  const key = { tenantId, id: newId() }
  const at = app.clock.now()
  await insertObject(app.db, key, { at, staleAt: at + lease.ms, bytes: null })
  const held = holdLease(app, key, lease)
  try {
    const signals = signal ? [held.signal, signal] : [held.signal]
    const stored = await app.files.put(key, source, { bytesMax, signal: AbortSignal.any(signals) })
    if (!(await renewObject(app.db, key, app.clock.now() + lease.ms))) throw interrupted()
    return { ...key, ...stored }
  } catch (error) {
    await giveUpObject(app, key)
    // The driver only knows that it was stopped.
    throw held.lost() ?? error
  } finally {
    held.end()
  }
}

const interrupted = (): Fault => new Fault('unavailable', 'Storing the file was interrupted. Send it again.')

interface Held {
  signal: AbortSignal
  /** Why it was stopped, if it was. */
  lost(): Fault | undefined
  end(): void
}

/** Stops the writer when its time is over and nobody heard of it: then a sweep may be removing what it writes. */
function holdLease(app: Needs<'db' | 'clock'>, key: ObjectKey, { ms, renewMs }: Lease): Held {
  const stop = new AbortController()
  let state: 'held' | 'lost' | 'ended' = 'held'
  const lose = () => {
    if (state !== 'held') return
    state = 'lost'
    stop.abort(interrupted())
  }
  let deadline = setTimeout(lose, ms)
  const renew = async () => {
    const held = await renewObject(app.db, key, app.clock.now() + ms)
    clearTimeout(deadline)
    if (!held) lose()
    else if (state === 'held') deadline = setTimeout(lose, ms)
  }
  // Where renewing fails, the deadline stands.
  const timer = setInterval(() => void renew().catch(() => undefined), renewMs)
  return {
    signal: stop.signal,
    lost: () => (state === 'lost' ? interrupted() : undefined),
    end() {
      if (state === 'held') state = 'ended'
      clearInterval(timer)
      clearTimeout(deadline)
    },
  }
}

/** What is owned already stays. Not told when it fails: without it the sweep finds the object a minute later. */
export async function giveUpObject(app: Needs<'db' | 'clock'>, key: ObjectKey): Promise<void> {
  await abandonRow(app.db, key, app.clock.now()).catch(() => undefined)
}

/**
 * In the transaction that makes something own it. Throws unavailable when the object was given up meanwhile: then
 * everything in that transaction has to be undone.
 */
export async function keepObject(db: Db, tenantId: string, object: WrittenObject): Promise<void> {
  if (!(await keepObjectRow(db, { tenantId, id: object.id }, object))) throw interrupted()
}

/** In the transaction in which its owner goes: the sweep removes them. */
export async function dropObjects(db: Db, at: number, objectIds: readonly string[]): Promise<void> {
  await dropRows(db, at, objectIds)
}

/** Does `work`, which may come to own the object, if there is one. If it does not, whatever the reason, it is given up. */
export async function settleObject<T>(app: Needs<'db' | 'clock'>, object: ObjectKey | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } finally {
    if (object) await giveUpObject(app, object)
  }
}

const AT_ONCE = 4

/** Removes what nothing owns. Answers how many objects are gone; what could not be removed is tried again later, for ever. */
export async function sweepObjects(app: Needs<'db' | 'clock' | 'files' | 'log'>, limit: number): Promise<number> {
  const due = await takeDue(app.db, app.clock.now(), limit)
  const queue = due.values()
  let removed = 0
  const work = async () => {
    for (const { id, tenant_id: tenantId, written } of queue) {
      const key = { tenantId, id }
      try {
        await app.files.remove(key)
        if (written) await lookAgain(app.db, key, app.clock.now() + LEASE.ms)
        else await deleteObjectRow(app.db, key)
        removed++
      } catch (cause) {
        app.log.warn('object.not_removed', { object: id, cause: String(cause) })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, due.length) }, work))
  return removed
}
