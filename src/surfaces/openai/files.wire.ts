import { type Static, Type as t } from '@sinclair/typebox'
import type { FilePurpose, NewFile, StoredFile } from '../../core/files/files.ts'
import { mediaTypeOf } from '../../core/files/media-type.ts'
import type { PageRequest } from '../../core/page.ts'
import { CLOSED, oneOf, toSeconds, UnixSeconds } from './fields.wire.ts'
import type { ReceivedForm } from './form.ts'
import { cursorId, spell } from './ids.ts'

export const BinaryContent = t.Unsafe<string>({ type: 'string', format: 'binary' })

export const FileExpiry = t.Object({ anchor: oneOf('created_at'), seconds: t.Integer({ minimum: 3600, maximum: 2_592_000 }) }, CLOSED)

export const FileCreate = t.Object(
  {
    file: BinaryContent,
    purpose: oneOf('assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'),
    expires_after: t.Optional(FileExpiry),
  },
  CLOSED,
)

const FilePurposeWord = oneOf(
  'assistants',
  'assistants_output',
  'batch',
  'batch_output',
  'fine-tune',
  'fine-tune-results',
  'vision',
  'user_data',
  'evals',
)

export const FileObject = t.Object({
  id: t.String(),
  object: t.Literal('file'),
  bytes: t.Integer(),
  created_at: UnixSeconds,
  expires_at: t.Optional(UnixSeconds),
  filename: t.String(),
  purpose: FilePurposeWord,
  status: oneOf('uploaded', 'processed', 'error'),
  status_details: t.Optional(t.String()),
})
export type FileObject = Static<typeof FileObject>

export const FileDeleted = t.Object({ id: t.String(), object: t.Literal('file'), deleted: t.Boolean() })

const LIMIT_MAX = 10_000

export const FilePageQuery = t.Object(
  {
    purpose: t.Optional(FilePurposeWord),
    limit: t.Optional(t.Integer({ minimum: 1, maximum: LIMIT_MAX, default: LIMIT_MAX })),
    order: t.Optional(oneOf('asc', 'desc')),
    after: t.Optional(t.String()),
  },
  CLOSED,
)

export function fromFilePageQuery(query: Static<typeof FilePageQuery>): { page: PageRequest; purpose?: FilePurpose } {
  const { limit = LIMIT_MAX, order = 'desc', after, purpose } = query
  const page: PageRequest = { limit, order, ...(after === undefined ? {} : { after: cursorId('file', 'after', after) }) }
  return { page, ...(purpose === undefined ? {} : { purpose }) }
}

export const fromFileForm = ({ fields, filename, mediaType, object }: ReceivedForm<typeof FileCreate>): NewFile => ({
  object,
  filename,
  purpose: fields.purpose,
  mediaType: mediaTypeOf(filename, mediaType),
  expiresAfterS: fields.expires_after?.seconds ?? null,
})

/** What is stored is ready to be used. */
export const toFile = (file: StoredFile): FileObject => ({
  id: spell('file', file.id),
  object: 'file',
  bytes: file.bytes,
  created_at: toSeconds(file.createdAt),
  ...(file.expiresAt === null ? {} : { expires_at: toSeconds(file.expiresAt) }),
  filename: file.filename,
  purpose: file.purpose,
  status: 'processed',
})
