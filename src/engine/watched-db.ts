import { Fault } from '../core/fault.ts'
import type { Needs } from '../core/needs.ts'
import type { Db } from '../drivers/records/port.ts'

/** The same database; `onAway` is told whenever it does not answer, whatever the caller makes of that. */
export function watchedDb({ db, log }: Needs<'db' | 'log'>, onAway: () => void): Db {
  const watch = async <R>(answer: Promise<R>): Promise<R> => {
    try {
      return await answer
    } catch (cause) {
      if (cause instanceof Fault && cause.code === 'unavailable') {
        log.warn('run.database_away', { cause: String(cause) })
        onAway()
      }
      throw cause
    }
  }
  return {
    query: (text, params) => watch(db.query(text, params)),
    hot: (text, params) => watch(db.hot(text, params)),
    batch: (statement, item) => watch(db.batch(statement, item)),
    transaction: (work) => watch(db.transaction(work)),
    notify: (channel, payload) => watch(db.notify(channel, payload)),
    listen: (channel, onPayload, onGap) => db.listen(channel, onPayload, onGap),
  }
}
