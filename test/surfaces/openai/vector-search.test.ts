import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import { fromSearch, type SearchRequest } from '../../../src/surfaces/openai/vector-search.wire.ts'
import { Calls } from '../../support/calls.ts'
import { eventually } from '../../support/eventually.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

let served: Served
let calls: Calls
/** A store of two files: what they say, and their attributes. */
let store: string
let path: string
let moon: string
let sea: string

beforeAll(async () => {
  served = await serve({}, { jobs: true })
  calls = new Calls(served)
  store = String((await calls.ok('POST', '/v1/vector_stores', {})).id)
  path = `/v1/vector_stores/${store}/search`
  moon = await calls.file('The lighthouse of Vandholm was lit in 1871 by Petra Quist.', 'moon.txt')
  sea = await calls.file('Ferries to Vandholm leave at 7:45 from pier 12.', 'sea.txt')
  const files = [
    { file_id: moon, attributes: { year: 1871, topic: 'history' } },
    { file_id: sea, attributes: { year: 2024, topic: 'travel', open: true } },
  ]
  await calls.ok('POST', `/v1/vector_stores/${store}/file_batches`, { files })
  await completed()
}, SERVER_START_MS)
afterAll(() => served.close())

const completed = () =>
  eventually(async () => {
    const { status, file_counts } = await calls.ok('GET', `/v1/vector_stores/${store}`)
    if (status !== 'completed') return undefined
    expect(file_counts).toMatchObject({ failed: 0 })
    return true
  })

async function found(body: JsonObject): Promise<string[]> {
  return ((await calls.ok('POST', path, body)).data as JsonObject[]).map(({ filename }) => String(filename))
}

async function refused(body: unknown): Promise<JsonObject> {
  const response = await served.send('POST', path, body)
  const { error } = (await response.json()) as { error: JsonObject }
  return { status: response.status, ...error }
}

