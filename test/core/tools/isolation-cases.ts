import type { Caller } from '../../../src/core/caller.ts'
import * as runTools from '../../../src/core/tools/run-tools.ts'
import * as tools from '../../../src/core/tools/tools.ts'
import type { TestApp } from '../../support/app.ts'

interface Ids {
  tool: string
  assistant: string
}
type Case = (caller: Caller, ids: Ids) => Promise<unknown>

export async function fillTool(app: TestApp, caller: Caller): Promise<Pick<Ids, 'tool'>> {
  const { id } = await tools.createTool(app, caller, { name: 'theirs', type: 'function', definition: null })
  return { tool: id }
}

/** Every way in which a tool, or the assistant it is for, can be foreign. */
export function toolCases({ app, own }: { app: () => TestApp; own: () => Ids }): Record<string, Case[]> {
  const pairs: ((ids: Ids) => { assistantId: string; toolId: string })[] = [
    (ids) => ({ assistantId: ids.assistant, toolId: ids.tool }),
    (ids) => ({ assistantId: own().assistant, toolId: ids.tool }),
  ]
  return {
    'tools.getTool': [(c, ids) => tools.getTool(app(), c, ids.tool)],
    'tools.changeTool': [(c, ids) => tools.changeTool(app(), c, { id: ids.tool, change: { type: 'intruder' } })],
    'tools.deleteTool': [(c, ids) => tools.deleteTool(app(), c, ids.tool)],
    'run-tools.runTools': [(c, ids) => runTools.runTools(app(), c, ids.assistant)],
    'tools.toolsOf': [(c, ids) => tools.toolsOf(app(), c, ids.assistant)],
    'tools.giveTool': pairs.map((of) => (c, ids) => tools.giveTool(app(), c, of(ids))),
    'tools.takeTool': pairs.map((of) => (c, ids) => tools.takeTool(app(), c, of(ids))),
  }
}
