import { describe, expect, test } from 'bun:test'
import type { Page, PageRequest } from '../../../src/core/page.ts'
import { fromPageQuery, listShape, shapedList } from '../../../src/surfaces/openai/lists.ts'

const URL_OF_LIST = 'http://localhost/v1/threads/thread_1/runs'
const request = (headers: Record<string, string> = {}) => new Request(URL_OF_LIST, { headers })
const id = (n: number) => `run_0000000000000000000000000000000${n}`

describe('the shape of a list', () => {
  const beta = { 'openai-beta': 'assistants=v2' }
  const CASES: [string, Record<string, string>, Record<string, unknown>, 'envelope' | 'array'][] = [
    ['plain', {}, {}, 'array'],
    ['with the header of the SDKs', beta, {}, 'envelope'],
    ['with the header among others', { 'openai-beta': 'x=v1, assistants=v2' }, {}, 'envelope'],
    ['with a limit', {}, { limit: 5 }, 'envelope'],
    ['with an order', {}, { order: 'asc' }, 'envelope'],
    ['asked for as envelope', {}, { envelope: 'true' }, 'envelope'],
    ['asked for as array, with a limit', {}, { envelope: 'false', limit: 5 }, 'array'],
    ['asked for as list by profile', { accept: 'application/json; profile="list"' }, {}, 'envelope'],
    ['asked for as array by profile', { accept: 'application/json; profile="array"' }, { limit: 5 }, 'array'],
    ['with the header and asked for as array', beta, { envelope: 'false' }, 'envelope'],
  ]
  for (const [title, headers, query, shape] of CASES) {
    test(title, () => expect(listShape('auto', { request: request(headers), query })).toBe(shape))
  }
  test('fixed as envelope by the operator', () => expect(listShape('envelope', { request: request(), query: {} })).toBe('envelope'))
  test('fixed as array, never against the header of the SDKs', () => {
    expect(listShape('array', { request: request(), query: { limit: 5 } })).toBe('array')
    expect(listShape('array', { request: request(beta), query: {} })).toBe('envelope')
  })
})

async function answer(query: Record<string, unknown>, page: Page<{ id: string }>) {
  const headers: Record<string, string | number> = {}
  const asked: PageRequest[] = []
  const read = async (wanted: PageRequest) => {
    asked.push(wanted)
    return page
  }
  const body = await shapedList({ style: 'auto', asked: { request: request(), query }, kind: 'run', headers, read })
  return { body, headers, asked: asked[0] }
}

test('a bare array tells in headers what an envelope would, and where the rest is', async () => {
  const { body, headers, asked } = await answer({}, { items: [{ id: id(1) }, { id: id(2) }], hasMore: true })
  expect(body).toEqual([{ id: id(1) }, { id: id(2) }])
  expect(asked).toEqual({ limit: 100, order: 'desc' })
  expect(headers).toEqual({
    vary: 'OpenAI-Beta, Accept',
    'x-has-more': 'true',
    'x-first-id': id(1),
    'x-last-id': id(2),
    link: `<${URL_OF_LIST}?after=${id(2)}&envelope=false>; rel="next"`,
  })
})

test('an empty array has no ids and no next page', async () => {
  const { body, headers } = await answer({}, { items: [], hasMore: false })
  expect(body).toEqual([])
  expect(headers).toEqual({ vary: 'OpenAI-Beta, Accept', 'x-has-more': 'false' })
})

test('an envelope holds all five keys, also when it is empty', async () => {
  const { body } = await answer({ limit: 3 }, { items: [], hasMore: false })
  expect(body).toEqual({ object: 'list', data: [], first_id: null, last_id: null, has_more: false })
  const full = await answer({ limit: 2 }, { items: [{ id: id(1) }, { id: id(2) }], hasMore: true })
  expect(full.body).toMatchObject({ first_id: id(1), last_id: id(2), has_more: true })
})

test('a page is 20 long and newest first unless asked otherwise', () => {
  expect(fromPageQuery('run', {})).toEqual({ limit: 20, order: 'desc' })
  expect(fromPageQuery('run', { limit: 1, order: 'asc', after: id(1) })).toEqual({
    limit: 1,
    order: 'asc',
    after: '00000000-0000-0000-0000-000000000001',
  })
})

test('a cursor of another kind and one that cannot be are both refused by name', () => {
  expect(() => fromPageQuery('run', { after: 'msg_1' })).toThrow("Invalid 'after': 'msg_1'. Expected an ID that begins with 'run'.")
  expect(() => fromPageQuery('run', { before: 'run_1' })).toThrow("Invalid 'before'")
})
