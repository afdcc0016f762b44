/** A part of something, lying within it. */
export interface ByteRange {
  start: number
  bytes: number
}

/** What a browser could do with a file of somebody else's when it is opened in place of being saved: nothing. */
const HARMLESS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
  'cache-control': 'private, no-transform',
}

/** PDF viewers of browsers do not start in a sandbox. */
const HARMLESS_PDF = { ...HARMLESS, 'content-security-policy': "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'" }

/** For saving under this name, in any script (RFC 6266). */
export const attachment = (filename: string | undefined): string => disposed('attachment', filename)

function disposed(how: 'attachment' | 'inline', filename: string | undefined): string {
  if (filename === undefined) return how
  const plain = filename.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const encoded = encodeURIComponent(filename.toWellFormed()).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  return `${how}; filename="${plain}"; filename*=UTF-8''${encoded}`
}

/**
 * What a Range header asks of `bytes` bytes; undefined for all of it: no header, several ranges, another unit, or a syntax
 * that has to be ignored; null when nothing of the range is there.
 */
export function readRange(header: string | null, bytes: number): ByteRange | undefined | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '')
  const [, first = '', last = ''] = match ?? []
  if (first === '' && last === '') return undefined
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined
  const start = first === '' ? Math.max(0, bytes - Number(last)) : Number(first)
  const end = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1)
  return start > end ? null : { start, bytes: end - start + 1 }
}

/** What browsers run is an open set, so this names what they do not. */
const SHOWN =
  /^(?:image\/(?:png|jpeg|gif|webp|avif|bmp)|text\/(?:plain|csv|tab-separated-values|markdown|css|x-[\w.+-]+)|application\/pdf)$/

/** Whether a browser may open such a file in place of saving it: nothing in it can act in the name of this server. */
export const isShowable = (type: string): boolean => SHOWN.test(bare(type))

const bare = (type: string): string => (type.split(';')[0] ?? '').trim().toLowerCase()

export interface Download {
  /** Of the whole. */
  bytes: number
  /** Media type. */
  type: string
  filename?: string
  /** To be saved, unless something else is said; `none` leaves it to the client. */
  disposition?: 'attachment' | 'inline' | 'none'
  /** Names this very content. */
  tag?: string
  open(range?: ByteRange): Promise<ReadableStream<Uint8Array>>
}

/** Bun does not tell the length of a stream (https://github.com/oven-sh/bun/issues/10507): what is small is sent in one piece. */
const WHOLE_BYTES_MAX = 2 ** 20

/** The whole, or the range that the request asks for; 416 without a body where there is nothing of it. */
export async function sendDownload(request: Request, { bytes, open, ...named }: Download): Promise<Response> {
  const range = readRange(request.headers.get('range'), bytes)
  if (range === null) return new Response(null, { status: 416, headers: { 'content-range': `bytes */${bytes}` } })
  const length = range?.bytes ?? bytes
  const content = await open(range)
  const body = length <= WHOLE_BYTES_MAX ? await new Response(content).bytes() : content
  const headers = headersOf(named)
  headers.set('content-length', String(length))
  if (range) headers.set('content-range', `bytes ${range.start}-${range.start + range.bytes - 1}/${bytes}`)
  return new Response(body, { status: range ? 206 : 200, headers })
}

function headersOf({ type, filename, tag, disposition = 'attachment' }: Omit<Download, 'bytes' | 'open'>): Headers {
  const inlinePdf = disposition === 'inline' && bare(type) === 'application/pdf'
  const headers = new Headers({ ...(inlinePdf ? HARMLESS_PDF : HARMLESS), 'content-type': type, 'accept-ranges': 'bytes' })
  if (disposition !== 'none') headers.set('content-disposition', disposed(disposition, filename))
  if (tag !== undefined) headers.set('etag', `"${tag}"`)
  return headers
}
