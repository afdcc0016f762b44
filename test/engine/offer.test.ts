import { expect, test } from 'bun:test'
import { Offer } from '../../src/engine/offer.ts'

const LOOK = { type: 'function', function: { name: 'look' } }
const SEARCH = { type: 'file_search', file_search: { max_num_results: 3 } }
const forced = { type: 'file_search' }

test('functions are offered as they are, and nothing is answered by the server', () => {
  const tools = [LOOK]
  const offer = new Offer(tools)
  expect(offer.tools).toBe(tools)
  expect(['look', 'unknown', 'file_search'].map((name) => [offer.typeOf(name), offer.serves(name)])).toEqual([
    ['function', false],
    ['function', false],
    ['function', false],
  ])
})

test("a search is offered as a function of its name, before the others, which stay the client's", () => {
  const offer = new Offer([LOOK, SEARCH])
  expect(offer.tools[0]).toMatchObject({ type: 'function', function: { name: 'file_search', parameters: { required: ['queries'] } } })
  expect(offer.tools.slice(1)).toEqual([LOOK])
  expect(offer.search).toEqual(SEARCH)
  expect([offer.typeOf('file_search'), offer.serves('file_search')]).toEqual(['file_search', true])
  expect([offer.typeOf('look'), offer.serves('look')]).toEqual(['function', false])
})

test('beside a search the server answers calls of tools that do not exist', () => {
  const offer = new Offer([LOOK, SEARCH])
  expect([offer.typeOf('msearch'), offer.serves('msearch')]).toEqual(['function', true])
})

test('a forced search is the choice of its function, and without a search it is refused', () => {
  expect(new Offer([SEARCH]).choice(forced)).toEqual({ type: 'function', function: { name: 'file_search' } })
  for (const choice of ['none', 'auto', 'required', LOOK] as const) expect(new Offer([]).choice(choice)).toEqual(choice)
  expect(() => new Offer([LOOK]).choice(forced)).toThrow("names 'file_search', which is none of the run's tools")
})

test("another server's tools are not offered, and calls of them are answered here", () => {
  const offer = new Offer([LOOK, { type: 'code_interpreter' }, { type: 'web_search' }])
  expect(offer.tools).toEqual([LOOK])
  expect(['look', 'code_interpreter', 'web_search', 'computer'].map(offer.serves)).toEqual([false, true, true, false])
  expect(offer.refusalOf('web_search')).toBe("The tool 'web_search' is not available on this server. The tools are: look.")
  expect(new Offer([{ type: 'computer' }]).refusalOf('computer')).toContain('There are no tools; answer without.')
  expect(['look', 'code_interpreter', 'computer'].map(offer.knows)).toEqual([true, true, false])
})
