import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cancelRun } from '../../src/core/runs/stop.ts'
import { createMessage } from '../../src/core/threads/messages.ts'
import { createThread } from '../../src/core/threads/threads.ts'
import { attachFiles, listStoreFiles } from '../../src/core/vector-stores/store-files.ts'
import { deleteStore } from '../../src/core/vector-stores/stores.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { newFile, newStore } from '../support/ingesting.ts'
import {
  answer,
  callsFunctions,
  currentRun,
  isText,
  messagesOf,
  saysThenHangs,
  sketch,
  startRun,
  storyOf,
  UNKNOWN_ID,
  until,
  untilEnd,
  untilEvent,
} from '../support/runs.ts'
import { citedIn, foundIn, library, searches, searching, stepEnds, stepsOf, toldByTools } from '../support/searching.ts'

let app: TestApp
let store: string
const POLICY = 'The warranty of the Falcon pump lasts thirty months. Seals are not covered.'
const PRICES = 'The Falcon pump costs 480 euros. The Heron valve costs 95 euros.'
beforeAll(async () => {
  app = await openTestApp({ jobs: true })
  store = await library(app, app.one, { 'policy.md': POLICY, 'prices.txt': PRICES })
}, OPEN_MS)
afterAll(() => app.close())

const fileNamed = async (storeId: string, name: string): Promise<string> => {
  const files = (await listStoreFiles(app, app.one, { storeId, page: { limit: 100, order: 'asc' } })).items
  const [row] = await app.records.db.query<{ id: string }>('select id from file where filename = $1 and id = any($2::text::uuid[])', [
    name,
    `{${files.map((f) => f.fileId).join(',')}}`,
  ])
  return row?.id ?? ''
}
const WARRANTY = searches(['How long does the warranty last?'])

