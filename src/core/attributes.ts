/** What a client says about a file in a store, to filter by. At most 16 keys. */
export type Attribute = string | number | boolean
export type Attributes = Record<string, Attribute>

/**
 * A condition on attributes. It means the same wherever it is evaluated:
 * - `eq` holds when the key is there with that very value and type; `ne` is its opposite and holds where the key is missing.
 * - `gt`, `gte`, `lt`, `lte` compare numbers with numbers and strings with strings (by code point); any other pair, and a
 *   missing key, does not hold.
 * - `in` is any `eq`, `nin` its opposite. An empty list is in nothing.
 * - An empty `and` holds, an empty `or` does not.
 */
export type Filter =
  | { type: 'eq' | 'ne'; key: string; value: Attribute }
  | { type: 'gt' | 'gte' | 'lt' | 'lte'; key: string; value: string | number }
  | { type: 'in' | 'nin'; key: string; value: (string | number | boolean)[] }
  | { type: 'and' | 'or'; filters: Filter[] }
