import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readConfig } from '../../../src/config.ts'
import type { Caller } from '../../../src/core/caller.ts'
import {
  changeCompletion,
  createCompletion,
  deleteCompletion,
  getCompletion,
  listCompletionMessages,
  listCompletions,
  type NewCompletion,
  streamCompletion,
} from '../../../src/core/completions/completions.ts'
import { newId } from '../../../src/core/id.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { openModels } from '../../../src/drivers/models/models.ts'
import { openClient } from '../../../src/drivers/records/client.ts'
import type { Records } from '../../../src/drivers/records/port.ts'
import { cloneDatabase, silentLog, type TestDatabase } from '../../support/postgres.ts'

let database: TestDatabase
let records: Records
let time = 1_700_000_000_000
const clock = { now: () => ++time }
const scripts = { failing: [{ text: ['be', 'fore'], fail: { status: 500, message: 'broke' } }] }
const models = openModels({ ...readConfig({}).config.models, scripts }, { log: silentLog, clock })

beforeAll(async () => {
  database = await cloneDatabase()
  records = await openClient(database.target, { poolMax: 4, log: silentLog, shared: true })
})
afterAll(async () => {
  await records.close()
  await database.drop()
})

const parts = () => ({ db: records.db, clock, models })

async function newCaller(...scopes: ('read' | 'write')[]): Promise<Caller> {
  const tenantId = newId()
  await records.db.query('insert into tenant (id, name, created_at) values ($1, $2, now())', [tenantId, tenantId])
  return { tenantId, userId: null, keyId: null, scopes: new Set(scopes.length > 0 ? scopes : ['read', 'write']) }
}

const asking = (rest: Partial<NewCompletion> = {}): NewCompletion => ({
  model: 'echo',
  messages: [{ role: 'user', content: 'one two' }],
  options: {},
  keep: { metadata: {} },
  signal: new AbortController().signal,
  ...rest,
})

const text = (answer: JsonObject): unknown => (answer.choices as { message: { content: string } }[])[0]?.message.content

async function keep(caller: Caller, rest: Partial<NewCompletion> = {}): Promise<string> {
  const { id } = await createCompletion(parts(), caller, asking(rest))
  if (id === null) throw new Error('was not kept')
  return id
}

const page = { limit: 20, order: 'asc' as const }

test('a completion that is to be kept can be read again, with its messages and metadata', async () => {
  const caller = await newCaller()
  const id = await keep(caller, { keep: { metadata: { a: 'b' } } })
  const found = await getCompletion(parts(), caller, id)
  expect(found).toMatchObject({ id, model: 'echo', messages: [{ role: 'user', content: 'one two' }], metadata: { a: 'b' } })
  expect(text(found.answer)).toBe('one two')
})

test('a completion that is not to be kept leaves nothing', async () => {
  const caller = await newCaller()
  const { id, answer } = await createCompletion(parts(), caller, asking({ keep: null }))
  expect(id).toBeNull()
  expect(text(answer)).toBe('one two')
  expect((await listCompletions(parts(), caller, { page, filter: {} })).items).toEqual([])
})

test('a stream that is read to its end is kept whole', async () => {
  const caller = await newCaller()
  const { id, chunks } = await streamCompletion(parts(), caller, asking())
  let heard = 0
  for await (const chunk of chunks) if (chunk) heard++
  expect(heard).toBeGreaterThan(2)
  expect(text((await getCompletion(parts(), caller, id ?? '')).answer)).toBe('one two')
})

test('a stream that was left or failed is not kept', async () => {
  const caller = await newCaller()
  const left = await streamCompletion(parts(), caller, asking())
  for await (const chunk of left.chunks) if (chunk) break
  const failed = await streamCompletion(parts(), caller, asking({ model: 'failing' }))
  const drain = async () => {
    for await (const chunk of failed.chunks) if (!chunk) break
  }
  await expect(drain()).rejects.toMatchObject({ code: 'upstream' })
  expect((await listCompletions(parts(), caller, { page, filter: {} })).items).toEqual([])
})

