import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault } from '../../core/fault.ts'
import type { StoredFile } from '../../core/files/files.ts'
import { findFileTenant, findLinkKey, linkKey, openLinked } from '../../core/files/links.ts'
import { isShowable, sendDownload } from '../../http/download.ts'
import { baseOf } from './caller.ts'
import { type FileLink, isSigned, readLink, spellLink } from './file-links.ts'
import { decodeId, spell } from './ids.ts'
import { Refusal } from './refusal.ts'
import { answersBytes, asks } from './route.ts'
import { DownloadQuery, LINK_SECONDS_MAX, type SignedUrlQuery } from './uploads.wire.ts'

const BYTES = 'application/octet-stream'
/** What the two forms have promised when nobody said. */
const FIRST_FORM_SECONDS = 3600
const SECOND_FORM_SECONDS = 600

const answer = answersBytes({ id: 'download_file', summary: 'Download a file by a signed link' }, '*/*')
const withoutKey = { detail: { ...answer.detail, security: [] } }

/** Serves signed links. Whoever has one needs no key; it ends with its time or with its file. */
export const downloads = (app: App) =>
  new Elysia({ tags: ['Files'] }).get('/files/download', async ({ query, request }) => download(app, { query, request }), {
    ...asks(DownloadQuery),
    ...withoutKey,
  })

async function download(app: App, { query, request }: { query: DownloadQuery; request: Request }): Promise<Response> {
  const link = readLink(query)
  const id = decodeId('file', link.fileId)
  const tenantId = await findTenant(app, { id, named: query.tenant })
  await admit(app, { link, signature: query.signature, tenantId })
  const missing = new Refusal(404, link.realFilename === undefined ? `File with ID ${link.fileId} not found` : 'File not found')
  if (id === undefined || tenantId === undefined) throw missing
  const { file, read } = await openLinked(app, { tenantId, id }).catch((error) => {
    throw error instanceof Fault && error.code === 'not_found' ? missing : error
  })
  return sendDownload(request, { bytes: file.bytes, tag: file.sha256, ...shownAs(link, file), open: read })
}

/** Links of a server with one secret name no tenant: the file says whose it is. */
async function findTenant(app: App, { id, named }: { id: string | undefined; named: string | undefined }): Promise<string | undefined> {
  if (named !== undefined && app.config.entities.signedUrlSecret === null) return named
  return id === undefined ? undefined : findFileTenant(app, id)
}

interface Admission {
  link: FileLink
  signature: string
  tenantId: string | undefined
}

/** The two forms look at time and signature in their own order, and answer in their own words. */
async function admit(app: App, { link, signature, tenantId }: Admission): Promise<void> {
  const isOver = app.clock.now() / 1000 > link.expires
  const isSecond = link.realFilename !== undefined
  if (isSecond && isOver) throw new Refusal(400, 'Signed URL has expired')
  const { signedUrlSecret } = app.config.entities
  const key = signedUrlSecret ?? (tenantId === undefined ? undefined : await findLinkKey(app, tenantId))
  if (key === undefined || !isSigned(link, signature, key)) throw new Refusal(403, 'Invalid signature')
  if (isOver) throw new Refusal(410, 'URL has expired')
}

/** The first form is always saved, under the id. The second is shown where nothing in it can act. */
function shownAs({ fileId, realFilename }: FileLink, file: StoredFile) {
  if (realFilename === undefined) return { type: BYTES, filename: fileId }
  const disposition = isShowable(file.mediaType) ? ('inline' as const) : ('attachment' as const)
  return { type: file.mediaType, filename: realFilename ? file.filename : fileId, disposition }
}

interface Signing {
  file: StoredFile
  query: SignedUrlQuery
  request: Request
}

/** Whoever says anything about the link means the second form, the only one that has a word for it. */
export async function signFile(app: App, caller: Caller, { file, query, request }: Signing): Promise<string> {
  const { expires_in, use_real_filename } = query
  const isSecond = expires_in !== undefined || use_real_filename !== undefined
  const seconds = Math.min(expires_in ?? (isSecond ? SECOND_FORM_SECONDS : FIRST_FORM_SECONDS), LINK_SECONDS_MAX)
  const link: FileLink = {
    fileId: spell('file', file.id),
    expires: Math.floor(app.clock.now() / 1000) + seconds,
    ...(isSecond ? { realFilename: use_real_filename ?? false } : {}),
  }
  const base = linkBase(app, request)
  const { signedUrlSecret } = app.config.entities
  if (signedUrlSecret !== null) return spellLink(link, { base, key: signedUrlSecret })
  return spellLink(link, { base, key: await linkKey(app, caller.tenantId), tenant: caller.tenantId })
}

/** What `/v1` follows: as configured, else where the request came. */
function linkBase(app: App, request: Request): string {
  const { entities, http } = app.config
  if (entities.baseUrl !== null) return entities.baseUrl
  if (http.publicUrl !== null) return http.publicUrl + entities.prefix
  return new URL(request.url).origin + baseOf(app, request)
}
