import type { JsonObject } from '../json.ts'

/** `access` opens routes; `refresh` is exchanged for one that does. */
export type TokenUse = 'access' | 'refresh'

/** What every token of ours says. Times in seconds since the epoch. */
export interface Claims extends JsonObject {
  /** `user:<uuid>` or `service-account:<name>` */
  sub: string
  token_use: TokenUse
  jti: string
  iss: string
  iat: number
  nbf: number
  exp: number
}

/** Signs and verifies with the keys of this server. */
export interface Tokens {
  /** Fills in `iss`, and `aud` of access tokens. With `kid` by that key, if it can still sign; undefined if it cannot. */
  sign(claims: JsonObject): Promise<{ token: string; kid: string }>
  signAgain(claims: JsonObject, kid: string): Promise<string | undefined>
  /** Throws unauthenticated: bad form, signature, issuer, audience, time or use. With `expired` a token is taken after its end. */
  verify(token: string, use: TokenUse, options?: { expired?: boolean }): Promise<Claims>
  /** Public keys, those of retired ones whose tokens may still live included. `changedAt` in milliseconds. */
  publicKeys(): Promise<{ keys: JsonObject[]; changedAt: number }>
}
