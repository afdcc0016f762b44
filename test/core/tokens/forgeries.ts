import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign as signRaw } from 'node:crypto'
import type { Json, JsonObject } from '../../../src/core/json.ts'
import type { Needs } from '../../../src/core/needs.ts'

export interface Forgery {
  name: string
  token: string
}

type Text = string | Uint8Array

const b64 = (value: Text): string => Buffer.from(value).toString('base64url')
const json = (value: unknown): string => b64(JSON.stringify(value))
/** The order of the curve's group: a signature that has it added to its second half says the same to a lax verifier. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** A genuine token, its parts, and everything an attacker could know, or not know, of its key. */
class Workshop {
  readonly header: string
  readonly payload: string
  readonly signature: string
  readonly claims: JsonObject
  readonly publicKey: KeyObject
  readonly thief = generateKeyPairSync('ed25519')
  readonly rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  readonly ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })

  constructor(
    readonly token: string,
    readonly kid: string,
    readonly ours: KeyObject,
  ) {
    const [header = '', payload = '', signature = ''] = token.split('.')
    Object.assign(this, { header, payload, signature })
    this.header = header
    this.payload = payload
    this.signature = signature
    this.claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    this.publicKey = createPublicKey(ours)
  }

  /** With our own key: what is wrong must be found by its own check. */
  signed(header: unknown, payload: Text, key: KeyObject = this.ours): string {
    const input = `${json(header)}.${b64(payload)}`
    return `${input}.${b64(signRaw(null, Buffer.from(input), key))}`
  }
  stolen = (header: unknown, payload: Text = JSON.stringify(this.claims)): string => this.signed(header, payload, this.thief.privateKey)
  withHeader = (header: unknown): string => this.signed(header, JSON.stringify(this.claims))
  withClaims = (change: Record<string, unknown>): string => this.signed(this.plain, JSON.stringify({ ...this.claims, ...change }))
  /** With the genuine signature. */
  kept = (change: Record<string, unknown>): string => `${this.header}.${json({ ...this.claims, ...change })}.${this.signature}`
  get plain() {
    return { alg: 'EdDSA', typ: 'JWT', kid: this.kid }
  }
}

/** Signs like the server, with its own key, which the test takes out of the vault. */
export async function openWorkshop(app: Needs<'db' | 'vault'>, token: string): Promise<Workshop> {
  const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }
  const [row] = await app.db.query<{ sealed: string }>('select sealed from token_key where kid = $1', [kid])
  const opened = await app.vault.open(row?.sealed ?? '', `token_key:${kid}`)
  return new Workshop(token, kid, createPrivateKey({ key: JSON.parse(opened ?? ''), format: 'jwk' }))
}

const named = (group: string, tokens: Record<string, string>): Forgery[] =>
  Object.entries(tokens).map(([name, token]) => ({ name: `${group}: ${name}`, token }))

const listed = (group: string, values: readonly unknown[], make: (value: unknown) => string): Forgery[] =>
  values.map((value) => ({ name: `${group}: ${nameOf(value)}`, token: make(value) }))

function nameOf(value: unknown): string {
  const text = String(JSON.stringify(value))
  return text.length > 60 ? `${text.slice(0, 20)}... (${text.length})` : text
}

