import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { deleteItem, getItem, listNamespaces, putItem, searchItems } from '../../core/items/items.ts'
import { langgraphCaller } from './caller.ts'
import { nullable } from './fields.wire.ts'
import { answers, answersNothing, asks, takes } from './route.ts'
import {
  fromItemDelete,
  fromItemPut,
  fromItemQuery,
  fromItemSearch,
  fromNamespaces,
  ItemDelete,
  ItemPut,
  ItemQuery,
  ItemSearchBody,
  Items,
  Namespaces,
  NamespacesBody,
  StoreItem,
  toItem,
} from './store.wire.ts'

/** What graphs remember beyond a thread, for programs outside of them. */
export const store = (app: App) =>
  new Elysia({ prefix: '/store', tags: ['Store'] })
    .use(langgraphCaller(app))
    .put('/items', ({ caller, body }) => putItem(app, caller, fromItemPut(body)), {
      ...takes(ItemPut),
      ...answersNothing({ id: 'putStoreItem', summary: 'Store or replace an item' }),
    })
    .get(
      '/items',
      async ({ caller, query }) => {
        const item = await getItem(app, caller, fromItemQuery(query))
        return item === null ? null : toItem(item)
      },
      { ...asks(ItemQuery), ...answers({ id: 'getStoreItem', summary: 'Get an item; null where there is none' }, nullable(StoreItem)) },
    )
    .delete('/items', ({ caller, body }) => deleteItem(app, caller, fromItemDelete(body)), {
      ...takes(ItemDelete),
      ...answersNothing({ id: 'deleteStoreItem', summary: 'Delete an item' }),
    })
    .post('/items/search', async ({ caller, body }) => ({ items: (await searchItems(app, caller, fromItemSearch(body))).map(toItem) }), {
      ...takes(ItemSearchBody),
      ...answers({ id: 'searchStoreItems', summary: 'Search items by namespace and value, latest change first' }, Items),
    })
    .post('/namespaces', async ({ caller, body }) => ({ namespaces: await listNamespaces(app, caller, fromNamespaces(body)) }), {
      ...takes(NamespacesBody),
      ...answers({ id: 'listStoreNamespaces', summary: 'List namespaces that hold items' }, Namespaces),
    })
