import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { isShared } from '../ownership/access.ts'
import { associate, associated, dissociate, dissociateAll } from '../ownership/associations.ts'
import { isManager, mayActFor } from '../ownership/ownership.ts'
import { HOSTED_NAMES, type HostedName, hostedDefinition, hostedId, isHostedName } from './hosted.ts'
import {
  deleteToolRow,
  findNamed,
  insertTool,
  listToolRows,
  lockNames,
  lockTool,
  readNames,
  readTools,
  type Viewer,
  writeTool,
} from './store.ts'

/** A tool that several assistants may have. Its name is what calls name. */
export interface Tool {
  id: string
  /** Null: the tenant's, or the server's. */
  userId: string | null
  name: string
  type: string
  /** {name, description, parameters?, ...} as its client wrote it. */
  definition: JsonObject | null
  /** Which of the server's own it is. */
  hosted: HostedName | null
  createdAt: number
  updatedAt: number
}

export type NewTool = Pick<Tool, 'name' | 'type' | 'definition'>
/** Absent fields stay as they are. */
export type ToolChange = Partial<NewTool>

/** Tools that one owner can have. */
export const TOOLS_MAX = 1000
/** What a list holds at most; only a manager's can reach it. */
const LISTED_MAX = 10_000
/** Tools that one assistant can have: what model providers take. */
export const TOOLS_OF_ASSISTANT_MAX = 128

const hosted = (name: HostedName): Tool => ({
  ...{ id: hostedId(name), userId: null, name, type: name, definition: hostedDefinition(name), hosted: name, createdAt: 0, updatedAt: 0 },
})
const HOSTED = new Map(HOSTED_NAMES.map((name) => [hostedId(name), hosted(name)]))

const viewerOf = (caller: Caller): Viewer => ({ tenantId: caller.tenantId, userId: caller.userId, all: isManager(caller) })

const nameTaken = (name: string): Fault => new Fault('exists', 'There is a tool with this name.', { kind: 'tool', id: name })

/** In a transaction, before the owner's tool gets the name. Throws exists, or invalid where he has too many. */
async function takeName(
  app: Needs<'db'>,
  owner: { tenantId: string; userId: string | null },
  { name, except }: { name: string; except: string | null },
): Promise<void> {
  if (isHostedName(name)) throw nameTaken(name)
  await lockNames(app.db, owner.tenantId)
  const { taken, count } = await readNames(app.db, owner, { name, except })
  if (taken) throw nameTaken(name)
  if (except === null && count >= TOOLS_MAX)
    throw new Fault('invalid', `One owner can have at most ${TOOLS_MAX} tools.`, { reason: 'too_many_items' })
}

/** Of the caller's user. Throws exists for a name that the owner or the server has given already, and invalid. */
export async function createTool(app: Needs<'db' | 'clock'>, caller: Caller, input: NewTool): Promise<Tool> {
  requireScope(caller, 'write')
  const at = app.clock.now()
  const tool: Tool = { id: newId(), userId: caller.userId, ...input, hosted: null, createdAt: at, updatedAt: at }
  await app.db.transaction(async (db) => {
    await takeName({ db }, { tenantId: caller.tenantId, userId: caller.userId }, { name: tool.name, except: null })
    await insertTool(db, caller.tenantId, tool)
  })
  return tool
}

/** To use it: the owner, managers, and everybody where it belongs to the tenant or to an admin. Throws not_found. */
export async function getTool(app: Needs<'db'>, caller: Caller, id: string): Promise<Tool> {
  requireScope(caller, 'read')
  const tool = HOSTED.get(id) ?? (await readTools(app.db, caller.tenantId, [id]))[0]
  if (tool && (mayActFor(caller, tool.userId) || (await isShared(app, caller, tool.userId)))) return tool
  throw notFound('tool', id)
}

/** Where several have the name: the caller's own, else the tenant's, else the oldest. Throws not_found. */
export async function getToolNamed(app: Needs<'db'>, caller: Caller, name: string): Promise<Tool> {
  requireScope(caller, 'read')
  const tool = isHostedName(name) ? hosted(name) : await findNamed(app.db, viewerOf(caller), name)
  if (!tool) throw notFound('tool', name)
  return tool
}

