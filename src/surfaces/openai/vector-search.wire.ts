import { type Static, Type as t } from '@sinclair/typebox'
import { requireFilter } from '../../core/attributes.ts'
import type { SearchInput, SearchResult } from '../../core/vector-stores/search.ts'
import { CLOSED, nullable, oneOf } from './fields.wire.ts'
import { AttributeFilter } from './filters.wire.ts'
import { spell } from './ids.ts'
import { FileAttributes } from './store-files.wire.ts'

const QUERIES_MAX = 32
const Query = t.String({ minLength: 1, maxLength: 8_000 })

export const SearchRequest = t.Object(
  {
    query: t.Union([Query, t.Array(Query, { minItems: 1, maxItems: QUERIES_MAX })]),
    rewrite_query: t.Optional(
      t.Boolean({ default: false, description: 'Accepted; queries are searched for as they are, see `search_query`.' }),
    ),
    max_num_results: t.Optional(t.Integer({ minimum: 1, maximum: 50, default: 10 })),
    filters: t.Optional(nullable(AttributeFilter)),
    ranking_options: t.Optional(
      t.Object(
        {
          ranker: t.Optional(oneOf('none', 'auto', 'default-2024-11-15')),
          score_threshold: t.Optional(t.Number({ minimum: 0, maximum: 1, default: 0 })),
        },
        CLOSED,
      ),
    ),
  },
  CLOSED,
)
export type SearchRequest = Static<typeof SearchRequest>

const SearchItem = t.Object({
  file_id: t.String(),
  filename: t.String(),
  score: t.Number({ minimum: 0, maximum: 1 }),
  attributes: nullable(FileAttributes),
  content: t.Array(t.Object({ type: t.Literal('text'), text: t.String() })),
})

export const SearchPage = t.Object({
  object: t.Literal('vector_store.search_results.page'),
  search_query: t.Array(t.String()),
  data: t.Array(SearchItem),
  has_more: t.Boolean(),
  next_page: nullable(t.String()),
})

const RESULTS_DEFAULT = 10

export const fromSearch = (storeId: string, body: SearchRequest): SearchInput => ({
  storeIds: [storeId],
  queries: typeof body.query === 'string' ? [body.query] : body.query,
  limit: body.max_num_results ?? RESULTS_DEFAULT,
  filter: body.filters ? requireFilter(body.filters, 'filters') : null,
  ranker: body.ranking_options?.ranker === 'none' ? 'vector' : 'hybrid',
  scoreThreshold: body.ranking_options?.score_threshold ?? 0,
})

/** A request has no way to ask for a second page, so there is none: more results come by `max_num_results`. */
export const toSearchPage = ({ queries }: SearchInput, results: readonly SearchResult[]): Static<typeof SearchPage> => ({
  object: 'vector_store.search_results.page',
  search_query: queries,
  data: results.map(({ fileId, filename, score, attributes, text }) => ({
    file_id: spell('file', fileId),
    filename,
    score,
    attributes,
    content: [{ type: 'text', text }],
  })),
  has_more: false,
  next_page: null,
})
