import { afterAll, beforeAll, expect, test } from 'bun:test'
import { deleteFile } from '../../src/core/files/removal.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { createThread } from '../../src/core/threads/threads.ts'
import { imageType } from '../../src/engine/images.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { newFile } from '../support/ingesting.ts'
import { startRun, untilEnd } from '../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const bytes = (text: string, more = 0): Uint8Array => Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(more, 1)])
const PNG = '\x89PNG\r\n\x1a\n'
const imageFile = (content: Uint8Array) => newFile(app, app.one, { name: 'a.bin', content, purpose: 'vision' })
const partOf = (id: string, detail?: string): JsonObject & { type: string } => ({
  type: 'image_file',
  image_file: { file_id: id, ...(detail ? { detail } : {}) },
})

/** The last user message as the model got it. */
async function shown(parts: (JsonObject & { type: string })[], before?: () => Promise<unknown>) {
  const { id: threadId } = await createThread(app, app.one, { messages: [{ role: 'user', content: parts }] })
  await before?.()
  const started = await startRun(app, { threadId, text: null, turns: [{ text: ['seen'] }] })
  expect((await untilEnd(app, started)).status).toBe('completed')
  return app.models.requestsTo(started.model)[0]?.messages.at(-1)?.content as JsonObject[]
}

test('the media type is told by the content', () => {
  const types = [PNG, '\xff\xd8\xff\xe0', 'GIF89a', 'GIF87a', 'RIFF\x01\x02\x03\x04WEBPVP8 '].map((head) => imageType(bytes(head, 9)))
  expect(types).toEqual(['image/png', 'image/jpeg', 'image/gif', 'image/gif', 'image/webp'])
  for (const head of ['', 'GIF', '<svg>', '%PDF-1.7', 'RIFF\x01\x02\x03\x04WAVE']) expect(imageType(bytes(head))).toBeUndefined()
})

test('an image file reaches the model as a data URL, in its place and with its detail', async () => {
  const content = bytes(PNG, 100)
  const file = await imageFile(content)
  expect(await shown([{ type: 'text', text: 'what is' }, partOf(file, 'low'), partOf(file), { type: 'text', text: 'this?' }])).toEqual([
    { type: 'text', text: 'what is' },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${Buffer.from(content).toString('base64')}`, detail: 'low' } },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${Buffer.from(content).toString('base64')}` } },
    { type: 'text', text: 'this?' },
  ])
})

const noteOf = (parts: JsonObject[]): string => {
  expect(parts.map((part) => part.type)).toEqual(['text'])
  return String(parts[0]?.text)
}

test('a file that was deleted since becomes a note, and the run goes on', async () => {
  const file = await imageFile(bytes(PNG))
  expect(noteOf(await shown([partOf(file)], () => deleteFile(app, app.one, file)))).toContain('has been deleted')
})

test('a file that is no image becomes a note', async () => {
  expect(noteOf(await shown([partOf(await imageFile(bytes('MZ')))]))).toContain('no PNG')
})

test('an image that is too large becomes a note', async () => {
  expect(noteOf(await shown([partOf(await imageFile(bytes(PNG, 20 * 2 ** 20)))]))).toContain('more than 20 MB')
})

test('of more images than a prompt may hold the newest are shown', async () => {
  const file = await imageFile(bytes(PNG, 18 * 2 ** 20))
  expect((await shown([partOf(file), partOf(file), partOf(file)])).map((part) => part.type)).toEqual(['text', 'image_url', 'image_url'])
})

test('a file that cannot be read becomes a note, and the log says so', async () => {
  const file = await imageFile(bytes(PNG))
  const lose = async () => {
    const [row] = await app.records.db.query<{ object_id: string }>('select object_id from file where id = $1', [file])
    await app.files.remove({ tenantId: app.one.tenantId, id: row?.object_id ?? '' })
  }
  expect(noteOf(await shown([partOf(file)], lose))).toContain('cannot be read')
  expect(app.log.count('image.unreadable')).toBe(1)
})