test('pages go in the order of creation, and turned round, without a gap or a repeat', async () => {
  const caller = await newCaller()
  const ids: string[] = []
  for (let i = 0; i < 5; i++) ids.push(await keep(caller))
  for (const order of ['asc', 'desc'] as const) {
    const seen: string[] = []
    let more = true
    while (more) {
      const after = seen.at(-1)
      const found = await listCompletions(parts(), caller, { page: { limit: 2, order, ...(after && { after }) }, filter: {} })
      seen.push(...found.items.map((item) => item.id))
      more = found.hasMore
    }
    expect(seen).toEqual(order === 'asc' ? ids : ids.toReversed())
  }
})

test('a list holds only what has the model and every pair of the metadata asked for', async () => {
  const caller = await newCaller()
  const both = await keep(caller, { keep: { metadata: { a: '1', b: '2' } } })
  const one = await keep(caller, { keep: { metadata: { a: '1' } } })
  const list = async (filter: Parameters<typeof listCompletions>[2]['filter']) =>
    (await listCompletions(parts(), caller, { page, filter })).items.map((item) => item.id)
  expect(await list({ metadata: { a: '1' } })).toEqual([both, one])
  expect(await list({ metadata: { a: '1', b: '2' } })).toEqual([both])
  expect(await list({ metadata: { a: '1', b: '3' } })).toEqual([])
  expect(await list({ model: 'echo' })).toEqual([both, one])
  expect(await list({ model: 'other' })).toEqual([])
})

test('metadata is replaced as a whole, and a deleted completion is gone', async () => {
  const caller = await newCaller()
  const id = await keep(caller, { keep: { metadata: { a: '1' } } })
  expect((await changeCompletion(parts(), caller, { id, metadata: { c: '3' } })).metadata).toEqual({ c: '3' })
  await deleteCompletion(parts(), caller, id)
  await expect(getCompletion(parts(), caller, id)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'completion', id } })
  await expect(deleteCompletion(parts(), caller, id)).rejects.toMatchObject({ code: 'not_found' })
})

test('messages are listed by their place, in both orders and by page', async () => {
  const caller = await newCaller()
  const messages = ['a', 'b', 'c'].map((content) => ({ role: 'user', content }))
  const id = await keep(caller, { messages })
  const list = async (request: Parameters<typeof listCompletionMessages>[2]['page']) => {
    const found = await listCompletionMessages(parts(), caller, { id, page: request })
    return [found.items.map((item) => item.index), found.hasMore]
  }
  expect(await list(page)).toEqual([[0, 1, 2], false])
  expect(await list({ limit: 2, order: 'asc' })).toEqual([[0, 1], true])
  expect(await list({ limit: 2, order: 'desc', after: 2 })).toEqual([[1, 0], false])
})

test('another tenant finds nothing of it, by no function', async () => {
  const [owner, stranger] = [await newCaller(), await newCaller()]
  const id = await keep(owner)
  const missing = { code: 'not_found', facts: { kind: 'completion', id } }
  await expect(getCompletion(parts(), stranger, id)).rejects.toMatchObject(missing)
  await expect(changeCompletion(parts(), stranger, { id, metadata: {} })).rejects.toMatchObject(missing)
  await expect(deleteCompletion(parts(), stranger, id)).rejects.toMatchObject(missing)
  await expect(listCompletionMessages(parts(), stranger, { id, page })).rejects.toMatchObject(missing)
  expect((await listCompletions(parts(), stranger, { page, filter: {} })).items).toEqual([])
  const after = listCompletions(parts(), stranger, { page: { ...page, after: id }, filter: {} })
  await expect(after).rejects.toMatchObject({ code: 'invalid', facts: { param: 'after' } })
  expect((await getCompletion(parts(), owner, id)).id).toBe(id)
})

test('a key without the scope for it is refused before the model is asked', async () => {
  const reader = await newCaller('read')
  await expect(createCompletion(parts(), reader, asking())).rejects.toMatchObject({ code: 'forbidden' })
  await expect(streamCompletion(parts(), reader, asking())).rejects.toMatchObject({ code: 'forbidden' })
  await expect(listCompletions(parts(), { ...reader, scopes: new Set() }, { page, filter: {} })).rejects.toMatchObject({
    code: 'forbidden',
  })
})

test('text that Postgres cannot hold in a JSON column survives in messages and answer', async () => {
  const caller = await newCaller()
  const id = await keep(caller, { messages: [{ role: 'user', content: 'nul\u0000 half\ud800' }] })
  const found = await getCompletion(parts(), caller, id)
  expect(found.messages[0]?.content).toBe('nul\u0000 half\ud800')
})
