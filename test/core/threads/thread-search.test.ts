import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import { countThreads, searchThreads, type ThreadSearch, TOTAL_MAX, VALUES_SCAN_MAX } from '../../../src/core/threads/thread-search.ts'
import { createThread, type NewThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { saysThenHangs, startRun } from '../../support/runs.ts'
import { graphOn } from './kit.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const ALL: ThreadSearch = { filter: {}, limit: 10, offset: 0, sortBy: 'createdAt', order: 'desc', heads: false }
const find = async (caller: Caller, search: Partial<ThreadSearch> = {}) => searchThreads(app, caller, { ...ALL, ...search })
const idsOf = async (caller: Caller, search: Partial<ThreadSearch> = {}) => (await find(caller, search)).threads.map(({ id }) => id)

async function make(caller: Caller, ...threads: NewThread[]): Promise<string[]> {
  const ids: string[] = []
  for (const thread of threads) {
    app.clock.advance(1000)
    ids.push((await createThread(app, caller, thread)).id)
  }
  return ids
}
const set = (id: string, assignments: string) => app.records.db.query(`update thread set ${assignments} where id = $1`, [id])

test('threads are found newest first, page by page, with their number', async () => {
  const caller = await app.newTenant()
  const ids = (await make(caller, {}, {}, {}, {}, {})).toReversed()
  expect(await find(caller, { limit: 2 })).toMatchObject({ hasMore: true, total: 5 })
  expect(await idsOf(caller, { limit: 2 })).toEqual(ids.slice(0, 2))
  expect(await idsOf(caller, { limit: 2, offset: 2 })).toEqual(ids.slice(2, 4))
  expect(await find(caller, { limit: 2, offset: 4 })).toMatchObject({ hasMore: false, total: 5 })
  expect(await find(caller, { offset: 7 })).toMatchObject({ threads: [], hasMore: false, total: 5 })
  expect(await countThreads(app, caller, {})).toBe(5)
})

test('a tenant that has none finds none', async () => {
  const caller = await app.newTenant()
  expect(await find(caller)).toEqual({ threads: [], heads: new Map(), hasMore: false, total: 0 })
  expect(await countThreads(app, caller, {})).toBe(0)
})

test('metadata is compared by containment', async () => {
  const caller = await app.newTenant()
  const [deep, flat, list] = await make(
    caller,
    { metadata: { user: { id: 7, name: 'x' }, k: 'v' } },
    { metadata: { k: 'v' } },
    { metadata: { tags: ['a', 'b'] } },
  )
  const by = async (metadata: ThreadSearch['filter']['metadata']) => (metadata ? idsOf(caller, { filter: { metadata }, order: 'asc' }) : [])
  expect(await by({ k: 'v' })).toEqual([deep, flat] as string[])
  expect(await by({ user: { id: 7 } })).toEqual([deep] as string[])
  expect(await by({ user: { id: '7' } })).toEqual([])
  expect(await by({ tags: ['b'] })).toEqual([list] as string[])
  expect(await by({})).toHaveLength(3)
  expect(await countThreads(app, caller, { metadata: { k: 'v' } })).toBe(2)
})

test('ids narrow a search, and those of others find nothing', async () => {
  const caller = await app.newTenant()
  const [a, b] = (await make(caller, {}, {}, {})) as [string, string]
  const [foreign] = (await make(app.two, {})) as [string]
  expect((await idsOf(caller, { filter: { ids: [a, b, foreign, newId()] } })).toSorted()).toEqual([a, b].toSorted())
  expect(await idsOf(caller, { filter: { ids: [] } })).toEqual([])
})

test('a thread whose runs only wait for their time is busy, as one with a run at work is', async () => {
  const caller = await app.newTenant()
  const [idle, later, asked, failed] = (await make(caller, {}, {}, {}, {})) as [string, string, string, string]
  await set(later, `next_at = now() + interval '1 hour'`)
  await set(asked, `status = 'interrupted'`)
  await set(failed, `status = 'error'`)
  const { threadId: working } = await startRun(app, { caller, turns: saysThenHangs('half ') })
  const by = (status: 'idle' | 'busy' | 'interrupted' | 'error') => idsOf(caller, { filter: { status }, order: 'asc' })
  expect(await by('idle')).toEqual([idle])
  expect(await by('busy')).toEqual([later, working])
  expect(await by('interrupted')).toEqual([asked])
  expect(await by('error')).toEqual([failed])
  expect(await countThreads(app, caller, { status: 'busy' })).toBe(2)
})

test('temporary threads are not found', async () => {
  const caller = await app.newTenant()
  const [shown, hidden] = (await make(caller, {}, {})) as [string, string]
  await set(hidden, 'temporary = true')
  expect(await idsOf(caller)).toEqual([shown])
  expect(await countThreads(app, caller, {})).toBe(1)
})

test('threads are sorted by what is asked for, and alike ones by their ids', async () => {
  const caller = await app.newTenant()
  const [a, b, c] = (await make(caller, {}, {}, {})) as [string, string, string]
  await set(a, `updated_at = to_timestamp(9e9), status = 'error'`)
  await set(b, `state_at = to_timestamp(9e9), status = 'error'`)
  const by = (sortBy: ThreadSearch['sortBy'], order: 'asc' | 'desc') => idsOf(caller, { sortBy, order })
  expect(await by('createdAt', 'asc')).toEqual([a, b, c])
  expect(await by('updatedAt', 'desc')).toEqual([a, c, b])
  expect(await by('stateAt', 'desc')).toEqual([b, c, a])
  expect(await by('status', 'asc')).toEqual([a, b, c])
  expect(await by('status', 'desc')).toEqual([c, b, a])
  expect(await by('id', 'asc')).toEqual([a, b, c].toSorted())
})

/** Threads of 1970. */
const fill = (caller: Caller, count: number) =>
  app.records.db.query(
    `insert into thread (id, tenant_id, metadata, created_at, updated_at) select gen_random_uuid(), $1, '{}', to_timestamp(n), now() from generate_series(1, $2::int) n`,
    [caller.tenantId, count],
  )

test('a page does not count more threads than it says, but a count does', async () => {
  const caller = await app.newTenant()
  await fill(caller, TOTAL_MAX)
  expect(await find(caller)).toMatchObject({ hasMore: true, total: TOTAL_MAX })
  await make(caller, {})
  expect(await find(caller)).toMatchObject({ hasMore: true, total: null })
  expect(await countThreads(app, caller, {})).toBe(TOTAL_MAX + 1)
})

async function withValues(caller: Caller, ...notes: string[]): Promise<string[]> {
  const ids = await make(caller, ...notes.map(() => ({})))
  for (const [i, note] of notes.entries()) await graphOn(app, caller).say(ids[i] as string, note)
  return ids
}

test('values are compared by containment, page by page', async () => {
  const caller = await app.newTenant()
  const [x, y, again] = (await withValues(caller, 'x', 'y', 'x')) as [string, string, string]
  await make(caller, {})
  const values = { messages: [{ type: 'human', content: 'x' }] }
  expect(await idsOf(caller, { filter: { values } })).toEqual([again, x])
  expect(await find(caller, { filter: { values }, limit: 1 })).toMatchObject({ hasMore: true, total: null })
  const second = await find(caller, { filter: { values }, limit: 1, offset: 1, heads: true })
  expect(second).toMatchObject({ hasMore: false, total: 2 })
  expect(second.heads.get(x)?.values).toMatchObject({ messages: [{ content: 'x' }, { content: 're: x' }] })
  expect(await countThreads(app, caller, { values })).toBe(2)
  expect(await idsOf(caller, { filter: { values: { messages: [{ content: 're: y' }] } } })).toEqual([y])
  expect(await idsOf(caller, { filter: { values: { nobody: 1 } } })).toEqual([])
})

test('heads come with what is found where they are asked for', async () => {
  const caller = await app.newTenant()
  const [id] = (await withValues(caller, 'x')) as [string]
  expect((await find(caller)).heads.size).toBe(0)
  const head = (await find(caller, { heads: true })).heads.get(id)
  expect(Object.values(head?.interrupts ?? {})).toMatchObject([[{ value: { question: 'really?' } }]])
})

test('a search by values that would look at too many threads is refused, unless its page is full before', async () => {
  const caller = await app.newTenant()
  await fill(caller, VALUES_SCAN_MAX)
  await withValues(caller, 'x')
  const refused = { code: 'invalid', facts: { param: 'values' } }
  await expect(countThreads(app, caller, { values: { answers: [] } })).rejects.toMatchObject(refused)
  await expect(find(caller, { filter: { values: { nobody: 1 } } })).rejects.toMatchObject(refused)
  const values = { messages: [{ content: 'x' }] }
  expect((await find(caller, { filter: { values }, limit: 1 })).threads).toHaveLength(1)
  expect(
    await countThreads(app, caller, { values: { messages: [] }, ids: (await find(caller, { limit: 5 })).threads.map(({ id }) => id) }),
  ).toBe(1)
})