describe('a search', () => {
  test('answers with texts, their files and scores, and with the questions as they were asked', async () => {
    const answer = await calls.ok('POST', path, { query: 'who lit the lighthouse?' })
    expect(answer).toEqual({
      ...{ object: 'vector_store.search_results.page', search_query: ['who lit the lighthouse?'], has_more: false, next_page: null },
      data: expect.any(Array),
    })
    const [first] = answer.data as JsonObject[]
    expect(first).toEqual({
      ...{ file_id: moon, filename: 'moon.txt', score: expect.any(Number), attributes: { year: 1871, topic: 'history' } },
      content: [{ type: 'text', text: 'The lighthouse of Vandholm was lit in 1871 by Petra Quist.' }],
    })
    expect(Number(first?.score)).toBeGreaterThan(0)
    expect(Number(first?.score)).toBeLessThanOrEqual(1)
  })

  test('takes several questions, a limit, a threshold and a ranker', async () => {
    const query = ['lighthouse', 'ferries']
    const answer = await calls.ok('POST', path, { query, rewrite_query: true })
    expect(answer.search_query).toEqual(query)
    expect((answer.data as unknown[]).length).toBe(2)
    expect(await found({ query: 'pier 12', max_num_results: 1 })).toEqual(['sea.txt'])
    for (const ranker of ['auto', 'default-2024-11-15', 'none']) {
      expect((await found({ query: 'ferries from pier 12', ranking_options: { ranker } }))[0]).toBe('sea.txt')
    }
    expect(await found({ query: 'ferries', ranking_options: { score_threshold: 1 } })).toEqual([])
  })

  test('is narrowed by attributes, at any depth', async () => {
    const query = 'Vandholm'
    const is = (key: string, value: string | number | boolean) => ({ type: 'eq', key, value })
    expect((await found({ query })).sort()).toEqual(['moon.txt', 'sea.txt'])
    expect(await found({ query, filters: is('topic', 'travel') })).toEqual(['sea.txt'])
    expect(await found({ query, filters: { type: 'lt', key: 'year', value: 2000 } })).toEqual(['moon.txt'])
    expect(await found({ query, filters: { type: 'nin', key: 'topic', value: ['travel'] } })).toEqual(['moon.txt'])
    const deep = { type: 'and', filters: [{ type: 'or', filters: [is('open', true), { type: 'and', filters: [is('topic', 'none')] }] }] }
    expect(await found({ query, filters: deep })).toEqual(['sea.txt'])
    expect(await found({ query, filters: { type: 'or', filters: [] } })).toEqual([])
  })

  test('filters by changed attributes as soon as the change is answered', async () => {
    const of = (topic: string) => ({ query: 'Vandholm', filters: { type: 'eq', key: 'topic', value: topic } })
    await calls.ok('POST', `/v1/vector_stores/${store}/files/${sea}`, { attributes: { topic: 'boats' } })
    expect(await found(of('boats'))).toEqual(['sea.txt'])
    expect(await found(of('travel'))).toEqual([])
    await calls.ok('POST', `/v1/vector_stores/${store}/files/${sea}`, { attributes: { year: 2024, topic: 'travel', open: true } })
  })

  test('does not find a file that was taken out, nor the old text of one that was added again', async () => {
    const file = await calls.file('A walrus named Ottilie sleeps in the harbour.', 'walrus.txt')
    await calls.ok('POST', `/v1/vector_stores/${store}/files`, { file_id: file })
    await completed()
    const query = { query: 'walrus Ottilie harbour', ranking_options: { score_threshold: 0.2 } }
    expect(await found(query)).toEqual(['walrus.txt'])
    await calls.ok('POST', `/v1/vector_stores/${store}/files`, { file_id: file })
    await completed()
    expect(await found(query)).toEqual(['walrus.txt'])
    await calls.ok('DELETE', `/v1/vector_stores/${store}/files/${file}`)
    expect(await found(query)).toEqual([])
  })

  test('says what is wrong with it by its place', async () => {
    expect(await refused({})).toMatchObject({ status: 400, code: 'missing_required_parameter', param: 'query' })
    expect(await refused({ query: '' })).toMatchObject({ status: 400, code: 'string_below_min_length', param: 'query' })
    expect(await refused({ query: [] })).toMatchObject({ status: 400, code: 'array_below_min_length', param: 'query' })
    expect(await refused({ query: 'x', max_num_results: 51 })).toMatchObject({ code: 'integer_above_max_value', param: 'max_num_results' })
    expect(await refused({ query: 'x', ranking_options: { ranker: 'best' } })).toMatchObject({ param: 'ranking_options.ranker' })
    const within = (inner: unknown) => ({ query: 'x', filters: { type: 'or', filters: [{ type: 'and', filters: [inner] }] } })
    expect(await refused(within({ type: 'like', key: 'a', value: 'b' }))).toMatchObject({
      ...{ status: 400, code: 'invalid_value', param: 'filters.filters[0].filters[0].type' },
    })
    expect(await refused(within({ type: 'eq', key: 'a', value: 1, more: 1 }))).toMatchObject({
      ...{ code: 'unknown_parameter', param: 'filters.filters[0].filters[0].more' },
    })
    expect(await refused({ query: 'x', filters: { type: 'eq', key: 'a' } })).toMatchObject({
      ...{ code: 'missing_required_parameter', param: 'filters.value' },
    })
    expect(await refused({ query: 'x', filters: { type: 'gt', key: 'a', value: true } })).toMatchObject({
      status: 400,
      param: 'filters.value',
    })
    let deep: JsonObject = { type: 'eq', key: 'a', value: 1 }
    for (let i = 0; i < 20; i++) deep = { type: 'and', filters: [deep] }
    const tooDeep = await refused({ query: 'x', filters: deep })
    expect([tooDeep.status, String(tooDeep.param).startsWith('filters')]).toEqual([400, true])
  })
})

test('nothing given means ten hybrid results with any score', () => {
  const bare: SearchRequest = { query: 'x' }
  expect(fromSearch('id', bare)).toEqual({ storeIds: ['id'], queries: ['x'], limit: 10, filter: null, ranker: 'hybrid', scoreThreshold: 0 })
  const full: SearchRequest = { query: ['x', 'y'], max_num_results: 3, ranking_options: { ranker: 'none', score_threshold: 0.5 } }
  expect(fromSearch('id', full)).toMatchObject({ queries: ['x', 'y'], limit: 3, ranker: 'vector', scoreThreshold: 0.5 })
})

test('the content of a file is what was read from it', async () => {
  const answer = await calls.ok('GET', `/v1/vector_stores/${store}/files/${sea}/content`)
  expect(answer).toEqual({
    ...{ object: 'vector_store.file_content.page', has_more: false, next_page: null },
    data: [{ type: 'text', text: 'Ferries to Vandholm leave at 7:45 from pier 12.' }],
  })
})
