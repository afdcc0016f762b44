import { type Static, Type as t } from '@sinclair/typebox'
import type { FilePurpose, StoredFile } from '../../core/files/files.ts'
import type { OwnedFile } from '../../core/files/owned-files.ts'
import type { Owned } from '../../core/ownership/ownership.ts'
import { nullable, PathId, Seconds, toSeconds, toSecondsOrNull } from './fields.wire.ts'
import { spell } from './ids.ts'

export const FileUploadForm = t.Object({
  file: t.Unsafe<string>({ type: 'string', format: 'binary' }),
  purpose: t.String({ minLength: 1, maxLength: 64, examples: ['assistants'] }),
  user_id: t.String({ minLength: 1 }),
})
export type FileUploadForm = Static<typeof FileUploadForm>

export const FileResponse = t.Object({
  id: t.String({ pattern: '^file_[A-Za-z0-9]{22}$' }),
  object: t.Literal('file'),
  bytes: t.Integer(),
  created_at: Seconds,
  filename: t.String(),
  purpose: t.String(),
  status: t.Literal('uploaded'),
  expires_at: nullable(Seconds),
})
export type FileResponse = Static<typeof FileResponse>

export const FileParams = { file_id: PathId }

export const FileDeleted = t.Object({ deleted: t.Literal(true) })
export const Base64File = t.Object({ file_id: t.String(), base64: t.String() })
export const SignedUrl = t.Object({ signed_url: t.String() })

/** A client's word for what a file is for may be any; core knows two that differ. */
export const fromPurpose = (word: string): { purpose: FilePurpose; facts: { purpose: string } } => ({
  purpose: word === 'assistants' ? 'assistants' : 'user_data',
  facts: { purpose: word },
})

export function toFile({ file, owned }: { file: StoredFile; owned: Owned | undefined } | OwnedFile): FileResponse {
  const word = owned?.facts.purpose
  return {
    id: spell('file', file.id),
    object: 'file',
    bytes: file.bytes,
    created_at: toSeconds(file.createdAt),
    filename: file.filename,
    purpose: typeof word === 'string' ? word : file.purpose,
    status: 'uploaded',
    expires_at: toSecondsOrNull(file.expiresAt),
  }
}

const DAY_S = 24 * 3600
export const LINK_SECONDS_MAX = 7 * DAY_S

export const SignedUrlQuery = t.Object({
  expires_in: t.Optional(t.Integer({ minimum: 1, description: `Seconds; at most ${LINK_SECONDS_MAX} count.` })),
  use_real_filename: t.Optional(t.Boolean()),
})
export type SignedUrlQuery = Static<typeof SignedUrlQuery>

export const DownloadQuery = t.Object({
  file_id: t.String(),
  expires: t.Integer(),
  signature: t.String(),
  use_real_filename: t.Optional(t.Boolean()),
  tenant: t.Optional(t.String({ description: 'Whose key signed it, where the server has no one secret.' })),
})
export type DownloadQuery = Static<typeof DownloadQuery>
