import { derivedId } from '../id.ts'

/** Of the action that a run's function call asks for. */
export const actionId = (runId: string, callId: string): string => derivedId(runId, callId)

/** Of the message that tells the model what came of an action. It is written when the run goes on. */
export const outputMessageId = (action: { id: string }): string => derivedId(action.id, 1)
