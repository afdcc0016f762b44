import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import type { JsonObject } from '../../../src/core/json.ts'
import { residentBytes } from '../../../src/drivers/extraction/process/memory.ts'
import { externalStore, type Store } from '../../lab/postgres.ts'
import { KEY, type ServerProcess, startServer } from '../../lab/server-process.ts'
import { SERVER_START_MS } from '../../support/served.ts'

const BYTES = 200_000_000
/** What the server may grow while one file passes: less than the file, more than garbage ever was. */
const GROWTH_MAX = 150_000_000
const CHUNK = new Uint8Array(65_536).fill(120)

let store: Store
let server: ServerProcess
let user = ''
beforeAll(async () => {
  store = await externalStore()
  server = await startServer(store.env, `${store.dir}/server.log`)
  user = String(((await (await ask('POST', '/users', {})).json()) as JsonObject).id)
  // The code is loaded and compiled before the memory is read.
  const form = new FormData()
  for (const [name, value] of Object.entries({ purpose: 'x', user_id: user })) form.append(name, value)
  form.append('file', new File([new Uint8Array(4_000_000)], 'a.txt', { type: '' }))
  const { id } = (await (await ask('POST', '/uploads', form)).json()) as JsonObject
  await (await ask('GET', `/uploads/${id}/base64`)).json()
}, SERVER_START_MS)
afterAll(async () => {
  server.signal('SIGTERM')
  await server.exited
  await store.remove()
})

const ask = (method: string, path: string, body?: JsonObject | FormData): Promise<Response> =>
  fetch(`${server.url}/entities${path}`, {
    method,
    headers: { 'x-api-key': KEY, ...(body === undefined || body instanceof FormData ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) }),
  })

/** The highest the server was, above what it was at first. */
class Growth {
  private readonly before = residentBytes(server.pid) ?? 0
  max = 0
  look(): void {
    this.max = Math.max(this.max, (residentBytes(server.pid) ?? 0) - this.before)
  }
}

/** No client of fetch: those keep what they send and get. */
function open(head: string): Socket {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.write(`${head}\r\nhost: x\r\nx-api-key: ${KEY}\r\n`)
  return socket
}

async function send(socket: Socket, data: string | Uint8Array): Promise<void> {
  if (!socket.write(data)) await new Promise<void>((resolve) => socket.once('drain', resolve))
}

/** What comes until the connection is closed: its first characters and how much there was. */
function receive(socket: Socket, growth: Growth): Promise<{ start: string; bytes: number }> {
  return new Promise((resolve, reject) => {
    let [start, bytes] = ['', 0]
    socket.on('data', (data) => {
      if (start.length < 4096) start += String(data.subarray(0, 4096))
      bytes += data.byteLength
      growth.look()
    })
    socket.on('end', () => resolve({ start, bytes }))
    socket.on('error', reject)
  })
}

// Only there does the system tell how large another process is.
test.skipIf(process.platform !== 'linux')(
  'a file of 200 MB passes in both directions, and the server does not grow by it',
  async () => {
    const part = (name: string, value: string) => `--BB\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
    const before = `${part('purpose', 'x')}${part('user_id', user)}--BB\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n`
    const after = '\r\n--BB--\r\n'
    const rising = new Growth()
    const sender = open('POST /entities/uploads HTTP/1.1')
    const answered = receive(sender, rising)
    const length = before.length + BYTES + after.length
    await send(sender, `connection: close\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${before}`)
    for (let at = 0; at < BYTES; at += CHUNK.byteLength) {
      await send(sender, CHUNK.subarray(0, Math.min(CHUNK.byteLength, BYTES - at)))
      rising.look()
    }
    await send(sender, after)
    const { start } = await answered
    expect(start).toStartWith('HTTP/1.1 201')
    const id = /file_\w{22}/.exec(start)?.[0]

    const falling = new Growth()
    const reader = open(`GET /entities/uploads/${id}/base64 HTTP/1.1`)
    const read = receive(reader, falling)
    await send(reader, 'connection: close\r\n\r\n')
    const { start: head, bytes } = await read
    expect([head.startsWith('HTTP/1.1 200'), head.includes(`{"file_id":"${id}","base64":"`)]).toEqual([true, true])
    expect(bytes).toBeGreaterThan(Math.ceil(BYTES / 3) * 4)
    expect(rising.max).toBeLessThan(GROWTH_MAX)
    expect(falling.max).toBeLessThan(GROWTH_MAX)
  },
  120_000,
)
