import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { changeStore, createStore, deleteStore, getStore, listStores, type VectorStore } from '../../core/vector-stores/stores.ts'
import { openaiCaller } from './caller.ts'
import { requireId } from './ids.ts'
import { envelopeOf, fromPageQuery, PageQuery, toEnvelope } from './lists.ts'
import { askAgain } from './polling.ts'
import { answers, asks, asksBeta, asksNothing, takes } from './route.ts'
import {
  fromVectorStoreCreate,
  fromVectorStoreModify,
  toVectorStore,
  VectorStoreCreate,
  VectorStoreDeleted,
  VectorStoreModify,
  VectorStoreObject,
} from './vector-stores.wire.ts'

export const storeOf = (params: { vector_store_id: string }): string => requireId('vector_store', 'vector_store_id', params.vector_store_id)

/** These operations have left the beta that their header asks for: nobody has to send it. */
export const STORES_BETA = 'optional'

function pollable(app: App, store: VectorStore, set: { headers: object }): VectorStoreObject {
  if (store.counts.inProgress > 0 && !store.expired) askAgain(set, app.clock.now(), store.lastActiveAt)
  return toVectorStore(store)
}

export const vectorStores = (app: App) =>
  new Elysia({ prefix: '/vector_stores', tags: ['Vector stores'] })
    .use(openaiCaller(app))
    .guard(asksBeta(STORES_BETA))
    .get(
      '',
      async ({ caller, query }) => {
        const page = await listStores(app, caller, fromPageQuery('vector_store', query))
        return toEnvelope({ ...page, items: page.items.map(toVectorStore) })
      },
      { ...asks(PageQuery), ...answers({ id: 'listVectorStores', summary: 'List vector stores' }, envelopeOf(VectorStoreObject)) },
    )
    .post(
      '',
      async ({ caller, once, body, set }) => {
        const input = fromVectorStoreCreate(body)
        return pollable(app, await once((parts) => createStore(parts, caller, input)), set)
      },
      {
        ...asksNothing,
        ...takes(VectorStoreCreate),
        ...answers({ id: 'createVectorStore', summary: 'Create a vector store' }, VectorStoreObject),
      },
    )
    .get('/:vector_store_id', async ({ caller, params, set }) => pollable(app, await getStore(app, caller, storeOf(params)), set), {
      ...asksNothing,
      ...answers({ id: 'getVectorStore', summary: 'Retrieve a vector store' }, VectorStoreObject),
    })
    .post(
      '/:vector_store_id',
      async ({ caller, once, params, body }) => {
        const input = { id: storeOf(params), change: fromVectorStoreModify(body) }
        return toVectorStore(await once((parts) => changeStore(parts, caller, input)))
      },
      {
        ...asksNothing,
        ...takes(VectorStoreModify),
        ...answers({ id: 'modifyVectorStore', summary: 'Modify a vector store' }, VectorStoreObject),
      },
    )
    .delete(
      '/:vector_store_id',
      async ({ caller, params }) => {
        await deleteStore(app, caller, storeOf(params))
        return { id: params.vector_store_id, object: 'vector_store.deleted' as const, deleted: true }
      },
      { ...asksNothing, ...answers({ id: 'deleteVectorStore', summary: 'Delete a vector store' }, VectorStoreDeleted) },
    )