describe('a search', () => {
  test('is a step of its own, and the answer cites what it found', async () => {
    const turns = [
      { ...WARRANTY, usage: { prompt: 5, completion: 2 } },
      { text: ['Thirty months【', '0:', '0†policy.md】', '.'], usage: { prompt: 50, completion: 4 } },
    ]
    const started = await startRun(app, { turns, assistant: searching(store) })
    const events = await storyOf(app, started)
    expect(sketch(events)).toEqual([
      'run queued',
      'run running',
      'step tool_calls',
      'call 0 call_s0 file_search',
      'arguments 0 {"queries":["How long does the warranty last?"]}',
      'step_end completed',
      'step message',
      'text Thirty months',
      'text 【0:0†policy.md】',
      'text .',
      'message_end',
      'step_end completed',
      'run completed',
    ])
    expect(events.at(-1)).toMatchObject({ usage: { promptTokens: 55, completionTokens: 6, totalTokens: 61 } })
    const [search, message] = await stepsOf(app, started)
    expect(stepEnds(events)[0]).toMatchObject({ calls: search?.calls, usage: { promptTokens: 5, completionTokens: 2, totalTokens: 7 } })
    expect(search).toMatchObject({ kind: 'tool_calls', status: 'completed', usage: { totalTokens: 7 } })
    expect(search?.calls).toMatchObject([
      { type: 'file_search', name: 'file_search', output: null, arguments: '{"queries":["How long does the warranty last?"]}' },
    ])
    expect(search?.calls[0]?.detail).toMatchObject({
      rankingOptions: { ranker: 'default_2024_08_21', scoreThreshold: 0 },
      results: [{ fileName: 'policy.md', text: expect.stringContaining('thirty months') }, { fileName: 'prices.txt' }],
    })
    expect(message?.kind).toBe('message')
    const said = (await messagesOf(app, app.one, started.threadId)).at(-1)
    expect(said?.content).toMatchObject([{ type: 'text', text: 'Thirty months【0:0†policy.md】.' }])
    expect(citedIn(said?.content)).toEqual([{ cut: '【0:0†policy.md】', fileId: await fileNamed(store, 'policy.md') }])
  })

  test('tells the model its results under the markers that cite them', async () => {
    const started = await startRun(app, { turns: [WARRANTY, { text: ['x'] }], assistant: searching(store) })
    await untilEnd(app, started)
    const [told = ''] = toldByTools(app, started.model)
    expect(told).toContain(`【0:0†policy.md】\n${POLICY}`)
    expect(told).toContain(`【0:1†prices.txt】\n${PRICES}`)
    expect(app.models.requestsTo(started.model)[0]?.tools.map((tool) => (tool.function as { name: string }).name)).toEqual([
      'file_search',
      'look',
    ])
  })

  test('looks with the limits of its tool', async () => {
    const file_search = { max_num_results: 1, ranking_options: { ranker: 'auto', score_threshold: 0 } }
    const assistant = { ...searching(store), tools: [{ type: 'file_search', file_search }] }
    const started = await startRun(app, { turns: [WARRANTY, { text: ['x'] }], assistant })
    await untilEnd(app, started)
    const [step] = await stepsOf(app, started)
    expect(foundIn(step?.calls ?? [])).toEqual({ call_s0: ['policy.md'] })
    const strict = { type: 'file_search', file_search: { ranking_options: { score_threshold: 1 } } }
    const none = await startRun(app, { turns: [WARRANTY, { text: ['x'] }], assistant: { ...searching(store), tools: [strict] } })
    await untilEnd(app, none)
    expect(foundIn((await stepsOf(app, none))[0]?.calls ?? [])).toEqual({ call_s0: [] })
    expect(toldByTools(app, none.model)).toEqual(['Nothing was found.'])
  })

  test("looks in the assistant's store and in the thread's", async () => {
    const own = await library(app, app.one, { 'notes.md': 'My warranty number is 77-12.' })
    const { id: threadId } = await createThread(app, app.one, { toolResources: { fileSearch: { storeIds: [own] } } })
    const started = await startRun(app, { threadId, turns: [searches(['warranty number']), { text: ['x'] }], assistant: searching(store) })
    await untilEnd(app, started)
    const found = foundIn((await stepsOf(app, started))[0]?.calls ?? []).call_s0
    expect(found?.[0]).toBe('notes.md')
    expect(found).toContain('policy.md')
  })

  test('among several of one turn keeps its own number, in the order of the calls', async () => {
    const turns = [searches(['warranty'], ['Heron valve']), { text: ['a【0:0†x】 b【1:0†x】'] }]
    const started = await startRun(app, { turns, assistant: searching(store) })
    await untilEnd(app, started)
    const [step] = await stepsOf(app, started)
    expect(step?.calls.map((c) => c.id)).toEqual(['call_s0', 'call_s1'])
    const files = [await fileNamed(store, 'policy.md'), await fileNamed(store, 'prices.txt')]
    expect(citedIn((await messagesOf(app, app.one, started.threadId)).at(-1)?.content).map((c) => c.fileId)).toEqual(files)
  })

  test('beyond eight of one turn is not done, and the model is told so', async () => {
    const lists = Array.from({ length: 10 }, (_, i) => [`warranty ${i}`])
    const started = await startRun(app, { turns: [searches(...lists), { text: ['x'] }], assistant: searching(store) })
    expect((await untilEnd(app, started)).status).toBe('completed')
    const told = toldByTools(app, started.model)
    expect(told.map((text) => text.startsWith('Not searched'))).toEqual(lists.map((_, i) => i >= 8))
    const found = Object.values(foundIn((await stepsOf(app, started))[0]?.calls ?? []))
    expect(found.map((names) => names?.length)).toEqual(lists.map((_, i) => (i < 8 ? 2 : 0)))
  })

  test('stays citable in later runs, also in those that cannot search, and the next one gets the next number', async () => {
    const first = await startRun(app, { turns: [WARRANTY, { text: ['x'] }], assistant: searching(store) })
    await untilEnd(app, first)
    const { threadId } = first
    const plain = await startRun(app, { threadId, turns: [{ text: ['again【0:0†x】 and 【1:0†x】'] }] })
    await untilEnd(app, plain)
    expect(citedIn((await messagesOf(app, app.one, threadId)).at(-1)?.content).map((c) => c.cut)).toEqual(['【0:0†x】'])
    const next = await startRun(app, { threadId, turns: [WARRANTY, { text: ['x'] }], assistant: searching(store) })
    await untilEnd(app, next)
    expect(toldByTools(app, next.model)[1]).toContain('【1:0†policy.md】')
  })

  test('is asked for as a function, once, where the run forces it', async () => {
    const options = { toolChoice: { type: 'file_search' } }
    const started = await startRun(app, { turns: [WARRANTY, { text: ['x'] }], assistant: searching(store), options })
    expect((await untilEnd(app, started)).status).toBe('completed')
    const asked = app.models.requestsTo(started.model).map((request) => request.options.tool_choice)
    expect(asked).toEqual([{ type: 'function', function: { name: 'file_search' } }, undefined])
    const none = await startRun(app, { turns: [{ text: ['x'] }], options })
    expect(await untilEnd(app, none)).toMatchObject({ status: 'failed', error: { code: 'invalid_prompt' } })
  })
})

