import { afterAll, beforeAll, expect, test } from 'bun:test'
import OpenAI from 'openai'
import type { VectorStoreSearchResponse } from 'openai/resources/vector-stores/vector-stores'
import { readId } from '../../src/core/id.ts'
import { corpusFiles, refusedFiles } from '../support/corpus/corpus.ts'
import { HELD_OUT, LATE, QUESTIONS, type Question } from '../support/corpus/questions.ts'
import { eventually } from '../support/eventually.ts'
import { type Served, type ServeOptions, serve } from '../support/served.ts'

/** Where files and vectors are kept. */
export interface Shelves {
  options: Pick<ServeOptions, 'files' | 'vectors' | 'database'>
  close(): Promise<void>
}

/** For hooks and tests that wait for all documents. */
const INGEST_MS = 300_000
const TOP_MIN = 36

const plain = (text: string): string => text.replace(/\s+/g, ' ')
const textOf = (result: VectorStoreSearchResponse): string => result.content.map(({ text }) => text).join('\n')
const isAnswer = (question: Question, result: VectorStoreSearchResponse | undefined): boolean =>
  result?.filename === question.file && plain(textOf(result)).includes(plain(question.says))

/**
 * From a clean start and with no key of any provider: people's documents are uploaded, every one of them ends, questions
 * find their answers, and an assistant cites them.
 */
