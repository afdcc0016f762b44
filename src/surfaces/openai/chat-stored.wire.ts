import { type Static, Type as t } from '@sinclair/typebox'
import type { Completion, CompletionFilter, CompletionMessage, MessagePage } from '../../core/completions/completions.ts'
import type { Json } from '../../core/json.ts'
import { type PageRequest, unknownCursor } from '../../core/page.ts'
import { asObject, toAnswer } from './chat.wire.ts'
import { CLOSED, Metadata, nullable, oneOf } from './fields.wire.ts'
import { cursorId, spell } from './ids.ts'
import { orNull } from './open.wire.ts'
import { Refusal } from './refusal.ts'

const LIMIT_DEFAULT = 20

const PAGE_FIELDS = {
  after: t.Optional(t.String()),
  limit: t.Optional(t.Integer({ minimum: 1, maximum: 100, default: LIMIT_DEFAULT })),
  order: t.Optional(oneOf('asc', 'desc')),
}

/** Open, because the pairs of `metadata` come as parameters of their own. */
export const StoredQuery = t.Object({ model: t.Optional(t.String()), metadata: orNull(Metadata), ...PAGE_FIELDS })
export const StoredMessageQuery = t.Object(PAGE_FIELDS, CLOSED)
export type StoredMessageQuery = Static<typeof StoredMessageQuery>

export const ChatChange = t.Object({ metadata: nullable(Metadata) }, CLOSED)

export function fromStoredQuery(query: Static<typeof StoredQuery>): { page: PageRequest; filter: CompletionFilter } {
  const metadata = readMetadata(query)
  return {
    page: {
      limit: query.limit ?? LIMIT_DEFAULT,
      order: query.order ?? 'asc',
      ...(query.after === undefined ? {} : { after: cursorId('completion', 'after', query.after) }),
    },
    filter: { ...(query.model === undefined ? {} : { model: query.model }), ...(metadata && { metadata }) },
  }
}

/** The pairs of `metadata[key]=value`; undefined when there are none. */
function readMetadata(query: object): Record<string, string> | undefined {
  const pairs: [string, string][] = []
  for (const [name, value] of Object.entries(query)) {
    if (Object.hasOwn(StoredQuery.properties, name)) continue
    const key = /^metadata\[(.+)\]$/.exec(name)?.[1]
    if (key === undefined) throw new Refusal(400, { message: `Unknown parameter: '${name}'.`, code: 'unknown_parameter', param: name })
    pairs.push([key, String(value)])
  }
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs)
}

export const fromStoredMessageQuery = (completionId: string, query: StoredMessageQuery): MessagePage => ({
  limit: query.limit ?? LIMIT_DEFAULT,
  order: query.order ?? 'asc',
  ...(query.after === undefined ? {} : { after: readMessageCursor(completionId, query.after) }),
})

export const toStored = (completion: Completion) => ({
  ...toAnswer(completion),
  id: spell('completion', completion.id),
  metadata: completion.metadata,
})

const messageId = (completionId: string, index: number): string => `${spell('completion', completionId)}-${index}`

const LISTED_PARTS = new Set<Json | undefined>(['text', 'image_url'])

/** Parts other than texts and images have no place in the contract's list. */
export function toStoredMessage(completionId: string, { index, message }: CompletionMessage) {
  const { content, refusal, audio: _, ...rest } = message
  return {
    ...rest,
    id: messageId(completionId, index),
    content: typeof content === 'string' ? content : null,
    refusal: refusal ?? null,
    content_parts: Array.isArray(content) ? content.filter((part) => LISTED_PARTS.has(asObject(part).type)) : null,
  }
}

/** Index of the message that a cursor names. */
function readMessageCursor(completionId: string, after: string): number {
  const index = /-(0|[1-9]\d{0,8})$/.exec(after)?.[1]
  if (index === undefined || after !== messageId(completionId, Number(index))) throw unknownCursor('after', after)
  return Number(index)
}
