import { type Static, Type as t } from '@sinclair/typebox'
import { Fault } from '../../core/fault.ts'
import type { FileBatch } from '../../core/vector-stores/batches.ts'
import type { NewStoreFile } from '../../core/vector-stores/store-files.ts'
import { ChunkingStrategy } from './chunking.wire.ts'
import { CLOSED, nullable, oneOf, toSeconds, UnixSeconds } from './fields.wire.ts'
import { spell } from './ids.ts'
import { FileAttributes, fromFileOptions, fromStoreFileCreate, StoreFileCreate } from './store-files.wire.ts'
import { FileCountsObject, fromFileIds, toFileCounts } from './vector-stores.wire.ts'

const FILES_MAX = 2000

export const FileBatchCreate = t.Object(
  {
    file_ids: t.Optional(t.Array(t.String(), { minItems: 1, maxItems: FILES_MAX })),
    files: t.Optional(t.Array(StoreFileCreate, { minItems: 1, maxItems: FILES_MAX })),
    chunking_strategy: t.Optional(ChunkingStrategy),
    attributes: t.Optional(nullable(FileAttributes)),
  },
  CLOSED,
)

export const FileBatchObject = t.Object({
  id: t.String(),
  object: t.Literal('vector_store.files_batch'),
  created_at: UnixSeconds,
  vector_store_id: t.String(),
  status: oneOf('in_progress', 'completed', 'cancelled', 'failed'),
  file_counts: FileCountsObject,
})
export type FileBatchObject = Static<typeof FileBatchObject>

/** Where the files say for themselves how they are to be treated, what is said for all of them means nothing. */
export function fromFileBatchCreate({ file_ids, files, ...forAll }: Static<typeof FileBatchCreate>): NewStoreFile[] {
  if (files && file_ids)
    throw new Fault('invalid', "Invalid 'files': give either 'file_ids' or 'files', not both.", { param: 'files', reason: 'value' })
  if (files) return files.map((file, i) => fromStoreFileCreate(file, `files[${i}].`))
  if (!file_ids) throw new Fault('invalid', "Missing required parameter: 'file_ids'.", { param: 'file_ids', reason: 'missing_field' })
  const options = fromFileOptions(forAll)
  return fromFileIds(file_ids).map((fileId) => ({ fileId, ...options }))
}

export const toFileBatch = (batch: FileBatch): FileBatchObject => ({
  id: spell('file_batch', batch.id),
  object: 'vector_store.files_batch',
  created_at: toSeconds(batch.createdAt),
  vector_store_id: spell('vector_store', batch.storeId),
  status: batch.status,
  file_counts: toFileCounts(batch.counts),
})
