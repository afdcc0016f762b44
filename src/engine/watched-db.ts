import { Fault } from '../core/fault.ts'
import type { Needs } from '../core/needs.ts'
import type { Db } from '../drivers/records/port.ts'

/** The same database; `onAway` is told whenever it does not answer, whatever the caller makes of that. */
export function watchedDb({ db: inner, log }: Needs<'db' | 'log'>, onAway: () => void): Db {
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
    query: (text, params) => watch(inner.query(text, params)),
    hot: (text, params) => watch(inner.hot(text, params)),
    batch: (statement, item) => watch(inner.batch(statement, item)),
    transaction: (work) => watch(inner.transaction(work)),
    notify: (channel, payload) => watch(inner.notify(channel, payload)),
    listen: (channel, onPayload, onGap) => inner.listen(channel, onPayload, onGap),
  }
}
