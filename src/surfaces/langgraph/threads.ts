import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { copyThread } from '../../core/threads/copies.ts'
import { createGraphThread, patchThread } from '../../core/threads/graph-threads.ts'
import { pruneThreads } from '../../core/threads/removal.ts'
import { countThreads, searchThreads } from '../../core/threads/thread-search.ts'
import { deleteThread, getThread, type Thread } from '../../core/threads/threads.ts'
import { langgraphCaller } from './caller.ts'
import { Uuid } from './fields.wire.ts'
import { answers, answersNothing, asks, paths, takes } from './route.ts'
import { partial } from './selection.ts'
import {
  Count,
  fromThreadCreate,
  fromThreadFilter,
  fromThreadPatch,
  fromThreadSearch,
  Pruned,
  pageHeaders,
  ThreadCount,
  ThreadCreate,
  ThreadObject,
  ThreadPatchBody,
  ThreadPrune,
  ThreadQuery,
  ThreadSearchBody,
  toFoundThreads,
  toThread,
} from './threads.wire.ts'

/** With the values of its newest checkpoint. */
async function shown(app: App, caller: Caller, input: { thread: Thread; include?: readonly string[] }): Promise<ThreadObject> {
  const heads = await app.graphs.heads(caller, [input.thread])
  return toThread(input.thread, heads.get(input.thread.id), input.include)
}

const isMinimal = (headers: Headers): boolean => /(?:^|[,;\s])return=minimal(?:$|[,;\s])/i.test(headers.get('prefer') ?? '')

const NOTHING = (): never => new Response(null, { status: 204 }) as never

const ofThread = paths({ thread_id: Uuid })

export const threads = (app: App) =>
  new Elysia({ prefix: '/threads', tags: ['Threads'] })
    .use(langgraphCaller(app))
    .post(
      '',
      async ({ caller, once, onceCalled, body }) => {
        const input = fromThreadCreate(body)
        // The state is written outside the transaction of the key.
        const effect = input.steps ? onceCalled : once
        return shown(app, caller, { thread: await effect((parts) => createGraphThread(parts, caller, input)) })
      },
      { ...takes(ThreadCreate), ...answers({ id: 'createThread', summary: 'Create a thread' }, ThreadObject) },
    )
    .post(
      '/search',
      async ({ caller, body, set }) => {
        const { search, shown: how } = fromThreadSearch(body)
        const found = await searchThreads(app, caller, search)
        const headers = pageHeaders(found, search)
        if (how.select) return partial(toFoundThreads(found, how), headers)
        Object.assign(set.headers, headers)
        return toFoundThreads(found, how)
      },
      { ...takes(ThreadSearchBody), ...answers({ id: 'searchThreads', summary: 'Search threads' }, t.Array(ThreadObject)) },
    )
    .post('/count', ({ caller, body }) => countThreads(app, caller, fromThreadFilter(body)), {
      ...takes(ThreadCount),
      ...answers({ id: 'countThreads', summary: 'Count threads' }, Count),
    })
    .post(
      '/prune',
      async ({ caller, body }) => {
        const ids = body.thread_ids.map((id) => id.toLowerCase())
        return { pruned_count: await pruneThreads(app, caller, { ids, strategy: body.strategy ?? 'delete' }) }
      },
      {
        ...takes(ThreadPrune),
        ...answers({ id: 'pruneThreads', summary: 'Remove threads, or all of them but their newest state' }, Pruned),
      },
    )
    .get(
      '/:thread_id',
      async ({ caller, params, query }) => {
        const thread = await getThread(app, caller, params.thread_id)
        return shown(app, caller, { thread, ...(query.include ? { include: query.include } : {}) })
      },
      { ...ofThread, ...asks(ThreadQuery), ...answers({ id: 'getThread', summary: 'Retrieve a thread' }, ThreadObject) },
    )
    .patch(
      '/:thread_id',
      async ({ caller, params, body, request }) => {
        const thread = await patchThread(app, caller, { id: params.thread_id, patch: fromThreadPatch(body) })
        return isMinimal(request.headers) ? NOTHING() : shown(app, caller, { thread })
      },
      { ...ofThread, ...takes(ThreadPatchBody), ...answers({ id: 'patchThread', summary: 'Change a thread' }, ThreadObject) },
    )
    .delete('/:thread_id', ({ caller, params }) => deleteThread(app, caller, params.thread_id), {
      ...ofThread,
      ...answersNothing({ id: 'deleteThread', summary: 'Delete a thread with everything in it' }),
    })
    .post(
      '/:thread_id/copy',
      async ({ caller, once, params }) => {
        const thread = await once((parts) => copyThread(parts, caller, params.thread_id))
        return shown(app, caller, { thread })
      },
      { ...ofThread, ...answers({ id: 'copyThread', summary: 'Copy a thread with its history' }, ThreadObject) },
    )
