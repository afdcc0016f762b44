import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Attributes } from '../../../src/core/attributes.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { Fault } from '../../../src/core/fault.ts'
import { newId } from '../../../src/core/id.ts'
import { embedTexts } from '../../../src/core/vector-stores/embedding.ts'
import { indexing, type SearchInput, type SearchResult, searchStores } from '../../../src/core/vector-stores/search.ts'
import { attachFiles, removeStoreFile, type StoreFile } from '../../../src/core/vector-stores/store-files.ts'
import { createStore, getStore } from '../../../src/core/vector-stores/stores.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { brokenVectors } from '../../support/broken-vectors.ts'
import { EMBEDDING_MODEL, type EmbeddingServer, startEmbeddingServer } from '../../support/embedding-server.ts'
import { begin, complete, recordFile, write } from '../../support/stores.ts'

let app: TestApp
let server: EmbeddingServer
beforeAll(async () => {
  server = startEmbeddingServer()
  app = await openTestApp({ models: server.options.models })
}, OPEN_MS)
afterAll(async () => {
  await app.close()
  await server.stop()
})

const DAY_MS = 86_400_000

interface Shelf {
  caller: Caller
  storeId: string
}

async function shelf(caller?: Caller, given: { expiresDays?: number; model?: string } = {}): Promise<Shelf> {
  const owner = caller ?? (await app.newTenant())
  const { model: embeddingModel = 'lexical-hash', ...input } = given
  return { caller: owner, storeId: (await createStore({ ...app, limits: { ...app.limits, embeddingModel } }, owner, input)).id }
}

interface Given {
  attributes?: Attributes
  /** False: the document stays in progress. */
  ready?: boolean
  model?: string
  /** Vectors by piece, where they are not what the model says. */
  vectors?: Float32Array[]
}

/** A document with these pieces, rows and vectors. */
async function put({ caller, storeId }: Shelf, name: string, texts: string[], given: Given = {}): Promise<StoreFile> {
  const { id: fileId } = await recordFile(app, caller, { filename: name })
  const { attributes = {} } = given
  const [file] = await attachFiles(app, caller, { storeId, files: [{ fileId, attributes }] })
  if (!file) throw new Error('nothing was attached')
  const { documentId } = file
  if (given.ready ?? true) await complete(app, file, texts)
  else await write(app, await begin(app, documentId), texts)
  const vectors = given.vectors ?? (await embed(texts, given.model))
  const rows = await app.records.db.query<{ id: string }>('select id from chunk where document_id = $1 order by idx', [documentId])
  const points = rows.flatMap(({ id }, i) => (vectors[i] ? [{ id, vector: vectors[i] }] : []))
  await app.vectors.upsert({ tenantId: caller.tenantId, storeId, documentId, fileId, attributes, points })
  return file
}

const embed = (texts: readonly string[], model = 'lexical-hash'): Promise<Float32Array[]> =>
  embedTexts(app, { model, texts }, new AbortController().signal)

const search = ({ caller, storeId }: Shelf, ask: string | string[], input: Partial<SearchInput> = {}): Promise<SearchResult[]> =>
  searchStores(app, caller, {
    ...{
      storeIds: [storeId],
      queries: typeof ask === 'string' ? [ask] : ask,
      limit: 10,
      filter: null,
      ranker: 'hybrid',
      scoreThreshold: 0,
    },
    ...input,
  })

const names = (results: SearchResult[]): string[] => results.map(({ filename }) => filename)

const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!(error instanceof Fault)) throw new Error(`no fault: ${String(error)}`)
  return error
}

/** Notes that are alike but for what is asked. */
async function notes(): Promise<Shelf> {
  const here = await shelf()
  await put(here, 'pumps.txt', [
    'The pump P-100 delivers 40 litres a minute.',
    'The pump P-200 delivers 75 litres a minute, it was made by Ortega.',
  ])
  await put(here, 'valves.txt', ['The valve V-100 opens at 3.5 bar.', 'The valve V-200 opens at 6.25 bar.'], {
    attributes: { kind: 'valve', year: 2024 },
  })
  await put(here, 'café.txt', ['Das Café öffnet um 9 Uhr.', 'Die Straße zum Bahnhof ist gesperrt.'], {
    attributes: { kind: 'note', year: 2025 },
  })
  return here
}

