import { isIP } from 'node:net'

/** Turns what a flag, a variable or a TOML value holds into the setting's type. Throws an Error that says what is wrong. */
export type Parser<T> = (raw: unknown) => T

/** A whole number within stated bounds, from a number or from its decimal text. */
export function integer(min: number, max: number): Parser<number> {
  return (raw) => {
    const value = typeof raw === 'number' ? raw : typeof raw === 'string' && /^-?\d+$/.test(raw.trim()) ? Number(raw) : Number.NaN
    if (!Number.isSafeInteger(value)) throw new Error(`expected a whole number, got ${show(raw)}`)
    if (value < min || value > max) throw new Error(`expected ${min} to ${max}, got ${value}`)
    return value
  }
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Parser<T> {
  return (raw) => {
    const found = allowed.find((value) => value === raw)
    if (found === undefined) throw new Error(`expected ${allowed.map((value) => `'${value}'`).join(', ')}, got ${show(raw)}`)
    return found
  }
}

export const bool: Parser<boolean> = (raw) => {
  if (raw === true || raw === 'true') return true
  if (raw === false || raw === 'false') return false
  throw new Error(`expected true or false, got ${show(raw)}`)
}

export const text: Parser<string> = (raw) => {
  if (typeof raw !== 'string' || raw === '') throw new Error(`expected a text, got ${show(raw)}`)
  return raw
}

/** Never repeats what it got. */
export const secret =
  (charsMin: number): Parser<string> =>
  (raw) => {
    if (typeof raw !== 'string' || raw.length < charsMin) throw new Error(`expected a secret of at least ${charsMin} characters`)
    return raw
  }

/** Texts from a TOML array or from a comma-separated line. */
export const textList: Parser<string[]> = (raw) => {
  const items = typeof raw === 'string' ? raw.split(',').map((item) => item.trim()) : raw
  if (!Array.isArray(items) || items.some((item) => typeof item !== 'string' || item === '')) {
    throw new Error(`expected a list of texts, got ${show(raw)}`)
  }
  return items as string[]
}

/** Pairs from a TOML table or from `name=value, name=value`. */
export const textPairs: Parser<Record<string, string>> = (raw) => {
  const pairs = typeof raw === 'string' ? raw.split(',').map(splitPair) : isTable(raw) ? Object.entries(raw) : []
  if (typeof raw !== 'string' && !isTable(raw)) throw new Error(`expected name=value pairs, got ${show(raw)}`)
  const result: Record<string, string> = {}
  for (const [name, value] of pairs) {
    if (!name || typeof value !== 'string' || value === '') throw new Error(`expected a text for '${name}', got ${show(value)}`)
    result[name] = value
  }
  return result
}

function splitPair(pair: string): [string, string | undefined] {
  const at = pair.indexOf('=')
  return at < 0 ? [pair.trim(), undefined] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
}

/** `host:port`, `[v6]:port`, `:port` (every address) or a bare port (this machine only). */
export const address: Parser<{ host: string; port: number }> = (raw) => {
  if (typeof raw === 'number') return { host: '127.0.0.1', port: portNumber(raw) }
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]:|([^\s:[\]/]*):)?(\d+)$/.exec(typeof raw === 'string' ? raw.trim() : '')
  if (!match) throw new Error(`expected host:port, got ${show(raw)}`)
  const host = match[1] ?? match[2]
  return { host: host === undefined ? '127.0.0.1' : host === '' ? '0.0.0.0' : host, port: portNumber(match[3]) }
}

const portNumber = integer(0, 65_535)

export const httpUrl: Parser<string> = (raw) => {
  const url = typeof raw === 'string' ? URL.parse(raw) : null
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new Error('expected a URL that begins with http:// or https://')
  return (raw as string).replace(/\/+$/, '')
}

/** Never repeats what it got: a mistyped database URL still holds a password. */
export const postgresUrl: Parser<string> = (raw) => {
  const url = typeof raw === 'string' ? URL.parse(raw) : null
  if (!url || (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')) {
    throw new Error('expected a URL like postgres://user:password@host:5432/database')
  }
  return raw as string
}

/** Never repeats what it got, as it may hold a password. */
export const smtpUrl: Parser<string> = (raw) => {
  const url = typeof raw === 'string' ? URL.parse(raw) : null
  if (!url || (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') || url.hostname === '')
    throw new Error('expected a URL like smtp://user:password@mail.example.com:587')
  if (!isDecodable(url.username) || !isDecodable(url.password)) throw new Error('a % in user or password must be written as %25')
  const tls = url.search === '' ? 'required' : /^\?tls=(\w+)$/.exec(url.search)?.[1]
  if (tls !== 'required' && tls !== 'optional')
    throw new Error('expected nothing behind its host and port but ?tls=required or ?tls=optional')
  if (url.protocol === 'smtps:' && tls === 'optional') throw new Error('smtps:// cannot be without TLS: ?tls=optional is for smtp://')
  return raw as string
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** One address, alone or behind a name: `Example <mail@example.com>`. */
export const sender: Parser<string> = (raw) => {
  const isOne =
    typeof raw === 'string' &&
    /^(?:[^<>,;:@()[\]\\\p{Cc}]*<[^\s<>,;:@"()\\]+@[^\s<>,;:@"()\\]+>|[^\s<>,;:@"()\\]+@[^\s<>,;:@"()\\]+)$/u.test(raw)
  if (!isOne) throw new Error(`expected an address like mail@example.com or Example <mail@example.com>, got ${show(raw)}`)
  return raw as string
}

/** Addresses or networks, each as `address/bits`. */
export const networks: Parser<string[]> = (raw) =>
  (raw === '' ? [] : textList(raw)).map((item) => {
    const [address = '', bits, more] = item.split('/')
    const most = isIP(address) === 4 ? 32 : 128
    const length = bits === undefined ? most : /^\d+$/.test(bits) ? Number(bits) : Number.NaN
    if (isIP(address) === 0 || more !== undefined || !(length <= most))
      throw new Error(`expected a network like 10.0.0.0/8, got ${show(item)}`)
    return `${address}/${length}`
  })

export const origin: Parser<string> = (raw) => {
  if (raw === '*') return '*'
  const url = typeof raw === 'string' ? URL.parse(raw) : null
  if (!url || url.origin === 'null' || url.origin !== raw)
    throw new Error(`expected '*' or an origin like https://app.example.com, got ${show(raw)}`)
  return url.origin
}

export const origins: Parser<string[]> = (raw) => textList(raw).map(origin)

const RESERVED = new Set(['health', 'docs', 'openapi', 'metrics', 'objects', '.well-known', 'verify-email', 'reset-password', 'register'])

/** Where a surface stands: empty for the root, else `/a/b` without a slash at its end. */
export const pathPrefix: Parser<string> = (raw) => {
  if (raw === '' || raw === '/') return ''
  if (typeof raw !== 'string' || !/^(?:\/[A-Za-z0-9._~-]+)+\/?$/.test(raw)) throw new Error(`expected a path like /v1, got ${show(raw)}`)
  if (RESERVED.has(raw.split('/')[1] ?? '')) throw new Error(`'${raw}' is taken by the server itself`)
  return raw.replace(/\/$/, '')
}

export const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

function show(raw: unknown): string {
  const shown = typeof raw === 'string' ? `'${raw}'` : (JSON.stringify(raw) ?? String(raw))
  return shown.length > 60 ? `${shown.slice(0, 60)}…` : shown
}
