import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import { Calls } from '../../support/calls.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

let served: Served
let calls: Calls
beforeAll(async () => {
  served = await serve({}, { files: { uploadBytesMax: 1_000_000, uploadPartBytesMax: 1000 } })
  calls = new Calls(served)
}, SERVER_START_MS)
afterAll(() => served.close())

const wish = (bytes: number): JsonObject => ({ filename: 'a.txt', purpose: 'assistants', bytes, mime_type: 'text/plain' })
const begin = async (bytes: number): Promise<string> => String((await calls.ok('POST', '/v1/uploads', wish(bytes))).id)

function formOf(data: string | Blob, name = 'data'): FormData {
  const form = new FormData()
  form.append(name, typeof data === 'string' ? new Blob([data]) : data)
  return form
}
const add = async (id: string, data: string): Promise<string> =>
  String((await calls.ok('POST', `/v1/uploads/${id}/parts`, formOf(data))).id)

async function refused(path: string, body: unknown, init = {}): Promise<JsonObject> {
  const response = await served.send('POST', path, body, init)
  return { status: response.status, ...((await response.json()) as { error: JsonObject }).error }
}

test('an upload goes from its parts to a file', async () => {
  const upload = await calls.ok('POST', '/v1/uploads', { ...wish(6), expires_after: { anchor: 'created_at', seconds: 3600 } })
  expect(upload).toEqual({
    ...{ id: expect.stringMatching(/^upload_[0-9a-f]{32}$/), object: 'upload', bytes: 6, created_at: expect.any(Number) },
    ...{ expires_at: Number(upload.created_at) + 3600, filename: 'a.txt', purpose: 'assistants', status: 'pending', file: null },
  })
  const id = String(upload.id)
  const part = await calls.ok('POST', `/v1/uploads/${id}/parts`, formOf('foo'))
  expect(part).toEqual({
    ...{ id: expect.stringMatching(/^part_[0-9a-f]{32}$/), object: 'upload.part', created_at: expect.any(Number), upload_id: id },
  })
  const other = await add(id, 'bar')
  // The sum of the other order.
  const md5 = new Bun.CryptoHasher('md5').update('barfoo').digest('hex')
  const parts = [String(part.id), other]
  expect(await refused(`/v1/uploads/${id}/complete`, { part_ids: parts, md5 })).toMatchObject({ status: 400, param: 'md5' })
  const whole = await calls.ok('POST', `/v1/uploads/${id}/complete`, { part_ids: parts })
  expect(whole).toMatchObject({ id, status: 'completed', file: { object: 'file', bytes: 6, filename: 'a.txt', purpose: 'assistants' } })
  const file = whole.file as JsonObject
  expect(Number(file.expires_at) - Number(file.created_at)).toBe(3600)
  const content = await served.send('GET', `/v1/files/${file.id}/content`)
  expect(await content.text()).toBe('foobar')
})

test.each<[what: string, body: JsonObject, param: string, code: string]>([
  ['an unknown field', { ...wish(1), colour: 'red' }, 'colour', 'unknown_parameter'],
  ['no size', { filename: 'a', purpose: 'assistants', mime_type: 'text/plain' }, 'bytes', 'missing_required_parameter'],
  ['half a byte', { ...wish(1), bytes: 1.5 }, 'bytes', 'invalid_type'],
  ['fewer bytes than none', wish(-1), 'bytes', 'integer_below_min_value'],
  ['too many bytes', wish(1_000_001), 'bytes', 'integer_above_max_value'],
  ['a purpose that uploads have not', { ...wish(1), purpose: 'evals' }, 'purpose', 'invalid_value'],
  ['no media type', { ...wish(1), mime_type: 'text\r\nx: y' }, 'mime_type', 'invalid_value'],
  ['a name of control characters', { ...wish(1), filename: 'a\nb' }, 'filename', 'invalid_value'],
])('an upload of %s is refused', async (_, body, param, code) => {
  expect(await refused('/v1/uploads', body)).toMatchObject({ status: 400, param, code })
})

test('parts that are wrong are refused', async () => {
  const id = await begin(10)
  const path = `/v1/uploads/${id}/parts`
  expect(await refused(path, formOf('x', 'file'))).toMatchObject({ status: 400, param: 'file', code: 'unknown_parameter' })
  expect(await refused(path, new FormData())).toMatchObject({ status: 400 })
  expect(await refused(path, formOf('x'.repeat(1001)))).toMatchObject({ status: 413, code: 'request_too_large' })
  const missing = `upload_${'0'.repeat(32)}`
  expect(await refused(`/v1/uploads/${missing}/parts`, formOf('x'))).toMatchObject({
    status: 404,
    message: `No upload found with id '${missing}'.`,
  })
  expect(await refused('/v1/uploads/foo/parts', formOf('x'))).toMatchObject({ status: 400, param: 'upload_id' })
})

test('a completion that is wrong is refused, and can be put right', async () => {
  const id = await begin(3)
  const part = await add(id, 'foo')
  const path = `/v1/uploads/${id}/complete`
  expect(await refused(path, {})).toMatchObject({ status: 400, param: 'part_ids', code: 'missing_required_parameter' })
  expect(await refused(path, { part_ids: [] })).toMatchObject({
    status: 400,
    param: 'part_ids',
    message: expect.stringContaining('0 bytes'),
  })
  expect(await refused(path, { part_ids: [part, 'foo'] })).toMatchObject({ status: 400, param: 'part_ids[1]', code: 'invalid_value' })
  const missing = `part_${'0'.repeat(32)}`
  expect(await refused(path, { part_ids: [missing] })).toMatchObject({ status: 404, message: `No upload part found with id '${missing}'.` })
  expect(await refused(path, { part_ids: [part], md5: 'x' })).toMatchObject({ status: 400, param: 'md5' })
  expect((await calls.ok('POST', path, { part_ids: [part] })).status).toBe('completed')
  expect(await refused(path, { part_ids: [part] })).toMatchObject({
    ...{ status: 400, message: "Cannot complete an upload with status 'completed'.", code: null },
  })
})

test('a cancelled upload takes nothing more', async () => {
  const id = await begin(3)
  expect(await calls.ok('POST', `/v1/uploads/${id}/cancel`)).toMatchObject({ id, status: 'cancelled', file: null })
  expect(await refused(`/v1/uploads/${id}/parts`, formOf('foo'))).toMatchObject({
    ...{ status: 400, message: "Cannot add a part to an upload with status 'cancelled'." },
  })
})

test('a repeated request with its key gets the first answer, also for a completion', async () => {
  const once = async (path: string, body: unknown, key: string) =>
    (await (await served.send('POST', path, body, { headers: { 'idempotency-key': key } })).json()) as JsonObject
  const upload = await once('/v1/uploads', wish(3), 'u')
  expect(await once('/v1/uploads', wish(3), 'u')).toEqual(upload)
  const parts = `/v1/uploads/${upload.id}/parts`
  const part = await once(parts, formOf('foo'), 'p')
  expect(await once(parts, formOf('foo'), 'p')).toEqual(part)
  expect((await once(parts, formOf('bar'), 'p')).error).toMatchObject({ code: 'idempotency_key_reused' })
  const complete = `/v1/uploads/${upload.id}/complete`
  const [a, b] = await Promise.all([once(complete, { part_ids: [part.id] }, 'c'), once(complete, { part_ids: [part.id] }, 'c')])
  expect(a).toMatchObject({ status: 'completed' })
  expect(b).toEqual(a)
  expect(await once(complete, { part_ids: [part.id] }, 'c')).toEqual(a)
  expect(await once(parts, formOf('foo'), 'p')).toEqual(part)
})
