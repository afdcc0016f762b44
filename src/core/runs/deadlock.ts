import type { Db } from '../../drivers/records/port.ts'

const DEADLOCK = '40P01'
const ATTEMPTS = 5

const isDeadlock = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  (('code' in error && error.code === DEADLOCK) || ('cause' in error && isDeadlock(error.cause)))

/**
 * A transaction that locks runs and their thread, which a commit of a run locks in the other order at times: Postgres then
 * ends one of the two, and nothing of it is left. `work` must have no effect but in its transaction.
 */
export async function transactAgain<R>(db: Db, work: (db: Db) => Promise<R>): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction(work)
    } catch (error) {
      if (attempt >= ATTEMPTS || !isDeadlock(error)) throw error
    }
  }
}
