import { expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import { quoteTurn } from '../../../src/drivers/models/quote.ts'

const TOOLS = [{ type: 'function', function: { name: 'file_search' } }]
const ask = (content: string): JsonObject => ({ role: 'user', content })
const result = (content: string): JsonObject => ({ role: 'tool', tool_call_id: 'c', content })
const said = (messages: JsonObject[], tools: JsonObject[] = TOOLS) => quoteTurn(messages, tools).text?.join('')

test('it searches for the question once in a turn, and only where a search is offered', () => {
  const question = ask('How long is the warranty?')
  expect(quoteTurn([question], TOOLS)).toEqual({ calls: [{ name: 'file_search', arguments: { queries: ['How long is the warranty?'] } }] })
  const earlier = [question, { role: 'assistant', content: null }, result('x'), { role: 'assistant', content: 'y' }]
  expect(quoteTurn([...earlier, ask('And the price?')], TOOLS).calls?.[0]?.arguments).toEqual({ queries: ['And the price?'] })
  expect(said([question], [])).toContain("the tool 'file_search'")
})

test('it quotes the sentence that shares most words with the question, and its marker', () => {
  const content = [
    'How to cite.',
    '【0:0†my policy.md】\n# Returns\nGoods can be returned. The warranty lasts 30 months. It covers parts.',
    '【0:1†b.md】\nThe warranty is a warranty.',
  ].join('\n\n')
  expect(said([ask('How long does the warranty last?'), result(content)])).toBe('The warranty lasts 30 months.【0:0†my policy.md】')
})

test('it finds sentences of languages without spaces', () => {
  const content = 'x\n\n【3:0†規則.txt】\n返品は可能です。保証期間は三十か月です。部品を含みます。'
  expect(said([ask('保証期間はどのくらいですか'), result(content)])).toBe('保証期間は三十か月です。【3:0†規則.txt】')
})

test('without results it says that it found nothing', () => {
  for (const content of ['Nothing was found.', '']) expect(said([ask('q'), result(content)])).toContain('found nothing')
})
