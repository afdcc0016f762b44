import type { Caller } from '../../../src/core/caller.ts'
import * as batches from '../../../src/core/vector-stores/batches.ts'
import * as entries from '../../../src/core/vector-stores/entries.ts'
import * as attributes from '../../../src/core/vector-stores/file-attributes.ts'
import * as content from '../../../src/core/vector-stores/file-content.ts'
import * as ownedStores from '../../../src/core/vector-stores/owned-stores.ts'
import * as search from '../../../src/core/vector-stores/search.ts'
import * as storeFiles from '../../../src/core/vector-stores/store-files.ts'
import * as stores from '../../../src/core/vector-stores/stores.ts'
import type { TestApp } from '../../support/app.ts'
import { complete, recordFile } from '../../support/stores.ts'

export interface StoreIds {
  file: string
  store: string
  batch: string
  document: string
}

/** A store with a batch of one file, which is completed. */
export async function fillStore(app: TestApp, caller: Caller): Promise<StoreIds> {
  const { id: store } = await stores.createStore(app, caller, { name: 's' })
  const { id: file } = await recordFile(app, caller)
  const { id: batch } = await batches.createBatch(app, caller, { storeId: store, files: [{ fileId: file }] })
  const added = await storeFiles.getStoreFile(app, caller, { storeId: store, fileId: file })
  await complete(app, added)
  await entries.addEntry(app, caller, { storeId: store, entry: entryOf(store, file) })
  // Attached to a stand-in of an assistant: only ids count here.
  await ownedStores.attachStore(app, caller, { assistantId: added.documentId, storeId: store })
  return { file, store, batch, document: added.documentId }
}

/** Named after its store. */
const entryOf = (alias: string, fileId: string | null = null): entries.NewEntry => ({
  ...{ alias, fileName: 'n.txt', filePath: alias },
  ...{ metadata: {}, fileId },
})

type Case = (caller: Caller, ids: StoreIds) => Promise<unknown>

/** Every way in which an id of these functions can be foreign. `own` is what the stranger has itself. */
export function storeCases(open: { app: () => TestApp; own: () => StoreIds }): Record<string, Case[]> {
  // Neither is there yet while the cases are made.
  const app = later(open.app)
  const own = later(open.own)
  const page = { limit: 5, order: 'asc' as const }
  const here = (ids: StoreIds) => ({ storeId: ids.store, fileId: ids.file })
  const inOwn = (ids: StoreIds) => ({ storeId: own.store, fileId: ids.file })
  const files = (ids: StoreIds) => [{ fileId: ids.file }]
  return {
    'stores.createStore': [(c, ids) => stores.createStore(app, c, { fileIds: [ids.file] })],
    'stores.createStoreIn': [
      (c, ids) =>
        app.db.transaction((db) => stores.createStoreIn({ db, clock: app.clock, limits: app.limits }, c, { fileIds: [ids.file] })),
    ],
    'stores.getStore': [(c, ids) => stores.getStore(app, c, ids.store)],
    'stores.requireStores': [(c, ids) => stores.requireStores(app, c, [own.store, ids.store])],
    'stores.listStores': [
      (c, ids) => stores.listStores(app, c, { ...page, after: ids.store }),
      (c, ids) => stores.listStores(app, c, { ...page, before: ids.store }),
    ],
    'stores.changeStore': [(c, ids) => stores.changeStore(app, c, { id: ids.store, change: { name: 'x' } })],
    'stores.deleteStore': [(c, ids) => stores.deleteStore(app, c, ids.store)],
    'store-files.attachFiles': [
      (c, ids) => storeFiles.attachFiles(app, c, { storeId: ids.store, files: [{ fileId: own.file }] }),
      (c, ids) => storeFiles.attachFiles(app, c, { storeId: own.store, files: files(ids) }),
    ],
    'store-files.attachFile': [(c, ids) => storeFiles.attachFile(app, c, { storeId: ids.store, file: { fileId: own.file } })],
    'store-files.attachFilesIn': [
      (c, ids) =>
        app.db.transaction((db) => storeFiles.attachFilesIn({ db, clock: app.clock }, c, { storeId: own.store, files: files(ids) })),
    ],
    'store-files.requireStore': [(c, ids) => storeFiles.requireStore(app, c, ids.store)],
    'store-files.getStoreFile': [
      (c, ids) => storeFiles.getStoreFile(app, c, here(ids)),
      (c, ids) => storeFiles.getStoreFile(app, c, inOwn(ids)),
    ],
    'store-files.listStoreFiles': [
      (c, ids) => storeFiles.listStoreFiles(app, c, { storeId: ids.store, page }),
      (c, ids) => storeFiles.listStoreFiles(app, c, { storeId: own.store, page: { ...page, after: ids.file } }),
      (c, ids) => storeFiles.listStoreFiles(app, c, { storeId: own.store, batchId: ids.batch, page }),
    ],
    'store-files.removeStoreFile': [
      (c, ids) => storeFiles.removeStoreFile(app, c, here(ids)),
      (c, ids) => storeFiles.removeStoreFile(app, c, inOwn(ids)),
    ],
    'file-attributes.changeAttributes': [(c, ids) => attributes.changeAttributes(app, c, { ...here(ids), attributes: { a: 1 } })],
    'file-attributes.applyAttributes': [
      async (c, ids) => {
        const told: unknown[] = []
        const vectors: TestApp['vectors'] = { ...app.vectors, setAttributes: async (...given: unknown[]) => void told.push(given) }
        const mine = await storeFiles.getStoreFile(app, c, { storeId: own.store, fileId: own.file }).catch(() => ({}))
        const file = { ...(mine as storeFiles.StoreFile), documentId: ids.document }
        await attributes.applyAttributes({ db: app.db, log: app.log, vectors }, c, file)
        return told
      },
    ],
    'file-content.readStoreFileContent': [
      (c, ids) => content.readStoreFileContent(app, c, here(ids)),
      (c, ids) => content.readStoreFileContent(app, c, inOwn(ids)),
    ],
    'batches.createBatch': [
      (c, ids) => batches.createBatch(app, c, { storeId: ids.store, files: [{ fileId: own.file }] }),
      (c, ids) => batches.createBatch(app, c, { storeId: own.store, files: files(ids) }),
    ],
    'batches.getBatch': [
      (c, ids) => batches.getBatch(app, c, { storeId: ids.store, id: ids.batch }),
      (c, ids) => batches.getBatch(app, c, { storeId: own.store, id: ids.batch }),
    ],
    'batches.cancelBatch': [
      (c, ids) => batches.cancelBatch(app, c, { storeId: ids.store, id: ids.batch }),
      (c, ids) => batches.cancelBatch(app, c, { storeId: own.store, id: ids.batch }),
    ],
    'search.searchStores': [(c, ids) => search.searchStores(app, c, searchIn([own.store, ids.store]))],
    ...entryCases(app, own),
    'search.indexing': [(c, ids) => search.indexing(app, c, [ids.store])],
  }
}

