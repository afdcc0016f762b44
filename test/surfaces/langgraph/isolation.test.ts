import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import { operator } from '../../../src/core/identity/tenants.ts'
import { documentedOperations } from '../../contract/operations.ts'
import { SERVER_START_MS, type Served } from '../../support/served.ts'
import { CASES, type Ids, NO_ID, outcome } from './isolation-cases.ts'
import { buildWorld, contentsOf, GRAPH_ID, nobody, WORLD_SCRIPTS } from './isolation-world.ts'
import { FrameReader, lines, serveGraphs } from './kit.ts'

let served: Served
let theirs: Ids
let own: Ids
let owner: string

beforeAll(async () => {
  served = await serveGraphs({}, { scripts: WORLD_SCRIPTS })
  theirs = await buildWorld(served, served.key)
  own = await buildWorld(served, served.otherKey)
  owner = (await operator(served.app, 'one')).tenantId
}, SERVER_START_MS)
afterAll(() => served.close())

describe("another tenant's id is exactly a missing id, and nothing of that tenant changes", () => {
  for (const [operation, cases] of Object.entries(CASES))
    test(operation, async () => {
      const before = await contentsOf(served, owner)
      for (const make of cases) {
        const none = nobody()
        const foreign = await outcome(served, served.otherKey, { call: make(theirs, own), ids: theirs })
        const missing = await outcome(served, served.otherKey, { call: make(none, own), ids: none })
        expect(foreign).toBe(missing)
        // The request itself was sound.
        expect(foreign).not.toMatch(/^(?:401|403|422|5\d\d) (?!.*of another thread)/)
      }
      expect(await contentsOf(served, owner)).toEqual(before)
    })
})

test('the same calls are answered otherwise to the owner, so that the cases do reach the records', async () => {
  const reads =
    'getAssistant listAssistantVersions searchThreads countThreads getThread getState getStateAt findState listHistory listRuns getRun joinRunStream'
  for (const operation of `${reads} getStoreItem searchStoreItems listStoreNamespaces searchCrons countCrons`.split(' ')) {
    const [make] = CASES[operation] ?? []
    const none = nobody()
    const told = make && (await outcome(served, served.key, { call: make(theirs, theirs), ids: theirs }))
    expect(told).toStartWith('200 ')
    expect(told).not.toBe(make && (await outcome(served, served.key, { call: make(none, theirs), ids: none })))
  }
})

test('every operation of the document has such a case, or a reason why it needs none', () => {
  const known = new Set([...Object.keys(CASES), ...Object.keys(NO_ID)])
  const operations = documentedOperations('langgraph').map(({ id }) => id)
  expect(operations.length).toBeGreaterThan(50)
  expect(operations.filter((id) => !known.has(id))).toEqual([])
  expect([...known].filter((id) => !operations.includes(id))).toEqual([])
})

/** The two tenants. */
const keys = (): [string, string] => [served.key, served.otherKey]

async function ask<T>(key: string, method: string, path: string, body?: unknown): Promise<T> {
  const response = await served.send(method, `/langgraph${path}`, body, { key })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return (text === '' ? null : JSON.parse(text)) as T
}

interface State {
  values: { messages?: { content: string }[] }
  checkpoint_id: string | null
}
const say = (text: string) => ({ assistant_id: 'echo', input: { messages: [{ role: 'user', content: text }] } })
const saidIn = ({ values }: State): string[] => (values.messages ?? []).map(({ content }) => content)

