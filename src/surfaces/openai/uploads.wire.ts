import { type Static, Type as t } from '@sinclair/typebox'
import type { NewUpload, Upload, UploadPart } from '../../core/files/uploads.ts'
import { CLOSED, nullable, oneOf, toSeconds, UnixSeconds } from './fields.wire.ts'
import { BinaryContent, FileExpiry, FileObject, toFile } from './files.wire.ts'
import { requireId, spell } from './ids.ts'

export const UploadCreate = t.Object(
  {
    filename: t.String(),
    purpose: oneOf('assistants', 'batch', 'fine-tune', 'vision'),
    bytes: t.Integer({ minimum: 0 }),
    mime_type: t.String(),
    expires_after: t.Optional(FileExpiry),
  },
  CLOSED,
)

export const PartCreate = t.Object({ data: BinaryContent }, CLOSED)

export const UploadComplete = t.Object(
  { part_ids: t.Array(t.String(), { maxItems: 10_000 }), md5: t.Optional(t.String({ maxLength: 64 })) },
  CLOSED,
)

export const UploadObject = t.Object({
  id: t.String(),
  object: t.Literal('upload'),
  bytes: t.Integer(),
  created_at: UnixSeconds,
  expires_at: UnixSeconds,
  filename: t.String(),
  purpose: t.String(),
  status: oneOf('pending', 'completed', 'cancelled', 'expired'),
  file: nullable(FileObject),
})

export const PartObject = t.Object({ id: t.String(), object: t.Literal('upload.part'), created_at: UnixSeconds, upload_id: t.String() })

export const fromUploadCreate = ({ mime_type: mediaType, expires_after, ...body }: Static<typeof UploadCreate>): NewUpload => ({
  ...body,
  mediaType,
  fileExpiresS: expires_after?.seconds ?? null,
})

export const fromUploadComplete = (id: string, { part_ids, md5 }: Static<typeof UploadComplete>) => ({
  id,
  partIds: part_ids.map((part, i) => requireId('upload_part', `part_ids[${i}]`, part)),
  ...(md5 === undefined ? {} : { md5 }),
})

export const toUpload = (upload: Upload): Static<typeof UploadObject> => ({
  id: spell('upload', upload.id),
  object: 'upload',
  bytes: upload.bytes,
  created_at: toSeconds(upload.createdAt),
  expires_at: toSeconds(upload.expiresAt),
  filename: upload.filename,
  purpose: upload.purpose,
  status: upload.status,
  file: upload.file && toFile(upload.file),
})

export const toPart = (part: UploadPart): Static<typeof PartObject> => ({
  id: spell('upload_part', part.id),
  object: 'upload.part',
  created_at: toSeconds(part.createdAt),
  upload_id: spell('upload', part.uploadId),
})
