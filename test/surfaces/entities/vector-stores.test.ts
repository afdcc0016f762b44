import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createAssistant } from '../../../src/core/assistants/assistants.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { createFile, receiveContent } from '../../../src/core/files/files.ts'
import { newId } from '../../../src/core/id.ts'
import { operator } from '../../../src/core/identity/tenants.ts'
import { own } from '../../../src/core/ownership/ownership.ts'
import { createStore } from '../../../src/core/vector-stores/stores.ts'
import { spell } from '../../../src/surfaces/entities/ids.ts'
import { eventually } from '../../support/eventually.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { newPerson, type Person } from './kit.ts'

let served: Served
let manager: Caller
let ana: Person
let ben: Person
beforeAll(async () => {
  served = await serve({}, { jobs: true })
  manager = await operator(served.app, 'one')
  ana = await newPerson(served)
  ben = await newPerson(served)
}, SERVER_START_MS)
afterAll(() => served.close())

interface Answer {
  status: number
  body: unknown
}

/** A store or a file. */
interface Told {
  id: string
  status: string
}

async function ask(who: { key: string } | null, method: string, path: string, body?: unknown, headers = {}): Promise<Answer> {
  const { prefix } = served.app.config.entities
  const response = await served.send(method, `${prefix}${path}`, body, {
    key: null,
    headers: { ...(who ? { 'x-api-key': who.key } : {}), ...headers },
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

const listOf = async (who: { key: string }, path: string): Promise<Told[]> => (await ask(who, 'GET', path)).body as Told[]
const idsIn = async (who: { key: string }, path: string): Promise<string[]> => (await listOf(who, path)).map(({ id }) => id)

const boss = () => ({ key: served.key })

const newName = () => `vect_${newId().replaceAll('-', '').slice(10)}`

const storeBody = (owner: Person, given: object = {}) => ({
  ...{ shared_id: newName(), name: 'movies', user_id: owner.id, vector_size: 384, distance_metric: 'cosine' },
  ...given,
})

async function newStore(owner: Person, given: object = {}): Promise<string> {
  const { status, body } = await ask(owner, 'POST', '/vector-stores', storeBody(owner, given))
  expect(status).toBe(201)
  return (body as Told).id
}

const fileBody = (given: object = {}) => ({ file_id: `vsf_${newId()}`, file_name: 'a.txt', file_path: '/docs/a.txt', ...given })

async function newFile(owner: Person, store: string, given: object = {}): Promise<Told> {
  const { status, body } = await ask(owner, 'POST', `/vector-stores/${store}/files`, fileBody(given))
  expect(status).toBe(201)
  return body as Told
}

/** Answers the contract's id. */
async function newAssistant(owner: Person, alias?: string): Promise<string> {
  const { id } = await createAssistant(served.app, manager, { model: 'echo' })
  await own(served.app, manager, { kind: 'assistant', id, userId: owner.userId, ...(alias ? { alias } : {}) })
  return alias ?? spell('assistant', id)
}

/** Answers the contract's id. */
async function newUpload(owner: Person, content: string): Promise<string> {
  async function* source() {
    yield new TextEncoder().encode(content)
  }
  const object = await receiveContent(served.app, manager, { source: source(), filename: 'tides.txt' })
  const named = { filename: 'tides.txt', purpose: 'assistants' as const, mediaType: 'text/plain', expiresAfterS: null }
  const { id } = await createFile(served.app, manager, { object, ...named })
  await own(served.app, manager, { kind: 'file', id, userId: owner.userId })
  return spell('file', id)
}

test('a store reads as the contract says, under both mounts, by id and by collection', async () => {
  const body = storeBody(ana, { config: { hnsw: { m: 16 } }, unknown: 1 })
  const created = await ask(ana, 'POST', '/v1/vector-stores', body)
  expect(created).toEqual({
    status: 201,
    body: {
      ...{ id: body.shared_id, name: 'movies', user_id: ana.id, collection_name: body.shared_id, vector_size: 384 },
      ...{ distance_metric: 'COSINE', created_at: expect.any(Number), updated_at: null, status: 'active' },
      ...{ config: { hnsw: { m: 16 } }, file_count: 0, object: 'vector_store' },
    },
  })
  for (const path of [`/vector-stores/${body.shared_id}`, `/v1/vector-stores/lookup/collection?name=${body.shared_id}`])
    expect(await ask(ana, 'GET', path)).toEqual({ status: 200, body: created.body })
  expect((await ask(ana, 'GET', `/users/${ana.id}/vector-stores`)).body).toContainEqual(created.body)
})

test('an id that is there already is refused', async () => {
  const id = await newStore(ana)
  for (const who of [ana, ben])
    expect(await ask(who, 'POST', '/vector-stores', storeBody(who, { shared_id: id }))).toEqual({
      status: 409,
      body: { detail: `Store ID '${id}' exists.` },
    })
})

test.each([
  ['shared_id', 'too long', 'x'.repeat(65)],
  ['shared_id', 'empty', ''],
  ['name', 'too short', 'ab'],
  ['name', 'missing', undefined],
  ['user_id', 'too short', 'u'],
  ['vector_size', 'too small', 0],
  ['vector_size', 'text', '384'],
  ['distance_metric', 'unknown', 'manhattan'],
  ['config', 'a list', []],
  ['config', 'too large', { text: 'x'.repeat(5_000) }],
])('a store whose %s is %s is refused at that field', async (field, _, value) => {
  const given = { [field]: value }
  const { status, body } = await ask(ana, 'POST', '/vector-stores', storeBody(ana, given))
  expect({ status, body }).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', field] }] } })
})

test('a store for somebody else is a manager’s to make', async () => {
  const refused = { status: 403, body: { detail: 'Not authorized to create vector stores for this user.' } }
  expect(await ask(ana, 'POST', '/vector-stores', storeBody(ben))).toEqual(refused)
  const nobody = { ...ben, id: spell('user', newId()) }
  for (const id of [nobody.id, 'somebody']) expect(await ask(ana, 'POST', '/vector-stores', storeBody({ ...ben, id }))).toEqual(refused)
  for (const id of [nobody.id, 'somebody'])
    expect(await ask(boss(), 'POST', '/vector-stores', storeBody({ ...ben, id }))).toEqual({
      status: 404,
      body: { detail: 'User not found' },
    })
  const made = await ask(boss(), 'POST', '/vector-stores', storeBody(ben))
  expect(made).toMatchObject({ status: 201, body: { user_id: ben.id } })
  expect(await ask(ben, 'GET', `/vector-stores/${(made.body as Told).id}`)).toMatchObject({ status: 200 })
})

test('a file reads as the contract says, and is counted', async () => {
  const store = await newStore(ana)
  const body = fileBody({ meta_data: { year: 1999, tags: ['a'] } })
  const added = await ask(ana, 'POST', `/vector-stores/${store}/files`, body)
  expect(added).toEqual({
    status: 201,
    body: {
      ...{ id: body.file_id, vector_store_id: store, file_name: 'a.txt', file_path: '/docs/a.txt', status: 'completed' },
      ...{ processed_at: expect.any(Number), error_message: null, meta_data: { year: 1999, tags: ['a'] }, object: 'vector_store.file' },
    },
  })
  const pending = await newFile(ana, store, { status: 'pending', meta_data: null })
  expect(pending).toMatchObject({ status: 'pending', processed_at: null, meta_data: {} })
  expect(await ask(ana, 'GET', `/vector-stores/${store}/files`)).toEqual({ status: 200, body: [added.body, pending] })
  expect((await ask(ana, 'GET', `/vector-stores/${store}`)).body).toMatchObject({ file_count: 2, updated_at: expect.any(Number) })
  expect(await ask(ana, 'POST', `/vector-stores/${store}/files`, body)).toEqual({
    status: 409,
    body: { detail: `File ID '${body.file_id}' exists.` },
  })
})

test('a file gets another status, through its own store only', async () => {
  const [store, other] = [await newStore(ana), await newStore(ana)]
  const { id } = await newFile(ana, store, { status: 'processing' })
  const patch = (where: string, body: object) => ask(ana, 'PATCH', `/vector-stores/${where}/files/${id}`, body)
  const failed = await patch(store, { status: 'failed', error_message: 'no text' })
  expect(failed).toMatchObject({ status: 200, body: { status: 'failed', error_message: 'no text', processed_at: expect.any(Number) } })
  expect((await patch(store, { status: 'retrying' })).body).toMatchObject({ status: 'retrying', error_message: null })
  expect(await patch(other, { status: 'completed' })).toEqual({
    status: 404,
    body: { detail: `File '${id}' not found in store '${other}'.` },
  })
  expect(await patch(store, { status: 'done' })).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', 'status'] }] } })
})

test('a file is removed by its path', async () => {
  const store = await newStore(ana)
  await newFile(ana, store, { file_path: 'C:\\docs\\a b&c.txt' })
  const path = `/vector-stores/${store}/files?file_path=${encodeURIComponent('C:\\docs\\a b&c.txt')}`
  expect(await ask(ana, 'DELETE', path)).toEqual({ status: 204, body: null })
  expect(await ask(ana, 'DELETE', path)).toMatchObject({ status: 404 })
  expect(await ask(ana, 'DELETE', `/vector-stores/${store}/files`)).toMatchObject({
    status: 422,
    body: { detail: [{ type: 'missing', loc: ['query', 'file_path'] }] },
  })
  expect((await ask(ana, 'GET', `/vector-stores/${store}`)).body).toMatchObject({ file_count: 0 })
})

test('a deleted store stays readable, takes no files and is in no list; deleted for good it is gone', async () => {
  const store = await newStore(ana)
  const assistant = await newAssistant(ana)
  await newFile(ana, store)
  await ask(ana, 'POST', `/assistants/${assistant}/vector-stores/${store}/attach`)
  for (const _ of [1, 2]) expect(await ask(ana, 'DELETE', `/vector-stores/${store}`)).toEqual({ status: 204, body: null })
  expect(await ask(ana, 'GET', `/vector-stores/${store}`)).toMatchObject({ status: 200, body: { status: 'deleted' } })
  expect(await ask(ana, 'GET', `/vector-stores/lookup/collection?name=${store}`)).toMatchObject({ body: { status: 'deleted' } })
  expect(await ask(ana, 'GET', `/vector-stores/${store}/files`)).toEqual({ status: 200, body: [] })
  expect(await ask(ana, 'GET', `/assistants/${assistant}/vector-stores`)).toEqual({ status: 200, body: [] })
  expect(await idsIn(ana, `/users/${ana.id}/vector-stores`)).not.toContain(store)
  expect(await ask(ana, 'POST', `/vector-stores/${store}/files`, fileBody())).toEqual({
    status: 404,
    body: { detail: `Vector store '${store}' not found or is deleted.` },
  })
  expect(await ask(ana, 'POST', `/assistants/${assistant}/vector-stores/${store}/attach`)).toEqual({
    status: 404,
    body: { detail: `Store '${store}' not found/deleted.` },
  })
  expect(await ask(ana, 'DELETE', `/vector-stores/${store}?permanent=true`)).toEqual({ status: 204, body: null })
  const gone = { status: 404, body: { detail: `Vector store '${store}' not found.` } }
  expect(await ask(ana, 'GET', `/vector-stores/${store}`)).toEqual(gone)
  expect(await ask(ana, 'DELETE', `/vector-stores/${store}?permanent=True`)).toEqual(gone)
  expect(await ask(ana, 'GET', `/vector-stores/lookup/collection?name=${store}`)).toEqual({
    status: 404,
    body: { detail: `Vector store with collection name '${store}' not found.` },
  })
})

test('a store is attached and detached as often as asked', async () => {
  const [one, two] = [await newStore(ana), await newStore(ana)]
  const assistant = await newAssistant(ana, `movies-${newId()}`)
  const at = (store: string) => `/assistants/${assistant}/vector-stores/${store}`
  for (const store of [one, one, two])
    expect(await ask(ana, 'POST', `${at(store)}/attach`)).toEqual({ status: 200, body: { success: true } })
  const attached = () => idsIn(ana, `/v1/assistants/${assistant}/vector-stores`)
  expect(await attached()).toEqual([one, two])
  for (const store of [one, one, 'vect_none'])
    expect(await ask(ana, 'DELETE', `${at(store)}/detach`)).toEqual({ status: 200, body: { success: true } })
  expect(await attached()).toEqual([two])
  const nobody = { status: 404, body: { detail: "Assistant 'asst_none' not found." } }
  expect(await ask(ana, 'POST', `/assistants/asst_none/vector-stores/${one}/attach`)).toEqual(nobody)
  expect(await ask(ana, 'DELETE', `/assistants/asst_none/vector-stores/${one}/detach`)).toEqual(nobody)
  expect(await ask(ana, 'GET', '/assistants/asst_none/vector-stores')).toEqual({ status: 200, body: [] })
})

test('to use an assistant is not enough to give it a store', async () => {
  const { id } = await createAssistant(served.app, manager, { model: 'echo' })
  const store = await newStore(ana)
  const path = `/assistants/${spell('assistant', id)}/vector-stores`
  expect(await ask(ana, 'POST', `${path}/${store}/attach`)).toMatchObject({ status: 403 })
  expect(await ask(boss(), 'POST', `${path}/${store}/attach`)).toMatchObject({ status: 200 })
  expect((await ask(ana, 'GET', path)).body).toHaveLength(1)
  expect((await ask(ben, 'GET', path)).body).toEqual([])
})

/** All operations, on a store, a file in it and an assistant. */
const operations = (store: string, file: string, assistant: string): [method: string, path: string, body?: unknown][] => [
  ['POST', '/vector-stores', storeBody(ana)],
  ['GET', `/vector-stores/lookup/collection?name=${store}`],
  ['GET', `/vector-stores/${store}`],
  ['POST', `/vector-stores/${store}/files`, fileBody({ file_id: 'vsf_fixed' })],
  ['GET', `/vector-stores/${store}/files`],
  ['PATCH', `/vector-stores/${store}/files/${file}`, { status: 'failed' }],
  ['DELETE', `/vector-stores/${store}/files?file_path=/docs/a.txt`],
  ['GET', `/users/${ana.id}/vector-stores`],
  ['GET', `/assistants/${assistant}/vector-stores`],
  ['POST', `/assistants/${assistant}/vector-stores/${store}/attach`],
  ['DELETE', `/assistants/${assistant}/vector-stores/${store}/detach`],
  ['DELETE', `/vector-stores/${store}?permanent=true`],
]

test('every operation asks for a key', async () => {
  const store = await newStore(ana)
  for (const [method, path, body] of operations(store, 'vsf_x', 'asst_x'))
    expect(await ask(null, method, path, body)).toMatchObject({ status: 401, body: { detail: "Missing API Key in 'X-API-Key' header." } })
  expect(await ask(ana, 'GET', `/vector-stores/${store}`)).toMatchObject({ status: 200 })
})

test('what belongs to another user, or another tenant, answers as what is not there, and stays as it is', async () => {
  const store = await newStore(ana)
  const { id: file } = await newFile(ana, store)
  const assistant = await newAssistant(ana)
  await ask(ana, 'POST', `/assistants/${assistant}/vector-stores/${store}/attach`)
  const look = () =>
    Promise.all(
      ['', '/files']
        .map((path) => ask(ana, 'GET', `/vector-stores/${store}${path}`))
        .concat(ask(ana, 'GET', `/assistants/${assistant}/vector-stores`)),
    )
  const before = await look()
  const missing = ['vect_missing', 'vsf_missing', 'asst_missing'] as const
  const named = (answer: Answer, names: readonly string[]) =>
    names.reduce((text, name, i) => text.replaceAll(name, `<${i}>`), JSON.stringify(answer))
  for (const stranger of [ben, { key: served.otherKey }]) {
    const others = operations(...missing).slice(1)
    for (const [i, [method, path, body]] of operations(store, file, assistant).slice(1).entries()) {
      const [, other = ''] = others[i] ?? []
      const foreign = named(await ask(stranger, method, path, body), [store, file, assistant])
      expect(foreign).toBe(named(await ask(stranger, method, other, body), missing))
    }
  }
  expect(await look()).toEqual(before)
  expect(await ask(boss(), 'GET', `/vector-stores/${store}`)).toMatchObject({ status: 200 })
})

test('an upload is made searchable by this server, and its status follows that', async () => {
  const [store, assistant] = [await newStore(ana), await newAssistant(ana)]
  const upload = await newUpload(ana, 'The harbour pilot is called Quillon.')
  const added = await newFile(ana, store, { upload_id: upload, status: 'completed' })
  expect(added).toMatchObject({ status: 'processing', processed_at: null })
  const done = await eventually(async () => {
    const [file] = await listOf(ana, `/vector-stores/${store}/files`)
    return file?.status === 'processing' ? undefined : file
  })
  expect(done).toMatchObject({ status: 'completed', error_message: null, processed_at: expect.any(Number) })
  expect(await ask(ana, 'PATCH', `/vector-stores/${store}/files/${added.id}`, { status: 'failed' })).toMatchObject({ status: 400 })
  expect(await ask(ana, 'POST', `/assistants/${assistant}/vector-stores/${store}/attach`)).toMatchObject({ status: 200 })
})

test('an upload that cannot be read says why', async () => {
  const store = await newStore(ana)
  await newFile(ana, store, { upload_id: await newUpload(ana, '') })
  const file = await eventually(async () => {
    const [read] = await listOf(ana, `/vector-stores/${store}/files`)
    return read?.status === 'processing' ? undefined : read
  })
  expect(file).toMatchObject({ status: 'failed', error_message: expect.any(String) })
})

test('an upload of somebody else is not there', async () => {
  const store = await newStore(ana)
  const upload = await newUpload(ben, 'secret')
  for (const upload_id of [upload, spell('file', newId()), 'file_'])
    expect(await ask(ana, 'POST', `/vector-stores/${store}/files`, fileBody({ upload_id }))).toEqual({
      status: 404,
      body: { detail: `File with ID ${upload_id} not found` },
    })
  expect((await ask(ana, 'GET', `/vector-stores/${store}/files`)).body).toEqual([])
})

test('a store and a file that are sent again with the same Idempotency-Key are made once', async () => {
  const headers = { 'idempotency-key': newId() }
  const body = storeBody(ana)
  const [first, second] = [
    await ask(ana, 'POST', '/vector-stores', body, headers),
    await ask(ana, 'POST', '/v1/vector-stores', body, headers),
  ]
  expect(first.status).toBe(201)
  expect(second).toEqual(first)
  const file = fileBody()
  const add = () => ask(ana, 'POST', `/vector-stores/${body.shared_id}/files`, file, { 'idempotency-key': 'the file' })
  expect(await add()).toEqual(await add())
  expect(await ask(ana, 'GET', `/vector-stores/${body.shared_id}`)).toMatchObject({ body: { file_count: 1 } })
})

test('a store of another dialect is read by managers', async () => {
  const { id } = await createStore(served.app, manager, { name: 'plain' })
  const path = `/vector-stores/${spell('vector_store', id)}`
  expect(await ask(boss(), 'GET', path)).toMatchObject({
    status: 200,
    body: { name: 'plain', user_id: '', vector_size: 0, distance_metric: 'COSINE', config: {}, status: 'active' },
  })
  expect(await ask(ana, 'GET', path)).toMatchObject({ status: 404 })
})