function algorithms(shop: Workshop): Forgery[] {
  const nones = ['none', 'None', 'NONE', 'nOnE', 'noNe', '', ' none', 'none ', 'none\u0000', null, false, 0, [], {}, ['none']]
  const labels = ['RS256', 'RS512', 'PS256', 'ES256', 'ES256K', 'ES512', 'Ed448', 'Ed25519', 'eddsa', 'EDDSA', 'EdDSA ', ['EdDSA']]
  const header = (alg: unknown, typ: unknown = 'JWT') => ({ alg, typ, kid: shop.kid })
  const input = (alg: string) => `${json(header(alg))}.${shop.payload}`
  return [
    ...listed('alg, signature kept', nones, (alg) => `${json(header(alg))}.${shop.payload}.${shop.signature}`),
    ...listed('alg, signed by us', nones.slice(0, 4), (alg) => shop.withHeader(header(alg))),
    ...listed('alg, no signature', nones.slice(0, 6), (alg) => `${json(header(alg))}.${shop.payload}.`),
    ...listed('label, signed by us', labels, (alg) => shop.withHeader(header(alg))),
    ...named('alg', {
      'is missing': shop.withHeader({ typ: 'JWT', kid: shop.kid }),
      'RS256 by an RSA key': `${input('RS256')}.${b64(signRaw('sha256', Buffer.from(input('RS256')), shop.rsa.privateKey))}`,
      'ES256 by a P-256 key': `${input('ES256')}.${b64(signRaw('sha256', Buffer.from(input('ES256')), { key: shop.ec.privateKey, dsaEncoding: 'ieee-p1363' }))}`,
    }),
    ...listed('typ, signed by us', ['at+jwt', 'jwt', 'JWE', 'none', null, ['JWT']], (typ) => shop.withHeader(header('EdDSA', typ))),
    ...named('typ', { 'is missing': shop.withHeader({ alg: 'EdDSA', kid: shop.kid }) }),
  ]
}

/** The public key is known to everybody: whoever takes it for a shared secret lets everybody in. */
function hmacs(shop: Workshop): Forgery[] {
  const jwk = shop.publicKey.export({ format: 'jwk' })
  const secrets: Record<string, Text> = {
    PEM: shop.publicKey.export({ format: 'pem', type: 'spki' }) as string,
    DER: shop.publicKey.export({ format: 'der', type: 'spki' }),
    JWK: JSON.stringify(jwk),
    'JWK as it is published': JSON.stringify({ kty: 'OKP', crv: 'Ed25519', kid: shop.kid, x: jwk.x, use: 'sig', alg: 'EdDSA' }),
    x: String(jwk.x),
    'its bytes': Buffer.from(String(jwk.x), 'base64url'),
    nothing: '',
  }
  const make = (alg: string, hash: string, secret: Text): string => {
    const input = `${json({ alg, typ: 'JWT', kid: shop.kid })}.${shop.payload}`
    return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`
  }
  return Object.entries(secrets).flatMap(([name, secret]) =>
    named(`HMAC with ${name}`, {
      HS256: make('HS256', 'sha256', secret),
      HS384: make('HS384', 'sha384', secret),
      HS512: make('HS512', 'sha512', secret),
      'called EdDSA': make('EdDSA', 'sha512', secret),
    }),
  )
}

function keyNames(shop: Workshop): Forgery[] {
  const kids = [
    ...[
      '../../../../dev/null',
      '/dev/null',
      '/etc/passwd',
      'file:///dev/null',
      'secret.key',
      `../${shop.kid}`,
      `${shop.kid}/../${shop.kid}`,
    ],
    ...[
      "' or '1'='1",
      `${shop.kid}' --`,
      "x' union select '{}' --",
      `${shop.kid}'; drop table token_key; --`,
      '%',
      `${shop.kid.slice(0, -1)}_`,
    ],
    ...['http://127.0.0.1/jwks.json', 'https://example.com/k', '__proto__', 'constructor', 'hasOwnProperty', 'toString'],
    ...[
      `${shop.kid}\u0000`,
      `${shop.kid} `,
      ` ${shop.kid}`,
      shop.kid.toUpperCase(),
      '',
      'ed25519-000000000000',
      'k'.repeat(1200),
      'k'.repeat(9000),
    ],
    ...[null, 0, true, [shop.kid], { kid: shop.kid }, [[shop.kid]]],
  ]
  const header = (kid: unknown) => ({ alg: 'EdDSA', typ: 'JWT', kid })
  const near = [`${shop.kid} `, ` ${shop.kid}`, shop.kid.toUpperCase(), [shop.kid], null]
  return [
    ...listed('kid, by another key', kids, (kid) => shop.stolen(header(kid))),
    ...listed('kid, signed by us', near, (kid) => shop.withHeader(header(kid))),
    ...named('kid', {
      'is missing': shop.withHeader({ alg: 'EdDSA', typ: 'JWT' }),
      'ours, by the key of another server': shop.stolen(header(shop.kid)),
    }),
  ]
}

