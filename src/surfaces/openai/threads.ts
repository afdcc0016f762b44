import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { changeThread, createThread, deleteThread, getThread } from '../../core/threads/threads.ts'
import { openaiCaller } from './caller.ts'
import { requireId } from './ids.ts'
import { answers, asksBeta, asksNothing, takes } from './route.ts'
import { fromThreadCreate, fromThreadModify, ThreadCreate, ThreadDeleted, ThreadModify, ThreadObject, toThread } from './threads.wire.ts'

const idOf = (params: { thread_id: string }): string => requireId('thread', 'thread_id', params.thread_id)

export const threads = (app: App) =>
  new Elysia({ prefix: '/threads', tags: ['Threads'] })
    .use(openaiCaller(app))
    .guard(asksBeta(app.config.openai.betaHeader))
    .post('', async ({ caller, once, body }) => toThread(await once((parts) => createThread(parts, caller, fromThreadCreate(body)))), {
      ...asksNothing,
      ...takes(ThreadCreate),
      ...answers({ id: 'createThread', summary: 'Create a thread' }, ThreadObject),
    })
    .get('/:thread_id', async ({ caller, params }) => toThread(await getThread(app, caller, idOf(params))), {
      ...asksNothing,
      ...answers({ id: 'getThread', summary: 'Retrieve a thread' }, ThreadObject),
    })
    .post(
      '/:thread_id',
      async ({ caller, once, params, body }) => {
        const input = { id: idOf(params), change: fromThreadModify(body) }
        return toThread(await once((parts) => changeThread(parts, caller, input)))
      },
      { ...asksNothing, ...takes(ThreadModify), ...answers({ id: 'modifyThread', summary: 'Modify a thread' }, ThreadObject) },
    )
    .delete(
      '/:thread_id',
      async ({ caller, params }) => {
        await deleteThread(app, caller, idOf(params))
        return { id: params.thread_id, object: 'thread.deleted' as const, deleted: true }
      },
      { ...asksNothing, ...answers({ id: 'deleteThread', summary: 'Delete a thread with everything in it' }, ThreadDeleted) },
    )
