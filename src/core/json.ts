export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

/** What a text column or jsonb cannot hold: NUL, and surrogates without their other half. */
const UNSTORABLE = /\u0000|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

export const isStorable = (text: string): boolean => !UNSTORABLE.test(text)

/** The same text with U+FFFD for what cannot be stored. */
export const makeStorable = (text: string): string => (isStorable(text) ? text : text.replace(new RegExp(UNSTORABLE, 'g'), '\ufffd'))

/**
 * Dotted path of the first string or key that Postgres text cannot hold, or undefined.
 * Depth is the parser's business: input deeper than its limit never gets here.
 */
export function findUnstorable(value: unknown, path = ''): string | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : path || 'body'
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const found = findUnstorable(value[i], `${path}[${i}]`)
      if (found !== undefined) return found
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const key in value) {
      const at = path ? `${path}.${key}` : key
      if (!isStorable(key)) return path || 'body'
      const found = findUnstorable((value as Record<string, unknown>)[key], at)
      if (found !== undefined) return found
    }
  }
  return undefined
}
