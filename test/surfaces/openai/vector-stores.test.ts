import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import { openai } from '../../../src/surfaces/openai/openai.ts'
import { Calls } from '../../support/calls.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

let served: Served
let calls: Calls
beforeAll(async () => {
  // Nothing ingests: files stay in progress.
  served = await serve()
  calls = new Calls(served)
}, SERVER_START_MS)
afterAll(() => served.close())

const nobody = (prefix: string): string => `${prefix}${'0'.repeat(31)}1`

const makeStore = async (body: JsonObject = {}): Promise<string> => String((await calls.ok('POST', '/v1/vector_stores', body)).id)

/** The refusal of a request, with its status. */
async function refused(method: string, path: string, body?: unknown): Promise<JsonObject> {
  const response = await served.send(method, path, body)
  const { error } = (await response.json()) as { error: JsonObject }
  return { status: response.status, ...error }
}

const invalid = (message: string, param: string | null, code: string) => ({
  ...{ status: 400, type: 'invalid_request_error' },
  ...{ message, param, code },
})

describe('a vector store', () => {
  test('shows what was said of it, and an empty name where none was', async () => {
    const bare = await calls.ok('POST', '/v1/vector_stores', {})
    expect(bare).toEqual({
      ...{ id: expect.stringMatching(/^vs_[0-9a-f]{32}$/), object: 'vector_store', created_at: expect.any(Number) },
      ...{ name: '', usage_bytes: 0, status: 'completed', expires_at: null, last_active_at: bare.created_at ?? null, metadata: {} },
      file_counts: { in_progress: 0, completed: 0, failed: 0, cancelled: 0, total: 0 },
    })
    expect(await calls.ok('GET', `/v1/vector_stores/${bare.id}`)).toEqual(bare)
    const expires_after = { anchor: 'last_active_at', days: 7 }
    const full = await calls.ok('POST', '/v1/vector_stores', { name: 'N', description: 'D', metadata: { a: 'b' }, expires_after })
    expect(full).toMatchObject({ name: 'N', description: 'D', metadata: { a: 'b' }, expires_after })
    expect(full.expires_at).toBe(Number(full.last_active_at) + 7 * 86_400)
  })

  test('is changed by what is named, and null clears', async () => {
    const id = await makeStore({ name: 'N', metadata: { a: 'b' }, expires_after: { anchor: 'last_active_at', days: 1 } })
    const path = `/v1/vector_stores/${id}`
    expect(await calls.ok('POST', path, { metadata: { c: 'd' } })).toMatchObject({
      name: 'N',
      metadata: { c: 'd' },
      expires_after: { days: 1 },
    })
    const cleared = await calls.ok('POST', path, { name: null, expires_after: null, metadata: null })
    expect(cleared).toMatchObject({ name: '', metadata: {}, expires_at: null })
    expect(cleared).not.toHaveProperty('expires_after')
    expect(await calls.ok('DELETE', path)).toEqual({ id, object: 'vector_store.deleted', deleted: true })
    expect(await refused('GET', path)).toMatchObject({
      status: 404,
      message: `No vector store found with id '${id}'.`,
      param: null,
      code: null,
    })
  })

  test('needs no OpenAI-Beta where the assistants do, but a wrong one is refused', async () => {
    const { app, key } = served
    const plugin = openai({ ...app, config: { ...app.config, openai: { ...app.config.openai, betaHeader: 'required' } } })
    const ask = async (path: string, headers: Record<string, string> = {}) => {
      const request = new Request(`http://localhost/v1/${path}`, { headers: { authorization: `Bearer ${key}`, ...headers } })
      return (await plugin.handle(request)).status
    }
    expect([await ask('assistants'), await ask('vector_stores')]).toEqual([400, 200])
    expect(await ask('vector_stores', { 'openai-beta': 'assistants=v9' })).toBe(400)
  })

  test('that has expired says so, and is neither searched nor given files', async () => {
    const id = await makeStore({ expires_after: { anchor: 'last_active_at', days: 1 } })
    const uuid = `${id.slice(3, 11)}-${id.slice(11, 15)}-${id.slice(15, 19)}-${id.slice(19, 23)}-${id.slice(23)}`
    await served.app.db.query(`update vector_store set last_active_at = last_active_at - interval '25 hours' where id = $1`, [uuid])
    expect((await calls.ok('GET', `/v1/vector_stores/${id}`)).status).toBe('expired')
    const file_id = await calls.file()
    const refusal = { status: 400, message: `Vector store '${id}' has expired.`, type: 'invalid_request_error', param: null, code: null }
    expect(await refused('POST', `/v1/vector_stores/${id}/search`, { query: 'x' })).toEqual(refusal)
    expect(await refused('POST', `/v1/vector_stores/${id}/files`, { file_id })).toEqual(refusal)
    expect(await refused('POST', `/v1/vector_stores/${id}/file_batches`, { file_ids: [file_id] })).toEqual(refusal)
    expect(await refused('POST', `/v1/vector_stores/${id}`, { expires_after: { anchor: 'last_active_at', days: 9 } })).toEqual(refusal)
  })

  test('is made once by a request that is sent twice with one key', async () => {
    const headers = { 'idempotency-key': 'make-one' }
    const file_ids = [await calls.file()]
    const [one, two] = [
      await calls.ok('POST', '/v1/vector_stores', { file_ids }, { headers }),
      await calls.ok('POST', '/v1/vector_stores', { file_ids }, { headers }),
    ]
    expect(two).toEqual(one)
  })

  test('with a missing file is not made', async () => {
    const count = async () => ((await calls.ok('GET', '/v1/vector_stores?limit=100')).data as JsonObject[]).length
    const before = await count()
    const missing = nobody('file-')
    expect(await refused('POST', '/v1/vector_stores', { file_ids: [await calls.file(), missing] })).toEqual({
      ...{ status: 404, message: `No such File object: ${missing}`, type: 'invalid_request_error', param: 'id', code: null },
    })
    expect(await refused('POST', '/v1/vector_stores', { file_ids: ['foo'] })).toEqual(
      invalid("Invalid 'file_ids[0]': 'foo'. Expected an ID that begins with 'file'.", 'file_ids[0]', 'invalid_value'),
    )
    expect(await count()).toBe(before)
  })
})