describe('the same id chosen by two tenants names two things', () => {
  test('a thread with its state, runs and history', async () => {
    const id = newId()
    for (const [i, key] of keys().entries()) {
      expect(await ask(key, 'POST', '/threads', { thread_id: id, metadata: { of: i } })).toMatchObject({ metadata: { of: i } })
      await ask(key, 'POST', `/threads/${id}/runs/wait`, say(`tenant ${i}`))
    }
    const states = await Promise.all(keys().map((key) => ask<State>(key, 'GET', `/threads/${id}/state`)))
    expect(states.map((state) => saidIn(state)[0])).toEqual(['tenant 0', 'tenant 1'])
    const [one, two] = keys()
    const runs = await Promise.all(keys().map((key) => ask<{ run_id: string }[]>(key, 'GET', `/threads/${id}/runs`)))
    expect(runs.map((list) => list.length)).toEqual([1, 1])
    expect(runs[0]?.[0]?.run_id).not.toBe(runs[1]?.[0]?.run_id)
    const across = await served.send('GET', `/langgraph/threads/${id}/runs/${runs[0]?.[0]?.run_id}`, undefined, { key: two })
    expect(across.status).toBe(404)
    const at = await served.send('GET', `/langgraph/threads/${id}/state/${states[0]?.checkpoint_id}`, undefined, { key: two })
    expect(at.status).toBe(404)

    const kept = await ask<State>(two, 'GET', `/threads/${id}/state`)
    await ask(one, 'POST', '/threads/prune', { thread_ids: [id], strategy: 'keep_latest' })
    await ask(one, 'DELETE', `/threads/${id}/runs/${runs[0]?.[0]?.run_id}`)
    await ask(one, 'DELETE', `/threads/${id}`)
    expect(await ask<State>(two, 'GET', `/threads/${id}/state`)).toEqual(kept)
    expect(await ask<State[]>(two, 'GET', `/threads/${id}/history`)).not.toHaveLength(0)
    expect((await served.send('GET', `/langgraph/threads/${id}`, undefined, { key: one })).status).toBe(404)
  })

  test('an assistant with its versions', async () => {
    const id = newId()
    for (const [i, key] of keys().entries())
      await ask(key, 'POST', '/assistants', { assistant_id: id, graph_id: GRAPH_ID, name: `of ${i}` })
    const [one, two] = keys()
    await ask(one, 'PATCH', `/assistants/${id}`, { name: 'changed' })
    expect(await ask(two, 'GET', `/assistants/${id}`)).toMatchObject({ name: 'of 1', version: 1 })
    expect(await ask<unknown[]>(one, 'POST', `/assistants/${id}/versions`, {})).toHaveLength(2)
    expect(await ask<unknown[]>(two, 'POST', `/assistants/${id}/versions`, {})).toHaveLength(1)
    await ask(one, 'DELETE', `/assistants/${id}?delete_threads=true`)
    expect(await ask(two, 'GET', `/assistants/${id}`)).toMatchObject({ name: 'of 1' })
    expect(await ask(two, 'POST', '/runs/wait', { ...say('still'), assistant_id: id })).toMatchObject({
      messages: [{}, { content: 'still' }],
    })
  })

  test('an item of the store', async () => {
    const item = { namespace: ['same'], key: 'same' }
    for (const [i, key] of keys().entries()) await ask(key, 'PUT', '/store/items', { ...item, value: { of: i } })
    const [one, two] = keys()
    await ask(one, 'DELETE', '/store/items', item)
    expect(await ask(two, 'GET', '/store/items?namespace=same&key=same')).toMatchObject({ value: { of: 1 } })
  })

  test('the threads of an assistant are deleted with it where they are the same tenant’s', async () => {
    const [id, thread] = [newId(), newId()]
    for (const key of keys()) {
      await ask(key, 'POST', '/assistants', { assistant_id: id, graph_id: 'echo' })
      await ask(key, 'POST', '/threads', { thread_id: thread })
      await ask(key, 'POST', `/threads/${thread}/runs/wait`, { ...say('x'), assistant_id: id })
    }
    const [one, two] = keys()
    await ask(one, 'DELETE', `/assistants/${id}?delete_threads=true`)
    expect((await served.send('GET', `/langgraph/threads/${thread}`, undefined, { key: one })).status).toBe(404)
    expect(await ask(two, 'GET', `/threads/${thread}`)).toMatchObject({ thread_id: thread, status: 'idle' })
  })
})

/** What a stream's values frames say, newest last. */
async function streamed(key: string, threadId: string, text: string): Promise<string> {
  const response = await served.send(
    'POST',
    `/langgraph/threads/${threadId}/runs/stream`,
    { ...say(text), multitask_strategy: 'enqueue' },
    { key },
  )
  return lines(await new FrameReader(response).rest()).join('\n')
}

test('under load, statements that carry both tenants’ rows of threads with the same ids do not mix them', async () => {
  const ids = Array.from({ length: 6 }, newId)
  const rounds = 4
  for (const id of ids) for (const key of keys()) await ask(key, 'POST', '/threads', { thread_id: id })
  const others: string[] = []
  await Promise.all(
    ids.flatMap((id) =>
      keys().map(async (key, i) => {
        for (let round = 0; round < rounds; round++) {
          const told = await streamed(key, id, `tenant ${i} round ${round}`)
          expect(told).toContain(`tenant ${i} round ${round}`)
          if (told.includes(`tenant ${1 - i}`)) others.push(told)
        }
      }),
    ),
  )
  expect(others).toEqual([])
  for (const id of ids)
    for (const [i, key] of keys().entries()) {
      const said = saidIn(await ask<State>(key, 'GET', `/threads/${id}/state`))
      expect(said.filter((text) => text.startsWith(`tenant ${i} `)).length).toBe(rounds)
      expect(said.some((text) => text.includes(`tenant ${1 - i}`))).toBe(false)
      expect(await ask<unknown[]>(key, 'GET', `/threads/${id}/runs?limit=100`)).toHaveLength(rounds)
      const history = await ask<State[]>(key, 'POST', `/threads/${id}/history`, { limit: 1000 })
      expect(JSON.stringify(history)).not.toContain(`tenant ${1 - i}`)
    }
})
