import { type Static, Type as t } from '@sinclair/typebox'
import type { JsonObject } from '../../core/json.ts'
import type { Entry, NewEntry } from '../../core/vector-stores/entries.ts'
import type { NewOwnedStore, OwnedStore } from '../../core/vector-stores/owned-stores.ts'
import { FreeObject, Id, maybe, nullable, oneOf, Seconds, toSeconds, toSecondsOrNull } from './fields.wire.ts'
import { requireId, spell, spellName } from './ids.ts'
import { refuseField } from './refusal.ts'

const STATUSES = [
  ...(['deleted', 'active', 'queued', 'in_progress', 'action_required', 'completed', 'failed', 'cancelling', 'cancelled'] as const),
  ...(['pending', 'processing', 'expired', 'retrying'] as const),
] as const
type Status = (typeof STATUSES)[number]
const StatusWord = oneOf(...STATUSES)

const METRICS = ['COSINE', 'EUCLID', 'DOT'] as const
type Metric = (typeof METRICS)[number]

/** Of the JSON text. Lists hold the objects of all rows. */
const OBJECT_CHARS_MAX = 4096
const PlainObject = maybe(
  t.Unsafe<JsonObject>({ type: 'object', additionalProperties: true, description: `At most ${OBJECT_CHARS_MAX} characters of JSON.` }),
)

export const VectorStoreCreate = t.Object({
  shared_id: Id,
  name: t.String({ minLength: 3, maxLength: 128 }),
  user_id: t.String({ minLength: 3 }),
  vector_size: t.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }),
  distance_metric: t.String({ description: 'COSINE, EUCLID or DOT, in any case.' }),
  config: PlainObject,
})

export const VectorStoreRead = t.Object({
  id: t.String(),
  name: t.String(),
  user_id: t.String({ description: 'Empty for a store that belongs to no user.' }),
  collection_name: t.String(),
  vector_size: t.Integer({ description: '0 for a store that was made without.' }),
  distance_metric: oneOf(...METRICS),
  created_at: Seconds,
  updated_at: nullable(Seconds),
  status: StatusWord,
  config: nullable(FreeObject),
  file_count: t.Integer({ minimum: 0 }),
  object: t.Literal('vector_store'),
})
export const VectorStoreList = t.Array(VectorStoreRead)

export const VectorStoreFileCreate = t.Object({
  file_id: Id,
  file_name: t.String({ maxLength: 256 }),
  file_path: t.String({ maxLength: 1024 }),
  status: maybe(StatusWord),
  meta_data: PlainObject,
  upload_id: maybe(
    t.String({
      description:
        'A file of POST /uploads: this server makes it searchable in the store, and its status follows that. Not in the original.',
    }),
  ),
})

export const VectorStoreFileChange = t.Object({ status: StatusWord, error_message: maybe(t.String({ maxLength: 4096 })) })

export const VectorStoreFileRead = t.Object({
  id: t.String(),
  vector_store_id: t.String(),
  file_name: t.String(),
  file_path: t.String(),
  processed_at: nullable(Seconds),
  status: StatusWord,
  error_message: nullable(t.String()),
  meta_data: nullable(FreeObject),
  object: t.Literal('vector_store.file'),
})
export const VectorStoreFileList = t.Array(VectorStoreFileRead)

export const CollectionQuery = t.Object({ name: t.String() })
export const RemovalQuery = t.Object({ permanent: t.Optional(t.Boolean({ default: false })) })
export const FilePathQuery = t.Object({ file_path: t.String() })
export const SuccessFlag = t.Object({ success: t.Literal(true) })

function requireSmall(name: string, object: JsonObject | null | undefined): JsonObject {
  if (object && JSON.stringify(object).length > OBJECT_CHARS_MAX)
    throw refuseField([name], `an object here has at most ${OBJECT_CHARS_MAX} characters of JSON`)
  return object ?? {}
}

function readMetric(sent: string): Metric {
  const metric = METRICS.find((known) => known === sent.toUpperCase())
  if (!metric) throw refuseField(['distance_metric'], `expected ${METRICS.join(', ')}`, { input: sent.slice(0, 64) })
  return metric
}

export function fromVectorStoreCreate(body: Static<typeof VectorStoreCreate>): Omit<NewOwnedStore, 'userId'> {
  return {
    ...{ alias: body.shared_id, name: body.name, vectorSize: body.vector_size },
    ...{ metric: readMetric(body.distance_metric), config: requireSmall('config', body.config) },
  }
}

export const toVectorStore = (store: OwnedStore): Static<typeof VectorStoreRead> => {
  const id = spellName('vector_store', store.id, store.alias)
  return {
    ...{ id, name: store.name ?? '', user_id: store.userId === null ? '' : spell('user', store.userId), collection_name: id },
    vector_size: store.vectorSize ?? 0,
    distance_metric: (store.metric ?? 'COSINE') as Metric,
    created_at: toSeconds(store.createdAt),
    updated_at: toSecondsOrNull(store.updatedAt),
    status: store.deleted ? 'deleted' : 'active',
    config: store.config,
    file_count: store.entries,
    object: 'vector_store',
  }
}

export function fromVectorStoreFile(body: Static<typeof VectorStoreFileCreate>): NewEntry {
  const { upload_id: uploadId, status } = body
  return {
    ...{ alias: body.file_id, fileName: body.file_name, filePath: body.file_path, metadata: requireSmall('meta_data', body.meta_data) },
    ...(status ? { status } : {}),
    fileId: uploadId === undefined || uploadId === null ? null : requireId('file', uploadId),
  }
}

/** How far this server is with a file, in the words for what clients do themselves. */
const INGESTED: Record<NonNullable<Entry['ingestion']>['status'], Status> = {
  ...({ in_progress: 'processing', completed: 'completed', failed: 'failed', cancelled: 'cancelled' } as const),
  gone: 'deleted',
}

/** @param storeId as the client wrote it */
export function toVectorStoreFile(entry: Entry, storeId: string): Static<typeof VectorStoreFileRead> {
  const { ingestion } = entry
  return {
    ...{ id: entry.alias, vector_store_id: storeId, file_name: entry.fileName, file_path: entry.filePath },
    processed_at: toSecondsOrNull(ingestion ? ingestion.endedAt : entry.processedAt),
    status: ingestion ? INGESTED[ingestion.status] : (entry.status as Status),
    error_message: ingestion ? problemOf(ingestion) : entry.error,
    meta_data: entry.metadata,
    object: 'vector_store.file',
  }
}

const problemOf = ({ status, problem }: NonNullable<Entry['ingestion']>): string | null =>
  status === 'gone' ? 'The uploaded file has been deleted.' : problem
