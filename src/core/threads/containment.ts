import type { Json } from '../json.ts'

/**
 * Whether `part` is contained in `whole`, as Postgres means it by `@>`: an object holds the keys of the part, an array an
 * element for each of the part's, anything else is equal.
 */
export function contains(whole: Json, part: Json): boolean {
  if (Array.isArray(part)) return Array.isArray(whole) && part.every((wanted) => whole.some((held) => contains(held, wanted)))
  if (typeof part !== 'object' || part === null) return whole === part
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole)) return false
  return Object.entries(part).every(([key, wanted]) => {
    const held = Object.hasOwn(whole, key) ? whole[key] : undefined
    return held !== undefined && contains(held, wanted)
  })
}
