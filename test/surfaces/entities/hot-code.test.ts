import { expect, test } from 'bun:test'
import { HotCode } from '../../../src/surfaces/entities/hot-code.ts'

/** All that is shown of arguments that arrive in pieces of `size` characters. */
function shown(args: string, size: number): string[] {
  const code = new HotCode()
  const pieces: string[] = []
  for (let at = 0; at < args.length; at += size) pieces.push(...code.push(args.slice(at, at + size)))
  return [...pieces, ...code.rest()]
}

test('code is shown line by line, however its arguments are cut', () => {
  const code = 'a = "x\\y"\nprint(a, "é\t😀")\n'
  const args = JSON.stringify({ code, more: 1 })
  for (const size of [1, 2, 3, 7, args.length]) expect(shown(args, size)).toEqual(['```python\n', 'a = "x\\y"\n', 'print(a, "é\t😀")\n'])
})

test('escapes of any kind are read', () => {
  expect(shown('{"code": "\\u0061\\/\\n\\r\\t\\b\\f\\""}', 1)).toEqual(['```python\n', 'a/\n', '\r\t\b\f"'])
})

test('a long line is shown before its end', () => {
  const pieces = shown(JSON.stringify({ code: 'x'.repeat(250) }), 10)
  expect(pieces.slice(1).join('')).toBe('x'.repeat(250))
  expect(pieces.length).toBeGreaterThan(3)
})

test('arguments without code show nothing', () => {
  expect(shown('{"command": "ls"}', 3)).toEqual([])
})
