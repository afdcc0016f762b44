import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { createFile, getFile, listFiles, readContent, receiveContent } from '../../core/files/files.ts'
import { giveUpObject, settleObject } from '../../core/files/objects.ts'
import { deleteFile } from '../../core/files/removal.ts'
import { sendDownload } from '../../http/download.ts'
import { openaiCaller } from './caller.ts'
import { FileCreate, FileDeleted, FileObject, FilePageQuery, fromFileForm, fromFilePageQuery, toFile } from './files.wire.ts'
import { requireId } from './ids.ts'
import { envelopeOf, toEnvelope } from './lists.ts'
import { answers, answersBytes, asks, asksNothing, takesForm } from './route.ts'

/** As the original has it: whatever the file is, it is there to be saved. */
const BYTES = 'application/octet-stream'

const idOf = (params: { file_id: string }): string => requireId('file', 'file_id', params.file_id)

export const files = (app: App) =>
  new Elysia({ prefix: '/files', tags: ['Files'] })
    .use(openaiCaller(app))
    .get(
      '',
      async ({ caller, query }) => {
        const page = await listFiles(app, caller, fromFilePageQuery(query))
        return toEnvelope({ ...page, items: page.items.map(toFile) })
      },
      { ...asks(FilePageQuery), ...answers({ id: 'listFiles', summary: 'List files' }, envelopeOf(FileObject)) },
    )
    .post(
      '',
      async ({ caller, once, body }) => {
        const form = await body.receive({
          fileBytesMax: app.limits.fileBytesMax,
          store: ({ content: source, filename, signal }) => receiveContent(app, caller, { source, filename, signal }),
          undo: (object) => giveUpObject(app, object),
        })
        const input = fromFileForm(form)
        return toFile(await settleObject(app, form.object, () => once((parts) => createFile(parts, caller, input))))
      },
      { ...asksNothing, ...takesForm(FileCreate, 'file'), ...answers({ id: 'createFile', summary: 'Upload a file' }, FileObject) },
    )
    .get('/:file_id', async ({ caller, params }) => toFile(await getFile(app, caller, idOf(params))), {
      ...asksNothing,
      ...answers({ id: 'retrieveFile', summary: 'Retrieve a file' }, FileObject),
    })
    .delete(
      '/:file_id',
      async ({ caller, params }) => {
        await deleteFile(app, caller, idOf(params))
        return { id: params.file_id, object: 'file' as const, deleted: true }
      },
      { ...asksNothing, ...answers({ id: 'deleteFile', summary: 'Delete a file' }, FileDeleted) },
    )
    .get(
      '/:file_id/content',
      async ({ caller, params, request }) => {
        const file = await getFile(app, caller, idOf(params))
        const { bytes, filename, sha256: tag } = file
        const open = (range?: { start: number; bytes: number }) => readContent(app, caller, { file, ...(range ? { range } : {}) })
        return sendDownload(request, { bytes, filename, type: BYTES, tag, open })
      },
      { ...asksNothing, ...answersBytes({ id: 'downloadFile', summary: 'Download the content of a file' }) },
    )