describe('a turn that searches and calls functions', () => {
  const MIXED = { calls: [...(callsFunctions('call_f').calls ?? []), ...(WARRANTY.calls ?? [])] }

  test('is one step: searched at once, then only the functions are asked for, and it ends with both in their order', async () => {
    const started = await startRun(app, { turns: [MIXED, { text: ['done【0:0†policy.md】'] }], assistant: searching(store) })
    const waiting = await untilEnd(app, started)
    expect(waiting).toMatchObject({ status: 'waiting', calls: [{ id: 'call_f' }] })
    const [open] = await stepsOf(app, started)
    expect(open).toMatchObject({ status: 'in_progress', calls: [{ id: 'call_f', output: null }, { id: 'call_s0' }] })
    expect(foundIn(open?.calls ?? []).call_s0?.[0]).toBe('policy.md')
    await answer(app, started, { call_f: 'looked' })
    const events = await storyOf(app, started)
    expect(sketch(events)).toEqual([
      'run queued',
      'run running',
      'step tool_calls',
      'call 0 call_f look',
      'arguments 0 {"for":"call_f"}',
      'call 1 call_s0 file_search',
      'arguments 1 {"queries":["How long does the warranty last?"]}',
      'run waiting',
      'step_end completed',
      'run queued',
      'run running',
      'step message',
      'text done',
      'text 【0:0†policy.md】',
      'message_end',
      'step_end completed',
      'run completed',
    ])
    const end = stepEnds(events)[0]
    expect(end?.calls?.map(({ id, output }) => [id, output])).toEqual([
      ['call_f', 'looked'],
      ['call_s0', null],
    ])
    expect(foundIn(end?.calls ?? []).call_s0?.[0]).toBe('policy.md')
    const told = toldByTools(app, started.model)
    expect(told).toHaveLength(2)
    expect(told.toSorted()[0]).toContain('marker')
    expect(told).toContain('looked')
  })

  test('keeps what was found when it is cancelled before the functions are answered', async () => {
    const started = await startRun(app, { turns: [MIXED], assistant: searching(store) })
    await untilEnd(app, started)
    await cancelRun(app, app.one, { threadId: started.threadId, id: started.run.id })
    const [step] = await stepsOf(app, started)
    expect(step?.status).toBe('cancelled')
    expect(foundIn(step?.calls ?? []).call_s0?.[0]).toBe('policy.md')
  })

  test('may call one tool only where calls in parallel are off', async () => {
    const started = await startRun(app, {
      turns: [{ calls: MIXED.calls.toReversed() }, { text: ['x'] }],
      assistant: searching(store),
      options: { parallelToolCalls: false },
    })
    expect((await untilEnd(app, started)).status).toBe('completed')
    expect((await stepsOf(app, started))[0]?.calls.map((c) => c.id)).toEqual(['call_s0'])
  })
})

test('a call of a tool that does not exist is answered by the server, which names those that do', async () => {
  const turns = [{ calls: [{ id: 'call_u', name: 'msearch', arguments: {} }] }, { text: ['x'] }]
  const started = await startRun(app, { turns, assistant: searching(store) })
  expect((await untilEnd(app, started)).status).toBe('completed')
  const said = "There is no tool named 'msearch'. The tools are: file_search, look."
  expect(toldByTools(app, started.model)).toEqual([said])
  expect((await stepsOf(app, started))[0]).toMatchObject({
    status: 'completed',
    calls: [{ type: 'function', name: 'msearch', output: said }],
  })
})

