import { afterAll, beforeAll, expect, test } from 'bun:test'
import { addToDraft, DRAFT_BYTES_MAX, DRAFT_KEEP_MS, dropDrafts, takeDraft } from '../../../src/core/threads/message-drafts.ts'
import { createThread, deleteThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { UNKNOWN_ID } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const newDraft = async (author = 'a') => ({ threadId: (await createThread(app, app.one, {})).id, author })
const count = async (threadId: string) =>
  (await app.records.db.query<{ n: number }>('select count(*)::int as n from message_draft where thread_id = $1', [threadId]))[0]?.n

test('pieces come together in their order, for each author', async () => {
  const draft = await newDraft()
  const other = { ...draft, author: 'b' }
  for (const text of ['one ', 'two ', 'three']) await addToDraft(app, app.one, { ...draft, text })
  await addToDraft(app, app.one, { ...other, text: 'else' })
  expect(await takeDraft(app, app.one, draft)).toBe('one two three')
  expect(await takeDraft(app, app.one, draft)).toBe('')
  expect(await takeDraft(app, app.one, other)).toBe('else')
})

test('pieces of two processes come together', async () => {
  const draft = await newDraft()
  const replica = await app.replica()
  await addToDraft(app, app.one, { ...draft, text: 'here ' })
  await addToDraft(replica, app.one, { ...draft, text: 'there' })
  expect(await takeDraft(app, app.one, draft)).toBe('here there')
})

test('a long draft of many small pieces comes back whole', async () => {
  const draft = await newDraft()
  const pieces = Array.from({ length: 400 }, (_, i) => `<${i} ${'é'.repeat(50)}>`)
  for (const text of pieces) await addToDraft(app, app.one, { ...draft, text })
  expect(await takeDraft(app, app.one, draft)).toBe(pieces.join(''))
})

test('a piece that comes while the draft is taken is lost to nobody', async () => {
  const draft = await newDraft()
  await addToDraft(app, app.one, { ...draft, text: '<0>' })
  const taken: string[] = []
  const take = async () => taken.push(await takeDraft(app, app.one, draft))
  const work = Array.from({ length: 40 }, (_, i) => (i % 4 === 3 ? take() : addToDraft(app, app.one, { ...draft, text: `<${i + 1}>` })))
  await Promise.all(work)
  await take()
  expect(taken.join('').match(/<\d+>/g)).toHaveLength(31)
})

test('pieces that arrive at once are all kept', async () => {
  const draft = await newDraft()
  await Promise.all(Array.from({ length: 30 }, (_, i) => addToDraft(app, app.one, { ...draft, text: `<${i}>` })))
  const found = (await takeDraft(app, app.one, draft)).match(/<\d+>/g)
  expect(new Set(found).size).toBe(30)
})

test('a draft has an end, counted in bytes', async () => {
  const draft = await newDraft()
  await addToDraft(app, app.one, { ...draft, text: 'é'.repeat(DRAFT_BYTES_MAX / 2 - 1) })
  await addToDraft(app, app.one, { ...draft, text: 'ab' })
  await expect(addToDraft(app, app.one, { ...draft, text: 'c' })).rejects.toMatchObject({ code: 'too_large' })
  expect((await takeDraft(app, app.one, draft)).endsWith('éab')).toBe(true)
  await expect(addToDraft(app, app.one, { ...draft, text: 'x'.repeat(DRAFT_BYTES_MAX + 1) })).rejects.toMatchObject({ code: 'too_large' })
})

test('a draft that was given up is dropped, and is not the beginning of the next message', async () => {
  const draft = await newDraft()
  const old = await newDraft()
  await addToDraft(app, app.one, { ...draft, text: 'old ' })
  await addToDraft(app, app.one, { ...old, text: 'older' })
  app.clock.advance(DRAFT_KEEP_MS + 1)
  expect(await takeDraft(app, app.one, old)).toBe('')
  await addToDraft(app, app.one, { ...draft, text: 'new' })
  await addToDraft(app, app.one, { ...old, text: 'again' })
  app.clock.advance(1)
  expect(await dropDrafts(app, 100)).toBe(0)
  expect(await takeDraft(app, app.one, draft)).toBe('new')
  app.clock.advance(DRAFT_KEEP_MS)
  expect(await dropDrafts(app, 100)).toBe(1)
  expect(await count(old.threadId)).toBe(0)
})

test('drafts go away with their thread, and only its tenant has them', async () => {
  const draft = await newDraft()
  await addToDraft(app, app.one, { ...draft, text: 'x' })
  await expect(addToDraft(app, app.two, { ...draft, text: 'y' })).rejects.toMatchObject({ code: 'not_found' })
  expect(await takeDraft(app, app.two, draft)).toBe('')
  await deleteThread(app, app.one, draft.threadId)
  expect(await count(draft.threadId)).toBe(0)
  await expect(addToDraft(app, app.one, { threadId: UNKNOWN_ID, author: 'a', text: 'x' })).rejects.toMatchObject({ code: 'not_found' })
})
