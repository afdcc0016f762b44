import type { Caller } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { Needs } from '../needs.ts'
import { readChunkSizes, readChunkTexts } from './file-store.ts'
import { getStoreFile, type StoreFileKey } from './store-files.ts'

export interface ContentPlace {
  documentId: string
  /** Index of the first chunk. */
  from: number
}

export interface StoreFileContent {
  /** As they are searched: each repeats the overlap with the one before. */
  texts: string[]
  next: ContentPlace | null
}

const CONTENT_CHUNKS_MAX = 2_000
const CONTENT_BYTES_MAX = 8 * 1024 * 1024

/**
 * The text that was got from a file, from its first chunk or from `after`, the `next` of an earlier answer. Nothing while
 * it is not ingested. Throws not_found, and invalid where the file was replaced since that answer.
 */
export async function readStoreFileContent(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { after, ...key }: StoreFileKey & { after?: ContentPlace },
): Promise<StoreFileContent> {
  const { documentId, status } = await getStoreFile(app, caller, key)
  if (after && after.documentId !== documentId)
    throw new Fault('invalid', `Invalid 'page': it is no page of this file as it is now.`, { param: 'page', reason: 'value' })
  if (status !== 'completed') return { texts: [], next: null }
  const document = { tenantId: caller.tenantId, documentId }
  const sizes = await readChunkSizes(app.db, document, { from: after?.from ?? 0, limit: CONTENT_CHUNKS_MAX + 1 })
  let bytes = 0
  let shown = 0
  while (shown < Math.min(sizes.length, CONTENT_CHUNKS_MAX) && bytes < CONTENT_BYTES_MAX) bytes += sizes[shown++]?.bytes ?? 0
  const [first, last, next] = [sizes[0], sizes[shown - 1], sizes[shown]]
  if (!first || !last) return { texts: [], next: null }
  const texts = await readChunkTexts(app.db, document, { from: first.idx, to: last.idx })
  return { texts, next: next ? { documentId, from: next.idx } : null }
}
