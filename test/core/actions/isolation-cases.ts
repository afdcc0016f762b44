import * as actions from '../../../src/core/actions/actions.ts'
import * as requested from '../../../src/core/actions/requested.ts'
import * as toolMessages from '../../../src/core/actions/tool-messages.ts'
import type { Caller } from '../../../src/core/caller.ts'
import type { Run } from '../../../src/core/runs/runs.ts'
import type { NewPost } from '../../../src/core/threads/posts.ts'
import type { TestApp } from '../../support/app.ts'

export interface ActionIds {
  action: string
}
interface Ids extends ActionIds {
  thread: string
  run: string
  plan: string
  idle: string
}
type Case = (caller: Caller, ids: Ids) => Promise<unknown>

/** Of a run that waits for it. */
export async function fillActions(app: TestApp, caller: Caller, run: Run): Promise<ActionIds> {
  const [action] = (await actions.ensureActions(app, caller, run)).filter(actions.isOpen)
  if (!action) throw new Error('The run waits for nothing.')
  return { action: action.id }
}

/** Every way in which an action, its run or its thread can be foreign. `run` is the owner's as the owner reads it. */
export function actionCases(open: { app: () => TestApp; own: () => Ids; run: () => Promise<Run> }): Record<string, Case[]> {
  const { app, own } = open
  const brought = (threadId: string, toolId: string) => ({ threadId, toolId, content: 'intruder' })
  return {
    'actions.ensureActions': [
      async (c, ids) => actions.ensureActions(app(), c, { ...(await open.run()), id: ids.run, threadId: ids.thread }),
      async (c, ids) => actions.ensureActions(app(), c, { ...(await open.run()), id: ids.run, threadId: own().thread }),
    ],
    'actions.listActions': [(c, ids) => actions.listActions(app(), c, ids.run)],
    'actions.actionsOf': [async (c, ids) => [...(await actions.actionsOf(app(), c, [own().run, ids.run]))]],
    'actions.getAction': [(c, ids) => actions.getAction(app(), c, ids.action)],
    'actions.completeAction': (['processing', 'completed', 'pending'] as const).map(
      (status) => (c, ids) => actions.completeAction(app(), c, { id: ids.action, status, result: { intruder: 1 } }),
    ),
    'actions.completeToolOutput': [
      (c, ids) => actions.completeToolOutput(app(), c, brought(ids.thread, ids.action)),
      (c, ids) => actions.completeToolOutput(app(), c, brought(own().thread, ids.action)),
      (c, ids) => actions.completeToolOutput(app(), c, brought(ids.thread, own().action)),
    ],
    'actions.deleteAction': [(c, ids) => actions.deleteAction(app(), c, ids.action)],
    'actions.giveUpActions': (['cancelled', 'expired'] as const).map(
      (status) => (c, ids) => actions.giveUpActions(app(), c, { runId: ids.run, status }),
    ),
    'actions.removeActions': [(c, ids) => actions.removeActions(app(), c, ids.run)],
    ...requestCases(open),
    ...messageCases(open),
  }
}

function requestCases({ app }: { app: () => TestApp }): Record<string, Case[]> {
  const request = (runId: string): requested.NewRequest => ({
    ...{ runId, toolName: 'theirs', arguments: {}, status: 'pending', expiresAt: null },
  })
  return {
    'requested.requestAction': [
      (c, ids) => requested.requestAction(app(), c, request(ids.run)),
      (c, ids) => requested.requestAction(app(), c, request(ids.plan)),
    ],
    'requested.requireAction': [(c, ids) => requested.requireAction(app(), c, ids.action)],
  }
}

function messageCases({ app, own }: { app: () => TestApp; own: () => Ids }): Record<string, Case[]> {
  const post = (threadId: string): NewPost => ({ threadId, role: 'tool', content: 'intruder', metadata: {}, facts: {} })
  const { postToolMessage, openOutputs } = toolMessages
  return {
    'tool-messages.postToolMessage': [
      (c, ids) => postToolMessage(app(), c, { toolId: ids.action, post: post(ids.thread) }),
      (c, ids) => postToolMessage(app(), c, { toolId: ids.action, post: post(ids.idle) }),
      (c, ids) => postToolMessage(app(), c, { toolId: undefined, post: post(ids.idle) }),
      // It answers nothing of the stranger's, so it is a message as any other.
      async (c, ids) => {
        const { message } = await postToolMessage(app(), c, { toolId: ids.action, post: post(own().idle) })
        return { threadId: message.threadId, runId: message.runId, callId: message.callId, content: message.content }
      },
    ],
    'tool-messages.openOutputs': [
      (c, ids) => openOutputs(app(), c, { id: ids.thread, runId: ids.run }),
      (c, ids) => openOutputs(app(), c, { id: own().thread, runId: ids.run }),
    ],
  }
}