describe('a file of a store', () => {
  test('has the id of the file, and tells a poller when to ask again', async () => {
    const [store, file_id] = [await makeStore(), await calls.file()]
    const created = await calls.ok('POST', `/v1/vector_stores/${store}/files`, { file_id, attributes: { year: 2024, ok: true, s: 'x' } })
    expect(created).toEqual({
      ...{ id: file_id, object: 'vector_store.file', created_at: expect.any(Number), vector_store_id: store, usage_bytes: 0 },
      ...{ status: 'in_progress', last_error: null, attributes: { year: 2024, ok: true, s: 'x' } },
      chunking_strategy: { type: 'static', static: { max_chunk_size_tokens: 800, chunk_overlap_tokens: 400 } },
    })
    for (const path of [`/v1/vector_stores/${store}`, `/v1/vector_stores/${store}/files/${file_id}`]) {
      const response = await served.send('GET', path)
      const wait = Number(response.headers.get('openai-poll-after-ms'))
      expect([path, wait >= 50 && wait <= 1000, ((await response.json()) as JsonObject).status]).toEqual([path, true, 'in_progress'])
    }
    expect((await served.send('GET', `/v1/vector_stores/${await makeStore()}`)).headers.get('openai-poll-after-ms')).toBeNull()
  })

  test('is cut as was asked, and not beyond what can be', async () => {
    const [store, file_id] = [await makeStore(), await calls.file()]
    const path = `/v1/vector_stores/${store}/files`
    const cut = (max_chunk_size_tokens: number, chunk_overlap_tokens: number) => ({
      ...{ file_id, chunking_strategy: { type: 'static', static: { max_chunk_size_tokens, chunk_overlap_tokens } } },
    })
    expect(await calls.ok('POST', path, cut(101, 50))).toMatchObject({ chunking_strategy: cut(101, 50).chunking_strategy })
    const at = 'chunking_strategy.static'
    const overlap = `${at}.chunk_overlap_tokens`
    expect(await refused('POST', path, cut(101, 51))).toEqual(
      invalid(
        `Invalid '${overlap}': integer above maximum value. Expected at most half of max_chunk_size_tokens (50), but got 51 instead.`,
        overlap,
        'integer_above_max_value',
      ),
    )
    expect(await refused('POST', path, cut(100, -1))).toMatchObject({ status: 400, param: overlap, code: 'integer_below_min_value' })
    const size = { status: 400, param: `${at}.max_chunk_size_tokens` }
    expect(await refused('POST', path, cut(99, 0))).toMatchObject({ ...size, code: 'integer_below_min_value' })
    expect(await refused('POST', path, cut(4097, 0))).toMatchObject({ ...size, code: 'integer_above_max_value' })
    expect(await refused('POST', path, { file_id, chunking_strategy: { type: 'other' } })).toMatchObject({
      ...{ status: 400, param: 'chunking_strategy.type', code: 'invalid_value' },
    })
  })

  test('that is not in the store is named with the store, whether there is such a file or not', async () => {
    const store = await makeStore()
    for (const file of [await calls.file(), nobody('file-')]) {
      const refusal = { status: 404, message: `No file found with id '${file}' in vector store '${store}'.`, param: null, code: null }
      const path = `/v1/vector_stores/${store}/files/${file}`
      expect(await refused('GET', path)).toMatchObject(refusal)
      expect(await refused('GET', `${path}/content`)).toMatchObject(refusal)
      expect(await refused('POST', path, { attributes: {} })).toMatchObject(refusal)
      expect(await refused('DELETE', path)).toMatchObject(refusal)
    }
    const missing = nobody('vs_')
    expect(await refused('GET', `/v1/vector_stores/${missing}/files/${nobody('file-')}`)).toMatchObject({
      message: `No vector store found with id '${missing}'.`,
    })
  })

  test('has its attributes replaced, and null empties them', async () => {
    const [store, file_id] = [await makeStore(), await calls.file()]
    const path = `/v1/vector_stores/${store}/files`
    await calls.ok('POST', path, { file_id, attributes: { a: 1 } })
    expect(await calls.ok('POST', `${path}/${file_id}`, { attributes: { b: '2' } })).toMatchObject({ attributes: { b: '2' } })
    expect(await calls.ok('POST', `${path}/${file_id}`, { attributes: null })).toMatchObject({ attributes: {} })
    expect(await refused('POST', `${path}/${file_id}`, {})).toMatchObject({ code: 'missing_required_parameter', param: 'attributes' })
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, i]))
    expect(await refused('POST', path, { file_id, attributes: many })).toMatchObject({ code: 'object_above_max_properties' })
    expect(await refused('POST', path, { file_id, attributes: { a: ['x'] } })).toMatchObject({
      code: 'invalid_type',
      param: 'attributes.a',
    })
    const huge = await served.send('POST', path, `{"file_id":"${file_id}","attributes":{"a":1e999}}`)
    const { error } = (await huge.json()) as { error: JsonObject }
    expect([huge.status, error.param]).toEqual([400, 'attributes.a'])
  })

  test('leaves the store and stays a file', async () => {
    const [store, file_id] = [await makeStore(), await calls.file()]
    const path = `/v1/vector_stores/${store}/files`
    await calls.ok('POST', path, { file_id })
    expect(await calls.ok('DELETE', `${path}/${file_id}`)).toEqual({ id: file_id, object: 'vector_store.file.deleted', deleted: true })
    expect(await calls.ok('GET', path)).toEqual({ object: 'list', data: [], first_id: null, last_id: null, has_more: false })
    await calls.ok('GET', `/v1/files/${file_id}`)
  })

  test('has no content before it is ingested, and pages are those of an earlier answer', async () => {
    const [store, file_id] = [await makeStore(), await calls.file()]
    await calls.ok('POST', `/v1/vector_stores/${store}/files`, { file_id })
    const path = `/v1/vector_stores/${store}/files/${file_id}/content`
    expect(await calls.ok('GET', path)).toEqual({ object: 'vector_store.file_content.page', data: [], has_more: false, next_page: null })
    for (const page of ['2', `${'0'.repeat(32)}.1`, `${'0'.repeat(32)}.-1`, 'x']) {
      expect(await refused('GET', `${path}?page=${page}`)).toMatchObject({ status: 400, param: 'page', code: 'invalid_value' })
    }
  })
})

