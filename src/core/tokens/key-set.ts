import type { Json, JsonObject } from '../json.ts'
import { pairOfPem } from './jwt.ts'
import type { KeyStatus } from './store.ts'

/** A key that was made elsewhere. */
export interface BroughtKey {
  kid: string
  status: KeyStatus
  publicJwk: JsonObject
  /** Undefined for a retired one of which only the public half is known. */
  privateJwk: JsonObject | undefined
  createdAt: number | undefined
  retiredAt: number | undefined
}

const FORM = 1
const BYTES_MAX = 1_000_000
const RETIRED_MAX = 100
const KID = /^[\w.-]{1,128}$/
const POINT = /^[\w-]{43}$/

/** Reads `{schema_version, active, next, retired}`. Throws an Error that says what is wrong and repeats no key. */
export async function readKeySet(path: string): Promise<BroughtKey[]> {
  const file = Bun.file(path)
  if (!(await file.exists())) throw wrong('the file is not there')
  if (file.size > BYTES_MAX) throw wrong('the file is too large')
  const set = asObject(parse(await file.text()), 'the document')
  if (set.schema_version !== FORM) throw wrong(`schema_version must be ${FORM}`)
  const retired = set.retired ?? []
  if (!Array.isArray(retired) || retired.length > RETIRED_MAX) throw wrong(`retired must be a list of at most ${RETIRED_MAX} keys`)
  const entries: [Json, KeyStatus][] = retired.map((key) => [key, 'retired'])
  if (set.next != null) entries.unshift([set.next, 'next'])
  const keys = await Promise.all([[set.active ?? null, 'active'] as const, ...entries].map(([key, status]) => readKey(key, status)))
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) throw wrong('two keys have the same kid')
  return keys
}

async function readKey(value: Json, status: KeyStatus): Promise<BroughtKey> {
  const { kid, private_key, public_jwk, created_at, retired_at, not_after } = asObject(value, `'${status}'`)
  if (typeof kid !== 'string' || !KID.test(kid))
    throw wrong(`a kid of '${status}' is missing or has other characters than A-Z a-z 0-9 _ . -`)
  const times = { createdAt: timeOf(created_at), retiredAt: timeOf(retired_at) ?? timeOf(not_after) }
  const { kty, crv, x } = asObject(public_jwk ?? null, `public_jwk of ${kid}`)
  if (kty !== 'OKP' || crv !== 'Ed25519' || typeof x !== 'string' || !POINT.test(x))
    throw wrong(`public_jwk of ${kid} is no key of Ed25519`)
  const publicJwk = { kty, crv, x }
  if (private_key == null && status === 'retired') return { kid, status, publicJwk, privateJwk: undefined, ...times }
  if (typeof private_key !== 'string') throw wrong(`private_key of ${kid} is missing`)
  const pair = await pairOfPem(private_key.trim(), kid).catch(() => {
    throw wrong(`private_key of ${kid} is no key of Ed25519 in PEM (PKCS8)`)
  })
  if (pair.publicJwk.x !== x) throw wrong(`private_key and public_jwk of ${kid} are not of one key`)
  return { kid, status, publicJwk, privateJwk: pair.privateJwk, ...times }
}

const wrong = (what: string): Error => new Error(`auth.key_set cannot be used: ${what}.`)

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    throw wrong('the file is not JSON')
  }
}

function asObject(value: Json, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw wrong(`${what} must be an object`)
}

/** Without a zone it is UTC. */
function timeOf(value: Json | undefined): number | undefined {
  if (typeof value !== 'string') return undefined
  const at = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(value) ? value : `${value}Z`)
  return Number.isNaN(at) ? undefined : at
}