describe('a search that cannot look', () => {
  const run = async (storeIds: string[]) => {
    const { id: threadId } = await createThread(app, app.one, {})
    const started = await startRun(app, { threadId, turns: [WARRANTY, { text: ['x'] }], assistant: searching(...storeIds.slice(0, 1)) })
    expect((await untilEnd(app, started)).status).toBe('completed')
    const [step] = await stepsOf(app, started)
    expect(step?.status).toBe('completed')
    return { told: toldByTools(app, started.model)[0] ?? '', found: foundIn(step?.calls ?? []).call_s0 }
  }

  test('says that there are no files', async () => {
    expect(await run([])).toEqual({ told: expect.stringContaining('There are no files to search'), found: [] })
  })

  test('says that a store was deleted or has expired, and still looks in the other one', async () => {
    const [gone, old] = [await newStore(app, app.one), await newStore(app, app.one, { expiresDays: 1 })]
    const threads = await Promise.all(
      [gone, old].map((id) => createThread(app, app.one, { toolResources: { fileSearch: { storeIds: [id] } } })),
    )
    await deleteStore(app, app.one, gone)
    app.clock.advance(2 * 24 * 3600 * 1000)
    for (const [i, what] of ['deleted', 'expired'].entries()) {
      const threadId = threads[i]?.id ?? ''
      const started = await startRun(app, { threadId, turns: [WARRANTY, { text: ['x'] }], assistant: searching(store) })
      await untilEnd(app, started)
      expect(toldByTools(app, started.model)[0]).toContain(`has ${what === 'deleted' ? 'been deleted' : 'expired'}`)
      expect(foundIn((await stepsOf(app, started))[0]?.calls ?? []).call_s0?.[0]).toBe('policy.md')
    }
  })

  test('says that it failed, the log says why, and the run goes on', async () => {
    const broken = await newStore(app, app.one)
    await app.records.db.query(`update vector_store set embedding_model = 'scripted/nowhere' where id = $1`, [broken])
    const before = app.log.count('search.failed')
    expect(await run([broken])).toEqual({ told: expect.stringContaining('failed for a technical reason'), found: [] })
    expect(app.log.count('search.failed')).toBe(before + 1)
  })

  test("finds nothing in another tenant's store", async () => {
    const theirs = await library(app, app.two, { 'secret.md': 'The warranty lasts a hundred months.' })
    const { id: threadId } = await createThread(app, app.one, {})
    // No way leads here: what a row may not name is looked up as if somebody had put it there.
    await app.records.db.query('update thread set tool_resources = $2 where id = $1', [
      threadId,
      JSON.stringify({ fileSearch: { storeIds: [theirs] } }),
    ])
    const started = await startRun(app, { threadId, turns: [WARRANTY, { text: ['x'] }], assistant: searching() })
    await untilEnd(app, started)
    expect(toldByTools(app, started.model)).toEqual([expect.stringContaining('has been deleted')])
  })
})