function entryCases(app: TestApp, own: StoreIds): Record<string, Case[]> {
  const named = (ids: StoreIds) => ({ storeId: ids.store, alias: ids.store })
  return {
    'owned-stores.getOwnedStore': [(c, ids) => ownedStores.getOwnedStore(app, c, ids.store)],
    'owned-stores.listOwnedStores': [(c, ids) => ownedStores.listOwnedStores(app, c, ids.store)],
    'owned-stores.isRetired': [(c, ids) => ownedStores.isRetired(app, c, ids.store)],
    'owned-stores.holdStore': [(c, ids) => ownedStores.holdStore(app, c, ids.store)],
    'owned-stores.touchStore': [(c, ids) => ownedStores.touchStore(app, c, ids.store)],
    'owned-stores.deleteOwnedStore': [
      (c, ids) => ownedStores.deleteOwnedStore(app, c, { id: ids.store, forGood: false }),
      (c, ids) => ownedStores.deleteOwnedStore(app, c, { id: ids.store, forGood: true }),
    ],
    'owned-stores.attachStore': [(c, ids) => ownedStores.attachStore(app, c, { assistantId: own.store, storeId: ids.store })],
    'owned-stores.detachStore': [(c, ids) => ownedStores.detachStore(app, c, { assistantId: ids.document, storeId: ids.store })],
    'owned-stores.attachedStores': [(c, ids) => ownedStores.attachedStores(app, c, ids.document)],
    'owned-stores.storesFor': [(c, ids) => ownedStores.storesFor(app, c, ids.document)],
    'entries.addEntry': [
      (c, ids) => entries.addEntry(app, c, { storeId: ids.store, entry: entryOf('e') }),
      (c, ids) => entries.addEntry(app, c, { storeId: own.store, entry: entryOf('e', ids.file) }),
    ],
    'entries.listEntries': [(c, ids) => entries.listEntries(app, c, ids.store)],
    'entries.changeEntry': [
      (c, ids) => entries.changeEntry(app, c, { ...named(ids), status: 'failed', error: null }),
      (c, ids) => entries.changeEntry(app, c, { ...named(ids), storeId: own.store, status: 'failed', error: null }),
    ],
    'entries.removeEntry': [(c, ids) => entries.removeEntry(app, c, { storeId: ids.store, filePath: ids.store })],
  }
}

const later = <T extends object>(open: () => T): T => new Proxy({} as T, { get: (_, name) => Reflect.get(open(), name) })

const searchIn = (storeIds: string[]): search.SearchInput => ({
  ...{ storeIds, queries: ['x'], limit: 5, filter: null },
  ...{ ranker: 'hybrid', scoreThreshold: 0 },
})
