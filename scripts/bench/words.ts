import { parseArgs } from 'node:util'
import { newId } from '../../src/core/id.ts'
import { askedOf, WordScore } from '../../src/core/vector-stores/fusion.ts'
import { readCandidates, type Scope } from '../../src/core/vector-stores/search-store.ts'
import { lookupsOf, type Shelf, searchWords } from '../../src/core/vector-stores/word-search.ts'
import { countChunks } from '../../src/core/vector-stores/word-store.ts'
import { lexemesOf } from '../../src/core/vector-stores/words.ts'
import { openClient } from '../../src/drivers/records/client.ts'
import type { Db } from '../../src/drivers/records/port.ts'
import { cloneDatabase, silentLog, stopTestCluster } from '../../test/support/postgres.ts'

// What the search by words costs, and what it misses of an exact ranking of every chunk; see README.md.

const { values } = parseArgs({ options: { chunks: { type: 'string', default: '10000' }, words: { type: 'string', default: '250' } } })
const [CHUNKS, WORDS] = [Number(values.chunks), Number(values.words)]
const ROUNDS = 15
const TOP = 10
const CHUNKS_OF_DOCUMENT = 50
const VOCABULARY = 60_000

let state = 7
const chance = (): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return state / 2 ** 32
}

/** A made-up word for each rank: rank 0 is the most frequent. */
function word(rank: number): string {
  let text = ''
  for (let left = Math.min(VOCABULARY, Math.floor(rank)) + 1; left > 0; left = Math.floor(left / 16))
    text += `${'bcdfghklmnprstvz'[left % 16]}${'aeiou'[left % 5]}`
  return text
}
const vocabulary = Array.from({ length: VOCABULARY }, (_, rank) => word(rank))
/** As in texts of people: the n-th word is n times rarer than the first. */
const anyWord = (): string => vocabulary[Math.floor(Math.exp(chance() * Math.log(VOCABULARY))) - 1] ?? ''
const ranked = (...ranks: number[]): string => ranks.map(word).join(' ')

const QUESTIONS: Record<string, string> = {
  'one code': 'ref-4711',
  'one common word': ranked(1),
  'eight common words': ranked(0, 1, 2, 3, 5, 8, 13, 21),
  'a question': ranked(0, 2, 4, 9, 40, 300, 2000, 9000),
  'six middling words': ranked(200, 300, 400, 500, 600, 700),
  'six rare words': ranked(20_000, 25_000, 30_000, 35_000, 40_000, 45_000),
  'a paragraph': ranked(...Array.from({ length: 60 }, (_, i) => Math.exp((i / 60) * Math.log(50_000)))),
}

/** What Postgres says of a word that is there so often, see ts_rank. */
function presenceOf(times: number): number {
  let sum = 0
  for (let time = 1; time <= times; time++) sum += 1 / time ** 2
  return sum / 1.644_934_066_85
}

/** Every chunk, and for each question how its words are in it: the base line has its index in memory. */
type Exact = Map<string, { id: string; presence: number[] }[]>

const asked = new Map(Object.entries(QUESTIONS).map(([name, question]) => [name, askedOf(question)]))

async function load(db: Db, { tenantId, storeIds: [storeId = ''] }: Scope, no: number): Promise<Exact> {
  const exact: Exact = new Map([...asked.keys()].map((name) => [name, []]))
  for (let document = 0; document < CHUNKS / CHUNKS_OF_DOCUMENT; document++) {
    const [fileId, documentId] = [newId(), newId()]
    const rows = Array.from({ length: CHUNKS_OF_DOCUMENT }, (_, idx) => {
      const code = chance() < 0.01 ? ` ref-${Math.floor(chance() * 1e5)}` : ''
      const text = Array.from({ length: WORDS }, anyWord).join(' ') + code
      return { id: newId(), idx, text, lexemes: lexemesOf(no, text) }
    })
    for (const { id, lexemes } of rows) {
      const times = new Map(lexemes.split(' ').map((one) => [one.slice(one.indexOf('/') + 1, one.lastIndexOf(`'`)), one.split(',').length]))
      for (const [name, { words }] of asked)
        exact.get(name)?.push({ id, presence: words.map((one) => presenceOf(times.get(one.word) ?? 0)) })
    }
    await db.query(
      `insert into vector_store_file (store_id, file_id, tenant_id, document_id, status, chunk_tokens, overlap_tokens, attributes, created_at, chunks)
      values ($1, $2, $3, $4, 'completed', 800, 400, '{}', now(), $5)`,
      [storeId, fileId, tenantId, documentId, rows.length],
    )
    await db.query(
      `insert into chunk (id, tenant_id, store_id, document_id, file_id, idx, text, tokens, lexemes)
      select x.id, $1, $2, $3, $4, x.idx, x.text, 1, x.lexemes::tsvector
      from json_to_recordset($5::text::json) as x(id uuid, idx int, text text, lexemes text)`,
      [tenantId, storeId, documentId, fileId, JSON.stringify(rows)],
    )
  }
  return exact
}

