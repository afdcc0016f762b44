import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import type { Needs } from '../../core/needs.ts'
import { requireAssistant } from '../../core/ownership/access.ts'
import {
  changeTool,
  createTool,
  deleteTool,
  getTool,
  getToolNamed,
  giveTool,
  listTools,
  takeTool,
  toolsOf,
} from '../../core/tools/tools.ts'
import { MessageResult } from './assistants.wire.ts'
import { entitiesCaller } from './caller.ts'
import { PathId } from './fields.wire.ts'
import { nameOf, requireId } from './ids.ts'
import { Refusal } from './refusal.ts'
import { answers, answersNothing, paths, takes } from './route.ts'
import { fromToolCreate, fromToolUpdate, ToolCreate, ToolList, ToolRead, ToolUpdate, toTool, toToolList } from './tools.wire.ts'

const ofTool = paths({ tool_id: PathId })

function asDuplicate(error: unknown): never {
  if (error instanceof Fault && error.code === 'exists') throw new Refusal(400, 'Invalid tool data or duplicate tool name')
  throw error
}

const shownText = (text: string): string => text.slice(0, 128)

const missingName =
  (name: string) =>
  (error: unknown): never => {
    if (error instanceof Fault && error.code === 'not_found') throw new Refusal(404, `Tool with name ${shownText(name)} not found`)
    throw error
  }

/** These routes name the assistant that is missing. */
async function assistantOf(app: Needs<'db'>, caller: Caller, { text, to }: { text: string; to: 'use' | 'change' }): Promise<string> {
  try {
    return (await requireAssistant(app, caller, { ...nameOf('assistant', text), to })).assistant.id
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') throw new Refusal(404, `Assistant with id ${shownText(text)} not found`)
    throw error
  }
}

const kept = (app: App) =>
  new Elysia()
    .use(entitiesCaller(app))
    .post(
      '/tools',
      async ({ caller, once, body }) => {
        const input = fromToolCreate(body)
        return toTool(await once((parts) => createTool(parts, caller, input)).catch(asDuplicate))
      },
      { ...takes(ToolCreate), ...answers({ id: 'create_tool', summary: 'Make a tool' }, ToolRead, 201) },
    )
    .get('/tools', async ({ caller }) => toToolList(await listTools(app, caller)), {
      ...answers({ id: 'list_tools_for_assistant', summary: "The tools that the caller may use, the server's own first" }, ToolList),
    })
    .get(
      '/tools/name/:name',
      async ({ caller, params: { name } }) => toTool(await getToolNamed(app, caller, name).catch(missingName(name))),
      { ...paths({ name: PathId }), ...answers({ id: 'get_tool_by_name', summary: 'Find a tool by its name' }, ToolRead) },
    )
    .get('/tools/:tool_id', async ({ caller, params }) => toTool(await getTool(app, caller, requireId('tool', params.tool_id))), {
      ...ofTool,
      ...answers({ id: 'get_tool', summary: 'Read a tool' }, ToolRead),
    })
    .put(
      '/tools/:tool_id',
      async ({ caller, params, body }) => {
        const input = { id: requireId('tool', params.tool_id), change: fromToolUpdate(body) }
        return toTool(await changeTool(app, caller, input).catch(asDuplicate))
      },
      { ...ofTool, ...takes(ToolUpdate), ...answers({ id: 'update_tool', summary: 'Change what the body names of a tool' }, ToolRead) },
    )
    .delete('/tools/:tool_id', async ({ caller, params }) => deleteTool(app, caller, requireId('tool', params.tool_id)), {
      ...ofTool,
      ...answersNothing({ id: 'delete_tool', summary: 'Remove a tool, also from its assistants' }),
    })

const ofAssistant = paths({ assistant_id: PathId, tool_id: PathId })

const given = (app: App) =>
  new Elysia()
    .use(entitiesCaller(app))
    .get(
      '/assistants/:assistant_id/tools',
      async ({ caller, params }) => {
        const assistantId = await assistantOf(app, caller, { text: params.assistant_id, to: 'use' })
        return toToolList(await toolsOf(app, caller, assistantId))
      },
      { ...paths({ assistant_id: PathId }), ...answers({ id: 'list_tools', summary: 'The tools that an assistant has' }, ToolList) },
    )
    .post(
      '/assistants/:assistant_id/tools/:tool_id',
      async ({ caller, params }) => {
        const assistantId = await assistantOf(app, caller, { text: params.assistant_id, to: 'change' })
        await giveTool(app, caller, { assistantId, toolId: requireId('tool', params.tool_id) }).catch(asDuplicate)
        return { message: 'Tool associated with assistant successfully' }
      },
      { ...ofAssistant, ...answers({ id: 'associate_tool_with_assistant', summary: 'Give an assistant a tool' }, MessageResult) },
    )
    .delete(
      '/assistants/:assistant_id/tools/:tool_id',
      async ({ caller, params }) => {
        const assistantId = await assistantOf(app, caller, { text: params.assistant_id, to: 'change' })
        const toolId = requireId('tool', params.tool_id)
        if (await takeTool(app, caller, { assistantId, toolId })) return
        await getTool(app, caller, toolId)
        throw new Refusal(400, 'Tool not associated with the assistant')
      },
      { ...ofAssistant, ...answersNothing({ id: 'disassociate_tool_from_assistant', summary: 'Take a tool from an assistant' }) },
    )

/** What models may call, and which assistants have it. */
export const tools = (app: App) => new Elysia({ tags: ['Tools'] }).use(kept(app)).use(given(app))
