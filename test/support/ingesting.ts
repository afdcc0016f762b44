import type { Caller } from '../../src/core/caller.ts'
import { createFile, type FilePurpose, receiveContent } from '../../src/core/files/files.ts'
import { claimJobs, type Job, type JobKind } from '../../src/core/jobs/jobs.ts'
import { attachFiles, getStoreFile, type StoreFile } from '../../src/core/vector-stores/store-files.ts'
import { createStore } from '../../src/core/vector-stores/stores.ts'
import type { TestApp } from './app.ts'
import { eventually } from './eventually.ts'

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** Answers the id. */
export async function newFile(
  app: TestApp,
  caller: Caller,
  given: { name?: string; content?: string | Uint8Array; purpose?: FilePurpose } = {},
): Promise<string> {
  const { name = 'note.txt', content = 'A note.', purpose = 'assistants' } = given
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  const object = await receiveContent(app, caller, { source: once(bytes), filename: name })
  const file = await createFile(app, caller, {
    ...{ object, filename: name, purpose, mediaType: 'application/octet-stream', expiresAfterS: null },
  })
  return file.id
}

/** Answers the id. */
export const newStore = async (app: TestApp, caller: Caller, input: { expiresDays?: number } = {}): Promise<string> =>
  (await createStore(app, caller, input)).id

/** A file that is in a store from now on. */
export async function attach(
  app: TestApp,
  caller: Caller,
  given: { name?: string; content?: string | Uint8Array; storeId?: string; tokensMax?: number } = {},
): Promise<StoreFile> {
  const storeId = given.storeId ?? (await newStore(app, caller))
  const fileId = await newFile(app, caller, given)
  const chunking = given.tokensMax ? { chunking: { tokensMax: given.tokensMax, overlapTokens: 0 } } : {}
  const [file] = await attachFiles(app, caller, { storeId, files: [{ fileId, ...chunking }] })
  if (!file) throw new Error('nothing was attached')
  return file
}

/** The file once its ingestion is over. */
export const ended = (app: TestApp, caller: Caller, { storeId, fileId }: StoreFile): Promise<StoreFile> =>
  eventually(async () => {
    const file = await getStoreFile(app, caller, { storeId, fileId })
    return file.status === 'in_progress' ? undefined : file
  })

/** Claims the document's job, for a test that is the worker. */
export async function claimFor(app: TestApp, { documentId }: { documentId: string }, kind: JobKind = 'ingest_document'): Promise<Job> {
  const claimed = await claimJobs(app, { workerId: app.jobs.id, leaseMs: 60_000, limit: 100, kinds: [kind] })
  const found = claimed.find(({ subject }) => subject === documentId)
  if (!found) throw new Error(`There is no job '${kind}' for this document`)
  return found
}

export const jobsOf = async (app: TestApp, subject: string): Promise<string[]> =>
  (await app.records.db.query<{ kind: string }>('select kind from job where subject = $1 order by kind', [subject])).map(({ kind }) => kind)

export const chunkIdsOf = async (app: TestApp, { documentId }: { documentId: string }): Promise<string[]> =>
  (await app.records.db.query<{ id: string }>('select id from chunk where document_id = $1 order by idx', [documentId])).map(({ id }) => id)
