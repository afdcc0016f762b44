import { Fault } from '../fault.ts'
import { DEFAULT_TENANT } from '../identity/tenants.ts'

const SLUG_CHARS = 60
const TAIL_BYTES = 2
/** A dash, and two hex digits for each byte. */
const TAIL_CHARS = 1 + 2 * TAIL_BYTES
const FALLBACK = 'tenant'

/** The operator's tenant is nobody else's, also where it is not made yet. */
const RESERVED: readonly string[] = [DEFAULT_TENANT]

/** Lower case letters, digits and dashes, of what people call their tenant. */
export function slugOf(name: string): string {
  const words = name.toLowerCase().replace(/[^a-z0-9]+/g, '-')
  return trimmed(trimmed(words).slice(0, SLUG_CHARS)) || FALLBACK
}

const trimmed = (slug: string): string => slug.replace(/^-+|-+$/g, '')

/** The slug itself first; then, where it is taken, with another tail each time. */
export function slugAt(slug: string, attempt: number): string {
  if (attempt === 0 && !RESERVED.includes(slug)) return slug
  const tail = Buffer.from(crypto.getRandomValues(new Uint8Array(TAIL_BYTES))).toString('hex')
  return `${trimmed(slug.slice(0, SLUG_CHARS - TAIL_CHARS))}-${tail}`
}

/** What people are called and call their tenants, without blanks around it. Throws invalid for blanks alone. */
export function requireName(param: string, text: string): string {
  const name = text.trim()
  if (name === '') throw new Fault('invalid', 'A name has more than blanks.', { param, reason: 'value' })
  return name
}
