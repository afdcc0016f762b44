import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createAssistant } from '../../../src/core/assistants/assistants.ts'
import type { Caller } from '../../../src/core/caller.ts'
import type { FilePurpose } from '../../../src/core/files/files.ts'
import { newId } from '../../../src/core/id.ts'
import { createRun, createThreadRun } from '../../../src/core/runs/create.ts'
import { createMessage, type NewMessage } from '../../../src/core/threads/messages.ts'
import { changeThread, createThread, getThread } from '../../../src/core/threads/threads.ts'
import { storesOf } from '../../../src/core/tool-resources/tool-resources.ts'
import { listStoreFiles, type StoreFile } from '../../../src/core/vector-stores/store-files.ts'
import { createStore, deleteStore, getStore } from '../../../src/core/vector-stores/stores.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { newFile } from '../../support/ingesting.ts'
import { messagesOf, saysThenHangs, startRun, UNKNOWN_ID, untilEnd } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const DAY_MS = 24 * 3600 * 1000
const files = (n: number): Promise<string[]> => Promise.all(Array.from({ length: n }, () => newFile(app, app.one)))
const attaching = (tool: string, ...fileIds: string[]): NewMessage => ({
  role: 'user',
  content: 'see the files',
  attachments: fileIds.map((fileId) => ({ fileId, tools: [{ type: tool }] })),
})
const image = (fileId: string): NewMessage => ({
  role: 'user',
  content: [{ type: 'image_file', image_file: { file_id: fileId } }],
})
const say = (threadId: string, message: NewMessage, caller: Caller = app.one) => createMessage(app, caller, { threadId, message })

async function filesIn(storeId: string): Promise<StoreFile[]> {
  return (await listStoreFiles(app, app.one, { storeId, page: { limit: 100, order: 'asc' } })).items
}
const storeOf = async (threadId: string): Promise<string | undefined> =>
  storesOf((await getThread(app, app.one, threadId)).toolResources)[0]
const jobsOf = async (subject: string) => app.records.db.query('select kind from job where subject = $1', [subject])

describe('an attachment for file_search', () => {
  test('makes a store of the thread, which lives seven days, and has its file ingested', async () => {
    const [fileId = ''] = await files(1)
    const { id } = await createThread(app, app.one, {})
    const message = await say(id, attaching('file_search', fileId))
    expect(message.attachments).toEqual([{ fileId, tools: [{ type: 'file_search' }] }])
    expect((await messagesOf(app, app.one, id))[0]?.attachments).toEqual(message.attachments)
    const storeId = (await storeOf(id)) ?? ''
    expect(await getStore(app, app.one, storeId)).toMatchObject({ name: null, expiresDays: 7, counts: { total: 1 } })
    const [file] = await filesIn(storeId)
    expect(file).toMatchObject({ fileId, status: 'in_progress' })
    expect(await jobsOf(file?.documentId ?? '')).toEqual([{ kind: 'ingest_document' }])
  })

  test('of a later message goes to the same store, and a file that is there already is not ingested again', async () => {
    const [a = '', b = ''] = await files(2)
    const { id } = await createThread(app, app.one, { messages: [attaching('file_search', a)] })
    const storeId = (await storeOf(id)) ?? ''
    const [first] = await filesIn(storeId)
    await say(id, attaching('file_search', a, b))
    expect(await storeOf(id)).toBe(storeId)
    expect((await filesIn(storeId)).map((f) => f.fileId)).toEqual([a, b])
    expect((await filesIn(storeId))[0]?.documentId).toBe(first?.documentId ?? '')
  })

  test('of two messages at once makes one store', async () => {
    const [a = '', b = ''] = await files(2)
    const { id } = await createThread(app, app.one, {})
    await Promise.all([say(id, attaching('file_search', a)), say(id, attaching('file_search', b))])
    expect((await filesIn((await storeOf(id)) ?? '')).map((f) => f.fileId).toSorted()).toEqual([a, b].toSorted())
  })

  test('goes to the store that the thread was given', async () => {
    const [fileId = ''] = await files(1)
    const store = await createStore(app, app.one, {})
    const { id } = await createThread(app, app.one, { toolResources: { fileSearch: { storeIds: [store.id] } } })
    await say(id, attaching('file_search', fileId))
    expect(await storeOf(id)).toBe(store.id)
    expect((await filesIn(store.id)).map((f) => f.fileId)).toEqual([fileId])
  })

  for (const [what, lose] of [
    ['has expired', async () => app.clock.advance(8 * DAY_MS)],
    ['was deleted', (storeId: string) => deleteStore(app, app.one, storeId)],
  ] as const) {
    test(`makes another store where the thread's one ${what}`, async () => {
      const [a = '', b = ''] = await files(2)
      const { id } = await createThread(app, app.one, { messages: [attaching('file_search', a)] })
      const old = (await storeOf(id)) ?? ''
      await lose(old)
      await say(id, attaching('file_search', b))
      const now = (await storeOf(id)) ?? ''
      expect(now).not.toBe(old)
      expect((await filesIn(now)).map((f) => f.fileId)).toEqual([b])
    })
  }
})

describe('an attachment for code_interpreter', () => {
  test('is one of the thread files of that tool, once', async () => {
    const [a = '', b = ''] = await files(2)
    const { id } = await createThread(app, app.one, { messages: [attaching('code_interpreter', a)] })
    await say(id, attaching('code_interpreter', a, b))
    expect((await getThread(app, app.one, id)).toolResources).toEqual({ codeInterpreter: { fileIds: [a, b] } })
  })

  test('is refused beyond twenty, and then the message is not there either', async () => {
    const ids = await files(20)
    const { id } = await createThread(app, app.one, { messages: [attaching('code_interpreter', ...ids)] })
    await say(id, attaching('code_interpreter', ids[0] ?? ''))
    const more = say(id, attaching('code_interpreter', ...(await files(1))))
    await expect(more).rejects.toMatchObject({ code: 'invalid', facts: { reason: 'too_many_items' } })
    expect(await messagesOf(app, app.one, id)).toHaveLength(2)
  })
})