/** What the caller may use: the server's own first, then oldest first. */
export async function listTools(app: Needs<'db'>, caller: Caller): Promise<Tool[]> {
  requireScope(caller, 'read')
  return [...HOSTED.values(), ...(await listToolRows(app.db, viewerOf(caller), LISTED_MAX))]
}

/** Held until the end of the transaction, by the owner or a manager. Throws not_found, or forbidden where it is shared. */
async function holdOwn(app: Needs<'db'>, caller: Caller, id: string): Promise<Tool> {
  const tool = HOSTED.has(id) ? undefined : await lockTool(app.db, caller.tenantId, id)
  if (tool && mayActFor(caller, tool.userId)) return tool
  await getTool(app, caller, id)
  const sentence = HOSTED.has(id) ? 'This tool belongs to the server.' : 'Only its owner may change this tool.'
  throw new Fault('forbidden', sentence, { kind: 'tool', id })
}

/** Throws as createTool, not_found, and forbidden for one that is shared. */
export async function changeTool(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { id, change }: { id: string; change: ToolChange },
): Promise<Tool> {
  requireScope(caller, 'write')
  return app.db.transaction(async (db) => {
    const tool = await holdOwn({ db }, caller, id)
    if (Object.keys(change).length === 0) return tool
    const next = { ...tool, ...change, updatedAt: app.clock.now() }
    if (next.name !== tool.name) await takeName({ db }, { tenantId: caller.tenantId, userId: tool.userId }, { name: next.name, except: id })
    await writeTool(db, id, next)
    return next
  })
}

/** No assistant has it any more; what was asked of it stays. Throws not_found, and forbidden for one that is shared. */
export async function deleteTool(app: Needs<'db'>, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  await app.db.transaction(async (db) => {
    await holdOwn({ db }, caller, id)
    await deleteToolRow(db, id)
    await dissociateAll({ db }, caller, { kind: 'assistant_tool', to: id })
  })
}

/**
 * What an assistant works with, in the order in which it got them, each name once. Whether the caller may use the
 * assistant is for the one who calls.
 */
export async function toolsOf(app: Needs<'db'>, caller: Caller, assistantId: string): Promise<Tool[]> {
  requireScope(caller, 'read')
  const ids = await associated(app, caller, { kind: 'assistant_tool', from: assistantId })
  const stored = await readTools(app.db, caller.tenantId, ids)
  const byId = new Map([...stored.map((tool) => [tool.id, tool] as const), ...HOSTED])
  const named = new Map<string, Tool>()
  for (const id of ids) {
    const tool = byId.get(id)
    if (tool && !named.has(tool.name)) named.set(tool.name, tool)
  }
  return [...named.values()]
}

/** How a model is told of it, in the chat endpoint's shape. Undefined where nothing is known that could be told. */
export const functionOf = ({ name, definition, hosted: own }: Tool): JsonObject | undefined =>
  definition === null || own !== null ? undefined : { type: 'function', function: { ...definition, name } }

/**
 * Gives a tool to an assistant that the caller may change, also one that it has. Throws not_found for the tool, exists
 * where another tool of the assistant has its name, and invalid.
 */
export async function giveTool(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { assistantId, toolId }: { assistantId: string; toolId: string },
): Promise<void> {
  requireScope(caller, 'write')
  await app.db.transaction(async (db) => {
    const within = { db, clock: app.clock }
    // Held, so that none is given while it is removed.
    if (!HOSTED.has(toolId)) await lockTool(db, caller.tenantId, toolId)
    const tool = await getTool(within, caller, toolId)
    const others = (await toolsOf(within, caller, assistantId)).filter(({ id }) => id !== toolId)
    if (others.some(({ name }) => name === tool.name)) throw nameTaken(tool.name)
    if (others.length >= TOOLS_OF_ASSISTANT_MAX)
      throw new Fault('invalid', `An assistant can have at most ${TOOLS_OF_ASSISTANT_MAX} tools.`, { reason: 'too_many_items' })
    await associate(within, caller, { kind: 'assistant_tool', from: assistantId, to: toolId })
  })
}

/** From an assistant that the caller may change. False: it did not have the tool. */
export async function takeTool(
  app: Needs<'db'>,
  caller: Caller,
  { assistantId, toolId }: { assistantId: string; toolId: string },
): Promise<boolean> {
  requireScope(caller, 'write')
  return dissociate(app, caller, { kind: 'assistant_tool', from: assistantId, to: toolId })
}