describe('a file batch', () => {
  test('is made of ids with one treatment, or of files with their own', async () => {
    const [store, one, two] = [await makeStore(), await calls.file(), await calls.file()]
    const path = `/v1/vector_stores/${store}`
    const same = {
      attributes: { all: true },
      chunking_strategy: { type: 'static', static: { max_chunk_size_tokens: 200, chunk_overlap_tokens: 0 } },
    }
    const batch = await calls.ok('POST', `${path}/file_batches`, { file_ids: [one, two], ...same })
    expect(batch).toEqual({
      ...{ id: expect.stringMatching(/^vsfb_[0-9a-f]{32}$/), object: 'vector_store.files_batch', created_at: expect.any(Number) },
      ...{ vector_store_id: store, status: 'in_progress' },
      file_counts: { in_progress: 2, completed: 0, failed: 0, cancelled: 0, total: 2 },
    })
    expect(await calls.ok('GET', `${path}/files/${two}`)).toMatchObject(same)
    const files = [{ file_id: one, attributes: { own: 1 } }, { file_id: two }]
    const other = await calls.ok('POST', `${path}/file_batches`, { files, ...same })
    expect(await calls.ok('GET', `${path}/files/${one}`)).toMatchObject({ attributes: { own: 1 } })
    expect(await calls.ok('GET', `${path}/files/${two}`)).toMatchObject({
      ...{ attributes: {}, chunking_strategy: { static: { max_chunk_size_tokens: 800 } } },
    })
    const page = await calls.ok('GET', `${path}/file_batches/${other.id}/files?order=asc&limit=1`)
    expect(page).toMatchObject({ data: [{ id: one, object: 'vector_store.file' }], first_id: one, last_id: one, has_more: true })
    expect(await calls.ok('GET', `${path}/file_batches/${other.id}/files?filter=completed`)).toMatchObject({ data: [] })
  })

  test('takes one of the two, and not too many', async () => {
    const [store, file_id] = [await makeStore(), await calls.file()]
    const path = `/v1/vector_stores/${store}/file_batches`
    expect(await refused('POST', path, {})).toEqual(
      invalid("Missing required parameter: 'file_ids'.", 'file_ids', 'missing_required_parameter'),
    )
    expect(await refused('POST', path, { file_ids: [file_id], files: [{ file_id }] })).toEqual(
      invalid("Invalid 'files': give either 'file_ids' or 'files', not both.", 'files', 'invalid_value'),
    )
    for (const field of ['file_ids', 'files']) {
      expect(await refused('POST', path, { [field]: [] })).toMatchObject({ code: 'array_below_min_length', param: field })
      const item = field === 'files' ? { file_id } : file_id
      const many = Array.from({ length: 2001 }, () => item)
      expect(await refused('POST', path, { [field]: many })).toMatchObject({ code: 'array_above_max_length', param: field })
    }
    const files = [
      { file_id },
      { file_id, chunking_strategy: { type: 'static', static: { max_chunk_size_tokens: 100, chunk_overlap_tokens: 99 } } },
    ]
    expect(await refused('POST', path, { files })).toMatchObject({ param: 'files[1].chunking_strategy.static.chunk_overlap_tokens' })
    expect(await refused('POST', path, { files: [{ file_id: 'x' }] })).toMatchObject({ param: 'files[0].file_id' })
    const missing = nobody('file-')
    expect(await refused('POST', path, { file_ids: [file_id, missing] })).toMatchObject({ message: `No such File object: ${missing}` })
    expect(await calls.ok('GET', `/v1/vector_stores/${store}/files`)).toMatchObject({ data: [] })
  })

  test('can be cancelled', async () => {
    const [store, file_id] = [await makeStore(), await calls.file()]
    const path = `/v1/vector_stores/${store}/file_batches`
    const { id } = await calls.ok('POST', path, { file_ids: [file_id] })
    const polled = await served.send('GET', `${path}/${id}`)
    expect(Number(polled.headers.get('openai-poll-after-ms'))).toBeGreaterThanOrEqual(50)
    const cancelled = { status: 'cancelled', file_counts: { in_progress: 0, cancelled: 1, total: 1 } }
    // As 4.x sends it: a content type, and no body.
    expect(await calls.ok('POST', `${path}/${id}/cancel`, '')).toMatchObject(cancelled)
    const answer = await served.send('GET', `${path}/${id}`)
    expect(answer.headers.get('openai-poll-after-ms')).toBeNull()
    expect(await answer.json()).toMatchObject(cancelled)
    const missing = nobody('vsfb_')
    expect(await refused('POST', `${path}/${missing}/cancel`)).toMatchObject({
      status: 404,
      message: `No file batch found with id '${missing}'.`,
    })
  })
})

