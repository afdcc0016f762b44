import { describe, expect, test } from 'bun:test'
import { Fault } from '../../src/core/fault.ts'
import { readJson } from '../../src/http/body.ts'

const limits = { bodyBytesMax: 100_000, bodyIdleMs: 5000, jsonDepthMax: 16 }

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>
const post = (body?: Body, headers: Record<string, string> = {}): Request =>
  new Request('http://localhost/', { method: 'POST', headers, ...(body === undefined ? {} : { body }) })

async function faultOf(request: Request, over: Partial<typeof limits> = {}): Promise<Fault> {
  const error = await readJson(request, { ...limits, ...over }).catch((thrown: unknown) => thrown)
  if (error instanceof Fault) return error
  throw new Error(`Expected a fault, got ${JSON.stringify(error)}`)
}

function streamOf(...parts: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(new TextEncoder().encode(part))
      controller.close()
    },
  })
}

describe('reading', () => {
  test('an empty body is an empty object, with and without a declared length', async () => {
    expect(await readJson(post(), limits)).toEqual({})
    expect(await readJson(post('', { 'content-length': '0' }), limits)).toEqual({})
    expect(await readJson(post(streamOf()), limits)).toEqual({})
  })

  test('any JSON value is read, whatever the content type says', async () => {
    expect(await readJson(post('{"a":[1,"é😀",null]}', { 'content-type': 'text/plain' }), limits)).toEqual({ a: [1, 'é😀', null] })
    expect(await readJson(post(streamOf('{"a":', '"b', 'c"}')), limits)).toEqual({ a: 'bc' })
    expect(await readJson(post('3'), limits)).toBe(3)
  })

  test('a key named __proto__ changes no prototype', async () => {
    const body = (await readJson(post('{"__proto__":{"polluted":1},"u":"\\u0041"}'), limits)) as Record<string, unknown>
    expect(Object.getPrototypeOf(body)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

describe('limits', () => {
  test('a declared length over the limit is refused before a byte is read', async () => {
    const request = post('{}', { 'content-length': '100001' })
    expect((await faultOf(request)).code).toBe('too_large')
    expect(request.bodyUsed).toBe(false)
  })

  test('an undeclared length is counted as it comes, and the rest is left unread', async () => {
    let sent = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 10_000
        controller.enqueue(new Uint8Array(10_000).fill(32))
      },
    })
    expect((await faultOf(post(endless))).code).toBe('too_large')
    expect(sent).toBeLessThan(200_000)
  })

  test('a body that stops arriving is given up', async () => {
    const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) })
    expect((await faultOf(post(silent), { bodyIdleMs: 1 })).facts.reason).toBe('syntax')
  })

  test('nesting over the limit is refused, up to it accepted', async () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    expect(await readJson(post(nested(16)), limits)).toBeDefined()
    expect((await faultOf(post(nested(17)))).message).toContain('deeper than 16')
    expect((await faultOf(post('{"a":'.repeat(10_000)))).code).toBe('invalid')
  })

  test('brackets inside strings are not nesting', async () => {
    const text = `${'['.repeat(100)}"\\`
    expect(await readJson(post(JSON.stringify({ text, more: [text] })), limits)).toEqual({ text, more: [text] })
  })
})

describe('refusals', () => {
  test('text that is no JSON says where it breaks', async () => {
    const fault = await faultOf(post('{"a":1,}'))
    expect(fault).toMatchObject({ code: 'invalid', facts: { reason: 'syntax' } })
    expect(fault.message).toContain('could not parse the JSON body')
  })

  test('bytes that are no UTF-8 are refused', async () => {
    expect((await faultOf(post(new Uint8Array([34, 0xff, 34])))).message).toContain('UTF-8')
    // A surrogate half spelled as three bytes is no UTF-8 either.
    expect((await faultOf(post(new Uint8Array([34, 0xed, 0xa0, 0x80, 34])))).message).toContain('UTF-8')
  })

  test('NUL and lone surrogates are refused by the path of their field', async () => {
    expect((await faultOf(post('{"messages":[{"content":"a\\u0000b"}]}'))).facts.param).toBe('messages[0].content')
    expect((await faultOf(post('{"a":{"b":"\\ud800"}}'))).facts.param).toBe('a.b')
    expect((await faultOf(post('{"a":"\\uDC00x"}'))).facts.param).toBe('a')
    expect((await faultOf(post('{"m":{"k\\u0000":1}}'))).facts.param).toBe('m')
    expect(await readJson(post('{"a":"\\ud83d\\ude00 \\\\u0000"}'), limits)).toEqual({ a: '😀 \\u0000' })
  })
})
