import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  type AssistantChange,
  changeAssistant,
  createAssistant,
  deleteAssistant,
  getAssistant,
  listAssistants,
} from '../../../src/core/assistants/assistants.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { currentRun, startRun, untilEnd } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const change = (id: string, change: AssistantChange) => changeAssistant(app, app.one, { id, change })

test('what was not given is null or empty, and what was given comes back as it was', async () => {
  const bare = await createAssistant(app, app.one, { model: 'm' })
  expect(bare).toMatchObject({ name: null, description: null, instructions: null, tools: [], metadata: {}, temperature: null, version: 1 })
  expect(await getAssistant(app, app.one, bare.id)).toEqual(bare)
  const full = await createAssistant(app, app.one, {
    model: 'm',
    name: 'N',
    description: 'D',
    instructions: 'with \u0000 and \ud800',
    tools: [{ type: 'function', function: { name: 'f', parameters: { deep: { x: [1, null] } } } }],
    toolResources: { fileSearch: { storeIds: [] } },
    temperature: 0.5,
    topP: 0.25,
    responseFormat: { type: 'json_object' },
    reasoningEffort: 'low',
    metadata: { k: 'v' },
  })
  expect(await getAssistant(app, app.one, full.id)).toEqual(full)
})

test('a change makes a new version of the given fields, null clears, and metadata and tools are replaced as a whole', async () => {
  const { id } = await createAssistant(app, app.one, {
    model: 'm',
    name: 'N',
    instructions: 'I',
    metadata: { a: '1', b: '2' },
    tools: [{ type: 't' }],
  })
  const changed = await change(id, { name: null, metadata: { c: '3' }, tools: [] })
  expect(changed).toMatchObject({ version: 2, name: null, instructions: 'I', metadata: { c: '3' }, tools: [], model: 'm' })
  expect(await getAssistant(app, app.one, id)).toEqual(changed)
})

test('a change of nothing makes no version', async () => {
  const { id, versionId } = await createAssistant(app, app.one, { model: 'm' })
  expect(await change(id, {})).toMatchObject({ version: 1, versionId })
})

test('changes at the same time all take effect', async () => {
  const { id } = await createAssistant(app, app.one, { model: 'm' })
  const changes: AssistantChange[] = [
    { name: 'N' },
    { description: 'D' },
    { instructions: 'I' },
    { temperature: 1 },
    { topP: 0.5 },
    { model: 'm2' },
  ]
  await Promise.all(changes.map((each) => change(id, each)))
  const after = await getAssistant(app, app.one, id)
  expect(after).toMatchObject({ version: 7, name: 'N', description: 'D', instructions: 'I', temperature: 1, topP: 0.5, model: 'm2' })
})

test('a run keeps the version it was created with, also when the assistant is changed and deleted', async () => {
  const started = await startRun(app, { assistant: { instructions: 'old' } })
  await untilEnd(app, started)
  await change(started.assistant.id, { instructions: 'new' })
  await deleteAssistant(app, app.one, started.assistant.id)
  expect((await currentRun(app, started)).config.instructions).toBe('old')
})

test('a deleted assistant is found by nobody, listed nowhere, and deleted once', async () => {
  const caller = await app.newTenant()
  const { id } = await createAssistant(app, caller, { model: 'm' })
  const kept = await createAssistant(app, caller, { model: 'm' })
  await deleteAssistant(app, caller, id)
  const missing = { code: 'not_found', facts: { kind: 'assistant', id } }
  await expect(getAssistant(app, caller, id)).rejects.toMatchObject(missing)
  await expect(deleteAssistant(app, caller, id)).rejects.toMatchObject(missing)
  await expect(changeAssistant(app, caller, { id, change: { name: 'x' } })).rejects.toMatchObject(missing)
  await expect(listAssistants(app, caller, { limit: 5, order: 'asc', after: id })).rejects.toMatchObject({ code: 'invalid' })
  expect((await listAssistants(app, caller, { limit: 5, order: 'asc' })).items.map((a) => a.id)).toEqual([kept.id])
})

test('reading needs the read scope and writing the write scope', async () => {
  const reader = { ...app.one, scopes: new Set(['read'] as const) }
  const stranger = { ...app.one, scopes: new Set([]) }
  const refused = { code: 'forbidden' }
  const { id } = await createAssistant(app, app.one, { model: 'm' })
  await expect(createAssistant(app, reader, { model: 'm' })).rejects.toMatchObject(refused)
  await expect(changeAssistant(app, reader, { id, change: { name: 'x' } })).rejects.toMatchObject(refused)
  await expect(deleteAssistant(app, reader, id)).rejects.toMatchObject(refused)
  await expect(getAssistant(app, stranger, id)).rejects.toMatchObject(refused)
  expect((await getAssistant(app, reader, id)).id).toBe(id)
})
