import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { Fault } from '../../src/core/fault.ts'
import { answerEarly } from '../../src/http/rest.ts'
import { type IncomingFile, readUpload } from '../../src/http/upload.ts'
import { eventually } from '../support/eventually.ts'

/** What the last request made of its file. */
const seen = { started: 0, undone: [] as string[], ended: '' as string }
let onFile: (file: IncomingFile) => Promise<string>
let server: Bun.Server<undefined>

async function textOf({ field, filename, mediaType, content }: IncomingFile): Promise<string> {
  seen.started++
  const parts: Uint8Array[] = []
  for await (const part of content) parts.push(part)
  return JSON.stringify([field, filename, mediaType, Buffer.concat(parts).toString()])
}

const limits = { bodyIdleMs: 250, fileBytesMax: 4_000_000 }

async function answer(request: Request): Promise<Response> {
  try {
    const { fields, file } = await readUpload<string>(request, {
      limits,
      onFile: (file) => onFile(file),
      undo: async (made) => void seen.undone.push(made),
      sniffs: new URL(request.url).pathname === '/sniffing',
    })
    return Response.json({ fields: Object.fromEntries(fields), file: file === undefined ? null : JSON.parse(file) })
  } catch (error) {
    seen.ended = error instanceof Fault ? `${error.code}: ${error.message}` : String(error)
    return Response.json(seen.ended, { status: error instanceof Fault && error.code === 'too_large' ? 413 : 400 })
  }
}

beforeAll(() => {
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 30,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: async (request) => answerEarly(request, await answer(request)),
  })
})
beforeEach(() => {
  Object.assign(seen, { started: 0, undone: [], ended: '' })
  onFile = textOf
})
afterAll(() => server.stop(true))

