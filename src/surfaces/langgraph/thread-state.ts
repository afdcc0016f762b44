import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { type Caller, requireScope } from '../../core/caller.ts'
import { notFound } from '../../core/fault.ts'
import type { StateFilter } from '../../core/graphs/graphs.ts'
import type { CheckpointRef } from '../../core/runs/call.ts'
import { patchMetadata } from '../../core/threads/checkpoints.ts'
import { getThread } from '../../core/threads/threads.ts'
import { langgraphCaller } from './caller.ts'
import { Uuid } from './fields.wire.ts'
import { answers, asks, paths, takes } from './route.ts'
import { partial } from './selection.ts'
import {
  fromCheckpoint,
  fromHistory,
  fromStateUpdate,
  HistoryBody,
  HistoryQuery,
  requireFields,
  StateAt,
  StatePatchBody,
  StateQuery,
  StateUpdateBody,
  StateWritten,
  ThreadState,
  toSelected,
  toState,
  toWritten,
} from './thread-state.wire.ts'

const ofThread = paths({ thread_id: Uuid })

interface Asked {
  threadId: string
  select?: readonly string[] | null | undefined
}

async function stateAt(app: App, caller: Caller, asked: Asked & { at: CheckpointRef; subgraphs: boolean }): Promise<ThreadState> {
  const select = requireFields(asked.select)
  const thread = await getThread(app, caller, asked.threadId)
  const state = toState(thread.id, await app.graphs.state(caller, { thread, at: asked.at, subgraphs: asked.subgraphs }))
  return select ? partial(toSelected(state, select)) : state
}

async function historyOf(app: App, caller: Caller, asked: Asked & { filter: StateFilter }): Promise<ThreadState[]> {
  const select = requireFields(asked.select)
  const thread = await getThread(app, caller, asked.threadId)
  const states = (await app.graphs.history(caller, { thread, filter: asked.filter })).map((state) => toState(thread.id, state))
  return select ? partial(states.map((state) => toSelected(state, select))) : states
}

export const threadState = (app: App) =>
  new Elysia({ prefix: '/threads', tags: ['Thread state'] })
    .use(langgraphCaller(app))
    .get(
      '/:thread_id/state',
      ({ caller, params, query }) =>
        stateAt(app, caller, { threadId: params.thread_id, at: {}, subgraphs: query.subgraphs ?? false, select: query.select }),
      { ...ofThread, ...asks(StateQuery), ...answers({ id: 'getState', summary: 'Retrieve the newest state' }, ThreadState) },
    )
    .get(
      '/:thread_id/state/:checkpoint_id',
      ({ caller, params, query }) => {
        const at = fromCheckpoint(undefined, params.checkpoint_id)
        return stateAt(app, caller, { threadId: params.thread_id, at, subgraphs: query.subgraphs ?? false, select: query.select })
      },
      {
        ...paths({ thread_id: Uuid, checkpoint_id: t.String() }),
        ...asks(StateQuery),
        ...answers({ id: 'getStateAt', summary: 'Retrieve the state at a checkpoint' }, ThreadState),
      },
    )
    .post(
      '/:thread_id/state/checkpoint',
      ({ caller, params, body }) => {
        const at = fromCheckpoint(body.checkpoint)
        return stateAt(app, caller, { threadId: params.thread_id, at, subgraphs: body.subgraphs ?? false, select: body.select })
      },
      {
        ...ofThread,
        ...takes(StateAt),
        ...answers({ id: 'findState', summary: 'Retrieve the state at a checkpoint, of a subgraph too' }, ThreadState),
      },
    )
    .post(
      '/:thread_id/state',
      async ({ caller, onceKept, params, body }) => {
        requireScope(caller, 'write')
        const input = fromStateUpdate(body)
        const thread = await getThread(app, caller, params.thread_id)
        return toWritten(thread.id, await onceKept((parts, keep) => parts.graphs.update(caller, { thread, ...input, keep })))
      },
      { ...ofThread, ...takes(StateUpdateBody), ...answers({ id: 'updateState', summary: 'Add a state' }, StateWritten) },
    )
    .patch(
      '/:thread_id/state',
      async ({ caller, params, body }) => {
        const written = await patchMetadata(app, caller, { threadId: params.thread_id, metadata: body.metadata })
        if (!written) throw notFound('checkpoint', '')
        return toWritten(params.thread_id, written)
      },
      {
        ...ofThread,
        ...takes(StatePatchBody),
        ...answers({ id: 'patchState', summary: 'Add to the metadata of the newest checkpoint' }, StateWritten),
      },
    )
    .get(
      '/:thread_id/history',
      ({ caller, params, query }) => historyOf(app, caller, { threadId: params.thread_id, filter: fromHistory(query) }),
      {
        ...ofThread,
        ...asks(HistoryQuery),
        ...answers({ id: 'listHistory', summary: 'List past states, newest first' }, t.Array(ThreadState)),
      },
    )
    .post(
      '/:thread_id/history',
      ({ caller, params, body }) => historyOf(app, caller, { threadId: params.thread_id, filter: fromHistory(body), select: body.select }),
      {
        ...ofThread,
        ...takes(HistoryBody),
        ...answers({ id: 'searchHistory', summary: 'Search past states, newest first' }, t.Array(ThreadState)),
      },
    )
