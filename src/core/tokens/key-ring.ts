import { Fault } from '../fault.ts'
import { TRUST_MS } from '../identity/ring-memory.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { asClaims, importKey, judge, kidOf, readSigned, signToken } from './jwt.ts'
import { KeptKeys, type TokenKey } from './kept-keys.ts'
import { deleteRetiredKeys } from './store.ts'
import type { Claims, Tokens, TokenUse } from './token.ts'

export interface TokenKeysOptions {
  issuer: string
  audience: string[]
  accessMs: number
  refreshMs: number
  /** File of a key set that was made elsewhere. */
  keySet: string | null
}

/** How often keys are looked for that nobody here knows: anybody may send any name. */
const LOOK_EVERY_MS = 1000
/** No token of a machine lives longer. */
const MACHINE_MS = 30 * 86_400_000
/** Another process signs with a key until it hears of the rotation. */
const SLACK_MS = 3_600_000

const keptFor = (refreshMs: number): number => Math.max(refreshMs, MACHINE_MS) + SLACK_MS

const notValid = (): Fault => new Fault('unauthenticated', 'This token is not valid.', { why: 'invalid_token' })
const expired = (): Fault => new Fault('unauthenticated', 'This token has expired.', { why: 'invalid_token', expired: true })

/** Keys of this server, read when they are needed, again when they changed, and after `TRUST_MS` in any case. One per process. */
export class TokenKeys implements Tokens {
  private readonly kept: KeptKeys
  private current: Promise<Map<string, Ready>> | undefined
  private making: Promise<void> | undefined
  private readAt = Number.NEGATIVE_INFINITY
  private lookedAt = Number.NEGATIVE_INFINITY
  /** By name: a key never changes. */
  private ready = new Map<string, Ready>()

  constructor(
    private readonly app: Needs<'db' | 'clock' | 'log' | 'signals' | 'vault'>,
    private readonly options: TokenKeysOptions,
  ) {
    this.kept = new KeptKeys(app, options.keySet)
    app.signals.onKeyChanged(() => this.forget())
  }

  async sign(claims: JsonObject): Promise<{ token: string; kid: string }> {
    const { kid, sign } = await this.active()
    return { token: await signToken(this.complete(claims), { kid, key: sign }), kid }
  }

  async signAgain(claims: JsonObject, kid: string): Promise<string | undefined> {
    // Who thought in error that it signs no more would end a token that is alive.
    const ready = (await this.known()).get(kid) ?? (await this.knownNow()).get(kid)
    return ready?.sign && this.counts(ready) ? signToken(this.complete(claims), { kid, key: ready.sign }) : undefined
  }

  async verify(token: string, use: TokenUse, options: { expired?: boolean } = {}): Promise<Claims> {
    const kid = kidOf(token)
    const key = kid === undefined ? undefined : await this.find(kid)
    const claims = key && (await readSigned(token, key.verify))
    if (!claims) throw notValid()
    const { issuer, audience } = this.options
    const verdict = judge(claims, { use, issuer, audience, now: this.app.clock.now() })
    if (verdict === 'bad') throw notValid()
    if (verdict === 'expired' && !options.expired) throw expired()
    return asClaims(claims)
  }

  async publicKeys(): Promise<{ keys: JsonObject[]; changedAt: number }> {
    await this.active()
    const keys = [...(await this.known()).values()].filter((ready) => this.counts(ready)).map(({ key }) => key)
    const order = { active: 0, next: 1, retired: 2 }
    return {
      keys: keys
        .toSorted((a, b) => order[a.status] - order[b.status])
        .map(({ kid, publicJwk: { x = '' } }) => ({ kty: 'OKP', crv: 'Ed25519', kid, x, use: 'sig', alg: 'EdDSA' })),
      changedAt: Math.max(0, ...keys.flatMap(({ createdAt, retiredAt }) => [createdAt, retiredAt ?? 0])),
    }
  }

  /** The next key signs from now on; what the one before signed stays good. Throws wrong_state where the keys cannot be opened. */
  async rotate(): Promise<void> {
    await this.kept.rotate()
    this.changed()
  }

  private complete(claims: JsonObject): JsonObject {
    const { issuer, audience } = this.options
    return { ...claims, iss: issuer, ...(claims.token_use === 'access' ? { aud: audience } : {}) }
  }

  private async active(): Promise<{ kid: string; sign: CryptoKey }> {
    for (let tries = 0; tries < 2; tries++) {
      for (const { key, sign } of (await this.known()).values()) if (key.status === 'active' && sign) return { kid: key.kid, sign }
      this.making ??= this.make().finally(() => {
        this.making = undefined
      })
      await this.making
    }
    throw new Fault('unavailable', 'The keys that sign tokens change too fast.')
  }

  private async make(): Promise<void> {
    const { foreign } = await this.kept.ensure()
    if (foreign) this.app.log.warn('token_key.sealed_elsewhere', { kid: foreign })
    this.changed()
  }

  private async find(kid: string): Promise<Ready | undefined> {
    const now = this.app.clock.now()
    let found = (await this.known()).get(kid)
    if (!found && Math.abs(now - this.lookedAt) >= LOOK_EVERY_MS) {
      this.lookedAt = now
      found = (await this.knownNow()).get(kid)
    }
    return found && this.counts(found) ? found : undefined
  }

  private counts({ key: { status, retiredAt } }: Ready): boolean {
    return status !== 'retired' || (retiredAt ?? 0) + keptFor(this.options.refreshMs) > this.app.clock.now()
  }

  private changed(): void {
    this.forget()
    this.app.signals.keyChanged()
  }

  private forget(): void {
    this.current = undefined
  }

  private known(): Promise<Map<string, Ready>> {
    const now = this.app.clock.now()
    if (this.current && Math.abs(now - this.readAt) <= TRUST_MS) return this.current
    const reading = this.read()
    this.current = reading
    this.readAt = now
    reading.catch(() => {
      if (this.current === reading) this.current = undefined
    })
    return reading
  }

  private knownNow(): Promise<Map<string, Ready>> {
    this.forget()
    return this.known()
  }

  private async read(): Promise<Map<string, Ready>> {
    const before = this.ready
    const all = await Promise.all((await this.kept.read()).map((key) => makeReady(key, before.get(key.kid))))
    this.ready = new Map(all.map((ready) => [ready.key.kid, ready]))
    return this.ready
  }
}

interface Ready {
  key: TokenKey
  verify: CryptoKey
  sign: CryptoKey | undefined
}

async function makeReady(key: TokenKey, known: Ready | undefined): Promise<Ready> {
  const before = known?.key.publicJwk.x === key.publicJwk.x ? known : undefined
  const verify = before?.verify ?? (await importKey(key.publicJwk))
  const sign = before?.sign ?? (key.privateJwk && (await importKey(key.privateJwk)))
  return { key, verify, sign }
}

/** Answers how many: those that no living token was signed with. */
export const dropRetiredKeys = (app: Needs<'db' | 'clock' | 'identity'>, limit: number): Promise<number> =>
  deleteRetiredKeys(app.db, { before: app.clock.now() - keptFor(app.identity.refreshMs), limit })
