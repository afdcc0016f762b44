import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import OpenAI, { toFile } from 'openai'
import type { FileObject } from 'openai/resources/files'
import type { Upload, UploadCompleteParams } from 'openai/resources/uploads/uploads'
import OpenAI4, { toFile as toFile4 } from 'openai-4'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { type CheckedTraffic, checkTraffic, hasProxy, violationsOf } from './proxy.ts'
import { type Access, refusedBy, SDKS } from './sdk.ts'

let served: Served
let proxy: CheckedTraffic | undefined
let access: Access

beforeAll(async () => {
  served = await serve({}, { files: { bytesMax: 4_000_000, uploadPartBytesMax: 100 } })
  if (hasProxy) proxy = checkTraffic(served.url)
  access = { baseURL: `${proxy?.url ?? served.url}/v1`, apiKey: served.key }
}, SERVER_START_MS)
afterAll(async () => {
  const heard = await proxy?.stop()
  await served.close()
  if (heard) expect(violationsOf(heard)).toEqual([])
})

/** What the two versions call differently. */
interface FilesSdk {
  client: OpenAI
  toFile: typeof toFile
  deleteFile(id: string): PromiseLike<{ id: string; deleted: boolean }>
  wait(id: string): PromiseLike<FileObject>
  addPart(upload: string, data: File): PromiseLike<{ id: string; upload_id: string }>
  complete(upload: string, params: UploadCompleteParams): PromiseLike<Upload>
}

function openSdk7(): FilesSdk {
  const client = new OpenAI({ ...access, maxRetries: 0 })
  return {
    client,
    toFile,
    deleteFile: (id) => client.files.delete(id),
    wait: (id) => client.files.waitForProcessing(id),
    addPart: (upload, data) => client.uploads.parts.create(upload, { data }),
    complete: (upload, params) => client.uploads.complete(upload, params),
  }
}

function openSdk4(): FilesSdk {
  const client = new OpenAI4({ ...access, maxRetries: 0 })
  const shown = <T>(answer: PromiseLike<unknown>): Promise<T> => Promise.resolve(answer) as Promise<T>
  return {
    client: client as unknown as OpenAI,
    toFile: toFile4 as unknown as typeof toFile,
    deleteFile: (id) => client.files.del(id),
    wait: (id) => shown(client.files.waitForProcessing(id)),
    addPart: (upload, data) => client.uploads.parts.create(upload, { data }),
    complete: (upload, params) => shown(client.uploads.complete(upload, params)),
  }
}

async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of pages) items.push(item)
  return items
}

for (const [version, open] of Object.entries({ 'openai 7.57.0': openSdk7, 'openai 4.95.0': openSdk4 })) {
  describe(version, () => {
    let sdk: FilesSdk
    beforeAll(() => {
      sdk = open()
    })

    test('a file is made, waited for, found, listed, read and deleted', async () => {
      const { files } = sdk.client
      const made = await files.create({ file: await sdk.toFile(Buffer.from('héllo'), 'ü 日本.txt'), purpose: 'assistants' })
      expect(made).toMatchObject({ object: 'file', bytes: 6, filename: 'ü 日本.txt', purpose: 'assistants', status: 'processed' })
      expect(await sdk.wait(made.id)).toEqual(await files.retrieve(made.id))
      expect((await collect(files.list({ purpose: 'assistants' }))).map(({ id }) => id)).toContain(made.id)
      const content = await files.content(made.id)
      expect(await content.text()).toBe('héllo')
      expect(await sdk.deleteFile(made.id)).toMatchObject({ id: made.id, deleted: true })
      const gone = await refusedBy(SDKS[version]?.(access) ?? fail(), files.retrieve(made.id))
      expect([gone.status, gone.message]).toEqual([404, `404 No such File object: ${made.id}`])
    })

    test('lists are paged, in both directions', async () => {
      const { files } = sdk.client
      const ids: string[] = []
      for (let i = 0; i < 3; i++)
        ids.push((await files.create({ file: await sdk.toFile(Buffer.from(`${i}`), `${i}.txt`), purpose: 'user_data' })).id)
      const listed = async (order: 'asc' | 'desc') =>
        (await collect(files.list({ purpose: 'user_data', limit: 1, order }))).map(({ id }) => id)
      const all = await listed('asc')
      expect(all.slice(-3)).toEqual(ids)
      expect(await listed('desc')).toEqual(all.toReversed())
    })

    test('a file that is too large is told as 413', async () => {
      const file = await sdk.toFile(Buffer.alloc(5_000_000), 'large.bin')
      const error = await sdk.client.files.create({ file, purpose: 'assistants' }).catch((cause: unknown) => cause)
      expect(error).toMatchObject({ status: 413, code: 'request_too_large' })
    })

    test('an upload goes through in parallel parts, and another is cancelled', async () => {
      const { uploads } = sdk.client
      const bytes = 250
      const wish = { bytes, filename: 'big.txt', mime_type: 'text/plain', purpose: 'assistants' as const }
      const upload = await uploads.create(wish)
      expect(upload).toMatchObject({ object: 'upload', status: 'pending', bytes })
      const texts = ['a'.repeat(100), 'b'.repeat(100), 'c'.repeat(50)]
      const parts = await Promise.all(texts.map(async (text) => sdk.addPart(upload.id, await sdk.toFile(Buffer.from(text), 'part'))))
      expect(parts.map((part) => part.upload_id)).toEqual([upload.id, upload.id, upload.id])
      const md5 = new Bun.CryptoHasher('md5').update(texts.join('')).digest('hex')
      const done = await sdk.complete(upload.id, { part_ids: parts.map(({ id }) => id), md5 })
      expect(done).toMatchObject({ status: 'completed', file: { bytes, filename: 'big.txt', status: 'processed' } })
      const content = await sdk.client.files.content(done.file?.id ?? '')
      expect(await content.text()).toBe(texts.join(''))

      const other = await uploads.create(wish)
      expect((await uploads.cancel(other.id)).status).toBe('cancelled')
      const late = await sdk.complete(other.id, { part_ids: [] }).then(
        () => undefined,
        (cause: unknown) => cause,
      )
      expect(late).toMatchObject({ status: 400 })
    })
  })
}

function fail(): never {
  throw new Error('no such version')
}
