import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { receiveContent } from '../../core/files/files.ts'
import { giveUpObject, type WrittenObject } from '../../core/files/objects.ts'
import { requireUser } from '../../core/ownership/access.ts'
import { checked } from '../../http/checked.ts'
import { PendingBody } from '../../http/pending-body.ts'
import type { IncomingFile } from '../../http/upload.ts'
import { requireFileType } from './file-types.ts'
import { requireId } from './ids.ts'
import { Refusal, requireValid } from './refusal.ts'
import { FileUploadForm } from './uploads.wire.ts'

/** The route reads the multipart form of an upload, which its handler does: nobody knows before where the file goes. */
export const takesUpload = {
  body: checked<typeof FileUploadForm, PendingUpload>(FileUploadForm, (body) => {
    if (!(body instanceof PendingBody)) throw new Error('the body of a form was read before its handler')
    return { value: { receive: (app, caller) => receive(app, caller, body) } }
  }),
  parse: 'formdata' as const,
}

export interface ReceivedUpload {
  object: WrittenObject
  filename: string
  mediaType: string
  purpose: string
  userId: string
}

/** A form that nobody has read yet. */
interface PendingUpload {
  /** Streams the file into the file store. What is wrong with the fields before it is told before a byte of it is kept. */
  receive(app: App, caller: Caller): Promise<ReceivedUpload>
}

const FILE = 'file'

async function receive(app: App, caller: Caller, body: PendingBody): Promise<ReceivedUpload> {
  let named = { filename: '', mediaType: '' }
  const undo = (object: WrittenObject) => giveUpObject(app, object)
  const { fields, file: object } = await body.readUpload<WrittenObject>({
    fileBytesMax: app.limits.fileBytesMax,
    sniffs: true,
    undo,
    onFile: async (file) => {
      named = await welcome(app, caller, file)
      return receiveContent(app, caller, { source: file.content, filename: named.filename, signal: file.signal })
    },
  })
  try {
    const { purpose, userId } = await readFields(app, caller, { fields, hasFile: object !== undefined })
    if (!object) throw new Error('a form without its file was taken for whole')
    // What tells a repeated request from another one.
    body.value = { purpose, userId, filename: named.filename, bytes: object.bytes, sha256: object.sha256 }
    return { object, ...named, purpose, userId }
  } catch (error) {
    if (object) await undo(object)
    throw error
  }
}

async function welcome(app: App, caller: Caller, { field, filename, mediaType, fields }: IncomingFile) {
  if (field !== FILE) throw missing(fields)
  if (filename === undefined || filename === '') throw noUpload()
  // Fields that stand behind the file are looked at when they are there.
  if (fields.has('user_id') && fields.has('purpose')) await readFields(app, caller, { fields, hasFile: true })
  return { filename, mediaType: requireFileType(filename, mediaType) }
}

const missing = (fields: ReadonlyMap<string, string>): Refusal =>
  new Refusal(422, [{ type: 'missing', loc: ['body', FILE], msg: 'Field required', input: [...fields.keys()] }])

const noUpload = (): Refusal =>
  new Refusal(422, [
    {
      type: 'value_error',
      loc: ['body', FILE],
      msg: "Value error, Expected UploadFile, received: <class 'str'>",
      input: null,
      ctx: { error: {} },
    },
  ])

/** An empty field of a form is one that is not there. */
async function readFields(
  app: App,
  caller: Caller,
  { fields, hasFile }: { fields: ReadonlyMap<string, string>; hasFile: boolean },
): Promise<{ purpose: string; userId: string }> {
  if (fields.has(FILE)) throw noUpload()
  const value: Record<string, unknown> = hasFile ? { [FILE]: '' } : {}
  for (const name of ['purpose', 'user_id']) if (fields.get(name)) value[name] = fields.get(name)
  requireValid(FileUploadForm, value, 'body')
  const { purpose, user_id } = value as FileUploadForm
  const userId = requireId('user', user_id)
  await requireUser(app, caller, { id: userId, how: 'self_or_manager', sentence: 'Not authorized to upload files for this user.' })
  return { purpose, userId }
}
