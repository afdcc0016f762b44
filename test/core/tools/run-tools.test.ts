import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createOwnedAssistant } from '../../../src/core/assistants/owned-assistants.ts'
import { associate } from '../../../src/core/ownership/associations.ts'
import { hostedId } from '../../../src/core/tools/hosted.ts'
import { runTools } from '../../../src/core/tools/run-tools.ts'
import { createTool, giveTool } from '../../../src/core/tools/tools.ts'
import { attachFile } from '../../../src/core/vector-stores/store-files.ts'
import { createStore } from '../../../src/core/vector-stores/stores.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { complete, recordFile } from '../../support/stores.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const assistant = async () => (await createOwnedAssistant(app, app.one, { name: {}, fields: { model: 'm' }, facts: {} })).assistant.id

async function give(assistantId: string, ...ids: string[]) {
  for (const toolId of ids) {
    app.clock.advance(1000)
    await giveTool(app, app.one, { assistantId, toolId })
  }
}

const made = async (name: string) => (await createTool(app, app.one, { name, type: 'function', definition: { name, description: 'D' } })).id

test('a run has what its assistant was given, functions as models are told of them', async () => {
  const id = await assistant()
  await give(
    id,
    await made('f'),
    hostedId('code_interpreter'),
    (await createTool(app, app.one, { name: 'dumb', type: 'x', definition: null })).id,
  )
  expect(await runTools(app, app.one, id)).toEqual({
    tools: [{ type: 'function', function: { name: 'f', description: 'D' } }, { type: 'code_interpreter' }],
  })
})

test('an assistant that was given nothing works with what another dialect wrote into it', async () => {
  expect(await runTools(app, app.one, await assistant())).toEqual({})
})

test('the search looks into the stores that are attached, and no function has its name', async () => {
  const id = await assistant()
  await give(id, hostedId('vector_store_search'), await made('file_search'))
  const store = await createStore(app, app.one, { name: 's' })
  await associate(app, app.one, { kind: 'assistant_store', from: id, to: store.id })
  const { id: fileId } = await recordFile(app, app.one)
  await complete(app, await attachFile(app, app.one, { storeId: store.id, file: { fileId } }))
  const toolResources = { fileSearch: { storeIds: [store.id] } }
  expect(await runTools(app, app.one, id)).toEqual({ tools: [{ type: 'file_search' }], toolResources })
})
