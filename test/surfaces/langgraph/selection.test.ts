import { describe, expect, test } from 'bun:test'
import { Refusal } from '../../../src/surfaces/langgraph/refusal.ts'
import { follow, pick, readPath } from '../../../src/surfaces/langgraph/selection.ts'

const read = (text: string) => readPath(text, ['extract', 'x'])

describe('a path', () => {
  test.each([
    ['values', ['values']],
    ['values.messages[-1].content', ['values', 'messages', -1, 'content']],
    ['a[0][12].b c.d-e', ['a', 0, 12, 'b c', 'd-e']],
  ])('is read: %s', (text, path) => expect(read(text)).toEqual(path))

  test.each(['.a', 'a.', 'a..b', 'a[', 'a[]', 'a[x]', 'a[1', 'a]', 'a[0]b', '[0', 'a[1.5]', 'a[99999999999]'])(
    'that is none is refused by name: %s',
    (text) => {
      let refusal: unknown
      try {
        read(text)
      } catch (error) {
        refusal = error
      }
      expect(refusal).toBeInstanceOf(Refusal)
      expect(refusal).toMatchObject({ status: 422, detail: [{ loc: ['body', 'extract', 'x'], msg: expect.stringContaining(text) }] })
    },
  )

  test('leads to what is there, and to null where nothing is', () => {
    const value = { a: [{ b: 1 }, { b: null }, 'text'], 'x y': 2 }
    const at = (text: string) => follow(value, read(text))
    expect(['a[0].b', 'a[-1]', 'x y', 'a[0]'].map(at)).toEqual([1, 'text', 2, { b: 1 }])
    expect(['a[1].b', 'a[1].b.c', 'a[9]', 'a.b', 'a[2].length', 'a.length', 'constructor', 'x y[0]'].map(at)).toEqual(Array(8).fill(null))
  })
})

describe('a selection', () => {
  const state = { values: { a: 1, 'b.c': 2, d: { e: 3 } }, next: [], tasks: null }
  test('has the named fields and no others', () => {
    expect(pick(state, ['next', 'values', 'nobody'])).toEqual({ next: [], values: state.values })
    expect(pick(state, [])).toEqual({})
  })
  test('has single keys of the values, which may have dots', () => {
    expect(pick(state, ['values.a', 'values.b.c', 'values.nobody'])).toEqual({ values: { a: 1, 'b.c': 2 } })
    expect(pick(state, ['values.a', 'values'])).toEqual({ values: state.values })
    expect(pick(state, ['values', 'values.a'])).toEqual({ values: state.values })
    expect(pick(state, ['values.nobody'])).toEqual({ values: {} })
  })
})