const HEAD = 'content-type: multipart/form-data; boundary=BB\r\n'
const field = (name: string, value: string): string => `--BB\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
const file = (disposition: string, text: string): string =>
  `--BB\r\ncontent-disposition: form-data; ${disposition}\r\ncontent-type: application/octet-stream\r\n\r\n${text}\r\n`
const END = '--BB--\r\n'

async function send(body: string | FormData, type?: string, path = '/'): Promise<{ status: number; said: unknown }> {
  const headers = typeof body === 'string' ? { 'content-type': type ?? 'multipart/form-data; boundary=BB' } : {}
  const response = await fetch(new URL(path, server.url), { method: 'POST', body, headers })
  return { status: response.status, said: await response.json() }
}

test('fields may stand before and behind the file', async () => {
  const [a, b, text] = [field('purpose', 'assistants'), field('x[y]', '3'), file('name="file"; filename="a.txt"', 'hello')]
  const expected = { fields: { purpose: 'assistants', 'x[y]': '3' }, file: ['file', 'a.txt', 'application/octet-stream', 'hello'] }
  for (const body of [a + b + text, text + a + b, a + text + b]) expect(await send(body + END)).toEqual({ status: 200, said: expected })
})

test('forms of fetch arrive, with names in every script', async () => {
  const form = new FormData()
  form.append('file', new File(['ü\r\n--BB--\r\n'], 'ü 日本.md', { type: 'text/markdown' }))
  form.append('purpose', 'ü')
  expect((await send(form)).said).toEqual({ fields: { purpose: 'ü' }, file: ['file', 'ü 日本.md', 'text/markdown', 'ü\r\n--BB--\r\n'] })
})

test.each([
  ['filename="ü日本.txt"', 'ü日本.txt'],
  ["filename*=UTF-8''%e2%82%ac%20rates.txt", '€ rates.txt'],
  ['filename="x.txt"; filename*=UTF-8\'\'%c3%bc.txt', 'ü.txt'],
  ['filename="../../etc/passwd"', '../../etc/passwd'],
  ['filename="a \\"b\\".txt"', 'a "b".txt'],
])('%s is the name %s', async (disposition, name) => {
  expect((await send(file(`name="file"; ${disposition}`, 'x') + END)).said).toMatchObject({ file: ['file', name, expect.anything(), 'x'] })
})

test('an empty file and a form without one are told apart', async () => {
  expect((await send(file('name="file"; filename="a"', '') + END)).said).toMatchObject({
    file: ['file', 'a', 'application/octet-stream', ''],
  })
  expect((await send(field('a', 'b') + END)).said).toEqual({ fields: { a: 'b' }, file: null })
  expect((await send(END)).said).toEqual({ fields: {}, file: null })
})

test.each<[what: string, body: string, said: string]>([
  ['garbage', 'garbage', 'unexpected end of form'],
  ['nothing', '', 'unexpected end of form'],
  ['a form that ends in the file', file('name="file"; filename="a"', 'x').slice(0, -2), 'unexpected end of form'],
  ['a form without its last boundary', field('a', 'b'), 'unexpected end of form'],
  ['a broken part header', `--BB\r\nfoo\r\n\r\nx\r\n${END}`, 'malformed part header'],
  ['a field twice', field('a', '1') + field('a', '2') + END, "Invalid 'a': it was given more than once"],
  [
    'a file twice',
    file('name="f"; filename="a"', '1') + file('name="f"; filename="b"', '2') + END,
    "Invalid 'f': it was given more than once",
  ],
  ['two files', file('name="f"; filename="a"', '1') + file('name="g"; filename="b"', '2') + END, 'there is more than one file'],
  ['a long field', field('a', 'x'.repeat(9000)) + END, 'a field is longer than 8192 bytes'],
  ['a part without a name', file('filename="a"', 'x') + END, 'a part has no name'],
  ['many fields', Array.from({ length: 40 }, (_, i) => field(`f${i}`, 'x')).join('') + END, 'there are more than 32 fields'],
])('%s is refused', async (_, body, said) => {
  const answered = await send(body)
  expect(answered.status).toBe(400)
  expect(String(answered.said)).toContain(said)
})

test.each(['application/json', 'multipart/form-data', 'multipart/mixed; boundary=BB', ''])('%j is no type of a form', async (type) => {
  const { status, said } = await send(field('a', 'b') + END, type)
  expect([status, String(said)]).toEqual([400, expect.stringMatching(/Content-Type|no boundary/)])
})

describe('where a form is known by how it begins', () => {
  const sniff = (body: string, type = 'application/json') => send(body, type, '/sniffing')
  const whole = field('a', 'b') + file('name="file"; filename="a.txt"', 'hello') + END

  test.each(['application/json', 'text/plain', '', 'application/json; charset=utf-8'])('its type may be %j', async (type) => {
    const said = { fields: { a: 'b' }, file: ['file', 'a.txt', 'application/octet-stream', 'hello'] }
    expect(await sniff(whole, type)).toEqual({ status: 200, said })
    expect(await sniff(whole.replaceAll('BB', "--x.1+'?=y"), type)).toEqual({ status: 200, said })
  })

  test('the boundary that a type names counts', async () => {
    expect((await sniff(whole, 'multipart/form-data; boundary=CC')).status).toBe(400)
    expect((await sniff(whole, 'multipart/form-data; boundary=BB')).status).toBe(200)
  })

  test.each(['{"a": 1}', '--', '--BB', '--\r\n', `--${'B'.repeat(71)}\r\n`, '--B B"\r\n', 'x'.repeat(200_000), '-'])(
    'what begins otherwise is no form: %p',
    async (body) => {
      const { status, said } = await sniff(body)
      expect([status, String(said)]).toEqual([400, expect.stringContaining('Content-Type')])
    },
  )
})

test('a file that was taken is given back when what follows it is bad', async () => {
  await send(file('name="file"; filename="a"', 'x') + field('a', '1') + field('a', '2') + END)
  expect(seen.undone.length).toBe(1)
  await send(file('name="file"; filename="a"', 'x') + field('a', '1'))
  expect(seen.undone.length).toBe(2)
})

test('who refuses the file is asked for nothing more, and its own words are told', async () => {
  onFile = () => Promise.reject(new Fault('invalid', 'not this one'))
  expect(await send(file('name="file"; filename="a"', 'x'.repeat(1_000_000)) + END)).toEqual({ status: 400, said: 'invalid: not this one' })
  expect(seen.undone).toEqual([])
})

/** A request on a bare socket, so that it can be late, long or broken. */
async function open(head: string): Promise<{ socket: Socket; got(): string; closed: Promise<void> }> {
  const socket = connect(Number(server.port), '127.0.0.1')
  let text = ''
  socket.on('data', (bytes) => {
    text += bytes.toString()
  })
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  await new Promise<void>((resolve) => socket.on('connect', () => resolve()))
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${HEAD}${head}\r\n\r\n`)
  return { socket, got: () => text, closed }
}