/** Headers that offer a key, or ask for what we do not do. */
function offers(shop: Workshop): Forgery[] {
  const jwk = shop.thief.publicKey.export({ format: 'jwk' }) as JsonObject
  const extras: JsonObject = {
    jku: 'https://example.com/jwks.json',
    jwk,
    x5u: 'https://example.com/chain.pem',
    x5c: ['MIIB'],
    'x5t#S256': 'AAAA',
    crit: ['exp'],
    b64: false,
    zip: 'DEF',
    cty: 'JWT',
    enc: 'A256GCM',
  }
  return Object.entries(extras).flatMap(([name, value]) =>
    named(name, {
      'by the key it offers': shop.stolen({ ...shop.plain, [name]: value }),
      'signed by us': shop.withHeader({ ...shop.plain, [name]: value }),
    }),
  )
}

/** Signed by us, as no server of ours would. */
function claims(shop: Workshop): Forgery[] {
  const now = Number(shop.claims.iat)
  const wrong: Record<string, unknown[]> = {
    iss: ['other', '', null, [shop.claims.iss], `${shop.claims.iss} `, undefined],
    aud: ['other', [], null, {}, ['other'], [['agent-api']], 'agent-api other', undefined],
    exp: [now - 1, now, 0, -1, String(now + 600), null, [now + 600], true, undefined],
    nbf: [now + 600, String(now), null, undefined],
    iat: [now + 600, String(now), null, undefined],
    token_use: ['refresh', 'id', 'ACCESS', '', null, ['access'], undefined],
    jti: ['', 'x', 1, null, undefined],
    sub: ['', 'user:', 'user:*', `${shop.claims.sub} `, String(shop.claims.sub).toUpperCase(), `admin:${shop.claims.sub}`, null, undefined],
  }
  const raw = (text: Text) => shop.signed(shop.plain, text)
  return [
    ...Object.entries(wrong).flatMap(([name, values]) =>
      listed(`${name}, signed by us`, values, (value) => shop.withClaims({ [name]: value })),
    ),
    ...named('payload, signed by us', {
      'has an infinite end': raw(JSON.stringify({ ...shop.claims, exp: 0 }).replace('"exp":0', '"exp":1e999')),
      'is a list': raw(JSON.stringify([shop.claims])),
      'is a text': raw(JSON.stringify(JSON.stringify(shop.claims))),
      'is null': raw('null'),
      'is empty': `${shop.header}..${shop.signature}`,
      'is no JSON': raw('{"sub":'),
      'is no UTF-8': raw(
        Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from(`",${JSON.stringify(shop.claims).slice(1)}`)]),
      ),
      'begins with a mark': raw(`\ufeff${JSON.stringify(shop.claims)}`),
    }),
  ]
}

/** Other claims below the genuine signature. */
function changes(shop: Workshop): Forgery[] {
  const id = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa'
  const payload = JSON.stringify(shop.claims)
  const doubled = (name: string, value: Json) =>
    `${shop.header}.${b64(payload.replace(/\}$/, `,"${name}":${JSON.stringify(value)}}`))}.${shop.signature}`
  return named('signature kept', {
    'another tenant': shop.kept({ tenant_id: id }),
    'no tenant': shop.kept({ tenant_id: null }),
    'another user': shop.kept({ sub: `user:${id}` }),
    'a machine': shop.kept({ sub: 'service-account:support-console', parent: id }),
    'another session': shop.kept({ sid: id }),
    'other roles': shop.kept({ roles: ['owner'] }),
    'more scope': shop.kept({ scope: 'support:* platform:operator' }),
    'a list of scopes': shop.kept({ scopes: ['support:*'] }),
    'a later end': shop.kept({ exp: Number(shop.claims.exp) + 1 }),
    'a verified address': shop.kept({ email_verified: !shop.claims.email_verified }),
    'the tenant twice': doubled('tenant_id', id),
    'the subject twice': doubled('sub', `user:${id}`),
    'a space more': `${shop.header}.${b64(`${payload} `)}.${shop.signature}`,
    'another order': `${json({ typ: 'JWT', alg: 'EdDSA', kid: shop.kid })}.${shop.payload}.${shop.signature}`,
  })
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** The same value in the bits that count, others in those that do not. */
const respelled = (part: string, by: number): string =>
  part.slice(0, -1) + LETTERS.charAt((LETTERS.indexOf(part.at(-1) ?? '') & 0x30) | ((LETTERS.indexOf(part.at(-1) ?? '') + by) & 0x0f))

