import { createHmac, timingSafeEqual } from 'node:crypto'
import type { SignedRequest, SigningServer } from './port.ts'

/** A request for `/objects/<tenant>/<id>?<query>` as it came. */
export interface ObjectLink {
  method: string
  tenantId: string
  id: string
  /** Without the question mark. */
  query: string
}

/** The folder of the server's root that http/objects.ts serves. */
const FOLDER = 'objects'
/** Signatures of a later form are no signatures of this one. */
const FORM = 'tetraport object link 1'
const FIELDS = new Set(['expires', 'type', 'bytes', 'filename', 'signature'])

export function signLink(request: SignedRequest, { base, signingKey }: SigningServer): string {
  const { key, expiresAt, type, bytes, filename } = request
  const url = new URL(`${FOLDER}/${key.tenantId}/${key.id}`, base.endsWith('/') ? base : `${base}/`)
  url.searchParams.set('expires', String(Math.floor(expiresAt)))
  url.searchParams.set('type', type)
  if (bytes !== undefined) url.searchParams.set('bytes', String(bytes))
  if (filename !== undefined) url.searchParams.set('filename', filename)
  url.searchParams.set('signature', signatureOf({ ...request, expiresAt: Math.floor(expiresAt) }, signingKey))
  return url.href
}

/** What a link asks for; undefined where it was not signed with this key, or any part of it was changed, or it expired. */
export function verifyLink(link: ObjectLink, { signingKey, now }: { signingKey: string; now: number }): SignedRequest | undefined {
  const query = new URLSearchParams(link.query)
  const names = [...query.keys()]
  if (names.some((name) => !FIELDS.has(name)) || new Set(names).size < names.length) return undefined
  const { method } = link
  const [expiresAt, bytes] = [numberIn(query, 'expires'), numberIn(query, 'bytes')]
  const [type, filename] = [query.get('type'), query.get('filename')]
  if ((method !== 'GET' && method !== 'PUT') || type === null || !expiresAt || Number.isNaN(bytes)) return undefined
  const request: SignedRequest = {
    ...{ key: { tenantId: link.tenantId, id: link.id }, method, expiresAt, type },
    ...(bytes === undefined ? {} : { bytes }),
    ...(filename === null ? {} : { filename }),
  }
  const isSigned = equal(query.get('signature') ?? '', signatureOf(request, signingKey))
  return isSigned && now < expiresAt ? request : undefined
}

/** NaN for what is no number as we write them. */
function numberIn(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  return /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : Number.NaN
}

/** JSON keeps the fields apart, whatever they hold. */
function signatureOf({ key, method, expiresAt, type, bytes, filename }: SignedRequest, signingKey: string): string {
  if (signingKey === '') throw new Error('A link needs a signing key.')
  const text = JSON.stringify([FORM, key.tenantId, key.id, method, expiresAt, type, bytes ?? null, filename ?? null])
  return createHmac('sha256', signingKey).update(text).digest('base64url')
}

/** Takes as long for every text of the right length. */
function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}