test('a body that is declared too large is refused before it is sent', async () => {
  const { socket, got } = await open('content-length: 6000000')
  await eventually(() => (got().includes('4000000 bytes') ? true : undefined))
  expect(got()).toStartWith('HTTP/1.1 413')
  expect(seen.started).toBe(0)
  socket.destroy()
})

test('a body of no declared length is refused once it is too large, and its connection ends', async () => {
  onFile = async ({ content }) => {
    for await (const _ of content);
    return '1'
  }
  const { socket, got, closed } = await open('transfer-encoding: chunked')
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  const start = file('name="file"; filename="a"', '').slice(0, -2)
  socket.write(`${start.length.toString(16)}\r\n${start}\r\n`)
  let ended = false
  void closed.then(() => {
    ended = true
  })
  while (!ended) {
    if (socket.write(chunk)) await Bun.sleep(0)
    else await Promise.race([closed, new Promise<void>((resolve) => socket.once('drain', () => resolve()))])
  }
  expect(got()).toStartWith('HTTP/1.1 413')
  expect(got()).toContain('too_large: The file is larger than 4000000 bytes.')
})

test('a client that goes away in the middle of a file breaks it off', async () => {
  const outcome = Promise.withResolvers<string>()
  onFile = (incoming) => {
    const read = textOf(incoming)
    read.then(
      () => outcome.resolve('read'),
      (error) => outcome.resolve(String(error)),
    )
    return read
  }
  const { socket } = await open('content-length: 1000000')
  socket.write(file('name="file"; filename="a"', 'x'.repeat(1000)))
  await eventually(() => (seen.started > 0 ? true : undefined))
  socket.destroy()
  expect(await outcome.promise).toContain('could not be read')
})

test('a body that stops arriving is refused', async () => {
  const { socket, got, closed } = await open('content-length: 1000000')
  socket.write(file('name="file"; filename="a"', 'x'.repeat(1000)))
  await eventually(() => (got().includes('stopped arriving') ? true : undefined))
  expect(got()).toStartWith('HTTP/1.1 400')
  // The rest does not come: the connection is given up soon.
  await closed
})

test('a slow taker slows the sender down', async () => {
  const gate = Promise.withResolvers<void>()
  onFile = async ({ content }) => {
    seen.started++
    await gate.promise
    let bytes = 0
    for await (const part of content) bytes += part.byteLength
    return String(bytes)
  }
  const size = 3_500_000
  const { socket, got } = await open('transfer-encoding: chunked')
  const body = Buffer.from(file('name="file"; filename="a"', 'x'.repeat(size)) + END)
  socket.write(`${body.byteLength.toString(16)}\r\n`)
  socket.write(body)
  socket.write('\r\n0\r\n\r\n')
  await eventually(() => (seen.started > 0 ? true : undefined))
  // Longer than the longest silence: waiting for the taker is not the sender's silence.
  await Bun.sleep(limits.bodyIdleMs * 2)
  expect(got()).toBe('')
  gate.resolve()
  await eventually(() => (got().includes(`"file":${size}`) ? true : undefined))
  socket.destroy()
})

test('what was read of a body is not held until its end', async () => {
  const sent: WeakRef<Uint8Array>[] = []
  const encoder = new TextEncoder()
  const texts = [file('name="file"; filename="a"', '').slice(0, -2), ...Array<string>(40).fill('x'.repeat(10_000)), `\r\n${END}`].values()
  let held = -1
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = texts.next()
        if (!done) {
          const chunk = encoder.encode(value)
          sent.push(new WeakRef(chunk))
          return controller.enqueue(chunk)
        }
        Bun.gc(true)
        await Bun.sleep(0)
        Bun.gc(true)
        held = sent.filter((chunk) => chunk.deref() !== undefined).length
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  const headers = { 'content-type': 'multipart/form-data; boundary=BB' }
  const request = new Request('http://localhost/', { method: 'POST', headers, body })
  await readUpload<string>(request, { limits, onFile: textOf, undo: async () => undefined })
  expect(sent.length).toBe(42)
  expect(held).toBeLessThan(20)
})
