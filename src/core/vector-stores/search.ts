import type { Attributes, Filter } from '../attributes.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { embedTexts } from './embedding.ts'
import { type Asked, askedOf, fusedScores, WordScore } from './fusion.ts'
import { type Candidate, countInProgress, readCandidates, readTexts, type Scope, touchStores } from './search-store.ts'
import { expiredStore } from './store-files.ts'
import { requireStores, type StoreHead } from './stores.ts'
import { lookupsOf, type Shelf, searchWords } from './word-search.ts'
import { countChunks } from './word-store.ts'
import { wordsOf } from './words.ts'

export interface SearchInput {
  storeIds: string[]
  /** At least one; a chunk is as good as it is for the one it fits best. */
  queries: string[]
  limit: number
  filter: Filter | null
  /** `vector`: the score is the cosine, below 0 taken as 0. `hybrid`: fused with the words in common. */
  ranker: 'hybrid' | 'vector'
  /** Worse results are left out. 0 to 1. */
  scoreThreshold: number
}

export interface SearchResult {
  storeId: string
  fileId: string
  filename: string
  /** 0 to 1; results come in the order of it. */
  score: number
  attributes: Attributes
  text: string
  chunkId: string
  /** Which piece of the document, from 0. */
  idx: number
}

export type SearchNeeds = Needs<'db' | 'clock' | 'models' | 'vectors' | 'log'>

/** How many are asked for at least: ranks need some depth to be fused. */
const DEPTH_MIN = 50
/** Where chunks that do not count any more fill the best places, ever more are asked for, up to this many. */
const DEPTH_MAX = 2_000
const QUERIES_MAX = 32
/** Longer questions are cut: an embedding model refuses them, and their words tell nothing. */
const QUERY_CHARS_MAX = 8_000
const TOUCH_EVERY_MS = 60_000

/**
 * Throws not_found for the first store that is missing, wrong_state for one that expired, and what the models and vectors
 * ports throw: a search that could not look everywhere has no results rather than some of them.
 */
export async function searchStores(app: SearchNeeds, caller: Caller, input: SearchInput, signal?: AbortSignal): Promise<SearchResult[]> {
  requireScope(caller, 'read')
  const stores = await requireStores(app, caller, [...new Set(input.storeIds)])
  const expired = stores.find((store) => store.expired)
  if (expired) throw expiredStore(expired.id, 'search')
  const queries = [...new Set(input.queries.map((query) => query.slice(0, QUERY_CHARS_MAX).trim()))].filter((query) => query !== '')
  if (queries.length > QUERIES_MAX) throw tooMany()
  if (stores.length === 0 || queries.length === 0) return []
  await touch(app, stores)
  const scope = { tenantId: caller.tenantId, storeIds: stores.map(({ id }) => id), filter: input.filter }
  const [questions, chunks] = await Promise.all([
    embedQuestions(app, { stores, queries }, signal ?? new AbortController().signal),
    countChunks(app.db, scope.storeIds),
  ])
  const answers = await Promise.all(questions.map((question) => answer(app, { input, scope, stores, chunks }, question)))
  return page(app, input, best(answers.flat()))
}

/** A chunk that several questions found, once: as good as it is for the one it fits best. */
function best(all: Scored[]): Scored[] {
  const byId = new Map<string, Scored>()
  for (const one of all) if ((byId.get(one.candidate.id)?.score ?? -1) < one.score) byId.set(one.candidate.id, one)
  return [...byId.values()]
}

async function page(app: SearchNeeds, { limit, scoreThreshold }: SearchInput, all: Scored[]): Promise<SearchResult[]> {
  // Equals in the order they were written, so that a repeated search answers the same.
  const order = (a: Scored, b: Scored) => b.score - a.score || (a.candidate.id < b.candidate.id ? -1 : 1)
  const shown = all
    .filter(({ score }) => score >= scoreThreshold)
    .sort(order)
    .slice(0, limit)
  const texts = await readTexts(
    app.db,
    shown.map(({ candidate }) => candidate.id),
  )
  return shown.flatMap(({ candidate: { id, storeId, fileId, filename, attributes, idx }, score }) => {
    const text = texts.get(id)
    // Removed since it was found.
    if (text === undefined) return []
    return [{ storeId, fileId, filename, score, attributes, text, chunkId: id, idx }]
  })
}

/** Files of the stores that are still in progress; stores that are not there have none. */
export async function indexing(app: Needs<'db' | 'clock'>, caller: Caller, storeIds: string[]): Promise<number> {
  requireScope(caller, 'read')
  return countInProgress(app.db, caller.tenantId, storeIds)
}

const tooMany = (): Fault =>
  new Fault('invalid', `A search has at most ${QUERIES_MAX} questions.`, { param: 'query', reason: 'too_many_items' })

