import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { applyAttributes, changeAttributes } from '../../core/vector-stores/file-attributes.ts'
import { readStoreFileContent } from '../../core/vector-stores/file-content.ts'
import { attachFile, getStoreFile, listStoreFiles, removeStoreFile, type StoreFile } from '../../core/vector-stores/store-files.ts'
import { openaiCaller } from './caller.ts'
import { requireId } from './ids.ts'
import { envelopeOf, fromPageQuery, StoreFilePageQuery, toEnvelope } from './lists.ts'
import { askAgain } from './polling.ts'
import { answers, asks, asksBeta, asksNothing, takes } from './route.ts'
import {
  ContentPage,
  ContentQuery,
  fromContentPage,
  fromStoreFileCreate,
  StoreFileCreate,
  StoreFileDeleted,
  StoreFileModify,
  StoreFileObject,
  toContentPage,
  toStoreFile,
} from './store-files.wire.ts'
import { STORES_BETA, storeOf } from './vector-stores.ts'

const keyOf = (params: { vector_store_id: string; file_id: string }) => ({
  storeId: storeOf(params),
  fileId: requireId('file', 'file_id', params.file_id),
})

function pollable(app: App, file: StoreFile, set: { headers: object }): StoreFileObject {
  if (file.status === 'in_progress') askAgain(set, app.clock.now(), file.createdAt)
  return toStoreFile(file)
}

export const storeFiles = (app: App) =>
  new Elysia({ prefix: '/vector_stores/:vector_store_id/files', tags: ['Vector stores'] })
    .use(openaiCaller(app))
    .guard(asksBeta(STORES_BETA))
    .get(
      '',
      async ({ caller, params, query }) => {
        const status = query.filter === undefined ? {} : { status: query.filter }
        const page = await listStoreFiles(app, caller, { storeId: storeOf(params), page: fromPageQuery('file', query), ...status })
        return toEnvelope({ ...page, items: page.items.map(toStoreFile) })
      },
      {
        ...asks(StoreFilePageQuery),
        ...answers({ id: 'listVectorStoreFiles', summary: 'List the files of a vector store' }, envelopeOf(StoreFileObject)),
      },
    )
    .post(
      '',
      async ({ caller, once, params, body, set }) => {
        const input = { storeId: storeOf(params), file: fromStoreFileCreate(body) }
        return pollable(app, await once((parts) => attachFile(parts, caller, input)), set)
      },
      {
        ...asksNothing,
        ...takes(StoreFileCreate),
        ...answers({ id: 'createVectorStoreFile', summary: 'Add a file to a vector store' }, StoreFileObject),
      },
    )
    .get('/:file_id', async ({ caller, params, set }) => pollable(app, await getStoreFile(app, caller, keyOf(params)), set), {
      ...asksNothing,
      ...answers({ id: 'getVectorStoreFile', summary: 'Retrieve a file of a vector store' }, StoreFileObject),
    })
    .post(
      '/:file_id',
      async ({ caller, once, params, body }) => {
        const input = { ...keyOf(params), attributes: body.attributes ?? {} }
        const file = await once((parts) => changeAttributes(parts, caller, input))
        await applyAttributes(app, caller, file)
        return toStoreFile(file)
      },
      {
        ...asksNothing,
        ...takes(StoreFileModify),
        ...answers({ id: 'updateVectorStoreFileAttributes', summary: 'Replace the attributes of a file' }, StoreFileObject),
      },
    )
    .delete(
      '/:file_id',
      async ({ caller, params }) => {
        await removeStoreFile(app, caller, keyOf(params))
        return { id: params.file_id, object: 'vector_store.file.deleted' as const, deleted: true }
      },
      { ...asksNothing, ...answers({ id: 'deleteVectorStoreFile', summary: 'Take a file out of a vector store' }, StoreFileDeleted) },
    )
    .get(
      '/:file_id/content',
      async ({ caller, params, query }) =>
        toContentPage(await readStoreFileContent(app, caller, { ...keyOf(params), ...fromContentPage(query.page) })),
      {
        ...asks(ContentQuery),
        ...answers({ id: 'retrieveVectorStoreFileContent', summary: 'Read the text that was got from a file' }, ContentPage),
      },
    )
