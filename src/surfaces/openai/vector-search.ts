import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { searchStores } from '../../core/vector-stores/search.ts'
import { openaiCaller } from './caller.ts'
import { ATTRIBUTE_FILTER, AttributeFilter } from './filters.wire.ts'
import { answers, asksBeta, asksNothing, takes } from './route.ts'
import { fromSearch, SearchPage, SearchRequest, toSearchPage } from './vector-search.wire.ts'
import { STORES_BETA, storeOf } from './vector-stores.ts'

export const vectorSearch = (app: App) =>
  new Elysia({ prefix: '/vector_stores/:vector_store_id/search', tags: ['Vector stores'] })
    .use(openaiCaller(app))
    // A copy: Elysia writes an id into what it is given.
    .model({ [ATTRIBUTE_FILTER]: { ...AttributeFilter } })
    .guard(asksBeta(STORES_BETA))
    .post(
      '',
      async ({ caller, params, body, request }) => {
        const input = fromSearch(storeOf(params), body)
        return toSearchPage(input, await searchStores(app, caller, input, request.signal))
      },
      {
        ...asksNothing,
        ...takes(SearchRequest),
        ...answers({ id: 'searchVectorStore', summary: 'Search a vector store' }, SearchPage),
      },
    )
