import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../../src/core/fault.ts'
import { newId } from '../../src/core/id.ts'
import { verifyLink } from '../../src/drivers/files/links.ts'
import { LocalFiles } from '../../src/drivers/files/local.ts'
import type { Files, ObjectKey, SignedRequest } from '../../src/drivers/files/port.ts'
import { type LinkedObject, type ObjectLinkParts, objectLinks } from '../../src/http/objects.ts'
import { eventually } from '../support/eventually.ts'
import { silentLog } from '../support/postgres.ts'

const clock = {
  time: 1_800_000_000_000,
  now: () => clock.time,
}
const errors: string[] = []
const log = { ...silentLog, error: (event: string) => void errors.push(event) }
const known = new Map<string, LinkedObject>()
let dir: string
let files: LocalFiles
let server: Bun.Server<undefined>

function serve(parts: Partial<ObjectLinkParts> = {}): Bun.Server<undefined> {
  const find = async ({ id }: ObjectKey) => known.get(id)
  const links = objectLinks({ ...{ files, log, clock, verify: verifyLink, find, bodyIdleMs: 300 }, ...parts })
  const fetch = links.compile().fetch as (request: Request) => Promise<Response>
  return Bun.serve({ hostname: '127.0.0.1', port: 0, fetch, idleTimeout: 30 })
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tetraport-objects-'))
  files = new LocalFiles({ dir, diskReserveBytes: 0 })
  server = serve()
})
beforeEach(() => known.clear())
afterAll(async () => {
  await server.stop(true)
  await rm(dir, { recursive: true })
})

const soon = () => clock.now() + 60_000
const sign = (request: SignedRequest, at = server): Promise<string> =>
  files.sign(request, { base: at.url.href, signingKey: `key of ${request.key.tenantId}` })

function expectObject(state: LinkedObject['state'] = 'awaited'): ObjectKey {
  const key = { tenantId: newId(), id: newId() }
  known.set(key.id, { signingKey: `key of ${key.tenantId}`, state })
  return key
}

async function keptObject(text: string): Promise<ObjectKey> {
  const key = expectObject('kept')
  await files.put(key, new Blob([text]).stream(), { bytesMax: 2 ** 30 })
  return key
}

const linkFor = async (text = 'hello'): Promise<string> =>
  sign({ key: await keptObject(text), method: 'GET', expiresAt: soon(), type: 'text/html', filename: 'page.html' })

const putting = async (bytes: number): Promise<{ key: ObjectKey; url: string }> => {
  const key = expectObject()
  return { key, url: await sign({ key, method: 'PUT', expiresAt: soon(), type: 'text/plain', bytes }) }
}

const put = (url: string, body: string | Uint8Array | ReadableStream, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'PUT', body, headers: { 'content-type': 'text/plain', ...headers } })

const REFUSAL = { error: 'forbidden', message: 'This link is not valid.' }

async function expectRefusal(answer: Response): Promise<void> {
  expect([answer.status, await answer.json()]).toEqual([403, REFUSAL])
}

const isThere = async (key: ObjectKey): Promise<boolean> => (await files.size(key).catch(() => -1)) >= 0

test('a page that somebody stored is sent so that no browser runs it', async () => {
  const answer = await fetch(await linkFor('<script>alert(1)</script>'))
  expect(await answer.text()).toBe('<script>alert(1)</script>')
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'text/html',
    'content-disposition': expect.stringMatching(/^attachment; filename="page\.html"/),
    'x-content-type-options': 'nosniff',
    'content-security-policy': expect.stringContaining('sandbox'),
    'cache-control': expect.stringContaining('private'),
  })
})

test('ranges are sent as asked, and refused where there is nothing', async () => {
  const url = await linkFor('0123456789')
  const get = async (range: string) => {
    const answer = await fetch(url, { headers: { range } })
    return [answer.status, answer.headers.get('content-range'), await answer.text()]
  }
  expect(await get('bytes=0-0')).toEqual([206, 'bytes 0-0/10', '0'])
  expect(await get('bytes=7-')).toEqual([206, 'bytes 7-9/10', '789'])
  expect(await get('bytes=-3')).toEqual([206, 'bytes 7-9/10', '789'])
  expect(await get('bytes=5-100')).toEqual([206, 'bytes 5-9/10', '56789'])
  expect(await get('bytes=10-')).toEqual([416, 'bytes */10', ''])
  expect(await get('bytes=0-1,3-4')).toEqual([200, null, '0123456789'])
})

test('an object that was kept takes no second PUT', async () => {
  const { key, url } = await putting(5)
  const first = await put(url, 'hello')
  expect([first.status, first.headers.get('etag')]).toEqual([200, '"5d41402abc4b2a76b9719d911017c592"'])
  await expectRefusal(await put(url, 'world'))
  known.set(key.id, { signingKey: `key of ${key.tenantId}`, state: 'kept' })
  await expectRefusal(await put(url, 'world'))
  expect(await new Response(await files.read(key)).text()).toBe('hello')
})

test('of two PUTs at once one is taken', async () => {
  const { key, url } = await putting(1_000_000)
  const answers = await Promise.all(['a', 'b', 'c'].map((letter) => put(url, letter.repeat(1_000_000))))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 403, 403])
  expect(new Set(await new Response(await files.read(key)).text()).size).toBe(1)
})