test('codes, numbers and names find the piece that has them, with everything a result says', async () => {
  const here = await notes()
  const results = await search(here, 'Which valve opens at 6.25 bar?')
  expect(results[0]).toMatchObject({
    ...{ storeId: here.storeId, filename: 'valves.txt', attributes: { kind: 'valve', year: 2024 }, idx: 1 },
    text: 'The valve V-200 opens at 6.25 bar.',
  })
  for (const [ask, says] of [
    ['p-200', 'P-200'],
    ['Ortega', 'Ortega'],
    ['wann öffnet das cafe', 'Café'],
    ['STRASSE', 'Straße'],
  ] as const)
    expect((await search(here, ask))[0]?.text).toContain(says)
})

test('scores are 0 to 1, and results come in their order', async () => {
  const here = await notes()
  for (const ranker of ['hybrid', 'vector'] as const) {
    const scores = (await search(here, 'pump valve litres', { ranker })).map(({ score }) => score)
    expect(scores.length).toBeGreaterThan(3)
    expect(scores).toEqual(scores.toSorted((a, b) => b - a))
    for (const score of scores) expect(score >= 0 && score <= 1).toBe(true)
  }
})

test("the vector ranker's score is the cosine, and what points away has 0", async () => {
  const here = await shelf()
  const [up = new Float32Array()] = await embed(['north'])
  await put(here, 'a.txt', ['same', 'opposite'], { vectors: [up, up.map((x) => -x)] })
  const results = await search(here, 'north', { ranker: 'vector' })
  expect(results.map(({ text, score }) => [text, Math.round(score * 1e4) / 1e4])).toEqual([
    ['same', 1],
    ['opposite', 0],
  ])
})

test('a threshold leaves out what is worse, a limit what is more', async () => {
  const here = await notes()
  const all = await search(here, 'valve V-100 opens at 3.5 bar')
  const second = all[1]?.score ?? 0
  expect(second).toBeGreaterThan(0)
  expect(await search(here, 'valve V-100 opens at 3.5 bar', { scoreThreshold: second + 1e-9 })).toEqual(all.slice(0, 1))
  expect(await search(here, 'valve V-100 opens at 3.5 bar', { limit: 2 })).toEqual(all.slice(0, 2))
  expect(await search(here, 'valve V-100', { scoreThreshold: 1 })).toEqual([])
})

test('a question about nothing in the store finds nothing good', async () => {
  const here = await notes()
  const best = (await search(here, 'quantum chromodynamics of hadrons'))[0]
  expect(best?.score ?? 0).toBeLessThan(0.25)
})

test('of several questions each finds its best piece, once', async () => {
  const here = await notes()
  const results = await search(here, ['pump P-100', 'valve V-200', 'pump P-100 '])
  expect(new Set(results.map(({ chunkId }) => chunkId)).size).toBe(results.length)
  expect(
    results
      .slice(0, 2)
      .map(({ text }) => text.slice(0, 14))
      .sort(),
  ).toEqual(['The pump P-100', 'The valve V-20'])
})

test('a word that only the name of the file has helps', async () => {
  const here = await shelf()
  const text = 'The heating power is eleven kilowatts.'
  await put(here, 'manual-k9.txt', [text])
  await put(here, 'manual-k12.txt', [text])
  expect(names(await search(here, 'heating power of the K12'))[0]).toBe('manual-k12.txt')
  expect(names(await search(here, 'heating power of the K9'))[0]).toBe('manual-k9.txt')
})

test('a search sees the stores it names and no other', async () => {
  const here = await shelf()
  const there = await shelf(here.caller)
  await put(here, 'here.txt', ['The password is swordfish.'])
  await put(there, 'there.txt', ['The password is swordfish too.'])
  expect(names(await search(here, 'password swordfish'))).toEqual(['here.txt'])
  const both = await search(here, 'password swordfish', { storeIds: [here.storeId, there.storeId, here.storeId] })
  expect(both.map(({ storeId }) => storeId).sort()).toEqual([here.storeId, there.storeId].sort())
})

