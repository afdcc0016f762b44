import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import type { VectorStoreFileBatch } from 'openai/resources/vector-stores/file-batches'
import type { VectorStoreFile } from 'openai/resources/vector-stores/files'
import OpenAI4 from 'openai-4'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { type CheckedTraffic, checkTraffic, hasProxy, violationsOf } from './proxy.ts'
import { type Access, refusedBy, SDKS, type Sdk } from './sdk.ts'

let served: Served
let proxy: CheckedTraffic | undefined
let access: Access

beforeAll(async () => {
  served = await serve({}, { jobs: true })
  if (hasProxy) proxy = checkTraffic(served.url)
  access = { baseURL: `${proxy?.url ?? served.url}/v1`, apiKey: served.key }
}, SERVER_START_MS)
afterAll(async () => {
  const heard = await proxy?.stop()
  await served.close()
  if (heard) expect(violationsOf(heard)).toEqual([])
})

/** The methods whose arguments the two versions order differently. */
interface StoreSdk {
  client: OpenAI
  deleteStore(id: string): PromiseLike<{ id: string; deleted: boolean }>
  getFile(store: string, file: string): PromiseLike<VectorStoreFile>
  changeFile(store: string, file: string, attributes: Record<string, string | number | boolean> | null): PromiseLike<VectorStoreFile>
  removeFile(store: string, file: string): PromiseLike<{ id: string; deleted: boolean }>
  content(store: string, file: string): PromiseLike<{ data: { text?: string }[] }>
  getBatch(store: string, batch: string): PromiseLike<VectorStoreFileBatch>
  cancelBatch(store: string, batch: string): PromiseLike<VectorStoreFileBatch>
  listBatch(store: string, batch: string): PromiseLike<VectorStoreFile[]>
}

async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of pages) items.push(item)
  return items
}

function openSdk7(): StoreSdk {
  const client = new OpenAI({ ...access, maxRetries: 0 })
  const { files, fileBatches } = client.vectorStores
  return {
    client,
    deleteStore: (id) => client.vectorStores.delete(id),
    getFile: (vector_store_id, file) => files.retrieve(file, { vector_store_id }),
    changeFile: (vector_store_id, file, attributes) => files.update(file, { vector_store_id, attributes }),
    removeFile: (vector_store_id, file) => files.delete(file, { vector_store_id }),
    content: (vector_store_id, file) => files.content(file, { vector_store_id }),
    getBatch: (vector_store_id, batch) => fileBatches.retrieve(batch, { vector_store_id }),
    cancelBatch: (vector_store_id, batch) => fileBatches.cancel(batch, { vector_store_id }),
    listBatch: (vector_store_id, batch) => collect(fileBatches.listFiles(batch, { vector_store_id, limit: 1, order: 'asc' })),
  }
}

function openSdk4(): StoreSdk {
  const client = new OpenAI4({ ...access, maxRetries: 0 })
  const { files, fileBatches } = client.vectorStores
  const shown = <T>(answer: PromiseLike<unknown>): Promise<T> => Promise.resolve(answer) as Promise<T>
  return {
    client: client as unknown as OpenAI,
    deleteStore: (id) => client.vectorStores.del(id),
    getFile: (store, file) => shown(files.retrieve(store, file)),
    changeFile: (store, file, attributes) => shown(files.update(store, file, { attributes })),
    removeFile: (store, file) => files.del(store, file),
    content: (store, file) => files.content(store, file),
    getBatch: (store, batch) => shown(fileBatches.retrieve(store, batch)),
    cancelBatch: (store, batch) => shown(fileBatches.cancel(store, batch)),
    listBatch: (store, batch) => shown(collect(fileBatches.listFiles(store, batch, { limit: 1, order: 'asc' }))),
  }
}

const TEXTS = {
  'tea.txt': 'Assam tea is steeped for four minutes at 95 degrees.',
  'bees.md': '# Hives\n\nHive number 17 gave 23 kilograms of lime honey in July.',
  'knots.txt': 'A bowline makes a loop that does not slip and is easy to untie.',
}
const filesOf = (texts: Record<string, string>): File[] => Object.entries(texts).map(([name, text]) => new File([text], name))

const OPEN: Record<string, () => StoreSdk> = { 'openai 7.57.0': openSdk7, 'openai 4.95.0': openSdk4 }

