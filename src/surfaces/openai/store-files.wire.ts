import { type Static, Type as t } from '@sinclair/typebox'
import type { Attributes } from '../../core/attributes.ts'
import { Fault } from '../../core/fault.ts'
import { readId, spellId } from '../../core/id.ts'
import type { ContentPlace, StoreFileContent } from '../../core/vector-stores/file-content.ts'
import type { NewStoreFile, StoreFile } from '../../core/vector-stores/store-files.ts'
import { ChunkingStrategy, fromChunking, ShownChunking, toChunking } from './chunking.wire.ts'
import { CLOSED, deleted, nullable, oneOf, toSeconds, UnixSeconds } from './fields.wire.ts'
import { requireId, spell } from './ids.ts'

export const FileAttributes = t.Unsafe<Attributes>({
  type: 'object',
  description: 'Up to 16 pairs to filter searches by; keys up to 64 characters, values texts up to 512 characters, numbers or booleans.',
  maxProperties: 16,
  propertyNames: { maxLength: 64 },
  additionalProperties: { anyOf: [{ type: 'string', maxLength: 512 }, { type: 'number' }, { type: 'boolean' }] },
})

export const StoreFileCreate = t.Object(
  {
    file_id: t.String(),
    chunking_strategy: t.Optional(ChunkingStrategy),
    attributes: t.Optional(nullable(FileAttributes)),
  },
  CLOSED,
)
export type StoreFileCreate = Static<typeof StoreFileCreate>

export const StoreFileModify = t.Object({ attributes: nullable(FileAttributes) }, CLOSED)

export const StoreFileObject = t.Object({
  id: t.String(),
  object: t.Literal('vector_store.file'),
  usage_bytes: t.Integer(),
  created_at: UnixSeconds,
  vector_store_id: t.String(),
  status: oneOf('in_progress', 'completed', 'cancelled', 'failed'),
  last_error: nullable(t.Object({ code: oneOf('server_error', 'unsupported_file', 'invalid_file'), message: t.String() })),
  chunking_strategy: ShownChunking,
  attributes: nullable(FileAttributes),
})
export type StoreFileObject = Static<typeof StoreFileObject>

export const StoreFileDeleted = deleted('vector_store.file.deleted')

const ContentPart = t.Object({ type: t.Literal('text'), text: t.String() })

export const ContentQuery = t.Object(
  { page: t.Optional(t.String({ description: 'Where to go on: `next_page` of the answer before.' })) },
  CLOSED,
)

export const ContentPage = t.Object({
  object: t.Literal('vector_store.file_content.page'),
  data: t.Array(ContentPart),
  has_more: t.Boolean(),
  next_page: nullable(t.String()),
})

/** `at` is the path of the object that holds them: empty, or such as `files[0].`. */
export const fromFileOptions = (
  { chunking_strategy, attributes }: Omit<StoreFileCreate, 'file_id'>,
  at = '',
): Omit<NewStoreFile, 'fileId'> => ({
  attributes: attributes ?? {},
  ...(chunking_strategy === undefined ? {} : { chunking: fromChunking(chunking_strategy, `${at}chunking_strategy`) }),
})

export const fromStoreFileCreate = ({ file_id, ...options }: StoreFileCreate, at = ''): NewStoreFile => ({
  fileId: requireId('file', `${at}file_id`, file_id),
  ...fromFileOptions(options, at),
})

export const toStoreFile = (file: StoreFile): StoreFileObject => ({
  id: spell('file', file.fileId),
  object: 'vector_store.file',
  usage_bytes: file.usageBytes,
  created_at: toSeconds(file.createdAt),
  vector_store_id: spell('vector_store', file.storeId),
  status: file.status,
  last_error: file.error,
  chunking_strategy: toChunking(file.chunking),
  attributes: file.attributes,
})

const PAGE = /^([0-9a-f]{32})\.(\d{1,9})$/

export function fromContentPage(page: string | undefined): { after?: ContentPlace } {
  if (page === undefined) return {}
  const [, hex = '', from] = PAGE.exec(page) ?? []
  const documentId = readId('', hex)
  if (documentId === undefined)
    throw new Fault('invalid', `Invalid 'page': expected the 'next_page' of an earlier answer.`, { param: 'page', reason: 'value' })
  return { after: { documentId, from: Number(from) } }
}

export const toContentPage = ({ texts, next }: StoreFileContent): Static<typeof ContentPage> => ({
  object: 'vector_store.file_content.page',
  data: texts.map((text) => ({ type: 'text', text })),
  has_more: next !== null,
  next_page: next && `${spellId('', next.documentId)}.${next.from}`,
})