test('pieces of other stores stay unseen, whatever the vectors answer', async () => {
  const here = await shelf()
  const there = await shelf(here.caller)
  const stranger = await shelf()
  for (const one of [here, there, stranger]) await put(one, 'a.txt', ['The password is swordfish.'])
  const hits = await Promise.all(
    [here, there, stranger].map(async ({ caller: { tenantId }, storeId }) => {
      const [vector = new Float32Array()] = await embed(['swordfish'])
      return app.vectors.search({ tenantId, storeIds: [storeId], vector, limit: 5, filter: null })
    }),
  )
  expect(hits.flat()).toHaveLength(3)
  const vectors = new Proxy(app.vectors, { get: (real, name) => (name === 'search' ? async () => hits.flat() : Reflect.get(real, name)) })
  const input = { storeIds: [here.storeId], queries: ['swordfish'], limit: 5, filter: null, ranker: 'vector' as const, scoreThreshold: 0 }
  const results = await searchStores({ ...app, vectors }, here.caller, input)
  expect(results.map(({ storeId }) => storeId)).toEqual([here.storeId])
})

test("another tenant's store is exactly a missing one", async () => {
  const here = await notes()
  const stranger = await app.newTenant()
  for (const storeId of [here.storeId, newId()])
    expect(await faultOf(search({ caller: stranger, storeId }, 'pump'))).toMatchObject({
      code: 'not_found',
      facts: { kind: 'vector_store', id: storeId },
    })
  const own = await shelf(stranger)
  expect((await faultOf(search(own, 'pump', { storeIds: [own.storeId, here.storeId] }))).facts.id).toBe(here.storeId)
})

test('a key that may not read is refused', async () => {
  const { caller, storeId } = await notes()
  const none = { ...caller, scopes: new Set<never>() }
  expect((await faultOf(search({ caller: none, storeId }, 'pump'))).code).toBe('forbidden')
  expect((await faultOf(indexing(app, none, [storeId]))).code).toBe('forbidden')
})

test('an expired store is refused, and says which', async () => {
  const here = await shelf(undefined, { expiresDays: 1 })
  await put(here, 'a.txt', ['apple'])
  expect(await search(here, 'apple')).toHaveLength(1)
  app.clock.advance(DAY_MS + 1)
  expect(await faultOf(search(here, 'apple'))).toMatchObject({
    code: 'wrong_state',
    facts: { kind: 'vector_store', id: here.storeId, action: 'search' },
  })
})

test('a search is a use of the store, noted once a minute', async () => {
  const here = await notes()
  const activity = async () => (await getStore(app, here.caller, here.storeId)).lastActiveAt
  app.clock.advance(30_000)
  const made = await activity()
  await search(here, 'pump')
  expect(await activity()).toBe(made)
  app.clock.advance(31_000)
  await search(here, 'pump')
  expect(await activity()).toBe(app.clock.now())
})

test('a document is found once it is completed, and not after it was removed', async () => {
  const here = await shelf()
  const waiting = await put(here, 'waiting.txt', ['secret recipe of the soup'], { ready: false })
  const done = await put(here, 'done.txt', ['secret recipe of the bread'])
  expect(names(await search(here, 'secret recipe'))).toEqual(['done.txt'])
  await removeStoreFile(app, here.caller, done)
  expect(await search(here, 'secret recipe', { ranker: 'vector' })).toEqual([])
  expect(await indexing(app, here.caller, [here.storeId])).toBe(1)
  expect(await indexing(app, await app.newTenant(), [here.storeId])).toBe(0)
  await removeStoreFile(app, here.caller, waiting)
  expect(await indexing(app, here.caller, [here.storeId])).toBe(0)
})

test('pieces that do not count take no place from those that do', async () => {
  const here = await shelf()
  const hidden = Array.from({ length: 300 }, () => 'recipe of the soup')
  await put(here, 'hidden.txt', hidden, { ready: false })
  await put(here, 'shown.txt', ['recipe', 'soup', 'of the day'])
  for (const ranker of ['vector', 'hybrid'] as const)
    expect(names(await search(here, 'recipe of the soup', { ranker, limit: 3 }))).toEqual(['shown.txt', 'shown.txt', 'shown.txt'])
})

test('attributes are filtered by what the row says, also before the vectors were told', async () => {
  const here = await notes()
  const filter = { type: 'gte' as const, key: 'year', value: 2025 }
  for (const ranker of ['vector', 'hybrid'] as const) {
    expect(new Set(names(await search(here, 'opens öffnet', { filter, ranker })))).toEqual(new Set(['café.txt']))
    expect(await search(here, 'opens', { filter: { type: 'eq', key: 'kind', value: 'pump' }, ranker })).toEqual([])
  }
  await app.records.db.query(`update vector_store_file set attributes = '{"year": 1999}' where store_id = $1`, [here.storeId])
  expect(await search(here, 'opens öffnet', { filter })).toEqual([])
})