describe('while files of the thread are being indexed', () => {
  /** Ingests nothing, so that files stay in progress until another process takes them. */
  let idle: TestApp
  beforeAll(async () => {
    idle = await openTestApp({ shared: true })
  }, OPEN_MS)
  afterAll(() => idle.close())

  async function waitingSearch(on: TestApp = idle) {
    const fileId = await newFile(idle, idle.one, { name: 'late.md', content: POLICY })
    const attachments = [{ fileId, tools: [{ type: 'file_search' }] }]
    const started = await startRun(on, {
      turns: [WARRANTY, { text: ['x'] }],
      assistant: searching(),
      messages: [{ role: 'user', content: 'see', attachments }],
    })
    await untilEvent(idle, started, (event) => event.type === 'arguments')
    return started
  }

  test('a search waits for them', async () => {
    const started = await waitingSearch()
    const helper = await idle.replica({ jobs: true, slots: 0 })
    expect((await untilEnd(idle, started)).status).toBe('completed')
    expect(foundIn((await stepsOf(idle, started))[0]?.calls ?? []).call_s0).toEqual(['late.md'])
    await helper.jobs.stop(0)
  })

  test('it waits a minute at most, then tells the model that files are missing', async () => {
    const started = await waitingSearch()
    let seconds = 0
    await until(async () => {
      const { status } = await currentRun(idle, started)
      if (status === 'running') idle.clock.advance(1_000)
      if (status === 'running') seconds++
      return status !== 'running'
    })
    expect(seconds).toBeGreaterThanOrEqual(60)
    expect((await currentRun(idle, started)).status).toBe('completed')
    expect(toldByTools(idle, started.model)[0]).toContain('not indexed yet')
  })

  test('a cancellation ends the wait, and the thread can be used again', async () => {
    const started = await waitingSearch()
    await cancelRun(idle, idle.one, { threadId: started.threadId, id: started.run.id })
    const events = await storyOf(idle, started)
    expect(sketch(events).slice(-3)).toEqual(['run cancelling', 'step_end cancelled', 'run cancelled'])
    expect(stepEnds(events)[0]?.calls).toMatchObject([{ id: 'call_s0', type: 'file_search', output: null }])
    const next = await startRun(idle, { threadId: started.threadId, turns: [{ text: ['fine'] }] })
    expect((await untilEnd(idle, next)).status).toBe('completed')
    expect(idle.models.requestsTo(next.model)[0]?.messages.map((m) => m.role)).toEqual(['user', 'user', 'assistant', 'tool', 'user'])
  })

  test('the end of its time ends the wait', async () => {
    const short = await idle.replica({ runExpiryMs: 1_000 })
    const started = await waitingSearch(short)
    expect((await untilEnd(idle, started)).status).toBe('expired')
    expect((await stepsOf(idle, started))[0]?.status).toBe('expired')
  })

  test('the store of the assistant is not waited for', async () => {
    const storeId = await newStore(idle, idle.one)
    await attachFiles(idle, idle.one, { storeId, files: [{ fileId: await newFile(idle, idle.one) }] })
    const started = await startRun(idle, { turns: [WARRANTY, { text: ['x'] }], assistant: searching(storeId) })
    expect((await untilEnd(idle, started)).status).toBe('completed')
  })
})

test('a message that is cut off keeps what it cited', async () => {
  const [said] = saysThenHangs('See【0:0†policy.md】')
  const started = await startRun(app, { turns: [WARRANTY, said ?? {}], assistant: searching(store) })
  await untilEvent(app, started, isText('【0:0†policy.md】'))
  await cancelRun(app, app.one, { threadId: started.threadId, id: started.run.id })
  await untilEnd(app, started)
  const half = (await messagesOf(app, app.one, started.threadId)).at(-1)
  expect(half?.status).toBe('incomplete')
  expect(citedIn(half?.content).map((c) => c.cut)).toEqual(['【0:0†policy.md】'])
})

test('what might have become a marker when the text was cut off is text', async () => {
  const started = await startRun(app, { turns: [WARRANTY, { text: ['See 【0:0†pol'] }], assistant: searching(store) })
  const events = await storyOf(app, started)
  expect(sketch(events).slice(-6)).toEqual([
    'step message',
    'text See ',
    'text 【0:0†pol',
    'message_end',
    'step_end completed',
    'run completed',
  ])
  expect((await messagesOf(app, app.one, started.threadId)).at(-1)?.content).toBe('See 【0:0†pol')
})

test('a user cannot make a citation by writing a marker', async () => {
  const started = await startRun(app, { turns: [{ text: ['【0:0†policy.md】'] }], assistant: searching(store), text: '【0:0†policy.md】' })
  await untilEnd(app, started)
  await createMessage(app, app.one, { threadId: started.threadId, message: { role: 'assistant', content: `【0:0†${UNKNOWN_ID}】` } })
  expect((await messagesOf(app, app.one, started.threadId)).flatMap((m) => citedIn(m.content))).toEqual([])
})
