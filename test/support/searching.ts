import { expect } from 'bun:test'
import type { NewAssistant } from '../../src/core/assistants/assistants.ts'
import type { Caller } from '../../src/core/caller.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { RunEvent, SearchDetail, StepCall } from '../../src/core/runs/events.ts'
import { listSteps, type Step } from '../../src/core/runs/steps.ts'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import type { TestApp } from './app.ts'
import { attach, ended, newStore } from './ingesting.ts'
import { FUNCTION, type Started } from './runs.ts'

export const SEARCH_TOOL = { type: 'file_search' }

/** A store with these documents, by name, once they can be found. */
export async function library(app: TestApp, caller: Caller, documents: Record<string, string>): Promise<string> {
  const storeId = await newStore(app, caller)
  for (const [name, content] of Object.entries(documents)) {
    const file = await ended(app, caller, await attach(app, caller, { storeId, name, content }))
    expect(file).toMatchObject({ status: 'completed', error: null })
  }
  return storeId
}

/** What makes an assistant search this store, and call the function `look` beside it. */
export const searching = (...storeIds: string[]): Partial<NewAssistant> => ({
  tools: [SEARCH_TOOL, FUNCTION],
  ...(storeIds.length > 0 ? { toolResources: { fileSearch: { storeIds } } } : {}),
})

/** A turn that searches, once for each list of queries. */
export const searches = (...lists: string[][]): ScriptTurn => ({
  calls: lists.map((queries, i) => ({ id: `call_s${i}`, name: 'file_search', arguments: { queries } })),
})

export const stepsOf = async (app: TestApp, { caller, threadId, run }: Started): Promise<Step[]> =>
  (await listSteps(app, caller, { threadId, runId: run.id, page: { limit: 100, order: 'asc' } })).items

/** What the searches of these calls found, by call id: names of files, the best first. */
export const foundIn = (calls: readonly StepCall[]): Record<string, string[] | undefined> =>
  Object.fromEntries(
    calls
      .filter(({ type }) => type === 'file_search')
      .map(({ id, detail }) => [id, (detail as SearchDetail | undefined)?.results.map(({ fileName }) => fileName)]),
  )

export const stepEnds = (events: RunEvent[]) => events.filter((event) => event.type === 'step_end')

/** What the model was told by tools, the last time it was asked. */
export const toldByTools = (app: TestApp, model: string): string[] =>
  (app.models.requestsTo(model).at(-1)?.messages ?? []).flatMap((m) => (m.role === 'tool' ? [String(m.content)] : []))

/** The markers in a text that stand for what they should, cut out of it by their offsets. */
export function citedIn(content: unknown): { cut: string; fileId: string }[] {
  const parts = Array.isArray(content) ? (content as JsonObject[]) : []
  return parts.flatMap((part) => {
    const text = String(part.text)
    const annotations = (part.annotations ?? []) as unknown as {
      text: string
      start_index: number
      end_index: number
      file_citation: { file_id: string }
    }[]
    return annotations.map((annotation) => {
      const cut = text.slice(annotation.start_index, annotation.end_index)
      expect(cut).toBe(annotation.text)
      return { cut, fileId: annotation.file_citation.file_id }
    })
  })
}
