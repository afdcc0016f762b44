/** A new UUIDv7 in canonical lower-case form; monotonic within a process, so ids of one process sort by creation. */
export const newId = (): string => Bun.randomUUIDv7()

/** Lower than every id that was made at or after this time (milliseconds since the epoch). */
export function floorId(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`
}

/** The n-th id that belongs to `uuid`, or the one of a name within it: always the same, and beside it in an index. */
export function derivedId(uuid: string, n: number | string): string {
  const hex = new Bun.CryptoHasher('sha256').update(`${uuid}/${n}`).digest('hex')
  return `${uuid.slice(0, 14)}8${hex.slice(0, 3)}-8${hex.slice(3, 6)}-${hex.slice(6, 18)}`
}

/** The id that a name has in a namespace (RFC 9562, version 5): always the same, on every server. */
export function namedId(namespace: string, name: string): string {
  const space = Buffer.from(namespace.replaceAll('-', ''), 'hex')
  const hash = new Bun.CryptoHasher('sha1').update(space).update(name).digest()
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  return dashed(hash.toString('hex', 0, 16))
}

const dashed = (hex: string): string => `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`

const HEX32 = /^[0-9a-f]{32}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export const isUuid = (text: string): boolean => UUID.test(text)

/** `thread_` + 32 hex digits. One value, many spellings: the prefix belongs to the dialect, the digits are the UUID. */
export const spellId = (prefix: string, uuid: string): string =>
  prefix + uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(14, 18) + uuid.slice(19, 23) + uuid.slice(24)

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const BASE = 62
const WORD_CHARS = 22
const WORD = /^[0-9A-Za-z]{22}$/
/** As many digits as a double counts exactly. */
const CHUNK_CHARS = 8
const CHUNK = BigInt(BASE ** CHUNK_CHARS)
const UUID_END = 1n << 128n

/** `user_` + 22 letters and digits: the UUID's 128 bits to the base of 62, which sort like the UUIDs. */
export function spellShortId(prefix: string, uuid: string): string {
  let rest = BigInt(spellId('0x', uuid))
  let word = ''
  while (word.length < WORD_CHARS) {
    let chunk = Number(rest % CHUNK)
    rest /= CHUNK
    for (let n = 0; n < CHUNK_CHARS && word.length < WORD_CHARS; n++) {
      word = DIGITS.charAt(chunk % BASE) + word
      chunk = Math.floor(chunk / BASE)
    }
  }
  return prefix + word
}

/** One number has one spelling; what is larger than any UUID has none. */
function readWord(word: string): string | undefined {
  let value = 0n
  for (let start = 0; start < WORD_CHARS; start += CHUNK_CHARS) {
    const digits = word.slice(start, start + CHUNK_CHARS)
    let chunk = 0
    for (const digit of digits) chunk = chunk * BASE + DIGITS.indexOf(digit)
    value = value * BigInt(BASE ** digits.length) + BigInt(chunk)
  }
  return value < UUID_END ? dashed(value.toString(16).padStart(32, '0')) : undefined
}

/** The UUID behind an id in either spelling, or undefined when the prefix or the digits do not fit. */
export function readId(prefix: string, spelled: string): string | undefined {
  if (!spelled.startsWith(prefix)) return undefined
  const digits = spelled.slice(prefix.length)
  if (HEX32.test(digits)) return dashed(digits)
  return WORD.test(digits) ? readWord(digits) : undefined
}
