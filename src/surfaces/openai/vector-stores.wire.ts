import { type Static, Type as t } from '@sinclair/typebox'
import type { FileCounts, NewVectorStore, VectorStore, VectorStoreChange } from '../../core/vector-stores/stores.ts'
import { ChunkingStrategy, fromChunking } from './chunking.wire.ts'
import { CLOSED, deleted, Metadata, nullable, oneOf, toSeconds, toSecondsOrNull, UnixSeconds } from './fields.wire.ts'
import { requireId, spell } from './ids.ts'

const ExpiresAfter = t.Object({ anchor: t.Literal('last_active_at'), days: t.Integer({ minimum: 1, maximum: 365 }) }, CLOSED)

export const VectorStoreCreate = t.Object(
  {
    name: t.Optional(nullable(t.String())),
    description: t.Optional(nullable(t.String())),
    file_ids: t.Optional(t.Array(t.String(), { maxItems: 500 })),
    expires_after: t.Optional(nullable(ExpiresAfter)),
    chunking_strategy: t.Optional(ChunkingStrategy),
    metadata: t.Optional(nullable(Metadata)),
  },
  CLOSED,
)

export const VectorStoreModify = t.Object(
  {
    name: t.Optional(nullable(t.String())),
    expires_after: t.Optional(nullable(ExpiresAfter)),
    metadata: t.Optional(nullable(Metadata)),
  },
  CLOSED,
)

export const FileCountsObject = t.Object({
  in_progress: t.Integer(),
  completed: t.Integer(),
  failed: t.Integer(),
  cancelled: t.Integer(),
  total: t.Integer(),
})

export const VectorStoreObject = t.Object({
  id: t.String(),
  object: t.Literal('vector_store'),
  created_at: UnixSeconds,
  name: t.String(),
  description: t.Optional(t.String()),
  usage_bytes: t.Integer(),
  file_counts: FileCountsObject,
  status: oneOf('expired', 'in_progress', 'completed'),
  expires_after: t.Optional(ExpiresAfter),
  expires_at: nullable(UnixSeconds),
  last_active_at: nullable(UnixSeconds),
  metadata: Metadata,
})
export type VectorStoreObject = Static<typeof VectorStoreObject>

export const VectorStoreDeleted = deleted('vector_store.deleted')

export const fromFileIds = (ids: readonly string[], param = 'file_ids'): string[] =>
  ids.map((id, i) => requireId('file', `${param}[${i}]`, id))

export const fromVectorStoreCreate = (body: Static<typeof VectorStoreCreate>): NewVectorStore => ({
  name: body.name ?? null,
  description: body.description ?? null,
  metadata: body.metadata ?? {},
  expiresDays: body.expires_after?.days ?? null,
  fileIds: fromFileIds(body.file_ids ?? []),
  ...(body.chunking_strategy === undefined ? {} : { chunking: fromChunking(body.chunking_strategy) }),
})

export function fromVectorStoreModify(body: Static<typeof VectorStoreModify>): VectorStoreChange {
  const change: VectorStoreChange = {}
  if (body.name !== undefined) change.name = body.name
  if (body.metadata !== undefined) change.metadata = body.metadata ?? {}
  if (body.expires_after !== undefined) change.expiresDays = body.expires_after?.days ?? null
  return change
}

export const toFileCounts = ({ inProgress, ...counts }: FileCounts): Static<typeof FileCountsObject> => ({
  in_progress: inProgress,
  ...counts,
})

const statusOf = ({ expired, counts }: VectorStore): VectorStoreObject['status'] =>
  expired ? 'expired' : counts.inProgress > 0 ? 'in_progress' : 'completed'

export const toVectorStore = (store: VectorStore): VectorStoreObject => ({
  id: spell('vector_store', store.id),
  object: 'vector_store',
  created_at: toSeconds(store.createdAt),
  name: store.name ?? '',
  ...(store.description === null ? {} : { description: store.description }),
  usage_bytes: store.usageBytes,
  file_counts: toFileCounts(store.counts),
  status: statusOf(store),
  ...(store.expiresDays === null ? {} : { expires_after: { anchor: 'last_active_at' as const, days: store.expiresDays } }),
  expires_at: toSecondsOrNull(store.expiresAt),
  last_active_at: toSeconds(store.lastActiveAt),
  metadata: store.metadata,
})
