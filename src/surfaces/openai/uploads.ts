import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { giveUpObject, settleObject } from '../../core/files/objects.ts'
import { addPart, assembleUpload, cancelUpload, completeUpload, createUpload, receivePart } from '../../core/files/uploads.ts'
import { openaiCaller } from './caller.ts'
import { NoFields } from './fields.wire.ts'
import { requireId } from './ids.ts'
import { answers, asksNothing, takes, takesForm } from './route.ts'
import {
  fromUploadComplete,
  fromUploadCreate,
  PartCreate,
  PartObject,
  toPart,
  toUpload,
  UploadComplete,
  UploadCreate,
  UploadObject,
} from './uploads.wire.ts'

const idOf = (params: { upload_id: string }): string => requireId('upload', 'upload_id', params.upload_id)

export const uploads = (app: App) =>
  new Elysia({ prefix: '/uploads', tags: ['Uploads'] })
    .use(openaiCaller(app))
    .post('', async ({ caller, once, body }) => toUpload(await once((parts) => createUpload(parts, caller, fromUploadCreate(body)))), {
      ...asksNothing,
      ...takes(UploadCreate),
      ...answers({ id: 'createUpload', summary: 'Begin a file that comes in parts' }, UploadObject),
    })
    .post(
      '/:upload_id/parts',
      async ({ caller, once, params, body }) => {
        const uploadId = idOf(params)
        const { object } = await body.receive({
          fileBytesMax: app.limits.uploadPartBytesMax,
          store: ({ content: source, signal }) => receivePart(app, caller, { uploadId, source, signal }),
          undo: (object) => giveUpObject(app, object),
        })
        return toPart(await settleObject(app, object, () => once((parts) => addPart(parts, caller, { uploadId, object }))))
      },
      {
        ...asksNothing,
        ...takesForm(PartCreate, 'data'),
        ...answers({ id: 'addUploadPart', summary: 'Add a part to an upload' }, PartObject),
      },
    )
    .post(
      '/:upload_id/complete',
      async ({ caller, once, params, body }) => {
        const input = fromUploadComplete(idOf(params), body)
        const assembly = await assembleUpload(app, caller, input)
        const complete = () => once((parts) => completeUpload(parts, caller, { ...input, assembly }))
        return toUpload(await settleObject(app, assembly.object, complete))
      },
      { ...asksNothing, ...takes(UploadComplete), ...answers({ id: 'completeUpload', summary: 'Make a file of the parts' }, UploadObject) },
    )
    .post(
      '/:upload_id/cancel',
      async ({ caller, once, params }) => toUpload(await once((parts) => cancelUpload(parts, caller, idOf(params)))),
      {
        ...asksNothing,
        ...takes(NoFields),
        ...answers({ id: 'cancelUpload', summary: 'Cancel an upload' }, UploadObject),
      },
    )
