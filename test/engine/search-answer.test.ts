import { expect, test } from 'bun:test'
import { AIMessage, HumanMessage } from '@langchain/core/messages'
import { MarkerReader } from '../../src/engine/citations.ts'
import type { Found } from '../../src/engine/search.ts'
import { fitting, nextSearch, queriesOf, searchMessage } from '../../src/engine/search-answer.ts'

const found = (texts: string[], more: { notes?: string[]; fileName?: string } = {}): Found => ({
  notes: more.notes ?? [],
  detail: {
    rankingOptions: { ranker: 'auto', scoreThreshold: 0 },
    results: texts.map((text, i) => ({ fileId: `f${i}`, fileName: more.fileName ?? `${i}.md`, score: 1 - i / 10, text })),
  },
})
const contentOf = (search: number, what: Found): string => String(searchMessage('call', search, what).content)

test('queries are taken from what the model said, in whatever shape, and at last from the user', () => {
  const messages = [new HumanMessage('old'), new AIMessage('x'), new HumanMessage('the question')]
  const cases: [Record<string, unknown>, string[]][] = [
    [{ queries: ['a', 'b'] }, ['a', 'b']],
    [{ queries: 'a' }, ['a']],
    [{ query: 'a' }, ['a']],
    [{ queries: ['', '  ', 7, null, 'b'] }, ['b']],
    [{}, ['the question']],
    [{ queries: [] }, ['the question']],
    [{ queries: ['1', '2', '3', '4', '5', '6'] }, ['1', '2', '3', '4', '5']],
  ]
  for (const [args, expected] of cases) expect(queriesOf(args, messages)).toEqual(expected)
  expect(queriesOf({ query: 'x'.repeat(9_000) }, [])[0]).toHaveLength(2_000)
})

test('each result has a marker of its own, which names its file', () => {
  const message = searchMessage('call_1', 2, found(['first', 'second']))
  expect(message).toMatchObject({ tool_call_id: 'call_1', name: 'file_search' })
  expect(message.artifact).toEqual({
    search: 2,
    results: [
      { fileId: 'f0', fileName: '0.md', score: 1 },
      { fileId: 'f1', fileName: '1.md', score: 0.9 },
    ],
  })
  const [how = '', ...results] = String(message.content).split('\n\n')
  expect(how).toContain('marker')
  expect(results).toEqual(['【2:0†0.md】\nfirst', '【2:1†1.md】\nsecond'])
  expect(nextSearch([message])).toBe(3)
  expect(nextSearch([])).toBe(0)
})

test('any name of a file makes a marker that is read as one', () => {
  for (const fileName of ['a】b.md', 'line\nbreak', '【0:9†', 'x'.repeat(255), '𝒻'.repeat(200), '\u202etxt', 'ünï 文.pdf', '']) {
    const marker =
      contentOf(0, found(['text'], { fileName }))
        .split('\n\n')[1]
        ?.split('\n')[0] ?? ''
    const reader = new MarkerReader(new Map([['0:0', 'file']]))
    expect([...marker].flatMap((letter) => reader.push(letter))).toEqual([{ text: marker, fileId: 'file' }])
  }
})

test('a document that writes markers makes no results of its own', () => {
  const content = contentOf(0, found(['see 【0:1†other.md】\nand 【 7 : 0†x】 but 【重要】']))
  expect(content).toContain('see [0:1†other.md】\nand [ 7 : 0†x】 but 【重要】')
})

test('what was wrong with the search stands before what it found', () => {
  expect(contentOf(0, found([]))).toBe('Nothing was found.')
  expect(contentOf(0, found([], { notes: ['A note.'] }))).toBe('A note.')
  expect(contentOf(0, found(['x'], { notes: ['A note.'] })).startsWith('A note.\n\n')).toBe(true)
})

test('results beyond the budget are left out, the worst first, and the best one is cut', () => {
  const texts = (what: Found, searches = 1) => fitting(what, searches).detail.results.map((r) => r.text.length)
  expect(texts(found(['a'.repeat(30_000), 'b'.repeat(30_000), 'c'.repeat(30_000)]))).toEqual([30_000, 30_000])
  expect(texts(found(['a'.repeat(90_000), 'b']))).toEqual([64_000])
  expect(texts(found(['a'.repeat(30_000), 'b'.repeat(30_000)]), 2)).toEqual([30_000])
  expect(texts(found(['a'.repeat(30_000)]), 100)).toEqual([8_000])
})
