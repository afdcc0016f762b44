import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import { BUILT_IN_GRAPH } from '../graphs/graphs.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { type Name, requireAssistant, requireUser } from '../ownership/access.ts'
import { associate, associated, dissociate } from '../ownership/associations.ts'
import { changeFacts, type Owned, own, ownersOf } from '../ownership/ownership.ts'
import { type Assistant, type AssistantChange, changeAssistant, createAssistant, deleteAssistant, type NewAssistant } from './assistants.ts'
import { readRow } from './store.ts'

/** An assistant, whose it is, and what only the dialect that made it remembers. */
export interface OwnedAssistant {
  assistant: Assistant
  /** Undefined: the tenant's, made by a dialect that knows no owners. */
  owned: Owned | undefined
}

const KIND = 'assistant' as const

/** Assistants that one user can be given. */
export const GIVEN_MAX = 1000

type Writing = Needs<'db' | 'clock' | 'limits' | 'signals'>

const chosenTwice = (name: string): Fault => new Fault('exists', 'An assistant with this id is there already.', { kind: KIND, id: name })

/**
 * Of the caller's user. `name` is the id that the client chose: where it spells a core id, that is the assistant's. Throws
 * exists for one that is in use.
 */
export async function createOwnedAssistant(
  app: Writing,
  caller: Caller,
  { name, fields, facts }: { name: Name; fields: Omit<NewAssistant, 'id'>; facts: JsonObject },
): Promise<OwnedAssistant> {
  requireScope(caller, 'write')
  const { alias, id } = name
  try {
    return await app.db.transaction(async (db) => {
      const assistant = await createAssistant({ ...app, db }, caller, { ...fields, ...(id === undefined ? {} : { id }) })
      const given = alias === undefined ? {} : { alias }
      return { assistant, owned: await own({ ...app, db }, caller, { kind: KIND, id: assistant.id, facts, ...given }) }
    })
  } catch (error) {
    throw error instanceof Fault && error.code === 'exists' ? chosenTwice(alias ?? id ?? '') : error
  }
}

/** `facts` are added to what is remembered. Throws not_found. */
export async function changeOwnedAssistant(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { name, change, facts }: { name: Name; change: AssistantChange; facts: JsonObject },
): Promise<OwnedAssistant> {
  const { assistant, owned } = await requireAssistant(app, caller, { ...name, to: 'change' })
  const { id } = assistant
  return app.db.transaction(async (db) => {
    const within = { ...app, db }
    const changed = await changeAssistant(within, caller, { id, change })
    if (Object.keys(facts).length === 0) return { assistant: changed, owned }
    const merge = (known: JsonObject): JsonObject => ({ ...known, ...facts })
    const remembered = await changeFacts(within, caller, { kind: KIND, id, change: merge })
    return { assistant: changed, owned: remembered ?? (await own(within, caller, { kind: KIND, id, userId: null, facts })) }
  })
}

/** Past runs keep what they were created with. Throws not_found. */
export async function deleteOwnedAssistant(app: Needs<'db' | 'clock'>, caller: Caller, name: Name): Promise<Assistant> {
  const { assistant } = await requireAssistant(app, caller, { ...name, to: 'change' })
  await deleteAssistant(app, caller, assistant.id)
  return assistant
}

/** Those that a user was given, in that order. For the user and managers. Throws not_found for the user. */
export async function assistantsOf(app: Needs<'db'>, caller: Caller, userId: string): Promise<OwnedAssistant[]> {
  requireScope(caller, 'read')
  await requireUser(app, caller, { id: userId, how: 'self_or_manager', hide: true })
  const ids = (await associated(app, caller, { kind: 'assistant_user', to: userId })).slice(0, GIVEN_MAX)
  const [rows, owners] = await Promise.all([
    Promise.all(ids.map((id) => readRow(app.db, caller.tenantId, id))),
    ownersOf(app, caller, { kind: KIND, ids }),
  ])
  return rows.flatMap((assistant) => (assistant?.graph === BUILT_IN_GRAPH ? [{ assistant, owned: owners.get(assistant.id) }] : []))
}

/**
 * Lets a user use an assistant, also one that he may use: users take what they may use, owners give theirs to anybody,
 * managers everything. Throws not_found.
 */
export async function giveAssistant(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { name, userId }: { name: Name; userId: string },
): Promise<void> {
  requireScope(caller, 'write')
  const { assistant } = await requireAssistant(app, caller, { ...name, to: caller.userId === userId ? 'use' : 'change' })
  await requireReceiver(app, caller, userId)
  const given = await associated(app, caller, { kind: 'assistant_user', to: userId })
  if (given.length >= GIVEN_MAX && !given.includes(assistant.id))
    throw new Fault('invalid', `A user can be given at most ${GIVEN_MAX} assistants.`, { reason: 'too_many_items' })
  await associate(app, caller, { kind: 'assistant_user', from: assistant.id, to: userId })
}

/** Who gives need not be above the user. */
async function requireReceiver(app: Needs<'db'>, caller: Caller, userId: string): Promise<void> {
  const server: Caller = { ...caller, userId: null }
  await requireUser(app, server, { id: userId, how: 'manager' })
}

/** By the user, the assistant's owner or a manager. False: it was not given. Throws not_found. */
export async function takeAssistant(app: Needs<'db'>, caller: Caller, { name, userId }: { name: Name; userId: string }): Promise<boolean> {
  requireScope(caller, 'write')
  const { assistant } = await requireAssistant(app, caller, { ...name, to: caller.userId === userId ? 'use' : 'change' })
  await requireReceiver(app, caller, userId)
  return dissociate(app, caller, { kind: 'assistant_user', from: assistant.id, to: userId })
}
