import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Assistant } from '../../../src/core/assistants/assistants.ts'
import { getAssistant } from '../../../src/core/assistants/assistants.ts'
import { changeGraphAssistant, createGraphAssistant, deleteGraphAssistant } from '../../../src/core/assistants/graph-assistants.ts'
import { listVersions, setLatestVersion } from '../../../src/core/assistants/versions.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import { type Ground, OPEN_MS, openGround } from './kit.ts'

let app: Ground
let caller: Caller
beforeAll(async () => {
  app = await openGround()
  caller = await app.newTenant()
}, OPEN_MS)
afterAll(() => app.close())

const rename = (id: string, name: string, metadata = {}) => changeGraphAssistant(app, caller, { id, change: { name, metadata } })
const numbers = async (id: string, metadata = {}, limit = 10, offset = 0) =>
  (await listVersions(app, caller, { id, metadata, limit, offset })).map((v) => v.version)
const versionOf = ({ updatedAt: _, ...version }: Assistant) => version

test('versions are listed newest first, each as it was, by page and by what their metadata holds', async () => {
  const created = await createGraphAssistant(app, caller, { graph: 'agent', name: 'a', metadata: { k: { deep: 1 } } })
  const { id } = created
  app.clock.time += 1000
  const second = await rename(id, 'b', { l: 2 })
  expect(await listVersions(app, caller, { id, limit: 10, offset: 0 })).toEqual([
    { ...versionOf(second), createdAt: created.createdAt + 1000 },
    versionOf(created),
  ])
  expect(await numbers(id, { l: 2 })).toEqual([2])
  expect(await numbers(id, { k: { deep: 1 } })).toEqual([2, 1])
  expect(await numbers(id, { k: { deep: 2 } })).toEqual([])
  await rename(id, 'c')
  expect(await numbers(id, {}, 2)).toEqual([3, 2])
  expect(await numbers(id, {}, 2, 2)).toEqual([1])
})

test('an earlier version becomes the current one again under its number, and the next change takes a new one', async () => {
  const { id } = await createGraphAssistant(app, caller, { graph: 'agent', name: 'a', metadata: { v: 1 } })
  await rename(id, 'b', { v: 2 })
  await rename(id, 'c', { v: 3 })
  app.clock.time += 1000
  const set = await setLatestVersion(app, caller, { id, version: 1 })
  expect(set).toMatchObject({ version: 1, name: 'a', metadata: { v: 1 }, updatedAt: app.clock.time })
  expect(await getAssistant(app, caller, id)).toEqual(set)
  expect(await rename(id, 'd', { w: 1 })).toMatchObject({ version: 4, name: 'd', metadata: { v: 1, w: 1 } })
  expect(await numbers(id)).toEqual([4, 3, 2, 1])
})

test.each([0, 3, -1, 2_147_483_647])('version %p that is not there is not found and changes nothing', async (version) => {
  const { id } = await createGraphAssistant(app, caller, { graph: 'agent' })
  const current = await rename(id, 'b')
  await expect(setLatestVersion(app, caller, { id, version })).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'assistant' } })
  expect(await getAssistant(app, caller, id)).toEqual(current)
})

test('an id that is taken again begins at version 1, and the versions before are not its own', async () => {
  const id = newId()
  await createGraphAssistant(app, caller, { id, graph: 'agent', name: 'before' })
  await rename(id, 'before too')
  await deleteGraphAssistant(app, caller, { id, deleteThreads: false })
  expect(await createGraphAssistant(app, caller, { id, graph: 'agent', name: 'after' })).toMatchObject({ version: 1 })
  expect(await numbers(id)).toEqual([1])
  await expect(setLatestVersion(app, caller, { id, version: 0 })).rejects.toMatchObject({ code: 'not_found' })
  await expect(setLatestVersion(app, caller, { id, version: -1 })).rejects.toMatchObject({ code: 'not_found' })
  expect(await rename(id, 'later')).toMatchObject({ version: 2 })
  expect(await setLatestVersion(app, caller, { id, version: 1 })).toMatchObject({ version: 1, name: 'after' })
  expect(await rename(id, 'last')).toMatchObject({ version: 3 })
})

test('a choice of a version and changes at the same time come out as if one had followed the other', async () => {
  for (let round = 0; round < 10; round++) {
    const { id } = await createGraphAssistant(app, caller, { graph: 'agent', name: 'a' })
    await rename(id, 'b')
    await Promise.all([rename(id, 'c', { c: 1 }), setLatestVersion(app, caller, { id, version: 1 }), rename(id, 'd', { d: 1 })])
    const end = await getAssistant(app, caller, id)
    // The choice was first, second or third.
    const possible = [{ c: 1, d: 1 }, { c: 1 }, { d: 1 }, {}]
    expect(possible).toContainEqual(end.metadata)
    expect(await numbers(id)).toEqual([4, 3, 2, 1])
    if (end.version === 1) expect(end.name).toBe('a')
  }
})

test('an assistant that is not there has no versions to list or choose', async () => {
  const missing = { code: 'not_found', facts: { kind: 'assistant' } }
  const other = await app.newTenant()
  const { id } = await createGraphAssistant(app, other, { graph: 'agent' })
  for (const each of [id, newId()]) {
    await expect(listVersions(app, caller, { id: each, limit: 10, offset: 0 })).rejects.toMatchObject(missing)
    await expect(setLatestVersion(app, caller, { id: each, version: 1 })).rejects.toMatchObject(missing)
  }
})
