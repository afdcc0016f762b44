import { describe, expect, test } from 'bun:test'
import { AIMessage, HumanMessage, ToolMessage } from '@langchain/core/messages'
import { citable, citation, MarkerReader, markerOf, type Piece, searchesIn } from '../../src/engine/citations.ts'

const FILES = new Map([
  ['0:0', 'file a'],
  ['0:1', 'file b'],
  ['12:3', 'file c'],
])

/** What comes out of a text that arrives in these parts. */
function read(...parts: string[]): Piece[] {
  const reader = new MarkerReader(FILES)
  const pieces = parts.flatMap((part) => reader.push(part))
  const rest = reader.rest()
  return rest === '' ? pieces : [...pieces, { text: rest }]
}

/** Neighbouring plain pieces as one: how they were cut is free. */
function joined(pieces: Piece[]): Piece[] {
  const out: Piece[] = []
  for (const piece of pieces) {
    const last = out.at(-1)
    if (last && last.fileId === undefined && piece.fileId === undefined) last.text += piece.text
    else out.push({ ...piece })
  }
  return out
}

const TEXT = 'So 【it】 is【0:0†a.md】【0:1†b】, 【9:9†z】 or 【12:3†c】; 【0:0†a'
const PIECES: Piece[] = [
  { text: 'So 【it】 is' },
  { text: '【0:0†a.md】', fileId: 'file a' },
  { text: '【0:1†b】', fileId: 'file b' },
  { text: ', 【9:9†z】 or ' },
  { text: '【12:3†c】', fileId: 'file c' },
  { text: '; 【0:0†a' },
]

describe('a reader of markers', () => {
  test('finds them wherever the text is cut, and loses nothing', () => {
    expect(joined(read(TEXT))).toEqual(PIECES)
    expect(joined(read(...TEXT))).toEqual(PIECES)
    for (let at = 1; at < TEXT.length; at++) expect(joined(read(TEXT.slice(0, at), TEXT.slice(at)))).toEqual(PIECES)
  })

  test('holds nothing back but what may become a marker', () => {
    const reader = new MarkerReader(FILES)
    expect(reader.push('plain ')).toEqual([{ text: 'plain ' }])
    expect(reader.push('text【')).toEqual([{ text: 'text' }])
    expect(reader.push('0:')).toEqual([])
    expect(reader.push('x】 goes on')).toEqual([{ text: '【0:x】 goes on' }])
    expect(reader.push('【重要】')).toEqual([{ text: '【重要】' }])
    expect(reader.push('【重')).toEqual([{ text: '【重' }])
  })

  test('takes a marker by its numbers: models change the name behind them', () => {
    expect(read('【0:1】', '【0:1†source】')).toEqual([
      { text: '【0:1】', fileId: 'file b' },
      { text: '【0:1†source】', fileId: 'file b' },
    ])
  })

  test('gives up on a marker that is too long or runs over the end of its line', () => {
    const long = `【0:0†${'x'.repeat(400)}】`
    expect(joined(read(...long))).toEqual([{ text: long }])
    expect(joined(read(...'【0:0†a\nb】'))).toEqual([{ text: '【0:0†a\nb】' }])
    const reader = new MarkerReader(FILES)
    let held = 0
    for (const letter of long) held = reader.push(letter).length === 0 ? held + 1 : held
    expect(held).toBeLessThan(300)
  })

  test('finds the marker behind an opening that was none', () => {
    expect(joined(read(...'【【0:0†a】'))).toEqual([{ text: '【' }, { text: '【0:0†a】', fileId: 'file a' }])
  })

  test('takes a hundred thousand openings in a moment', () => {
    const from = performance.now()
    expect(joined(read('【'.repeat(100_000)))[0]?.text).toHaveLength(100_000)
    expect(performance.now() - from).toBeLessThan(1_000)
  })
})

const search = (number: number, ...fileIds: string[]) =>
  new ToolMessage({
    content: 'x',
    tool_call_id: `call_${number}`,
    artifact: { search: number, results: fileIds.map((fileId) => ({ fileId, fileName: 'n', score: 1 })) },
  })

test('the results of every search of a thread can be cited, and nothing else is taken for a search', () => {
  const others = [
    new HumanMessage('【0:0†a】'),
    new AIMessage('x'),
    new ToolMessage({ content: '{"search":7,"results":[]}', tool_call_id: 'f', name: 'file_search' }),
    new ToolMessage({ content: 'x', tool_call_id: 'g', artifact: { search: 1 } }),
  ]
  expect(citable(others)).toBeUndefined()
  expect(citable([search(3)])).toBeUndefined()
  const messages = [search(0, 'a', 'b'), ...others, search(1, 'c')]
  expect(searchesIn(messages).map((s) => s.search)).toEqual([0, 1])
  expect([...(citable(messages) ?? [])]).toEqual([
    ['0:0', 'a'],
    ['0:1', 'b'],
    ['1:0', 'c'],
  ])
})

test('a citation says where its marker stands, in UTF-16 units', () => {
  const marker = markerOf(4, 0, 'policy.md')
  const text = `Thirty 🙂 days${marker}.`
  const made = citation(marker, text.indexOf(marker), 'file')
  expect(made).toMatchObject({ type: 'file_citation', text: '【4:0†policy.md】', file_citation: { file_id: 'file' } })
  expect(text.slice(made.start_index, made.end_index)).toBe(marker)
})