function signatures(shop: Workshop): Forgery[] {
  const { header, payload, signature, token } = shop
  const bytes = Buffer.from(signature, 'base64url')
  const half = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`)
  const heavy = Buffer.from((half + ORDER).toString(16).padStart(64, '0'), 'hex').reverse()
  const flipped = Buffer.from(bytes)
  flipped[0] = (flipped[0] ?? 0) ^ 1
  const ending = (text: string) => `${header}.${payload}.${text}`
  return [
    ...listed('last letter', [1, 2, 3, 7, 15], (by) => ending(respelled(signature, Number(by)))),
    ...named('signature', {
      'is missing': ending(''),
      'lacks a letter': ending(signature.slice(0, -1)),
      'lacks two letters': ending(signature.slice(0, -2)),
      'is half': ending(signature.slice(0, 43)),
      'has a letter more': ending(`${signature}A`),
      'has bytes more': ending(`${signature}AAAA`),
      'is padded': ending(`${signature}==`),
      'is padded once': ending(`${signature}=`),
      'is twice there': ending(signature + signature),
      'is all zero': ending('A'.repeat(86)),
      'is the neutral point': ending(b64(Buffer.concat([Buffer.from([1]), Buffer.alloc(63)]))),
      'has one bit changed': ending(b64(flipped)),
      'has the order added': ending(b64(Buffer.concat([bytes.subarray(0, 32), heavy]))),
      'is written with + and /': ending(signature.replaceAll('-', '+').replaceAll('_', '/')),
      'is hex': ending(bytes.toString('hex')),
      'has a space': ending(`${signature.slice(0, 40)} ${signature.slice(40)}`),
      'is of another text': `${header}.${json({ ...shop.claims, jti: 'x' })}.${signature}`,
      'of header and payload in other places': `${payload}.${header}.${signature}`,
    }),
    ...named('padding', { header: `${header}=.${payload}.${signature}`, payload: `${header}.${payload}==.${signature}` }),
    ...named('form', {
      'one part': header,
      'two parts': `${header}.${payload}`,
      'four parts': `${token}.${signature}`,
      'five parts': `${json({ alg: 'dir', enc: 'A256GCM' })}..AAAA.${payload}.AAAA`,
      'empty parts': '..',
      'empty header': `.${payload}.${signature}`,
      'a megabyte': `${header}.${'A'.repeat(1_000_000)}.${signature}`,
      'a megabyte signed by us': shop.withClaims({ long: 'a'.repeat(1_000_000) }),
      'more than is read, signed by us': shop.withClaims({ long: 'a'.repeat(8_000) }),
      'JSON form': JSON.stringify({ payload, protected: header, signature }),
      'other letters': `${header}.${payload.slice(0, 10)}é${payload.slice(11)}.${signature}`,
      'wide dots': token.replaceAll('.', '\uff0e'),
      'lower case': token.toLowerCase(),
      'percent-encoded': encodeURIComponent(token).replaceAll('.', '%2E'),
      quoted: `"${token}"`,
      twice: `${token},${token}`,
      'a comma behind': `${token},`,
    }),
  ]
}

/** None of them is a token of this server. */
export const forgeriesOf = (shop: Workshop): Forgery[] =>
  [algorithms, hmacs, keyNames, offers, claims, changes, signatures]
    .flatMap((make) => make(shop))
    .filter(({ token }) => token !== shop.token)