test('lists are paged by ids of their own kind', async () => {
  const store = await makeStore()
  const ids = [await calls.file(), await calls.file(), await calls.file()]
  for (const file_id of ids) await calls.ok('POST', `/v1/vector_stores/${store}/files`, { file_id })
  const path = `/v1/vector_stores/${store}/files?order=asc`
  const list = async (query: string) =>
    ((await calls.ok('GET', path + query)).data as JsonObject[]).map(({ id }) => ids.indexOf(String(id)))
  expect(await list('')).toEqual([0, 1, 2])
  expect(await list(`&after=${ids[0]}`)).toEqual([1, 2])
  expect(await list(`&before=${ids[2]}&limit=1`)).toEqual([1])
  expect(await list('&filter=in_progress')).toEqual([0, 1, 2])
  expect(await list('&filter=failed')).toEqual([])
  expect(await refused('GET', `${path}&filter=done`)).toMatchObject({ status: 400, code: 'invalid_value', param: 'filter' })
  expect(await refused('GET', `${path}&after=${store}`)).toMatchObject({ status: 400, code: 'invalid_value', param: 'after' })
  expect(await refused('GET', `${path}&after=${nobody('file-')}`)).toMatchObject({ status: 400, code: 'invalid_value', param: 'after' })
  expect(await refused('GET', `${path}&limit=101`)).toMatchObject({ status: 400, code: 'integer_above_max_value', param: 'limit' })
  expect(await refused('GET', `/v1/vector_stores?before=${nobody('vs_')}`)).toMatchObject({ status: 400, param: 'before' })
})
