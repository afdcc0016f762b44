import type { AnyElysia } from 'elysia'
import { Elysia } from 'elysia'
import { Fault } from '../core/fault.ts'
import { isUuid } from '../core/id.ts'
import type { Clock, Log, Needs } from '../core/needs.ts'
import { within } from './body.ts'
import { sendDownload } from './download.ts'
import { answerEarly, leaveRest, throwAway } from './rest.ts'

type Files = Needs<'files'>['files']
type SignedRequest = Parameters<Files['sign']>[0]
type ObjectKey = SignedRequest['key']

/** A request for `/objects/<tenant>/<id>?<query>` as it came. */
interface ObjectLink {
  method: string
  tenantId: string
  id: string
  query: string
}

/** What is known of an object whose link is used. */
export interface LinkedObject {
  /** The key that its tenant's links are signed with. */
  signingKey: string
  /** Whether its bytes are expected (then a PUT is served), there (a GET), or neither. */
  state: 'awaited' | 'kept' | 'gone'
}

export interface ObjectLinkParts {
  files: Files
  log: Log
  clock: Clock
  /** The driver's: undefined for anything but an unchanged link that has not expired. */
  verify(link: ObjectLink, using: { signingKey: string; now: number }): SignedRequest | undefined
  /** Asked for every link, whatever its signature; undefined for an object nobody knows. Throws a Fault when it cannot say. */
  find(key: ObjectKey): Promise<LinkedObject | undefined>
  /** Longest silence inside a body. */
  bodyIdleMs: number
}

/**
 * Serves the signed links of the local file store, without a key. Whatever is wrong with a link or with what is sent to
 * it, the answer is the same: nobody learns which objects there are.
 */
export function objectLinks(parts: ObjectLinkParts): AnyElysia {
  const writing = new Set<string>()
  const answer = async (request: Request) => answerEarly(request, await serve(parts, writing, request))
  return new Elysia().all('/objects/*', ({ request }) => answer(request), { parse: 'none' })
}

async function serve(parts: ObjectLinkParts, writing: Set<string>, request: Request): Promise<Response> {
  try {
    const signed = await admit(parts, request)
    if (!signed) return refused()
    return signed.method === 'GET' ? await download(parts, signed, request) : await receive(parts, writing, { signed, request })
  } catch (error) {
    // Nobody reads an answer to a transfer that was broken off.
    return request.signal.aborted ? refused() : failed(parts.log, error)
  }
}

const LINK = /^\/objects\/([^/?]+)\/([^/?]+)(?:\?(.*))?$/

async function admit({ files, clock, verify, find }: ObjectLinkParts, request: Request): Promise<SignedRequest | undefined> {
  const [, tenantId = '', id = '', query = ''] = LINK.exec(request.url.slice(request.url.indexOf('/', 8))) ?? []
  if (files.kind !== 'local' || !isUuid(tenantId) || !isUuid(id)) return undefined
  const object = await find({ tenantId, id })
  if (!object) return undefined
  const signed = verify({ method: request.method, tenantId, id, query }, { signingKey: object.signingKey, now: clock.now() })
  return object.state === (signed?.method === 'GET' ? 'kept' : 'awaited') ? signed : undefined
}

async function download({ files }: ObjectLinkParts, { key, type, filename }: SignedRequest, request: Request): Promise<Response> {
  return sendDownload(request, {
    bytes: await files.size(key),
    type,
    ...(filename === undefined ? {} : { filename }),
    open: (range) => files.read(key, range),
  })
}

/** As an S3 store does it, the answer to a PUT is empty and names the MD5 sum. */
async function receive(
  { files, bodyIdleMs }: ObjectLinkParts,
  writing: Set<string>,
  { signed, request }: { signed: SignedRequest; request: Request },
): Promise<Response> {
  const { key, bytes = 0, type } = signed
  const declared = request.headers.get('content-length')
  if ((declared !== null && declared !== String(bytes)) || request.headers.get('content-type') !== type) return refused()
  const name = `${key.tenantId}/${key.id}`
  if (writing.has(name)) return refused()
  writing.add(name)
  try {
    if (await isThere(files, key)) return refused()
    const source = exactly(bytes, bodyOf(request, { bodyIdleMs }))
    const { md5 } = await files.put(key, source, { bytesMax: bytes, signal: request.signal })
    return new Response(null, { status: 200, headers: { etag: `"${md5}"` } })
  } finally {
    writing.delete(name)
  }
}

async function isThere(files: Files, key: ObjectKey): Promise<boolean> {
  try {
    await files.size(key)
    return true
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return false
    throw error
  }
}

/** A body that ends early must not become an object. */
async function* exactly(bytes: number, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let total = 0
  for await (const chunk of source) {
    total += chunk.byteLength
    if (total > bytes) throw new Fault('invalid', 'The body is longer than the link says.')
    yield chunk
  }
  if (total < bytes) throw new Fault('invalid', 'The body is shorter than the link says.')
}

async function* bodyOf(request: Request, limits: { bodyIdleMs: number }): AsyncGenerator<Uint8Array> {
  if (request.body === null) return
  const reader = request.body.getReader()
  let ended = false
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), limits)
      ended = done
      if (done) return
      yield value
    }
  } finally {
    if (!ended) leaveRest(request, throwAway(reader))
  }
}

const refused = (): Response => Response.json({ error: 'forbidden', message: 'This link is not valid.' }, { status: 403 })

const REFUSED = new Set<string>(['not_found', 'wrong_state', 'invalid'])

function failed(log: Log, error: unknown): Response {
  if (error instanceof Fault && REFUSED.has(error.code)) return refused()
  if (error instanceof Fault && error.code === 'too_large') return trouble(507, 'no_room', error.message)
  if (error instanceof Fault && error.code === 'unavailable') return trouble(503, 'unavailable', 'The file store cannot be used now.')
  log.error('object.link_failed', { cause: error })
  return trouble(500, 'internal', 'The server failed to answer.')
}

const trouble = (status: number, error: string, message: string): Response => Response.json({ error, message }, { status })
