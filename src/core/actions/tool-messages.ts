import { type Caller, requireScope } from '../caller.ts'
import type { Needs } from '../needs.ts'
import { own, ownerOf } from '../ownership/ownership.ts'
import { inOneCommit } from '../runs/held-signals.ts'
import { findRun, type Run } from '../runs/runs.ts'
import { isEnd } from '../runs/status.ts'
import { createPost, draftPost, factsOf, type NewPost, type Posted } from '../threads/posts.ts'
import type { Thread } from '../threads/threads.ts'
import { findMessage, type TranscriptMessage } from '../threads/transcript.ts'
import { actionId, outputMessageId } from './action-ids.ts'
import { type Action, completeToolOutput, isOpen, listActions, toldOf } from './actions.ts'

type ToolNeeds = Needs<'db' | 'clock' | 'signals'>

/**
 * What a client's tool came to. Where that answers an action, the action is completed with it, and the message is there
 * once its run goes on; else the message is appended as any other. Sent again, the answer is the same message. Throws
 * not_found, busy as createPost, or wrong_state for an action that is over.
 */
export function postToolMessage(
  app: ToolNeeds,
  caller: Caller,
  { toolId, post }: { toolId: string | undefined; post: NewPost },
): Promise<Posted> {
  requireScope(caller, 'write')
  return inOneCommit(app, async (parts) => {
    const { threadId, content } = post
    const taken = toolId === undefined ? undefined : await completeToolOutput(parts, caller, { threadId, toolId, content })
    if (!taken) return createPost(parts, caller, post)
    const { action } = taken
    const id = outputMessageId(action)
    const owned = await ownerOf(parts, caller, { kind: 'message', id })
    const written = owned && (await findMessage(parts, caller, { threadId, id }))
    if (owned && written) return { message: written, owned }
    if (taken.messageId === null) return createPost(parts, caller, { ...post, id })
    const message = announced(action, post)
    return { message, owned: owned ?? (await own(parts, caller, { kind: 'message', id, threadId, facts: factsOf(post) })) }
  })
}

/** The message as it will be once the run goes on. */
function announced(action: Action, post: NewPost): TranscriptMessage {
  const drafted = draftPost({ ...post, id: outputMessageId(action), content: toldOf(action) }, action.processedAt ?? action.triggeredAt)
  return { ...drafted, runId: action.runId, callId: action.callId }
}

/**
 * Answers to calls of a run that has not gone on with them, or not yet written them: the conversation will have them, in
 * this order. Ask before the messages are read, and leave out what those have.
 */
export async function openOutputs(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  thread: Pick<Thread, 'id' | 'runId'>,
): Promise<TranscriptMessage[]> {
  if (thread.runId === null) return []
  const run = await findRun(app, caller, thread.runId)
  if (isEnd(run.status)) return []
  const places = new Map(run.calls?.map(({ id }, place) => [id, place]))
  const placeOf = ({ callId }: Action) => places.get(callId ?? '') ?? 0
  const actions = await listActions(app, caller, run.id)
  const done = actions.filter((action) => action.callId !== null && !isOpen(action)).sort((a, b) => placeOf(a) - placeOf(b))
  const written = await Promise.all(done.map((a) => findMessage(app, caller, { threadId: thread.id, id: outputMessageId(a) })))
  return done.filter((_, i) => !written[i]).map((action) => announced(action, blank(run)))
}

const blank = (run: Run): NewPost => ({ threadId: run.threadId, role: 'tool', content: '', metadata: {}, facts: {} })

/** The action that a tool message answers; undefined where no client did. */
export function answeredAction({ id, role, runId, callId }: TranscriptMessage): string | undefined {
  if (role !== 'tool' || runId === null || callId === null) return undefined
  const action = actionId(runId, callId)
  return outputMessageId({ id: action }) === id ? action : undefined
}
