import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createAssistant, listAssistants } from '../../src/core/assistants/assistants.ts'
import type { Caller } from '../../src/core/caller.ts'
import type { Fault } from '../../src/core/fault.ts'
import type { Page, PageRequest } from '../../src/core/page.ts'
import { createRun } from '../../src/core/runs/create.ts'
import { listRuns } from '../../src/core/runs/runs.ts'
import { cancelRun } from '../../src/core/runs/stop.ts'
import { createMessage, listMessages } from '../../src/core/threads/messages.ts'
import { createThread } from '../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { UNKNOWN_ID } from '../support/runs.ts'

const ROWS = 23

let app: TestApp
let caller: Caller
let lists: Record<'assistants' | 'messages' | 'runs', { ids: string[]; read(page: PageRequest): Promise<Page<{ id: string }>> }>

/** The clock stands still: every row has the same time, and only the id can order them. */
beforeAll(async () => {
  app = await openTestApp({ slots: 0 })
  caller = await app.newTenant()
  const thread = await createThread(app, caller, {})
  const ids = { assistants: [] as string[], messages: [] as string[], runs: [] as string[] }
  for (let i = 0; i < ROWS; i++) {
    const assistant = await createAssistant(app, caller, { model: 'echo', name: `a${i}` })
    ids.assistants.push(assistant.id)
    ids.messages.push((await createMessage(app, caller, { threadId: thread.id, message: { role: 'user', content: `m${i}` } })).id)
    const { run } = await createRun(app, caller, { threadId: thread.id, run: { assistantId: assistant.id, options: {} } })
    await cancelRun(app, caller, { threadId: thread.id, id: run.id })
    ids.runs.push(run.id)
  }
  lists = {
    assistants: { ids: ids.assistants, read: (page) => listAssistants(app, caller, page) },
    messages: { ids: ids.messages, read: (page) => listMessages(app, caller, { threadId: thread.id, page }) },
    runs: { ids: ids.runs, read: (page) => listRuns(app, caller, { threadId: thread.id, page }) },
  }
}, OPEN_MS)
afterAll(() => app.close())

describe.each(['assistants', 'messages', 'runs'] as const)('%s', (name) => {
  const read = async (page: PageRequest) => {
    const found = await lists[name].read(page)
    return { ids: found.items.map((item) => item.id), hasMore: found.hasMore }
  }
  const all = (order: 'asc' | 'desc') => (order === 'asc' ? lists[name].ids : [...lists[name].ids].reverse())

  test.each(['asc', 'desc'] as const)('pages that follow each other by after show every row once, in %s order', async (order) => {
    const seen: string[] = []
    for (let more = true; more; ) {
      const last = seen.at(-1)
      const page = await read({ limit: 5, order, ...(last ? { after: last } : {}) })
      expect(page.ids.length).toBeLessThanOrEqual(5)
      more = page.hasMore
      seen.push(...page.ids)
    }
    expect(seen).toEqual(all(order))
  })

  test.each(['asc', 'desc'] as const)(
    'before shows the page that ends at the cursor, in %s order, and walks back to the start',
    async (order) => {
      const list = all(order)
      expect(await read({ limit: 4, order, before: list[10] ?? '' })).toEqual({ ids: list.slice(6, 10), hasMore: true })
      expect(await read({ limit: 4, order, before: list[4] ?? '' })).toEqual({ ids: list.slice(0, 4), hasMore: false })
      expect(await read({ limit: 4, order, before: list[2] ?? '' })).toEqual({ ids: list.slice(0, 2), hasMore: false })
      expect(await read({ limit: 4, order, before: list[0] ?? '' })).toEqual({ ids: [], hasMore: false })
    },
  )

  test.each(['asc', 'desc'] as const)(
    'after and before together show what lies between, nearest to after first, in %s order',
    async (order) => {
      const list = all(order)
      const between = { after: list[3] ?? '', before: list[9] ?? '' }
      expect(await read({ limit: 10, order, ...between })).toEqual({ ids: list.slice(4, 9), hasMore: false })
      expect(await read({ limit: 2, order, ...between })).toEqual({ ids: list.slice(4, 6), hasMore: true })
      expect((await read({ limit: 10, order, after: between.before, before: between.after })).ids).toEqual([])
    },
  )

  test('has_more is told exactly at the edge', async () => {
    expect((await read({ limit: ROWS, order: 'asc' })).hasMore).toBe(false)
    expect((await read({ limit: ROWS - 1, order: 'asc' })).hasMore).toBe(true)
    expect((await read({ limit: ROWS + 1, order: 'asc' })).hasMore).toBe(false)
    expect(await read({ limit: 1, order: 'asc', after: all('asc').at(-1) ?? '' })).toEqual({ ids: [], hasMore: false })
  })

  test.each(['after', 'before'] as const)('an unknown cursor in %s is refused by name', async (side) => {
    const refusal: Fault = await read({ limit: 5, order: 'asc', [side]: UNKNOWN_ID }).then(
      () => Promise.reject(new Error('was not refused')),
      (fault) => fault,
    )
    expect(refusal).toMatchObject({ code: 'invalid', facts: { param: side, id: UNKNOWN_ID } })
  })
})
