import { expect, test } from 'bun:test'
import { requireFilename } from '../../../src/core/files/filename.ts'
import { mediaTypeOf, requireMediaType } from '../../../src/core/files/media-type.ts'

test.each([
  ['report.pdf', 'report.pdf'],
  ['../../etc/passwd', 'passwd'],
  ['/etc/passwd', 'passwd'],
  ['C:\\Users\\me\\a.txt', 'a.txt'],
  ['..\\..\\b.txt', 'b.txt'],
  ['Übersicht 日本語 🦊.md', 'Übersicht 日本語 🦊.md'],
  ['...', '...'],
  ['.gitignore', '.gitignore'],
  ['CON', 'CON'],
  ['a b"c\'d;e.txt', 'a b"c\'d;e.txt'],
  [`${'x'.repeat(251)}.txt`, `${'x'.repeat(251)}.txt`],
])('the name of %j is %j', (sent, shown) => {
  expect(requireFilename(sent, 'file')).toBe(shown)
})

test.each(['', ' ', '.', '..', '/', 'a/', 'a/..', 'a\u0000.txt', 'a\nb', 'a\u007f', '\u0085', 'a\ud800', 'evil\u0000/../a.txt'])(
  '%j is no name',
  (sent) => {
    expect(() => requireFilename(sent, 'filename')).toThrow("Invalid 'filename'")
  },
)

test('a name of 256 characters is too long', () => {
  expect(() => requireFilename('x'.repeat(256), 'file')).toThrow('maximum length 255, but got one with length 256')
})

test.each([
  ['a.PDF', 'application/octet-stream', 'application/pdf'],
  ['a.md', 'text/plain', 'text/markdown'],
  ['a', 'image/png', 'image/png'],
  ['a.unknown', 'text/x-odd; charset=utf-8', 'text/x-odd; charset=utf-8'],
  ['a.unknown', 'nonsense', 'application/octet-stream'],
  ['constructor.toString', 'application/octet-stream', 'application/octet-stream'],
  ['a.b\r\nset-cookie: x', 'text/html\r\nx: y', 'application/octet-stream'],
])('the media type of %j, sent as %j, is %j', (filename, sent, type) => {
  expect(mediaTypeOf(filename, sent)).toBe(type)
})

test('a media type has a shape', () => {
  expect(requireMediaType('application/vnd.ms-excel', 'mime_type')).toBe('application/vnd.ms-excel')
  for (const bad of ['', 'pdf', 'a/', 'a/b c', 'a/b\r\nx: y', `a/${'b'.repeat(300)}`])
    expect(() => requireMediaType(bad, 'mime_type')).toThrow("Invalid 'mime_type'")
})
