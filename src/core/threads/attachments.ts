import type { Caller } from '../caller.ts'
import { Fault, unlessMissing } from '../fault.ts'
import { getFiles } from '../files/files.ts'
import type { Needs } from '../needs.ts'
import { CODE_FILES_MAX, codeFilesOf, storesOf, type ToolResources, tooManyCodeFiles } from '../tool-resources/tool-resources.ts'
import { attachFilesIn, getStoreFile } from '../vector-stores/store-files.ts'
import { createStoreIn, requireStores } from '../vector-stores/stores.ts'
import type { NewMessage } from './messages.ts'
import { lockIdleThread, setThreadResources } from './store.ts'

/** Stores that a thread gets for what is attached to its messages live this long after they were last used. */
export const THREAD_STORE_DAYS = 7

const IMAGE_PURPOSES: readonly string[] = ['vision', 'assistants', 'user_data', 'assistants_output']

const imagesOf = ({ content }: NewMessage): string[] =>
  typeof content === 'string'
    ? []
    : content.flatMap((part) => (part.type === 'image_file' ? [String(Object(part.image_file).file_id)] : []))

/** Files that these messages give to a tool, each once. */
const given = (messages: readonly NewMessage[], tool: string): string[] => {
  const attached = messages.flatMap(({ attachments = [] }) => attachments)
  return [...new Set(attached.filter(({ tools }) => tools.some(({ type }) => type === tool)).map(({ fileId }) => fileId))]
}

/** Whether the message names files: nearly none does, and one that does not costs nothing more. */
export const hasFiles = (message: NewMessage): boolean => Boolean(message.attachments?.length) || imagesOf(message).length > 0

/** As many as a store can be made with. */
const FILES_AT_ONCE_MAX = 500

/** Throws not_found for the first missing file, invalid for an image whose file has another purpose, and for too many of them. */
export async function requireFiles(app: Needs<'db' | 'clock'>, caller: Caller, messages: readonly NewMessage[]): Promise<void> {
  const images = new Set(messages.flatMap(imagesOf))
  const attached = messages.flatMap(({ attachments = [] }) => attachments.map(({ fileId }) => fileId))
  const ids = [...new Set([...images, ...attached])]
  if (ids.length === 0) return
  if (ids.length > FILES_AT_ONCE_MAX)
    throw new Fault('invalid', `At most ${FILES_AT_ONCE_MAX} files can come with messages at once.`, { reason: 'too_many_items' })
  for (const { id, purpose } of await getFiles(app, caller, ids)) {
    if (!images.has(id) || IMAGE_PURPOSES.includes(purpose)) continue
    throw new Fault('invalid', `A file of purpose '${purpose}' cannot be shown as an image. Expected purpose 'vision'.`, {
      reason: 'value',
    })
  }
}

/**
 * The resources of a thread once the files of new messages are among them. Inside a transaction of somebody else, who
 * wakes the jobs after the commit; `app.db` is the transaction. The very same object comes back where nothing changed.
 */
export async function giveFilesIn(
  app: Needs<'db' | 'clock' | 'limits'>,
  caller: Caller,
  { resources, messages }: { resources: ToolResources | null; messages: readonly NewMessage[] },
): Promise<ToolResources | null> {
  let result = resources
  const code = [...new Set([...codeFilesOf(resources), ...given(messages, 'code_interpreter')])]
  if (code.length > CODE_FILES_MAX) throw tooManyCodeFiles()
  if (code.length > codeFilesOf(resources).length) result = { ...result, codeInterpreter: { fileIds: code } }
  const searched = given(messages, 'file_search')
  if (searched.length === 0) return result
  const storeId = await usableStore(app, caller, storesOf(resources)[0])
  if (storeId !== undefined) {
    await addFiles(app, caller, { storeId, fileIds: searched })
    return result
  }
  const made = await createStoreIn(app, caller, { fileIds: searched, expiresDays: THREAD_STORE_DAYS })
  return { ...result, fileSearch: { storeIds: [made] } }
}

/** A store that is gone or has expired takes no files: the thread gets another one, as it does when it has none. */
async function usableStore(app: Needs<'db' | 'clock'>, caller: Caller, id: string | undefined): Promise<string | undefined> {
  if (id === undefined) return undefined
  const [store] = (await unlessMissing(requireStores(app, caller, [id]))) ?? []
  return store && !store.expired ? id : undefined
}

/** Files that the store has already are left alone: they would not be found while they are indexed again. */
async function addFiles(
  app: Needs<'db' | 'clock'>,
  caller: Caller,
  { storeId, fileIds }: { storeId: string; fileIds: string[] },
): Promise<void> {
  const missing: string[] = []
  for (const fileId of fileIds) {
    const there = await unlessMissing(getStoreFile(app, caller, { storeId, fileId }))
    if (there?.status !== 'completed' && there?.status !== 'in_progress') missing.push(fileId)
  }
  if (missing.length > 0) await attachFilesIn(app, caller, { storeId, files: missing.map((fileId) => ({ fileId })) })
}

/**
 * Gives the files of new messages to the tools of their thread, in the transaction that appends them. False: there is no
 * such thread, or a run holds it. Throws as requireFiles.
 */
export async function attachIn(
  app: Needs<'db' | 'clock' | 'limits'>,
  caller: Caller,
  { threadId, messages }: { threadId: string; messages: readonly NewMessage[] },
): Promise<boolean> {
  // First the thread: of two messages at once the second sees the store that the first one made.
  const thread = await lockIdleThread(app.db, caller.tenantId, threadId)
  if (!thread) return false
  await requireFiles(app, caller, messages)
  const resources = await giveFilesIn(app, caller, { resources: thread.toolResources, messages })
  if (resources !== thread.toolResources) await setThreadResources(app.db, thread, resources)
  return true
}
