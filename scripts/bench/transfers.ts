import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { hasS3, s3Settings, stopS3Server } from '../../test/support/s3-server.ts'
import { dropFolder, endAll, KEY, startStub, startTested, temporaryFolder, testedProgram } from './children.ts'

// What large files cost the whole server in memory, over a real socket; see README.md. Linux only.

/** Of MB = 10^6 bytes, what the server may grow while a file passes. */
const GATE_MB = 150
const CHUNK_BYTES = 65_536
const PART_BYTES = 60_000_000
const BOUNDARY = 'bench-boundary'

const authorization = `Bearer ${KEY}`
const chunk = Uint8Array.from({ length: CHUNK_BYTES }, (_, i) => (i * 31) % 251)

/** Resident size of the server without its Postgres. */
const residentMb = (pid: number, field: 'VmRSS' | 'VmHWM'): number =>
  (Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / 1e6

interface Server {
  url: string
  pid: number
}

/** Sends a form with a file of so many bytes, as fast as the server takes them. */
async function sendForm(
  { url }: Server,
  path: string,
  form: { field: string; bytes: number; fields: Record<string, string> },
): Promise<unknown> {
  const texts = Object.entries(form.fields).map(
    ([name, value]) => `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const head = `${texts.join('')}--${BOUNDARY}\r\ncontent-disposition: form-data; name="${form.field}"; filename="bench.bin"\r\n\r\n`
  const tail = `\r\n--${BOUNDARY}--\r\n`
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const answered = new Promise<string>((resolve, reject) => {
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes.toString()
      if (text.includes('\r\n\r\n') && text.endsWith('}')) resolve(text)
    })
    socket.on('error', reject)
  })
  const lines = [`POST ${path} HTTP/1.1`, 'host: bench', `authorization: ${authorization}`]
  lines.push(`content-type: multipart/form-data; boundary=${BOUNDARY}`, `content-length: ${head.length + form.bytes + tail.length}`)
  socket.write(`${lines.join('\r\n')}\r\n\r\n${head}`)
  for (let left = form.bytes; left > 0; left -= CHUNK_BYTES) {
    if (!socket.write(left < CHUNK_BYTES ? chunk.subarray(0, left) : chunk))
      await new Promise<void>((resolve) => socket.once('drain', resolve))
  }
  socket.write(tail)
  const text = await answered
  socket.destroy()
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(text)
  return JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4))
}

/** Checksum of what `sendForm` sends. */
function sumOf(parts: readonly number[]): string {
  const hasher = new Bun.CryptoHasher('sha256')
  for (const bytes of parts)
    for (let left = bytes; left > 0; left -= CHUNK_BYTES) hasher.update(left < CHUNK_BYTES ? chunk.subarray(0, left) : chunk)
  return hasher.digest('hex')
}

async function sendJson({ url }: Server, path: string, body: unknown): Promise<{ id: string; file?: { id: string } }> {
  const headers = { authorization, 'content-type': 'application/json' }
  const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as { id: string; file?: { id: string } }
}

async function download({ url }: Server, id: string, slow: boolean): Promise<string> {
  const response = await fetch(`${url}/v1/files/${id}/content`, { headers: { authorization } })
  const hasher = new Bun.CryptoHasher('sha256')
  let bytes = 0
  for await (const part of response.body ?? []) {
    hasher.update(part)
    // A client that takes less than the disk gives must not fill the server's memory.
    if (slow && Math.floor((bytes + part.byteLength) / 5e6) > Math.floor(bytes / 5e6)) await Bun.sleep(20)
    bytes += part.byteLength
  }
  return hasher.digest('hex')
}

/** Prints by how much the server grew at its peak. */
async function measure<T>(
  name: string,
  server: Server,
  { bytes, act, gateMb = GATE_MB }: { bytes: number; act(): Promise<T>; gateMb?: number },
): Promise<T> {
  const before = residentMb(server.pid, 'VmRSS')
  const began = performance.now()
  let peak = before
  const sampler = setInterval(() => {
    peak = Math.max(peak, residentMb(server.pid, 'VmRSS'))
  }, 20)
  try {
    const result = await act()
    const seconds = (performance.now() - began) / 1000
    const grown = peak - before
    console.log(
      `${name.padEnd(34)} peak memory +${grown.toFixed(0)} MB over ${before.toFixed(0)} MB, ${(bytes / 1e6 / seconds).toFixed(0)} MB/s`,
    )
    if (grown >= gateMb) process.exitCode = 1
    return result
  } finally {
    clearInterval(sampler)
  }
}

async function run(server: Server, bytes: number): Promise<void> {
  const check = (got: string, parts: readonly number[]) => {
    if (got !== sumOf(parts)) throw new Error('The content that came back is another one.')
  }
  const fields = { purpose: 'user_data' }
  // The code is loaded and compiled before anything is measured.
  await sendForm(server, '/v1/files', { field: 'file', bytes: 5e6, fields })
  const upload = () => sendForm(server, '/v1/files', { field: 'file', bytes, fields }) as Promise<{ id: string }>
  const { id } = await measure('upload', server, { bytes, act: upload })
  check(await measure('download', server, { bytes, act: () => download(server, id, false) }), [bytes])
  check(await measure('download by a slow client', server, { bytes, act: () => download(server, id, true) }), [bytes])

  const parts = Array.from({ length: Math.ceil(bytes / PART_BYTES) }, (_, i) => Math.min(PART_BYTES, bytes - i * PART_BYTES))
  const wish = { filename: 'bench.bin', purpose: 'assistants', bytes, mime_type: 'application/octet-stream' }
  const { id: uploadId } = await sendJson(server, '/v1/uploads', wish)
  const path = `/v1/uploads/${uploadId}`
  const addAll = () =>
    Promise.all(
      parts.map((size) => sendForm(server, `${path}/parts`, { field: 'data', bytes: size, fields: {} }) as Promise<{ id: string }>),
    )
  // Every part is an upload of its own.
  const added = await measure(`${parts.length} parts at once`, server, { bytes, act: addAll, gateMb: (parts.length * GATE_MB) / 4 })
  const complete = () => sendJson(server, `${path}/complete`, { part_ids: added.map((part) => part.id) })
  const { file } = await measure('putting them together', server, { bytes, act: complete })
  check(await download(server, file?.id ?? '', false), parts)
  console.log(`largest resident size of the server at any time: ${residentMb(server.pid, 'VmHWM').toFixed(0)} MB`)
}

const { values } = parseArgs({
  options: {
    mb: { type: 'string', default: '500' },
    executable: { type: 'string', default: 'dist/tetraport' },
    sources: { type: 'boolean', default: false },
    s3: { type: 'boolean', default: false },
  },
})

async function settingsOfS3(): Promise<Record<string, string>> {
  const s3 = await s3Settings()
  return {
    TETRAPORT_FILES_S3_BUCKET: s3.s3Bucket ?? '',
    TETRAPORT_FILES_S3_ENDPOINT: s3.s3Endpoint ?? '',
    TETRAPORT_FILES_S3_ACCESS_KEY_ID: s3.s3AccessKeyId ?? '',
    TETRAPORT_FILES_S3_SECRET_ACCESS_KEY: s3.s3SecretAccessKey ?? '',
  }
}

if (values.s3 && !hasS3('the S3 adapter')) process.exit(2)
const dir = temporaryFolder()
try {
  const stub = await startStub()
  const settings = values.s3 ? await settingsOfS3() : {}
  const server = await startTested({ ...testedProgram(values), settings }, join(dir, 'data'), stub)
  await run(server, Number(values.mb) * 1e6)
} finally {
  await endAll()
  await stopS3Server()
  dropFolder(dir)
}
