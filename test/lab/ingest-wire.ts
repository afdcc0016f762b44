import type { JsonObject } from '../../src/core/json.ts'
import { KEY } from './server-process.ts'
import { type Answer, Broken } from './wire.ts'

export interface Sent {
  path: string
  /** Fields before the file. */
  fields: Record<string, string>
  /** Name of the field that holds it. */
  field: string
  /** Bytes are sent as they are, whatever that makes of the form. */
  filename: string | Uint8Array
  content: Uint8Array
  key?: string
  /** Milliseconds between pieces of the body; 0 sends it whole. */
  pauseMs: number
}

const ANSWER_MS = 30_000
const PIECES = 12
const BOUNDARY = 'lab-boundary-7d1f'

/** Posts a file as a form, in pieces if asked. Throws Broken. */
export async function sendFile(base: string, sent: Sent): Promise<Answer> {
  const headers: Record<string, string> = { authorization: `Bearer ${KEY}`, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
  if (sent.key) headers['idempotency-key'] = sent.key
  const bytes = formOf(sent)
  const body = sent.pauseMs > 0 ? inPieces(bytes, sent.pauseMs) : bytes
  try {
    const response = await fetch(base + sent.path, {
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(ANSWER_MS),
      keepalive: false,
    })
    const text = await response.text()
    return { status: response.status, body: JSON.parse(text || '{}') as JsonObject }
  } catch (cause) {
    throw new Broken(`POST ${sent.path}: ${cause}`, { cause })
  }
}

function formOf({ fields, field, filename, content }: Sent): Uint8Array {
  const head = Object.entries(fields).map(
    ([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const before = `${head.join('')}--${BOUNDARY}\r\nContent-Disposition: form-data; name="${field}"; filename="`
  const name = typeof filename === 'string' ? Buffer.from(filename) : filename
  const after = `"\r\nContent-Type: text/plain\r\n\r\n`
  return Buffer.concat([Buffer.from(before), name, Buffer.from(after), content, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)])
}

function inPieces(bytes: Uint8Array, pauseMs: number): ReadableStream<Uint8Array> {
  const size = Math.ceil(bytes.length / PIECES)
  let at = 0
  return new ReadableStream({
    async pull(controller) {
      if (at > 0) await Bun.sleep(pauseMs)
      controller.enqueue(bytes.slice(at, at + size))
      at += size
      if (at >= bytes.length) controller.close()
    },
  })
}

/** The status and, of a download that came whole, the hash of the content. Throws Broken. */
export async function download(base: string, id: string): Promise<{ status: number; sha256: string | undefined }> {
  try {
    const response = await fetch(`${base}/v1/files/${id}/content`, {
      headers: { authorization: `Bearer ${KEY}` },
      signal: AbortSignal.timeout(ANSWER_MS),
      keepalive: false,
    })
    const bytes = await response.bytes()
    return { status: response.status, sha256: response.status === 200 ? sha256Of(bytes) : undefined }
  } catch (cause) {
    throw new Broken(`GET content of ${id}: ${cause}`, { cause })
  }
}

export const sha256Of = (bytes: Uint8Array): string => new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
