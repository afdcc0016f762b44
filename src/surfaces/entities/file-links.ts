import { createHmac, timingSafeEqual } from 'node:crypto'
import type { DownloadQuery } from './uploads.wire.ts'

/** What a link to a file allows, as it is written in its query. */
export interface FileLink {
  /** As spelled in the link. */
  fileId: string
  /** Unix time in seconds. */
  expires: number
  /** Absent in links of the first form, which only know the id as a name. */
  realFilename?: boolean
}

/** Lower-case hex. The second form says yes and no as Python does. */
function signatureOf({ fileId, expires, realFilename }: FileLink, key: string): string {
  const name = realFilename === undefined ? '' : realFilename ? ':True' : ':False'
  return createHmac('sha256', key).update(`${fileId}:${expires}${name}`).digest('hex')
}

/** @param tenant whose key it is; absent where all have one */
export function spellLink(link: FileLink, using: { base: string; key: string; tenant?: string }): string {
  const query = new URLSearchParams({ file_id: link.fileId, expires: String(link.expires) })
  if (link.realFilename !== undefined) query.set('use_real_filename', String(link.realFilename))
  query.set('signature', signatureOf(link, using.key))
  if (using.tenant !== undefined) query.set('tenant', using.tenant)
  return `${using.base}/v1/files/download?${query}`
}

export const readLink = ({ file_id: fileId, expires, use_real_filename: realFilename }: DownloadQuery): FileLink => ({
  ...{ fileId, expires },
  ...(realFilename === undefined ? {} : { realFilename }),
})

/** Takes as long for every signature of the right length. */
export function isSigned(link: FileLink, signature: string, key: string): boolean {
  const [given, expected] = [Buffer.from(signature), Buffer.from(signatureOf(link, key))]
  return given.byteLength === expected.byteLength && timingSafeEqual(given, expected)
}