test('an attachment for no tool is kept with its message only', async () => {
  const [fileId = ''] = await files(1)
  const { id } = await createThread(app, app.one, {})
  const { attachments } = await say(id, { ...attaching('x'), attachments: [{ fileId, tools: [] }] })
  expect(attachments).toEqual([{ fileId, tools: [] }])
  expect((await getThread(app, app.one, id)).toolResources).toBeNull()
})

describe('a message that names a missing file', () => {
  const [good, bad] = [() => newFile(app, app.one), () => newFile(app, app.two)]

  test('is refused with all that came with it, and a file of another tenant is missing', async () => {
    const { id } = await createThread(app, app.one, {})
    for (const missing of [UNKNOWN_ID, await bad()]) {
      const notFound = { code: 'not_found', facts: { kind: 'file', id: missing } }
      await expect(say(id, attaching('file_search', await good(), missing))).rejects.toMatchObject(notFound)
      await expect(say(id, image(missing))).rejects.toMatchObject(notFound)
      const twice = [attaching('file_search', await good()), image(missing)]
      await expect(createThread(app, app.one, { messages: twice })).rejects.toMatchObject(notFound)
    }
    expect(await messagesOf(app, app.one, id)).toEqual([])
    expect((await getThread(app, app.one, id)).toolResources).toBeNull()
  })

  test('makes no store, no job and no run', async () => {
    const count = async () =>
      app.records.db.query<{ n: number }>(
        'select (select count(*) from vector_store)::int + (select count(*) from job) + (select count(*) from run) + (select count(*) from thread) as n',
      )
    const { id } = await createThread(app, app.one, {})
    const assistant = await createAssistant(app, app.one, { model: 'echo' })
    const fileId = await good()
    const before = await count()
    const run = { assistantId: assistant.id, options: {}, messages: [attaching('file_search', fileId, UNKNOWN_ID)] }
    await expect(createRun(app, app.one, { threadId: id, run })).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'file' } })
    const whole = { ...run, messages: [], thread: { messages: run.messages } }
    await expect(createThreadRun(app, app.one, whole)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'file' } })
    expect(await count()).toEqual(before)
    expect(app.worker.busy).toBe(0)
  })
})

test('attachments of a run are there before it begins, those of a new thread too', async () => {
  const [a = '', b = ''] = await files(2)
  const started = await startRun(app, { messages: [attaching('file_search', a)] })
  await untilEnd(app, started)
  expect((await filesIn((await storeOf(started.threadId)) ?? '')).map((f) => f.fileId)).toEqual([a])
  const whole = { assistantId: started.assistant.id, options: {}, thread: { messages: [attaching('file_search', b)] } }
  const { thread, run } = await createThreadRun(app, app.one, whole)
  await untilEnd(app, { caller: app.one, run })
  expect(thread.toolResources).toEqual((await getThread(app, app.one, thread.id)).toolResources)
  expect((await filesIn(storesOf(thread.toolResources)[0] ?? '')).map((f) => f.fileId)).toEqual([b])
})

test('more than five hundred files at once are refused before they are looked for', async () => {
  const { id } = await createThread(app, app.one, {})
  const many = attaching('file_search', ...Array.from({ length: 501 }, () => newId()))
  await expect(say(id, many)).rejects.toMatchObject({ code: 'invalid', facts: { reason: 'too_many_items' } })
})

test('a thread that a run holds takes no attachments', async () => {
  const [fileId = ''] = await files(1)
  const started = await startRun(app, { turns: saysThenHangs('half ') })
  const busy = { code: 'busy', facts: { threadId: started.threadId, runId: started.run.id } }
  const { threadId } = started
  await expect(say(threadId, attaching('file_search', fileId))).rejects.toMatchObject(busy)
  const run = { assistantId: started.assistant.id, options: {}, messages: [attaching('file_search', fileId)] }
  await expect(createRun(app, app.one, { threadId, run })).rejects.toMatchObject(busy)
  expect(await storeOf(threadId)).toBeUndefined()
  expect(await messagesOf(app, app.one, threadId)).toHaveLength(1)
})

test('an image of a purpose that is not for reading is refused', async () => {
  const filed = (purpose: FilePurpose) => newFile(app, app.one, { purpose })
  const { id } = await createThread(app, app.one, {})
  for (const purpose of ['vision', 'user_data'] as const) await say(id, image(await filed(purpose)))
  await expect(say(id, image(await filed('batch')))).rejects.toMatchObject({ code: 'invalid' })
  expect(await messagesOf(app, app.one, id)).toHaveLength(2)
})

test('a thread may be given other resources as long as they are there', async () => {
  const { id } = await createThread(app, app.one, {})
  const store = await createStore(app, app.one, {})
  const toolResources = { fileSearch: { storeIds: [store.id] }, codeInterpreter: { fileIds: await files(1) } }
  expect(await changeThread(app, app.one, { id, change: { toolResources } })).toMatchObject({ toolResources })
  const theirs = await createStore(app, app.two, {})
  for (const storeId of [UNKNOWN_ID, theirs.id]) {
    const missing = changeThread(app, app.one, { id, change: { toolResources: { fileSearch: { storeIds: [storeId] } } } })
    await expect(missing).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'vector_store', id: storeId } })
  }
  expect((await getThread(app, app.one, id)).toolResources).toEqual(toolResources)
})