test('where the vectors cannot be reached there is a fault, not half an answer', async () => {
  const here = await notes()
  const { vectors, heal } = brokenVectors(app.vectors, 'search')
  const input = { storeIds: [here.storeId], queries: ['pump P-100'], limit: 5, filter: null, ranker: 'hybrid' as const, scoreThreshold: 0 }
  expect((await faultOf(searchStores({ ...app, vectors }, here.caller, input))).code).toBe('unavailable')
  heal()
  expect(await searchStores({ ...app, vectors }, here.caller, input)).not.toHaveLength(0)
})

test('where the embedding model fails there is its fault', async () => {
  const here = await shelf(undefined, { model: EMBEDDING_MODEL })
  await put(here, 'a.txt', ['apple'], { model: EMBEDDING_MODEL })
  server.replies.push({ status: 400, error: { message: 'too long' } })
  expect((await faultOf(search(here, 'apple'))).message).toContain('too long')
  expect(await search(here, 'apple')).toHaveLength(1)
})

test('a search that its caller gave up ends', async () => {
  const here = await shelf(undefined, { model: EMBEDDING_MODEL })
  const open = server.hold()
  const controller = new AbortController()
  const input = { storeIds: [here.storeId], queries: ['apple'], limit: 5, filter: null, ranker: 'hybrid' as const, scoreThreshold: 0 }
  const running = searchStores(app, here.caller, input, controller.signal)
  controller.abort()
  await expect(running).rejects.toThrow()
  open()
})

test('stores of different embedding models are searched together, each with its own', async () => {
  const here = await shelf()
  const other = await shelf(here.caller, { model: EMBEDDING_MODEL })
  await put(here, 'lexical.txt', ['the harbour master of Stornmouth'])
  await put(other, 'embedded.txt', ['the harbour master of Lochmarra'], { model: EMBEDDING_MODEL })
  server.texts.length = 0
  const results = await search(here, 'harbour master', { storeIds: [here.storeId, other.storeId] })
  expect(names(results).sort()).toEqual(['embedded.txt', 'lexical.txt'])
  expect(server.texts).toEqual(['harbour master'])
})

test('questions of nothing, of signs and of what Postgres cannot hold are answered', async () => {
  const here = await notes()
  expect(await search(here, ['', '  '])).toEqual([])
  expect(await search(here, [])).toEqual([])
  for (const odd of ['?!', '\u0000', 'pump \ud800', "'); drop table chunk; --", '\\', 'x'.repeat(100_000)])
    expect(Array.isArray(await search(here, odd))).toBe(true)
  expect(
    (
      await faultOf(
        search(
          here,
          Array.from({ length: 33 }, (_, i) => `pump ${i}`),
        ),
      )
    ).code,
  ).toBe('invalid')
})

test('a store without files has nothing to find', async () => {
  expect(await search(await shelf(), 'anything at all')).toEqual([])
})

/** Pieces enough that words are not all counted: two words in all of them, and pairs of words that are in many. */
async function large(): Promise<Shelf> {
  const here = await shelf()
  const text = (i: number) => `station report group${i % 2} line${i % 3} code-${i} ${i === 1777 ? 'quicksilver' : 'water'}`
  for (let document = 0; document < 15; document++) {
    const texts = Array.from({ length: 300 }, (_, i) => text(document * 300 + i))
    await put(here, `report-${document}.txt`, texts, { vectors: [] })
  }
  return here
}

test(
  'in a large store the rare word finds its piece among common ones, and common words the piece that has most of them',
  async () => {
    const here = await large()
    expect((await search(here, 'station report quicksilver'))[0]?.text).toContain('quicksilver')
    expect((await search(here, 'station report code-2042'))[0]?.text).toContain('code-2042')
    const [first, ...rest] = await search(here, 'station group1 line2')
    for (const { text } of [first, ...rest].slice(0, 5).flatMap((result) => result ?? []))
      expect([text.includes('group1'), text.includes('line2')]).toEqual([true, true])
    expect((await search(here, 'station')).length).toBe(10)
    // What the common words say in the end is that they say little.
    expect((await search(here, 'station report'))[0]?.score).toBeLessThan(1)
  },
  OPEN_MS,
)
