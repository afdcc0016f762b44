import { setTimeout as pause } from 'node:timers/promises'
import { serverOf } from '../core/caller.ts'
import { Fault } from '../core/fault.ts'
import type { JsonObject } from '../core/json.ts'
import type { Needs } from '../core/needs.ts'
import type { SearchDetail } from '../core/runs/events.ts'
import type { Run } from '../core/runs/runs.ts'
import { getThread } from '../core/threads/threads.ts'
import { storesOf } from '../core/tool-resources/tool-resources.ts'
import { indexing, type SearchResult, searchStores } from '../core/vector-stores/search.ts'

export type SearchNeeds = Needs<'db' | 'clock' | 'models' | 'vectors' | 'log'>

/** How long a run waits for files of its thread, all searches together. */
const INDEXING_WAIT_MS = 60_000
const LOOK_AGAIN_MS = 250
const RESULTS_DEFAULT = 20

/** What was found, and what the model has to know about the search beside it. */
export interface Found {
  detail: SearchDetail
  notes: string[]
}

interface Settings {
  limit: number
  ranking: SearchDetail['rankingOptions']
}

function settingsOf(tool: JsonObject | undefined): Settings {
  const { max_num_results: limit, ranking_options: ranking } = Object(tool?.file_search) as {
    max_num_results?: number
    ranking_options?: { ranker?: SearchDetail['rankingOptions']['ranker']; score_threshold?: number }
  }
  return {
    limit: limit ?? RESULTS_DEFAULT,
    ranking: { ranker: ranking?.ranker ?? 'default_2024_08_21', scoreThreshold: ranking?.score_threshold ?? 0 },
  }
}

/** Searches the files of a run: those of its assistant, and those of its thread. */
export class FileSearch {
  private readonly settings: Settings
  private waitUntil: number | undefined

  constructor(
    private readonly app: SearchNeeds,
    private readonly run: Run,
    private readonly parts: { tool: JsonObject | undefined; signal: AbortSignal },
  ) {
    this.settings = settingsOf(parts.tool)
  }

  /**
   * Throws only when the run is to stop. Whatever else is wrong becomes a note: a model that knows of it can say so, and
   * neither the run nor the turn's other calls are lost to a search.
   */
  async find(queries: string[]): Promise<Found> {
    const notes: string[] = []
    const results = await this.attempt(queries, notes).catch((cause: unknown) => {
      this.parts.signal.throwIfAborted()
      this.app.log.warn('search.failed', { run: this.run.id, cause: String(cause) })
      notes.push('The search failed for a technical reason and found nothing. Say that the files could not be searched.')
      return []
    })
    return { detail: { rankingOptions: this.settings.ranking, results }, notes }
  }

  /** The answer to a search that is not done. */
  refuse(note: string): Found {
    return { detail: { rankingOptions: this.settings.ranking, results: [] }, notes: [note] }
  }

  private async attempt(queries: string[], notes: string[]): Promise<SearchDetail['results']> {
    const thread = await getThread(this.app, serverOf(this.run.tenantId), this.run.threadId)
    const own = storesOf(thread.toolResources)
    const stores = new Set([...storesOf(this.run.config.toolResources), ...own])
    if (stores.size === 0) notes.push('There are no files to search: neither the assistant nor this conversation has any.')
    if (own.length > 0 && (await this.unindexed(own)) > 0)
      notes.push('Some files of this conversation are not indexed yet and were not searched.')
    while (stores.size > 0) {
      try {
        return await this.search([...stores], queries)
      } catch (cause) {
        // A store that cannot be searched any more is left out; the other one still can.
        const lost = unusable(cause)
        if (!lost || !stores.delete(lost.id)) throw cause
        notes.push(lost.note)
      }
    }
    return []
  }

  private async search(storeIds: string[], queries: string[]): Promise<SearchDetail['results']> {
    const { limit, ranking } = this.settings
    const input = { storeIds, queries, limit, filter: null, ranker: 'hybrid' as const, scoreThreshold: ranking.scoreThreshold }
    return (await searchStores(this.app, serverOf(this.run.tenantId), input, this.parts.signal)).map(toResult)
  }

  /** How many files are still being indexed, once there is nothing more to wait for or the run has waited long enough. */
  private async unindexed(storeIds: readonly string[]): Promise<number> {
    const { app, parts } = this
    this.waitUntil ??= app.clock.now() + INDEXING_WAIT_MS
    for (;;) {
      const left = await indexing(app, serverOf(this.run.tenantId), [...storeIds])
      if (left === 0 || app.clock.now() >= this.waitUntil) return left
      await pause(LOOK_AGAIN_MS, undefined, { signal: parts.signal })
    }
  }
}

const toResult = ({ fileId, filename, score, text }: SearchResult): SearchDetail['results'][number] => ({
  fileId,
  fileName: filename,
  score: Math.min(1, Math.max(0, score)),
  text,
})

/** The store that a search failed for, and what to say of it. */
function unusable(cause: unknown): { id: string; note: string } | undefined {
  if (!(cause instanceof Fault) || cause.facts.kind !== 'vector_store' || cause.facts.id === undefined) return undefined
  const { id } = cause.facts
  if (cause.code === 'wrong_state') return { id, note: 'A vector store has expired: its files cannot be searched any more.' }
  if (cause.code === 'not_found') return { id, note: 'A vector store has been deleted: its files cannot be searched any more.' }
  return undefined
}
