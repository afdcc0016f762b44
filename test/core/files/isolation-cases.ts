import type { Caller } from '../../../src/core/caller.ts'
import * as files from '../../../src/core/files/files.ts'
import type { WrittenObject } from '../../../src/core/files/objects.ts'
import * as ownedFiles from '../../../src/core/files/owned-files.ts'
import * as removal from '../../../src/core/files/removal.ts'
import * as signed from '../../../src/core/files/signed.ts'
import * as uploads from '../../../src/core/files/uploads.ts'
import type { TestApp } from '../../support/app.ts'
import { userOf } from '../../support/people.ts'
import { chunksOf, receive } from './kit.ts'

export interface FileIds {
  file: string
  upload: string
  part: string
  /** Of content that nothing owns yet. */
  object: string
  /** Of an object that a link was given for. */
  linked: string
}

const link = { expiresInMs: 60_000, base: 'https://files.example/' }
const wish = { filename: 'a.txt', purpose: 'assistants' as const, mediaType: 'text/plain' }

/** An upload with a part, content that is about to be a file, and a link to bring some. */
export async function fillFiles(app: TestApp, caller: Caller): Promise<Omit<FileIds, 'file'>> {
  const { id: upload } = await uploads.createUpload(app, caller, { ...wish, bytes: 1, fileExpiresS: null })
  const part = await uploads.addPart(app, caller, { uploadId: upload, object: await receive(app, caller, 'x') })
  const { objectId: linked } = await signed.signedUpload(app, caller, { ...link, mediaType: 'text/plain', bytes: 1 })
  return { upload, part: part.id, object: (await receive(app, caller, 'y')).id, linked }
}

type Case = (caller: Caller, ids: FileIds) => Promise<unknown>

/** Every way in which an id of these functions can be foreign. `own` is what the stranger has itself. */
export function fileCases({ app, own }: { app: () => TestApp; own: () => FileIds }): Record<string, Case[]> {
  const objectOf = (c: Caller, id: string): WrittenObject => ({ tenantId: c.tenantId, id, bytes: 1, sha256: '', md5: '' })
  const page = { limit: 5, order: 'asc' as const }
  const assemble = async (c: Caller, input: { id: string; partIds: string[] }) => {
    const { object, error } = await uploads.assembleUpload(app(), c, input)
    if (error !== undefined) throw error
    return object
  }
  return {
    'files.getFile': [(c, ids) => files.getFile(app(), c, ids.file)],
    'files.getFiles': [(c, ids) => files.getFiles(app(), c, [own().file, ids.file])],
    'files.listFiles': [(c, ids) => files.listFiles(app(), c, { page: { ...page, after: ids.file } })],
    'files.readFile': [(c, ids) => files.readFile(app(), c, ids.file)],
    'files.readContent': [
      async (c, ids) =>
        files.readContent(app(), c, { file: { ...(await files.getFile(app(), c, own().file)), id: ids.file, objectId: ids.object } }),
    ],
    'files.createFile': [(c, ids) => files.createFile(app(), c, { ...wish, object: objectOf(c, ids.object), expiresAfterS: null })],
    'owned-files.createOwnedFile': [
      async (c, ids) => {
        const user = await userOf(app(), c)
        const file = { ...wish, object: objectOf(c, ids.object), expiresAfterS: null }
        return ownedFiles.createOwnedFile(app(), user, { ...file, userId: user.userId, facts: {} })
      },
    ],
    'removal.deleteFile': [(c, ids) => removal.deleteFile(app(), c, ids.file)],
    'signed.signedDownload': [(c, ids) => signed.signedDownload(app(), c, { ...link, fileId: ids.file })],
    'signed.keepSigned': [(c, ids) => signed.keepSigned(app(), c, { ...wish, objectId: ids.linked, expiresAfterS: null })],
    'uploads.receivePart': [(c, ids) => uploads.receivePart(app(), c, { uploadId: ids.upload, source: chunksOf('x') })],
    'uploads.addPart': [
      (c, ids) => uploads.addPart(app(), c, { uploadId: ids.upload, object: objectOf(c, own().object) }),
      (c, ids) => uploads.addPart(app(), c, { uploadId: own().upload, object: objectOf(c, ids.object) }),
    ],
    'uploads.assembleUpload': [
      (c, ids) => assemble(c, { id: ids.upload, partIds: [own().part] }),
      (c, ids) => assemble(c, { id: own().upload, partIds: [ids.part] }),
    ],
    'uploads.completeUpload': [
      (c, ids) => uploads.completeUpload(app(), c, { id: ids.upload, assembly: { object: objectOf(c, own().object) } }),
      (c, ids) => uploads.completeUpload(app(), c, { id: own().upload, assembly: { object: objectOf(c, ids.object) } }),
    ],
    'uploads.cancelUpload': [(c, ids) => uploads.cancelUpload(app(), c, ids.upload)],
  }
}
