import { type Static, type TSchema, Type as t } from '@sinclair/typebox'
import type { Config } from '../../config.ts'
import type { Page, PageRequest } from '../../core/page.ts'
import { CLOSED, nullable, oneOf } from './fields.wire.ts'
import { cursorId, type SpelledKind } from './ids.ts'
import type { StepView } from './steps.wire.ts'

const LIMIT_MAX = 100
const LIMIT_DEFAULT = 20

const PAGE_FIELDS = {
  limit: t.Optional(t.Integer({ minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT })),
  order: t.Optional(oneOf('asc', 'desc')),
  after: t.Optional(t.String()),
  before: t.Optional(t.String()),
}

const RESULT_CONTENT = 'step_details.tool_calls[*].file_search.results[*].content'
const INCLUDES = oneOf(RESULT_CONTENT)
/** SDKs write the brackets, people do not. */
export const INCLUDE_FIELDS = {
  'include[]': t.Optional(t.Union([t.Array(INCLUDES), INCLUDES])),
  include: t.Optional(t.Union([t.Array(INCLUDES), INCLUDES])),
}

/** What of a step the query asks for beside the rest. */
export const viewOf = (query: { 'include[]'?: unknown; include?: unknown }): StepView => ({
  resultContent: [query['include[]'], query.include].flat().includes(RESULT_CONTENT),
})

export const PageQuery = t.Object(PAGE_FIELDS, CLOSED)
export type PageQuery = Static<typeof PageQuery>

/** Of the lists of a vector store's files. */
export const StoreFilePageQuery = t.Object(
  { ...PAGE_FIELDS, filter: t.Optional(oneOf('in_progress', 'completed', 'failed', 'cancelled')) },
  CLOSED,
)

/** Of the lists whose shape depends on who asks. */
const SHAPED_FIELDS = { ...PAGE_FIELDS, envelope: t.Optional(oneOf('true', 'false')) }
export const RunPageQuery = t.Object(SHAPED_FIELDS, CLOSED)
export const MessagePageQuery = t.Object({ ...SHAPED_FIELDS, run_id: t.Optional(t.String()) }, CLOSED)
export const StepPageQuery = t.Object({ ...SHAPED_FIELDS, ...INCLUDE_FIELDS }, CLOSED)

export const envelopeOf = <S extends TSchema>(item: S) =>
  t.Object({
    object: t.Literal('list'),
    data: t.Array(item),
    first_id: nullable(t.String()),
    last_id: nullable(t.String()),
    has_more: t.Boolean(),
  })

export interface Envelope<T> {
  object: 'list'
  data: T[]
  first_id: string | null
  last_id: string | null
  has_more: boolean
}

/** An envelope, or the bare array of the seed dialect. */
export const shapedListOf = <S extends TSchema>(item: S) => t.Union([envelopeOf(item), t.Array(item)])

export function fromPageQuery(kind: SpelledKind, query: PageQuery): PageRequest {
  return {
    limit: query.limit ?? LIMIT_DEFAULT,
    order: query.order ?? 'desc',
    ...(query.after === undefined ? {} : { after: cursorId(kind, 'after', query.after) }),
    ...(query.before === undefined ? {} : { before: cursorId(kind, 'before', query.before) }),
  }
}

export function toEnvelope<T extends { id: string }>({ items, hasMore }: Page<T>): Envelope<T> {
  return { object: 'list', data: items, first_id: items[0]?.id ?? null, last_id: items.at(-1)?.id ?? null, has_more: hasMore }
}

export interface ShapeAsked {
  request: Request
  query: Record<string, unknown>
}

/**
 * Which of the two list shapes a caller reads. They exclude each other: SDKs take a bare array for an empty page without
 * a word, clients of the seed dialect index the array.
 */
export function listShape(style: Config['openai']['listStyle'], { request, query }: ShapeAsked): 'envelope' | 'array' {
  if (request.headers.get('openai-beta')?.includes('assistants=')) return 'envelope'
  const asked = query.envelope ?? profileOf(request.headers.get('accept'))
  if (asked !== undefined) return asked === 'true' ? 'envelope' : 'array'
  if (style !== 'auto') return style
  return Object.keys(query).length > 0 ? 'envelope' : 'array'
}

function profileOf(accept: string | null): 'true' | 'false' | undefined {
  const profile = /profile="?(list|array)"?/.exec(accept ?? '')?.[1]
  return profile === undefined ? undefined : profile === 'list' ? 'true' : 'false'
}

interface Shaping<T> {
  style: Config['openai']['listStyle']
  asked: ShapeAsked
  kind: SpelledKind
  /** Where response headers are collected. */
  headers: Record<string, string | number>
  read(page: PageRequest): Promise<Page<T>>
}

/** Reads and answers a list in the shape that its caller can read. */
export async function shapedList<T extends { id: string }>({ style, asked, kind, headers, read }: Shaping<T>): Promise<Envelope<T> | T[]> {
  const shape = listShape(style, asked)
  const request = fromPageQuery(kind, asked.query as PageQuery)
  headers.vary = 'OpenAI-Beta, Accept'
  if (shape === 'envelope') return toEnvelope(await read(request))
  const page = await read({ ...request, limit: asked.query.limit === undefined ? LIMIT_MAX : request.limit })
  Object.assign(headers, arrayHeaders(toEnvelope(page), asked.request.url))
  return page.items
}

/** What an array cannot say about itself. */
function arrayHeaders({ first_id: first, last_id: last, has_more: more }: Envelope<unknown>, url: string): Record<string, string> {
  const headers: Record<string, string> = { 'x-has-more': String(more) }
  if (first !== null) headers['x-first-id'] = first
  if (last === null) return headers
  headers['x-last-id'] = last
  if (!more) return headers
  const next = new URL(url)
  next.searchParams.set('after', last)
  // A cursor alone would ask for the other shape.
  next.searchParams.set('envelope', 'false')
  headers.link = `<${next.href}>; rel="next"`
  return headers
}
