import type { Caller } from '../../../src/core/caller.ts'
import * as copies from '../../../src/core/threads/copies.ts'
import * as graphThreads from '../../../src/core/threads/graph-threads.ts'
import * as drafts from '../../../src/core/threads/message-drafts.ts'
import * as participants from '../../../src/core/threads/participants.ts'
import * as posts from '../../../src/core/threads/posts.ts'
import * as removal from '../../../src/core/threads/removal.ts'
import * as search from '../../../src/core/threads/thread-search.ts'
import * as threads from '../../../src/core/threads/threads.ts'
import * as transcript from '../../../src/core/threads/transcript.ts'
import type { TestApp } from '../../support/app.ts'
import { AUTHOR } from '../runs/isolation-cases.ts'

interface ThreadIds {
  thread: string
  message: string
  user: string
  /** Of a thread that no run holds. */
  idle: string
}
type Case = (caller: Caller, ids: ThreadIds) => Promise<unknown>

/** Every way in which an id of these functions can be foreign. */
export function threadCases(open: { app: () => TestApp; own: () => ThreadIds }): Record<string, Case[]> {
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
    ...spokenCases(open),
    ...sharedCases(open),
  }
}

function spokenCases({ app, own }: { app: () => TestApp; own: () => ThreadIds }): Record<string, Case[]> {
  const post = (threadId: string): posts.NewPost => ({ threadId, role: 'user', content: 'intruder', metadata: {}, facts: {} })
  const metadata = { intruder: 'was here', deep: { er: 1 } }
  const ways: ((ids: ThreadIds) => { threadId: string; id: string })[] = [
    (ids) => ({ threadId: ids.thread, id: ids.message }),
    (ids) => ({ threadId: own().thread, id: ids.message }),
    (ids) => ({ threadId: ids.thread, id: own().message }),
  ]
  return {
    'transcript.listTranscript': (['asc', 'desc'] as const).map(
      (order) => (c, ids) => transcript.listTranscript(app(), c, { threadId: ids.thread, order, limit: 5 }),
    ),
    'transcript.findMessage': ways.map((of) => (c, ids) => transcript.findMessage(app(), c, of(ids))),
    'posts.createPost': [
      (c, ids) => posts.createPost(app(), c, post(ids.thread)),
      (c, ids) => posts.createPost(app(), c, post(ids.idle)),
      async (c, ids) => {
        const draft = { threadId: ids.idle, author: AUTHOR }
        return (await posts.createPost(app(), c, { ...post(own().idle), draft })).message.content
      },
    ],
    'posts.mergeMetadata': ways.map((of) => (c, ids) => posts.mergeMetadata(app(), c, { ...of(ids), metadata })),
    'posts.deletePost': ways.map((of) => (c, ids) => posts.deletePost(app(), c, of(ids))),
    'message-drafts.addToDraft': [
      (c, ids) => drafts.addToDraft(app(), c, { threadId: ids.idle, author: AUTHOR, text: 'intruder' }),
      (c, ids) => drafts.addToDraft(app(), c, { threadId: ids.idle, author: AUTHOR, text: 'x'.repeat(drafts.DRAFT_BYTES_MAX + 1) }),
    ],
    'message-drafts.takeDraft': [(c, ids) => drafts.takeDraft(app(), c, { threadId: ids.idle, author: AUTHOR })],
  }
}

function sharedCases({ app, own }: { app: () => TestApp; own: () => ThreadIds }): Record<string, Case[]> {
  const change = (userIds: string[]): participants.SharedThreadChange => ({ metadata: { intruder: 1 }, userIds, facts: { intruder: 1 } })
  return {
    'participants.createSharedThread': [
      async (c, ids) => (await participants.createSharedThread(app(), c, { metadata: {}, userIds: [own().user, ids.user] })).participants,
    ],
    'participants.participantsOf': [(c, ids) => participants.participantsOf(app(), c, ids.idle)],
    'participants.changeSharedThread': [
      (c, ids) => participants.changeSharedThread(app(), c, { id: ids.idle, change: change([own().user]) }),
      (c, ids) => participants.changeSharedThread(app(), c, { id: ids.idle, change: {} }),
      async (c, ids) =>
        (await participants.changeSharedThread(app(), c, { id: own().idle, change: change([own().user, ids.user]) })).participants,
    ],
    'participants.getSharedThread': [(c, ids) => participants.getSharedThread(app(), c, { id: ids.idle, owned: undefined })],
    'participants.threadsOf': [(c, ids) => participants.threadsOf(app(), c, ids.user)],
  }
}
