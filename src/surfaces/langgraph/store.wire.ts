import { type Static, Type as t } from '@sinclair/typebox'
import type { Item, ItemSearch, ItemWrite, NamespaceList, NamespaceMatch } from '../../core/items/items.ts'
import type { JsonObject } from '../../core/json.ts'
import { FreeObject, LIMIT_DEFAULT, LIMIT_MAX, LIMITS, maybe, OFFSET_MAX, Timestamp, toTime } from './fields.wire.ts'
import { Refusal, refuseField } from './refusal.ts'

const Label = t.String({ minLength: 1, pattern: '^[^.]+$', description: 'Without periods.' })
const Labels = t.Array(Label)
const RefreshTtl = t.Boolean({ description: 'Whether reading counts as a use of an item that lives by its use. It does by default.' })

export const ItemPut = t.Object({
  namespace: Labels,
  key: t.String(),
  value: FreeObject,
  index: maybe(t.Union([t.Boolean(), t.Array(t.String())], { description: 'Only false: there is no index of meanings.' })),
  ttl: maybe(t.Number({ description: 'Minutes from the last use after which the item is gone.' })),
})

export const ItemQuery = t.Object({
  namespace: t.Optional(t.String({ description: 'The labels with periods between them.' })),
  key: t.String(),
  refresh_ttl: t.Optional(RefreshTtl),
})

export const ItemDelete = t.Object({ namespace: Labels, key: t.String() })

export const ItemSearchBody = t.Object({
  namespace_prefix: maybe(Labels),
  filter: maybe(FreeObject),
  limit: maybe(LIMITS.limit),
  offset: maybe(LIMITS.offset),
  query: maybe(t.String({ description: 'Not served: there is no index of meanings.' })),
  refresh_ttl: maybe(RefreshTtl),
})

export const NamespacesBody = t.Object({
  prefix: maybe(t.Array(Label, { description: '`*` stands for any label.' })),
  suffix: maybe(Labels),
  max_depth: maybe(t.Integer({ minimum: 1 })),
  limit: maybe(t.Integer({ minimum: 1, maximum: LIMIT_MAX, default: 100 })),
  offset: maybe(t.Integer({ minimum: 0, maximum: OFFSET_MAX, default: 0 })),
})

export const StoreItem = t.Object({
  namespace: t.Array(t.String()),
  key: t.String(),
  value: FreeObject,
  created_at: Timestamp,
  updated_at: Timestamp,
})
export const Items = t.Object({ items: t.Array(StoreItem) })
export const Namespaces = t.Object({ namespaces: t.Array(t.Array(t.String())) })

export const toItem = (item: Item): Static<typeof StoreItem> => ({
  namespace: item.namespace,
  key: item.key,
  value: item.value,
  created_at: toTime(item.createdAt),
  updated_at: toTime(item.updatedAt),
})

/** Unlike other mistakes of a body this one is a bad request, as on the original. */
function requireLabels(labels: string[]): string[] {
  if (labels.length === 0) throw new Refusal(400, 'Namespace is required')
  return labels
}

export function fromItemPut(body: Static<typeof ItemPut>): ItemWrite & { value: JsonObject } {
  const { namespace, key, value, index, ttl } = body
  if (index !== undefined && index !== null && index !== false) {
    throw refuseField(['index'], 'index: this store has no index of meanings. Leave it out, or send false.')
  }
  return { namespace: requireLabels(namespace), key, value, ttlMinutes: ttl ?? null }
}

export function fromItemQuery({ namespace = '', key, refresh_ttl }: Static<typeof ItemQuery>) {
  const labels = requireLabels(namespace === '' ? [] : namespace.split('.'))
  if (labels.includes('')) throw refuseField(['namespace'], 'namespace: a label in it is empty.', 'query')
  return { namespace: labels, key, refresh: refresh_ttl ?? true }
}

export const fromItemDelete = ({ namespace, key }: Static<typeof ItemDelete>) => ({ namespace: requireLabels(namespace), key })

export function fromItemSearch(body: Static<typeof ItemSearchBody>): ItemSearch {
  if (body.query) throw refuseField(['query'], 'query: this store has no index of meanings. Leave it out, and use filter.')
  return {
    prefix: body.namespace_prefix ?? [],
    filter: body.filter ?? {},
    limit: body.limit ?? LIMIT_DEFAULT,
    offset: body.offset ?? 0,
    refresh: body.refresh_ttl ?? true,
  }
}

export function fromNamespaces(body: Static<typeof NamespacesBody>): NamespaceList {
  const matches: NamespaceMatch[] = []
  if (body.prefix) matches.push({ side: 'prefix', labels: body.prefix })
  if (body.suffix) matches.push({ side: 'suffix', labels: body.suffix })
  return {
    matches,
    limit: body.limit ?? 100,
    offset: body.offset ?? 0,
    ...(body.max_depth === undefined || body.max_depth === null ? {} : { maxDepth: body.max_depth }),
  }
}
