import type { Caller } from '../../../src/core/caller.ts'
import * as copies from '../../../src/core/threads/copies.ts'
import * as graphThreads from '../../../src/core/threads/graph-threads.ts'
import * as removal from '../../../src/core/threads/removal.ts'
import * as search from '../../../src/core/threads/thread-search.ts'
import * as threads from '../../../src/core/threads/threads.ts'
import type { TestApp } from '../../support/app.ts'

interface ThreadIds {
  thread: string
}
type Case = (caller: Caller, ids: ThreadIds) => Promise<unknown>

/** Every way in which an id of these functions can be foreign. */
export function threadCases(open: { app: () => TestApp }): Record<string, Case[]> {
  const all = { limit: 5, offset: 0, sortBy: 'id', order: 'asc', heads: true } as const
  const ids = (given: ThreadIds) => [given.thread]
  const values = { messages: [] }
  return {
    'copies.copyThread': [(c, given) => copies.copyThread(open.app(), c, given.thread)],
    'graph-threads.patchThread': [
      (c, given) => graphThreads.patchThread(open.app(), c, { id: given.thread, patch: { metadata: { intruder: 1 }, ttlMinutes: 1 } }),
    ],
    'removal.deleteThreads': [(c, given) => removal.deleteThreads(open.app(), c, ids(given))],
    'removal.pruneThreads': [
      (c, given) => removal.pruneThreads(open.app(), c, { ids: ids(given), strategy: 'delete' }),
      (c, given) => removal.pruneThreads(open.app(), c, { ids: ids(given), strategy: 'keep_latest' }),
    ],
    'thread-search.searchThreads': [
      (c, given) => search.searchThreads(open.app(), c, { ...all, filter: { ids: ids(given) } }),
      (c, given) => search.searchThreads(open.app(), c, { ...all, filter: { ids: ids(given), values } }),
    ],
    'threads.findHiddenThread': [(c, given) => threads.findHiddenThread(open.app(), c, given.thread)],
    'thread-search.countThreads': [(c, given) => search.countThreads(open.app(), c, { ids: ids(given), values })],
  }
}