interface Answer {
  best: { id: string; score: number }[]
  ms: number
}

const bestOf = (scored: Answer['best']): Answer['best'] => scored.sort((a, b) => b.score - a.score).slice(0, TOP)

async function ask(db: Db, shelf: Shelf, name: string): Promise<Answer> {
  const question = asked.get(name)
  if (!question) throw new Error(`There is no question '${name}'.`)
  const began = performance.now()
  const chunks = await countChunks(db, shelf.scope.storeIds)
  const { ids, counts } = await searchWords({ db }, { ...shelf, chunks }, question)
  const queries = lookupsOf(question, shelf.stores).map(({ query }) => query)
  const candidates = await readCandidates(db, shelf.scope, { queries, ids })
  const words = new WordScore(question, counts, chunks)
  const best = bestOf(candidates.map(({ id, presence }) => ({ id, score: words.of({ presence, named: new Set() }) })))
  return { best, ms: performance.now() - began }
}

function askExactly(exact: Exact, name: string): Answer & { score: (id: string) => number } {
  const question = asked.get(name)
  const all = exact.get(name) ?? []
  if (!question) throw new Error(`There is no question '${name}'.`)
  const began = performance.now()
  const counts = question.words.map((_, i) => all.reduce((sum, { presence }) => sum + (presence[i] ? 1 : 0), 0))
  const words = new WordScore(question, counts, all.length)
  const scores = new Map(all.map(({ id, presence }) => [id, words.of({ presence, named: new Set() })]))
  const best = bestOf([...scores].map(([id, score]) => ({ id, score })).filter(({ score }) => score > 0))
  return { best, ms: performance.now() - began, score: (id) => scores.get(id) ?? 0 }
}

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0

const database = await cloneDatabase()
const records = await openClient(database.target, { poolMax: 4, log: silentLog, shared: true })
try {
  const { db } = records
  const scope: Scope = { tenantId: newId(), storeIds: [newId()], filter: null }
  const [store] = await db.query<{ no: number }>(
    `insert into vector_store (id, tenant_id, metadata, embedding_model, last_active_at, created_at)
    values ($1, $2, '{}', 'lexical-hash', now(), now()) returning no`,
    [scope.storeIds[0] ?? '', scope.tenantId],
  )
  const shelf = { scope, stores: [{ no: store?.no ?? 0 }] as unknown as Shelf['stores'], chunks: 0 }
  // A server plans its statements while its tables are empty: so does this one.
  for (let i = 0; i < 10; i++) await ask(db, shelf, 'a question')
  const began = performance.now()
  const exact = await load(db, scope, store?.no ?? 0)
  console.log(`${CHUNKS} chunks of ${WORDS} words written and indexed in ${((performance.now() - began) / 1000).toFixed(0)} s`)
  await db.query('vacuum analyze chunk')
  console.log('question              median ms   min ms   every chunk, ms   ratio   of the best 10   worth')
  for (const name of asked.keys()) {
    const times: number[] = []
    let answer: Answer = { best: [], ms: 0 }
    for (let round = 0; round < ROUNDS; round++) {
      answer = await ask(db, shelf, name)
      times.push(answer.ms)
    }
    const judge = askExactly(exact, name)
    const worst = judge.best.at(-1)?.score ?? 0
    // By the exact score: where many chunks are equally good, any of them is right.
    const found = answer.best.filter(({ id }) => judge.score(id) >= worst - 1e-9 && judge.score(id) > 0).length
    const columns = [
      median(times).toFixed(1).padStart(9),
      Math.min(...times)
        .toFixed(1)
        .padStart(8),
      judge.ms.toFixed(1).padStart(17),
    ]
    const ratio = (median(times) / judge.ms).toFixed(2).padStart(7)
    const sum = (ids: { id: string }[]) => ids.reduce((total, { id }) => total + judge.score(id), 0)
    const worth = `${((100 * sum(answer.best)) / (sum(judge.best) || 1)).toFixed(0)} %`
    console.log(`${name.padEnd(20)} ${columns.join(' ')} ${ratio} ${`${found} of ${judge.best.length}`.padStart(16)} ${worth.padStart(7)}`)
  }
} finally {
  await records.close()
  await database.drop()
  await stopTestCluster()
}
