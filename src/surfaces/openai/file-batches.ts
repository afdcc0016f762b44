import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { cancelBatch, createBatch, type FileBatch, getBatch } from '../../core/vector-stores/batches.ts'
import { listStoreFiles } from '../../core/vector-stores/store-files.ts'
import { openaiCaller } from './caller.ts'
import { NoFields } from './fields.wire.ts'
import { FileBatchCreate, FileBatchObject, fromFileBatchCreate, toFileBatch } from './file-batches.wire.ts'
import { requireId } from './ids.ts'
import { envelopeOf, fromPageQuery, StoreFilePageQuery, toEnvelope } from './lists.ts'
import { askAgain } from './polling.ts'
import { answers, asks, asksBeta, asksNothing, takes } from './route.ts'
import { StoreFileObject, toStoreFile } from './store-files.wire.ts'
import { STORES_BETA, storeOf } from './vector-stores.ts'

const keyOf = (params: { vector_store_id: string; batch_id: string }) => ({
  storeId: storeOf(params),
  id: requireId('file_batch', 'batch_id', params.batch_id),
})

function pollable(app: App, batch: FileBatch, set: { headers: object }): FileBatchObject {
  if (batch.status === 'in_progress') askAgain(set, app.clock.now(), batch.createdAt)
  return toFileBatch(batch)
}

export const fileBatches = (app: App) =>
  new Elysia({ prefix: '/vector_stores/:vector_store_id/file_batches', tags: ['Vector stores'] })
    .use(openaiCaller(app))
    .guard(asksBeta(STORES_BETA))
    .post(
      '',
      async ({ caller, once, params, body, set }) => {
        const input = { storeId: storeOf(params), files: fromFileBatchCreate(body) }
        return pollable(app, await once((parts) => createBatch(parts, caller, input)), set)
      },
      {
        ...asksNothing,
        ...takes(FileBatchCreate),
        ...answers({ id: 'createVectorStoreFileBatch', summary: 'Add several files to a vector store' }, FileBatchObject),
      },
    )
    .get('/:batch_id', async ({ caller, params, set }) => pollable(app, await getBatch(app, caller, keyOf(params)), set), {
      ...asksNothing,
      ...answers({ id: 'getVectorStoreFileBatch', summary: 'Retrieve a file batch' }, FileBatchObject),
    })
    .post(
      '/:batch_id/cancel',
      async ({ caller, once, params }) => toFileBatch(await once((parts) => cancelBatch(parts, caller, keyOf(params)))),
      {
        ...asksNothing,
        ...takes(NoFields),
        ...answers({ id: 'cancelVectorStoreFileBatch', summary: 'Stop the processing of a file batch' }, FileBatchObject),
      },
    )
    .get(
      '/:batch_id/files',
      async ({ caller, params, query }) => {
        const { storeId, id: batchId } = keyOf(params)
        const status = query.filter === undefined ? {} : { status: query.filter }
        const page = await listStoreFiles(app, caller, { storeId, batchId, page: fromPageQuery('file', query), ...status })
        return toEnvelope({ ...page, items: page.items.map(toStoreFile) })
      },
      {
        ...asks(StoreFilePageQuery),
        ...answers({ id: 'listFilesInVectorStoreBatch', summary: 'List the files of a file batch' }, envelopeOf(StoreFileObject)),
      },
    )