for (const [version, openAll] of Object.entries(SDKS)) {
  describe(version, () => {
    let whole: Sdk
    let sdk: StoreSdk
    let stores: OpenAI['vectorStores']
    beforeAll(() => {
      const open = OPEN[version]
      if (!open) throw new Error(`say how ${version} calls vector stores`)
      whole = openAll(access)
      sdk = open()
      stores = sdk.client.vectorStores
    })

    const upload = async (text = 'some text', name = 'some.txt'): Promise<string> =>
      (await sdk.client.files.create({ file: new File([text], name), purpose: 'assistants' })).id

    test('stores are created, read, changed, listed and deleted', async () => {
      const expires_after = { anchor: 'last_active_at' as const, days: 2 }
      const made = await stores.create({ name: 'library', metadata: { a: 'b' }, expires_after })
      expect(made).toMatchObject({ object: 'vector_store', name: 'library', status: 'completed', expires_after, metadata: { a: 'b' } })
      expect(await stores.retrieve(made.id)).toMatchObject({ id: made.id, name: 'library' })
      expect(await stores.update(made.id, { name: 'archive', expires_after: null })).toMatchObject({ name: 'archive', expires_at: null })
      const other = await stores.create({})
      const ids = (await collect(stores.list({ limit: 1, order: 'asc' }))).map(({ id }) => id)
      expect(ids.slice(ids.indexOf(made.id))).toEqual([made.id, other.id])
      expect(await sdk.deleteStore(made.id)).toMatchObject({ id: made.id, deleted: true })
      const refusal = await refusedBy(whole, Promise.resolve(stores.retrieve(made.id)))
      expect(refusal).toMatchObject({ status: 404 })
    })

    test('a file is uploaded and polled until it is completed, and read as it was understood', async () => {
      const { id } = await stores.create({})
      const file = await stores.files.uploadAndPoll(id, new File([TEXTS['tea.txt']], 'tea.txt'))
      expect(file).toMatchObject({ status: 'completed', last_error: null, vector_store_id: id })
      expect(file.usage_bytes).toBeGreaterThan(0)
      expect((await sdk.content(id, file.id)).data).toEqual([{ type: 'text', text: TEXTS['tea.txt'] }] as never)
      expect(await stores.retrieve(id)).toMatchObject({ status: 'completed', file_counts: { completed: 1, total: 1 } })
    })

    test('a file that cannot be read ends as failed, with a reason', async () => {
      const { id } = await stores.create({})
      const file = await stores.files.createAndPoll(id, { file_id: await upload('', 'empty.txt') })
      expect(file).toMatchObject({ status: 'failed', last_error: { code: 'invalid_file', message: expect.stringMatching(/./) } })
    })

    test('files of a store are changed, listed and taken out', async () => {
      const { id } = await stores.create({})
      const static_ = { max_chunk_size_tokens: 300, chunk_overlap_tokens: 10 }
      const chunking_strategy = { type: 'static' as const, static: static_ }
      const made = await stores.files.createAndPoll(id, { file_id: await upload(), attributes: { n: 1 }, chunking_strategy })
      expect(made).toMatchObject({ attributes: { n: 1 }, chunking_strategy })
      expect(await sdk.changeFile(id, made.id, { n: 2, s: 'x', b: true })).toMatchObject({ attributes: { n: 2, s: 'x', b: true } })
      expect(await sdk.getFile(id, made.id)).toMatchObject({ attributes: { n: 2, s: 'x', b: true } })
      const second = await stores.files.create(id, { file_id: await upload() })
      const ids = (await collect(stores.files.list(id, { limit: 1, order: 'asc' }))).map((file) => file.id)
      expect(ids).toEqual([made.id, second.id])
      expect(await sdk.removeFile(id, made.id)).toMatchObject({ id: made.id, deleted: true })
      expect((await collect(stores.files.list(id))).map((file) => file.id)).toEqual([second.id])
    })

    test('a batch is uploaded and polled, and what is in it is found', async () => {
      const { id } = await stores.create({})
      const batch = await stores.fileBatches.uploadAndPoll(id, { files: filesOf(TEXTS) })
      expect(batch).toMatchObject({ status: 'completed', file_counts: { completed: 3, failed: 0, total: 3 } })
      expect(await sdk.getBatch(id, batch.id)).toMatchObject({ id: batch.id, vector_store_id: id })
      expect(await sdk.listBatch(id, batch.id)).toHaveLength(3)
      const { data } = await stores.search(id, { query: 'how much honey came from hive 17?', max_num_results: 2 })
      expect(data[0]).toMatchObject({ filename: 'bees.md', content: [{ type: 'text', text: expect.stringContaining('23 kilograms') }] })
      const [best] = (await stores.search(id, { query: ['bowline', 'loop'], ranking_options: { ranker: 'auto' } })).data
      expect(best?.filename).toBe('knots.txt')
    })

    test('a batch of given files is created and polled, one of them broken', async () => {
      const { id } = await stores.create({})
      const file_ids = [await upload('good text', 'good.txt'), await upload('', 'empty.txt')]
      const batch = await stores.fileBatches.createAndPoll(id, { file_ids })
      expect(batch).toMatchObject({ status: 'completed', file_counts: { in_progress: 0, completed: 1, failed: 1, total: 2 } })
    })

    test('a batch is cancelled, or was too fast for that', async () => {
      const { id } = await stores.create({})
      const batch = await stores.fileBatches.create(id, { file_ids: [await upload(), await upload()] })
      const { status, file_counts } = await sdk.cancelBatch(id, batch.id)
      expect(['cancelled', 'completed']).toContain(status)
      expect(file_counts).toMatchObject({ in_progress: 0, total: 2 })
      expect((await stores.fileBatches.poll(id, batch.id)).status).toBe(status)
    })
  })
}