test('whatever is wrong with a link, the answer is the same', async () => {
  const url = await linkFor()
  const unknown = await sign({ key: { tenantId: newId(), id: newId() }, method: 'GET', expiresAt: soon(), type: 'text/plain' })
  const gone = await sign({ key: expectObject('gone'), method: 'GET', expiresAt: soon(), type: 'text/plain' })
  const lost = await sign({ key: expectObject('kept'), method: 'GET', expiresAt: soon(), type: 'text/plain' })
  const awaited = await sign({ key: expectObject('awaited'), method: 'GET', expiresAt: soon(), type: 'text/plain' })
  const unsigned = url.replace(/signature=.*/, '')
  const places = ['objects', 'objects/', 'objects/a/b', 'objects/..%2f..%2fetc/passwd', `objects/${newId()}`].map(
    (path) => server.url.href + path,
  )
  for (const link of [unknown, gone, lost, awaited, unsigned, `${url}&more=1`, ...places]) {
    const answer = await fetch(link)
    if (link.endsWith('/objects')) expect(answer.status).toBe(404)
    else await expectRefusal(answer)
  }
})

test("a link signed with another tenant's key is refused", async () => {
  const key = await keptObject('hello')
  const request: SignedRequest = { key, method: 'GET', expiresAt: soon(), type: 'text/plain' }
  await expectRefusal(await fetch(await files.sign(request, { base: server.url.href, signingKey: `key of ${newId()}` })))
})

test('a link is good until the moment it expires', async () => {
  const url = await linkFor()
  clock.time += 59_999
  expect((await fetch(url)).status).toBe(200)
  clock.time += 1
  await expectRefusal(await fetch(url))
})

test('a body of another length or type is refused, with and without a declared length', async () => {
  const { key, url } = await putting(5)
  // A Blob or a text would tell its length.
  const chunked = (text: string) =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(text))
        controller.close()
      },
    })
  for (const body of ['hell', 'hello!', '', chunked('hell'), chunked('hello!')]) await expectRefusal(await put(url, body))
  await expectRefusal(await put(url, 'hello', { 'content-type': 'text/plain; charset=utf-8' }))
  expect(await isThere(key)).toBe(false)
  expect((await put(url, chunked('hello'))).status).toBe(200)
})

test('an empty object can be sent', async () => {
  const { key, url } = await putting(0)
  expect((await put(url, '')).status).toBe(200)
  expect(await files.size(key)).toBe(0)
})

test('a large body is refused with an answer that arrives', async () => {
  const { url } = await putting(5)
  await expectRefusal(await put(url, new Uint8Array(20_000_000)))
})

/** Sends the head of a PUT and the beginning of its body, then nothing. */
function halfPut(url: string, bytes: number): { socket: ReturnType<typeof connect>; answer: Promise<string> } {
  const { hostname, port, pathname, search } = new URL(url)
  const socket = connect(Number(port), hostname)
  const answer = Promise.withResolvers<string>()
  socket.on('data', (data) => answer.resolve(String(data)))
  socket.on('error', answer.reject)
  socket.write(
    `PUT ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\nhalf of it`,
  )
  return { socket, answer: answer.promise }
}

test('a body that stops arriving is refused and leaves nothing', async () => {
  const { key, url } = await putting(100)
  const { socket, answer } = halfPut(url, 100)
  expect(await answer).toStartWith('HTTP/1.1 403')
  socket.destroy()
  expect(await isThere(key)).toBe(false)
  expect((await put(url, 'x'.repeat(100))).status).toBe(200)
})

test('a client that breaks off leaves nothing, and may try again', async () => {
  const { key, url } = await putting(100)
  const { socket, answer } = halfPut(url, 100)
  answer.catch(() => undefined)
  const part = join(dir, key.tenantId, key.id.slice(-2), `${key.id}.part`)
  await eventually(() => existsSync(part) || undefined)
  await expectRefusal(await put(url, 'x'.repeat(100)))
  socket.destroy()
  await eventually(async () => ((await put(url, 'x'.repeat(100))).status === 200 ? true : undefined))
  expect(await files.size(key)).toBe(100)
})

test('trouble of the server is not told as a bad link', async () => {
  const key = expectObject()
  const ask = async (parts: Partial<ObjectLinkParts>) => {
    const other = serve(parts)
    const answer = await put(await sign({ key, method: 'PUT', expiresAt: soon(), type: 'text/plain', bytes: 5 }, other), 'hello')
    const told = [answer.status, ((await answer.json()) as { error: string }).error]
    await other.stop(true)
    return told
  }
  const full = new LocalFiles({ dir, diskReserveBytes: 2 ** 60 })
  expect(await ask({ files: full })).toEqual([507, 'no_room'])
  const unavailable = () => Promise.reject(new Fault('unavailable', 'no database at 10.0.0.1'))
  expect(await ask({ find: unavailable })).toEqual([503, 'unavailable'])
  expect(await ask({ find: () => Promise.reject(new Error('a bug')) })).toEqual([500, 'internal'])
  expect(errors).toEqual(['object.link_failed'])
})

test('a server whose files lie elsewhere serves no link', async () => {
  const elsewhere: Files = Object.assign(Object.create(files), { kind: 's3' })
  const other = serve({ files: elsewhere })
  const key = await keptObject('hello')
  await expectRefusal(await fetch(await sign({ key, method: 'GET', expiresAt: soon(), type: 'text/plain' }, other)))
  await other.stop(true)
})
