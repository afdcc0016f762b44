import { expect, test } from 'bun:test'
import { attachment, type ByteRange, isShowable, readRange, sendDownload } from '../../src/http/download.ts'

const TEXT = 'hello world'

const download = (headers: Record<string, string> = {}, text = TEXT) =>
  sendDownload(new Request('http://localhost/', { headers }), {
    bytes: text.length,
    type: 'text/html',
    filename: 'ü.html',
    tag: 'abc',
    open: async (range?: ByteRange) => new Blob([range ? text.slice(range.start, range.start + range.bytes) : text]).stream(),
  })

test('a file is sent to be saved and never to be run', async () => {
  const response = await download()
  expect([response.status, await response.text()]).toEqual([200, TEXT])
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/html',
    'content-length': '11',
    'content-disposition': `attachment; filename="_.html"; filename*=UTF-8''%C3%BC.html`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'accept-ranges': 'bytes',
    etag: '"abc"',
  })
})

test.each([
  ['inline', 'text/plain', "default-src 'none'; sandbox"],
  ['inline', 'application/pdf', "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"],
  ['attachment', 'application/pdf', "default-src 'none'; sandbox"],
  ['none', 'text/plain', "default-src 'none'; sandbox"],
] as const)('%s, %s may do next to nothing where it is opened', async (disposition, type, policy) => {
  const open = async () => new Blob(['x']).stream()
  const { headers } = await sendDownload(new Request('http://localhost/'), { bytes: 1, type, filename: 'a', disposition, open })
  expect([headers.get('content-security-policy'), headers.get('x-content-type-options')]).toEqual([policy, 'nosniff'])
  expect(headers.get('content-disposition')).toBe(disposition === 'none' ? null : `${disposition}; filename="a"; filename*=UTF-8''a`)
})

test.each<[isShown: boolean, types: string]>([
  [true, 'image/png image/jpeg text/plain text/csv text/x-python application/pdf TEXT/PLAIN text/plain;charset=utf-8'],
  [false, 'text/html image/svg+xml text/javascript application/xhtml+xml text/xml application/xml text/xsl text/html;charset=x TEXT/HTML'],
  [false, 'application/octet-stream video/mp4 text/vbscript multipart/x-mixed-replace application/x-shockwave-flash x'],
])('%p: a browser may open %s', (isShown, types) => {
  expect(types.split(' ').filter((type) => isShowable(type) !== isShown)).toEqual([])
})

test('a part of it is sent as a part', async () => {
  const response = await download({ range: 'bytes=6-8' })
  expect([response.status, response.headers.get('content-range'), await response.text()]).toEqual([206, 'bytes 6-8/11', 'wor'])
})

test('a range behind the end is refused with the size', async () => {
  const response = await download({ range: 'bytes=11-' })
  expect([response.status, response.headers.get('content-range'), await response.text()]).toEqual([416, 'bytes */11', ''])
})

test.each<[header: string | null, range: [number, number] | undefined | null]>([
  [null, undefined],
  ['bytes=0-0', [0, 1]],
  ['bytes=2-', [2, 8]],
  ['bytes=-3', [7, 3]],
  ['bytes=-30', [0, 10]],
  ['bytes=5-100', [5, 5]],
  ['bytes=10-', null],
  ['bytes=-0', null],
  ['bytes=5-3', undefined],
  ['bytes=-', undefined],
  ['bytes=0-1,3-4', undefined],
  ['lines=0-1', undefined],
  ['bytes=a-b', undefined],
])('%j of ten bytes', (header, range) => {
  expect(readRange(header, 10)).toEqual(range ? { start: range[0], bytes: range[1] } : range)
})

test.each(['a"b\\c.txt', 'a\r\nset-cookie: x', "it's (1)*.txt", '100%.txt', '\ud800'])('the name %j stays inside its header', (name) => {
  const header = attachment(name)
  expect(header).toMatch(/^attachment; filename="[^"\\\r\n]*"; filename\*=UTF-8''[A-Za-z0-9._~!%-]*$/)
  expect(decodeURIComponent(header.split("''")[1] ?? '')).toBe(name.toWellFormed())
})
