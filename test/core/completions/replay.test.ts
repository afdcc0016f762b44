import { afterAll, beforeAll, expect, test } from 'bun:test'
import { limitsOf, loadStores, openIdentity, openStores } from '../../../src/app.ts'
import { readConfig } from '../../../src/config.ts'
import type { Caller } from '../../../src/core/caller.ts'
import type { NewCompletion } from '../../../src/core/completions/completions.ts'
import { type Once, streamCompletionOnce } from '../../../src/core/completions/replay.ts'
import { newId } from '../../../src/core/id.ts'
import { onceCalled } from '../../../src/core/idempotency/idempotency.ts'
import { operator } from '../../../src/core/identity/tenants.ts'
import type { Parts } from '../../../src/core/needs.ts'
import { openMail } from '../../../src/drivers/mail/mail.ts'
import { openModels } from '../../../src/drivers/models/models.ts'
import { openClient } from '../../../src/drivers/records/client.ts'
import type { Records } from '../../../src/drivers/records/port.ts'
import { openWebhooks } from '../../../src/drivers/webhooks/webhooks.ts'
import { openGraphs, openRegistry } from '../../../src/engine/graph-host.ts'
import { noSignals } from '../../support/no-signals.ts'
import { cloneDatabase, silentLog, type TestDatabase } from '../../support/postgres.ts'

let database: TestDatabase
let records: Records
let parts: Parts
let caller: Caller

beforeAll(async () => {
  database = await cloneDatabase()
  records = await openClient(database.target, { poolMax: 4, log: silentLog, shared: true })
  const clock = { now: () => Date.now() }
  const scripts = { failing: [{ text: ['be', 'fore'], fail: { status: 500, message: 'broke' } }] }
  const models = openModels({ ...readConfig({}).config.models, scripts }, { log: silentLog, clock })
  const { config } = readConfig({})
  const limits = { ...limitsOf(config), idempotencyKeepMs: 1000 }
  const stores = openStores(await loadStores(), config, { db: records.db, log: silentLog, clock })
  const registry = await openRegistry({ graphs: null, watch: false }, silentLog)
  const graphs = openGraphs({ db: records.db, clock, signals: noSignals() }, registry)
  const webhooks = openWebhooks(config.webhooks, { publicUrl: null })
  const signals = noSignals()
  const { keys, ...identity } = openIdentity(config, { db: records.db, clock, log: silentLog, signals, vault: stores.vault })
  keys.close()
  const mail = openMail(config.mail, { log: silentLog, publicUrl: null })
  parts = { db: records.db, clock, log: silentLog, models, signals, graphs, webhooks, limits, mail, ...identity, ...stores }
  caller = await operator(parts)
})
afterAll(async () => {
  await records.close()
  await database.drop()
})

const onceWith =
  (key: string, body: unknown = 'body'): Once =>
  (effect) =>
    onceCalled(parts, caller, { key, route: 'POST /chat', body }, effect)

const asking = (rest: Partial<NewCompletion> = {}): NewCompletion => ({
  model: 'echo',
  messages: [{ role: 'user', content: 'one two three' }],
  options: {},
  keep: null,
  signal: new AbortController().signal,
  ...rest,
})

async function read(stream: AsyncIterable<string>): Promise<string[]> {
  const heard: string[] = []
  for await (const chunk of stream) heard.push(chunk)
  return heard
}

async function answersKept(key: string): Promise<number> {
  const rows = await records.db.query('select 1 from idempotency where key = $1 and answer is not null', [key])
  return rows.length
}

test('the same request again gets the same chunks, ids and all', async () => {
  const key = newId()
  const first = await read((await streamCompletionOnce(onceWith(key), caller, asking())).chunks)
  const second = await read((await streamCompletionOnce(onceWith(key), caller, asking())).chunks)
  const third = await read((await streamCompletionOnce(onceWith(newId()), caller, asking())).chunks)
  expect(second).toEqual(first)
  // The model answers every request under a new id: an equal answer was not asked for twice.
  expect(third).not.toEqual(first)
})

test('what was read to its end is kept before the reader is told so', async () => {
  const key = newId()
  const { chunks } = await streamCompletionOnce(onceWith(key), caller, asking())
  await read(chunks)
  expect(await answersKept(key)).toBe(1)
})

test('a stream that was left is not kept, and the model is asked anew', async () => {
  const key = newId()
  const first = await streamCompletionOnce(onceWith(key), caller, asking())
  const begun: string[] = []
  for await (const chunk of first.chunks) {
    begun.push(chunk)
    break
  }
  const second = await read((await streamCompletionOnce(onceWith(key), caller, asking())).chunks)
  expect(second.length).toBeGreaterThan(3)
  expect(second[0]).not.toEqual(begun[0])
})

test('a reader that never came does not hold the key', async () => {
  const key = newId()
  const gone = new AbortController()
  await streamCompletionOnce(onceWith(key), caller, asking({ signal: gone.signal }))
  gone.abort()
  const next = await streamCompletionOnce(onceWith(key), caller, asking())
  expect((await read(next.chunks)).length).toBeGreaterThan(3)
})

test('a failure in the middle reaches the reader and is not kept', async () => {
  const key = newId()
  const { chunks } = await streamCompletionOnce(onceWith(key), caller, asking({ model: 'failing' }))
  await expect(read(chunks)).rejects.toMatchObject({ code: 'upstream' })
  expect(await answersKept(key)).toBe(0)
})

test('the same key with another body is refused before the model is asked', async () => {
  const key = newId()
  await read((await streamCompletionOnce(onceWith(key), caller, asking())).chunks)
  await expect(streamCompletionOnce(onceWith(key, 'other'), caller, asking())).rejects.toMatchObject({ code: 'key_reused' })
})