export function documentsContract(name: string, open: () => Promise<Shelves>): void {
  let shelves: Shelves
  let served: Served
  let client: OpenAI
  let storeId: string
  let counts: OpenAI.VectorStores.VectorStoreFileBatch['file_counts']

  beforeAll(async () => {
    shelves = await open()
    served = await serve({ retriesMax: 0 }, { worker: true, jobs: true, ...shelves.options })
    client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key, maxRetries: 0 })
    storeId = (await client.vectorStores.create({ name: 'Everything' })).id
    const files = [...corpusFiles(), ...refusedFiles()].map(({ name: filename, bytes }) => new File([new Uint8Array(bytes)], filename))
    const begun = performance.now()
    const batch = await client.vectorStores.fileBatches.uploadAndPoll(storeId, { files }, { pollIntervalMs: 100 })
    counts = batch.file_counts
    console.log(`${name}: ${files.length} documents uploaded and ended in ${((performance.now() - begun) / 1000).toFixed(1)} s`)
  }, INGEST_MS)
  afterAll(async () => {
    await served?.close()
    await shelves?.close()
  }, INGEST_MS)

  const find = async (question: string, limit = 10): Promise<VectorStoreSearchResponse[]> =>
    (await client.vectorStores.search(storeId, { query: question, max_num_results: limit })).data

  async function score(questions: readonly Question[]): Promise<{ top: number; missed: string[] }> {
    const missed: string[] = []
    for (const question of questions) {
      const results = await find(question.ask)
      const at = results.findIndex((result) => isAnswer(question, result))
      if (at !== 0) missed.push(`${question.ask} (place ${at + 1}, first is ${results[0]?.filename})`)
    }
    return { top: questions.length - missed.length, missed }
  }

  test('every document ends, completed or failed with its reason', async () => {
    const refused = refusedFiles()
    const total = corpusFiles().length + refused.length
    expect(counts).toEqual({ in_progress: 0, completed: corpusFiles().length, failed: refused.length, cancelled: 0, total })
    const ends = new Map<string, { status: string; code: string | undefined; message: string | undefined }>()
    for await (const { id, status, last_error } of client.vectorStores.files.list(storeId, { limit: 100 }))
      ends.set((await client.files.retrieve(id)).filename, { status, code: last_error?.code, message: last_error?.message })
    for (const { name: filename } of corpusFiles())
      expect([filename, ends.get(filename)]).toEqual([filename, { status: 'completed', code: undefined, message: undefined }])
    for (const { name: filename, code, says } of refused)
      expect([filename, ends.get(filename)]).toEqual([filename, { status: 'failed', code, message: expect.stringMatching(says) }])
    expect(await client.vectorStores.retrieve(storeId)).toMatchObject({ status: 'completed', file_counts: counts })
  })

  test(
    `of ${QUESTIONS.length} questions at least ${TOP_MIN} find their answer in the first place`,
    async () => {
      const { top, missed } = await score(QUESTIONS)
      const [held, late] = [await score(HELD_OUT), await score(LATE)]
      console.log(`${name}: top-1 ${top} of ${QUESTIONS.length}; of questions that chose nothing ${held.top} and ${late.top} of 20`)
      if (top < TOP_MIN) throw new Error(`Only ${top}; missed are:\n  ${missed.join('\n  ')}`)
    },
    INGEST_MS,
  )

  test('scores are 0 to 1 in order, and a threshold keeps only what is better', async () => {
    const all = await find('Wie hoch ist der COP der Wärmepumpe K9?')
    const scores = all.map((result) => result.score)
    expect(scores).toEqual(scores.toSorted((a, b) => b - a))
    for (const one of scores) expect(one >= 0 && one <= 1).toBe(true)
    const score_threshold = scores[1] ?? 1
    const page = await client.vectorStores.search(storeId, {
      query: 'Wie hoch ist der COP der Wärmepumpe K9?',
      ranking_options: { score_threshold },
    })
    expect(page.data.every((result) => result.score >= score_threshold)).toBe(true)
    expect(page.data.length).toBeLessThan(all.length)
  })

  const CITED = [0, 5, 15, 18, 24, 26, 32].flatMap((i) => QUESTIONS[i] ?? [])

  test.each(CITED)('an assistant answers "$ask" and cites $file', async ({ ask, file }) => {
    const assistant = await client.beta.assistants.create({
      ...{ model: 'quote', tools: [{ type: 'file_search' }] },
      tool_resources: { file_search: { vector_store_ids: [storeId] } },
    })
    const thread = await client.beta.threads.create({ messages: [{ role: 'user', content: ask }] })
    const run = await client.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, { pollIntervalMs: 50 })
    expect([run.status, run.last_error]).toEqual(['completed', null])
    const [message] = (await client.beta.threads.messages.list(thread.id, { run_id: run.id })).data
    const [part] = message?.content ?? []
    if (part?.type !== 'text') throw new Error('The message is no text')
    const { value, annotations } = part.text
    expect(annotations.length).toBeGreaterThan(0)
    for (const annotation of annotations) {
      if (annotation.type !== 'file_citation') throw new Error(`${annotation.type} is no citation`)
      const marker = value.slice(annotation.start_index, annotation.end_index)
      expect(marker).toBe(annotation.text)
      expect(marker).toMatch(/^【\d+:\d+†[^】]+】$/)
      const cited = await client.files.retrieve(annotation.file_citation.file_id)
      expect(cited.filename).toBe(file)
    }
  })

  test('a document that is taken out is not found any more, and nothing of it stays', async () => {
    const [question] = QUESTIONS.filter(({ file }) => file === 'stations.json')
    const [first] = await find(question?.ask ?? '')
    if (!first) throw new Error('nothing was found')
    expect(first.filename).toBe('stations.json')
    const fileId = readId('file-', first.file_id) ?? ''
    const { db } = served.app
    const documents = await db.query<{ document_id: string; tenant_id: string; store_id: string }>(
      'select document_id, tenant_id, store_id from vector_store_file where file_id = $1',
      [fileId],
    )
    await client.vectorStores.files.delete(first.file_id, { vector_store_id: storeId })
    expect((await find(question?.ask ?? '', 50)).map(({ filename }) => filename)).not.toContain('stations.json')
    for (const { document_id: documentId, tenant_id: tenantId, store_id } of documents)
      await eventually(async () => {
        const chunks = await db.query('select 1 from chunk where document_id = $1', [documentId])
        const points = await served.app.vectors.pointIds({ tenantId, storeId: store_id, documentId }, 10)
        return chunks.length + points.length === 0 || undefined
      })
    expect(documents).toHaveLength(1)
  })
}
