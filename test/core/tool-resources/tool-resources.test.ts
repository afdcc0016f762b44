import { afterAll, beforeAll, expect, test } from 'bun:test'
import { changeAssistant, createAssistant, getAssistant } from '../../../src/core/assistants/assistants.ts'
import { createThread, getThread } from '../../../src/core/threads/threads.ts'
import { CODE_FILES_MAX, storesOf } from '../../../src/core/tool-resources/tool-resources.ts'
import { getStoreFile } from '../../../src/core/vector-stores/store-files.ts'
import { createStore, getStore } from '../../../src/core/vector-stores/stores.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { newFile } from '../../support/ingesting.ts'
import { UNKNOWN_ID } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const chunking = { tokensMax: 200, overlapTokens: 50 }

test('a store that a record asks for is made with it: it lasts with an assistant, and seven days with a thread', async () => {
  const fileIds = [await newFile(app, app.one)]
  const toolResources = { fileSearch: { newStore: { fileIds, chunking, metadata: { k: 'v' } } } }
  const assistant = await createAssistant(app, app.one, { model: 'echo', toolResources })
  const thread = await createThread(app, app.one, { toolResources })
  expect(await getAssistant(app, app.one, assistant.id)).toEqual(assistant)
  expect(await getThread(app, app.one, thread.id)).toEqual(thread)
  const ids = [assistant, thread].map((record) => storesOf(record.toolResources)[0] ?? '')
  const stores = await Promise.all(ids.map((id) => getStore(app, app.one, id)))
  expect(stores.map((s) => [s.expiresDays, s.metadata, s.counts.total])).toEqual([
    [null, { k: 'v' }, 1],
    [7, { k: 'v' }, 1],
  ])
  expect(await getStoreFile(app, app.one, { storeId: ids[0] ?? '', fileId: fileIds[0] ?? '' })).toMatchObject({ chunking })
})

test('a record whose store would have a missing file is not made, and neither is the store', async () => {
  const count = () =>
    app.records.db.query(
      'select (select count(*) from vector_store) + (select count(*) from thread) + (select count(*) from assistant) as n',
    )
  const before = await count()
  for (const missing of [UNKNOWN_ID, await newFile(app, app.two)]) {
    const toolResources = { fileSearch: { newStore: { fileIds: [await newFile(app, app.one), missing] } } }
    const notFound = { code: 'not_found', facts: { kind: 'file', id: missing } }
    await expect(createAssistant(app, app.one, { model: 'echo', toolResources })).rejects.toMatchObject(notFound)
    await expect(createThread(app, app.one, { toolResources })).rejects.toMatchObject(notFound)
  }
  expect(await count()).toEqual(before)
})

test('named files and stores must be there, when a record is made and when it is changed', async () => {
  const { id } = await createAssistant(app, app.one, { model: 'echo' })
  for (const missing of [UNKNOWN_ID, (await createStore(app, app.two, {})).id]) {
    const toolResources = { fileSearch: { storeIds: [missing] } }
    const notFound = { code: 'not_found', facts: { kind: 'vector_store', id: missing } }
    await expect(createAssistant(app, app.one, { model: 'echo', toolResources })).rejects.toMatchObject(notFound)
    await expect(changeAssistant(app, app.one, { id, change: { toolResources } })).rejects.toMatchObject(notFound)
  }
  for (const missing of [UNKNOWN_ID, await newFile(app, app.two)]) {
    const toolResources = { codeInterpreter: { fileIds: [await newFile(app, app.one), missing] } }
    const notFound = { code: 'not_found', facts: { kind: 'file', id: missing } }
    await expect(changeAssistant(app, app.one, { id, change: { toolResources } })).rejects.toMatchObject(notFound)
  }
  expect(await getAssistant(app, app.one, id)).toMatchObject({ version: 1, toolResources: null })
})

test('more files than code_interpreter may have are refused', async () => {
  const fileIds = Array.from({ length: CODE_FILES_MAX + 1 }, () => UNKNOWN_ID)
  const refused = createAssistant(app, app.one, { model: 'echo', toolResources: { codeInterpreter: { fileIds } } })
  await expect(refused).rejects.toMatchObject({ code: 'invalid', facts: { reason: 'too_many_items' } })
})
