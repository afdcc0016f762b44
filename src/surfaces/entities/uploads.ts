import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { readContent } from '../../core/files/files.ts'
import { settleObject } from '../../core/files/objects.ts'
import { createOwnedFile } from '../../core/files/owned-files.ts'
import { deleteFile } from '../../core/files/removal.ts'
import { requireFile } from '../../core/ownership/access.ts'
import { sendBase64 } from '../../http/base64.ts'
import { sendDownload } from '../../http/download.ts'
import { entitiesCaller } from './caller.ts'
import { signFile } from './downloads.ts'
import { requireId, spell } from './ids.ts'
import { answers, answersBytes, asks, paths } from './route.ts'
import { takesUpload } from './upload-form.ts'
import { Base64File, FileDeleted, FileParams, FileResponse, fromPurpose, SignedUrl, SignedUrlQuery, toFile } from './uploads.wire.ts'

const BYTES = 'application/octet-stream'

const idOf = (params: { file_id: string }): string => requireId('file', params.file_id)

/** Files of users. Where two operations of the contract share a path, one handler does what both promise. */
export const uploads = (app: App) =>
  new Elysia({ tags: ['Samba'] })
    .use(entitiesCaller(app))
    .post(
      '/uploads',
      async ({ caller, once, body }) => {
        const { object, userId, purpose, ...named } = await body.receive(app, caller)
        const input = { object, userId, ...named, ...fromPurpose(purpose), expiresAfterS: null }
        return toFile(await settleObject(app, object, () => once((parts) => createOwnedFile(parts, caller, input))))
      },
      { ...takesUpload, ...answers({ id: 'upload_file', summary: 'Upload a file' }, FileResponse, 201) },
    )
    .get('/uploads/:file_id', async ({ caller, params }) => toFile(await requireFile(app, caller, idOf(params))), {
      ...paths(FileParams),
      ...answers({ id: 'get_file_by_id', summary: 'Retrieve a file' }, FileResponse),
    })
    .delete(
      '/uploads/:file_id',
      async ({ caller, params }) => {
        const { file } = await requireFile(app, caller, idOf(params))
        await deleteFile(app, caller, file.id)
        return { deleted: true as const }
      },
      { ...paths(FileParams), ...answers({ id: 'delete_file', summary: 'Delete a file; links to it end' }, FileDeleted) },
    )
    .get(
      '/uploads/:file_id/object',
      async ({ caller, params, request }) => {
        const { file } = await requireFile(app, caller, idOf(params))
        const open = (range?: { start: number; bytes: number }) => readContent(app, caller, { file, ...(range ? { range } : {}) })
        return sendDownload(request, { bytes: file.bytes, type: BYTES, tag: file.sha256, disposition: 'none', open })
      },
      { ...paths(FileParams), ...answersBytes({ id: 'download_file_as_object', summary: 'Download the content of a file' }, BYTES) },
    )
    .get(
      '/uploads/:file_id/base64',
      async ({ caller, params }) => {
        const { file } = await requireFile(app, caller, idOf(params))
        const content = await readContent(app, caller, { file })
        return sendBase64({ fields: { file_id: spell('file', file.id) }, name: 'base64', content })
      },
      { ...paths(FileParams), ...answers({ id: 'get_file_as_base64', summary: 'Retrieve the content of a file as base64' }, Base64File) },
    )
    .get(
      '/uploads/:file_id/signed-url',
      async ({ caller, params, query, request }) => {
        const { file } = await requireFile(app, caller, idOf(params))
        return { signed_url: await signFile(app, caller, { file, query, request }) }
      },
      {
        ...{ ...paths(FileParams), ...asks(SignedUrlQuery) },
        ...answers({ id: 'get_signed_url', summary: 'Make a link that serves a file without a key' }, SignedUrl),
      },
    )