/** At most once a minute: searches do not wait for each other's locks on the row. */
async function touch(app: SearchNeeds, stores: readonly StoreHead[]): Promise<void> {
  const at = app.clock.now()
  const stale = stores.filter((store) => store.lastActiveAt < at - TOUCH_EVERY_MS).map(({ id }) => id)
  if (stale.length > 0) await touchStores(app.db, stale, { at, before: at - TOUCH_EVERY_MS })
}

/** A search over stores of one tenant. */
interface Ground extends Shelf {
  input: SearchInput
}

/** A question, and its vector in each group of stores that have one embedding model. */
interface Question {
  text: string
  vectors: { vector: Float32Array; storeIds: string[] }[]
}

async function embedQuestions(app: SearchNeeds, of: { stores: StoreHead[]; queries: string[] }, signal: AbortSignal): Promise<Question[]> {
  const groups = await Promise.all(
    [...Map.groupBy(of.stores, (store) => store.embeddingModel)].map(async ([model, stores]) => ({
      storeIds: stores.map(({ id }) => id),
      vectors: await embedTexts(app, { model, texts: of.queries }, signal),
    })),
  )
  return of.queries.map((text, i) => ({
    text,
    vectors: groups.flatMap(({ storeIds, vectors }) => (vectors[i] === undefined ? [] : [{ storeIds, vector: vectors[i] }])),
  }))
}

interface Scored {
  candidate: Candidate
  score: number
}

const NOTHING: Asked = { words: [], terms: [] }

async function answer(app: SearchNeeds, ground: Ground, question: Question): Promise<Scored[]> {
  const { scope, chunks, input } = ground
  const hybrid = input.ranker === 'hybrid'
  const asked = hybrid ? askedOf(question.text) : NOTHING
  const queries = lookupsOf(asked, ground.stores).map(({ query }) => query)
  let depth = Math.max(DEPTH_MIN, input.limit * 2)
  let [words, similar] = await Promise.all([searchWords(app, ground, asked), findSimilar(app, scope, { question, depth })])
  for (;;) {
    const ids = [...new Set([...words.ids, ...similar.cosines.keys()])]
    const candidates = await readCandidates(app.db, scope, { queries, ids })
    const ready = candidates.filter(({ id }) => similar.cosines.has(id)).length
    if (!similar.cut || ready >= input.limit || depth >= DEPTH_MAX)
      return scored(candidates, ground, { cosines: similar.cosines, words: hybrid ? new WordScore(asked, words.counts, chunks) : null })
    depth = Math.min(DEPTH_MAX, depth * 4)
    similar = await findSimilar(app, scope, { question, depth })
  }
}

/** Cosines by chunk. */
interface Similar {
  cosines: Map<string, number>
  /** There may be more. */
  cut: boolean
}

async function findSimilar(app: SearchNeeds, scope: Scope, of: { question: Question; depth: number }): Promise<Similar> {
  const { tenantId, filter } = scope
  const hits = await Promise.all(
    of.question.vectors.map(({ vector, storeIds }) => app.vectors.search({ tenantId, storeIds, vector, limit: of.depth, filter })),
  )
  return { cosines: new Map(hits.flat().map(({ id, score }) => [id, score])), cut: hits.some(({ length }) => length >= of.depth) }
}

/** An embedding that knows words in common and no meanings: the words themselves know them better. Chosen by measurement. */
const LEXICAL_MODEL = 'lexical-hash'
const LEXICAL_TRUST = 0.3

/** @param words null: the cosine is the score */
function scored(candidates: Candidate[], { stores }: Ground, of: { cosines: Map<string, number>; words: WordScore | null }): Scored[] {
  const cosineOf = (candidate: Candidate) => Math.min(1, Math.max(0, of.cosines.get(candidate.id) ?? 0))
  const { words } = of
  if (words === null) return candidates.map((candidate) => ({ candidate, score: cosineOf(candidate) }))
  const lexical = new Set(stores.filter(({ embeddingModel }) => embeddingModel === LEXICAL_MODEL).map(({ id }) => id))
  const names = new Map(candidates.map(({ filename }) => [filename, new Set<string>()]))
  for (const [name, named] of names) for (const word of wordsOf(name)) named.add(word)
  const scores = fusedScores(
    candidates.map((candidate) => ({
      cosine: cosineOf(candidate),
      share: words.of({ presence: candidate.presence, named: names.get(candidate.filename) ?? new Set() }),
      trust: lexical.has(candidate.storeId) ? LEXICAL_TRUST : 1,
    })),
  )
  return candidates.map((candidate, i) => ({ candidate, score: scores[i] ?? 0 }))
}
