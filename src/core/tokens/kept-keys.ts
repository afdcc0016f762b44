import type { Db } from '../../drivers/records/port.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { requireOperator } from '../identity/users.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import { newKeyPair } from './jwt.ts'
import { type BroughtKey, readKeySet } from './key-set.ts'
import {
  deleteTokenKey,
  insertTokenKey,
  type KeyStatus,
  lockTokenKeys,
  readTokenKeys,
  setTokenKeyStatus,
  type TokenKeyRow,
} from './store.ts'

export interface TokenKey {
  kid: string
  status: KeyStatus
  publicJwk: JsonObject
  /** Undefined: it was sealed with another secret, or only its public half came here. */
  privateJwk: JsonObject | undefined
  createdAt: number
  retiredAt: number | null
}

/** Newest first, without what they are. */
export async function listTokenKeys(app: Needs<'db'>, caller: Caller): Promise<Omit<TokenKey, 'publicJwk' | 'privateJwk'>[]> {
  requireScope(caller, 'admin')
  const rows = await readTokenKeys(app.db)
  return rows.map(({ kid, status, created_at: createdAt, retired_at: retiredAt }) => ({ kid, status, createdAt, retiredAt }))
}

/**
 * What this retired key signed is good no more, at once and everywhere: for a key that somebody else may have. Throws
 * not_found, or wrong_state for a key that still signs.
 */
export async function dropTokenKey(app: Needs<'db' | 'signals'>, caller: Caller, kid: string): Promise<void> {
  requireOperator(caller)
  await app.db.transaction(async (db) => {
    await lockTokenKeys(db)
    const key = (await readTokenKeys(db)).find((row) => row.kid === kid)
    if (!key) throw notFound('key', kid)
    if (key.status !== 'retired') throw new Fault('wrong_state', `The key ${kid} is ${key.status}: rotate until it is retired.`)
    await deleteTokenKey(db, kid)
  })
  app.signals.keyChanged()
}

/** So many keys that others sealed go on: nobody else retires those of servers that are gone with their secrets. */
const FOREIGN_MAX = 20

/** The table of keys, and which of them follows which. Private halves are sealed about the name of their key. */
export class KeptKeys {
  private brought: Promise<Map<string, BroughtKey>> | undefined

  /** @param keySet file of keys that were made elsewhere: they are here from the first use on */
  constructor(
    private readonly app: Needs<'db' | 'clock' | 'vault'>,
    private readonly keySet: string | null,
  ) {}

  /** Newest first. */
  async read(): Promise<TokenKey[]> {
    await this.bring()
    return this.openAll(this.app.db)
  }

  /** Makes what is missing to sign here. `foreign`: the name of a key that signs elsewhere and cannot be opened here. */
  async ensure(): Promise<{ foreign: string | undefined }> {
    await this.bring()
    const drafts = await this.drafts(2)
    return this.alone(async (db, keys) => {
      if (mine(keys, 'active').length > 0) return { foreign: undefined }
      await this.advance(db, mine(keys, 'next'), drafts)
      const others = keys.filter(({ status, privateJwk }) => status !== 'retired' && !privateJwk)
      // Whose server lives makes new ones: what it signed stays good.
      await this.retire(db, others.slice(FOREIGN_MAX))
      return { foreign: others.find(({ status }) => status === 'active')?.kid }
    })
  }

  /**
   * In one transaction the next key becomes the active one, and the active ones retire. What others sealed retires as well:
   * a server that cannot open what is active makes keys of its own.
   */
  async rotate(): Promise<void> {
    await this.bring()
    const drafts = await this.drafts(2)
    await this.alone(async (db, keys) => {
      const active = keys.filter(({ status }) => status === 'active')
      if (active.length > 0 && mine(active, 'active').length === 0)
        throw new Fault('wrong_state', 'The keys that sign tokens were sealed with another secret: rotate them where the server runs.')
      const [next, ...others] = mine(keys, 'next')
      const foreign = keys.filter(({ status, privateJwk }) => status === 'next' && !privateJwk)
      await this.retire(db, [...active, ...others, ...foreign])
      await this.advance(db, next ? [next] : [], drafts)
    })
  }

  /** The key behind is promoted, or one made, and another one put behind. */
  private async advance(db: Db, [next]: TokenKey[], [first, second]: TokenKeyRow[]): Promise<void> {
    if (next) await setTokenKeyStatus(db, { kids: [next.kid], status: 'active', at: this.app.clock.now() })
    else if (second) await insertTokenKey(db, { ...second, status: 'active' })
    if (first) await insertTokenKey(db, { ...first, status: 'next' })
  }

  private retire(db: Db, keys: readonly { kid: string }[]): Promise<void> {
    return setTokenKeyStatus(db, { kids: keys.map(({ kid }) => kid), status: 'retired', at: this.app.clock.now() })
  }

  private alone<R>(work: (db: Db, keys: TokenKey[]) => Promise<R>): Promise<R> {
    return this.app.db.transaction(async (db) => {
      await lockTokenKeys(db)
      return work(db, await this.openAll(db))
    })
  }

  private async openAll(db: Db): Promise<TokenKey[]> {
    const rows = await readTokenKeys(db)
    const brought = await this.brought
    return Promise.all(rows.map(async (row) => fromRow(row, (await this.open(row)) ?? brought?.get(row.kid)?.privateJwk)))
  }

  private async open({ kid, sealed }: TokenKeyRow): Promise<JsonObject | undefined> {
    const text = sealed === '' ? undefined : await this.app.vault.open(sealed, aboutKey(kid))
    return text === undefined ? undefined : (JSON.parse(text) as JsonObject)
  }

  /** Made and sealed before the transaction that may need them. */
  private async drafts(count: number): Promise<TokenKeyRow[]> {
    const pairs = await Promise.all(Array.from({ length: count }, newKeyPair))
    const status = 'next' as const
    return Promise.all(pairs.map((pair) => this.toRow({ ...pair, status, createdAt: this.app.clock.now(), retiredAt: undefined })))
  }

  private async toRow({ kid, status, publicJwk, privateJwk, createdAt, retiredAt }: BroughtKey): Promise<TokenKeyRow> {
    const now = this.app.clock.now()
    return {
      ...{ kid, status, public_jwk: JSON.stringify(publicJwk), created_at: createdAt ?? now },
      sealed: privateJwk ? await this.app.vault.seal(JSON.stringify(privateJwk), aboutKey(kid)) : '',
      retired_at: status === 'retired' ? (retiredAt ?? now) : null,
    }
  }

  private bring(): Promise<unknown> {
    if (this.keySet === null) return Promise.resolve()
    this.brought ??= this.import(this.keySet).catch((cause) => {
      this.brought = undefined
      throw new Fault('unavailable', 'The keys that sign tokens cannot be read.', { cause })
    })
    return this.brought
  }

  /** What is here already stays as it is, so that a start does not undo a rotation; only a key that was behind may advance. */
  private async import(path: string): Promise<Map<string, BroughtKey>> {
    const set = await readKeySet(path)
    const rows = await Promise.all(set.map((key) => this.toRow(key)))
    const [draft] = await this.drafts(1)
    const signing = rows.filter(({ status }) => status !== 'retired').map(({ kid }) => kid)
    await this.app.db.transaction(async (db) => {
      await lockTokenKeys(db)
      const there = new Map((await readTokenKeys(db)).map((row) => [row.kid, row]))
      for (const key of rows) requireSame(key, there.get(key.kid))
      const fresh = rows.filter(({ kid }) => !there.has(kid))
      const others = [...there.values()].filter(({ kid }) => !signing.includes(kid))
      for (const key of rows) if (takesPlace(key, there.get(key.kid))) await this.takePlace(db, key, others)
      for (const key of fresh) await insertTokenKey(db, key)
      const hasNext = [...rows, ...others].some(({ status }) => status === 'next')
      if (draft && !hasNext && fresh.length > 0) await insertTokenKey(db, draft)
    })
    return new Map(set.map((key) => [key.kid, key]))
  }

  private async takePlace(db: Db, { kid, status }: TokenKeyRow, others: TokenKeyRow[]): Promise<void> {
    const before = others.filter((row) => row.status === status)
    await this.retire(db, before)
    if (status === 'active') await setTokenKeyStatus(db, { kids: [kid], status, at: this.app.clock.now() })
  }
}

const aboutKey = (kid: string): string => `token_key:${kid}`

const mine = (keys: TokenKey[], wanted: KeyStatus): TokenKey[] =>
  keys.filter(({ status, privateJwk }) => status === wanted && privateJwk !== undefined)

const takesPlace = ({ status }: TokenKeyRow, there: TokenKeyRow | undefined): boolean =>
  status !== 'retired' && (there === undefined || (status === 'active' && there.status === 'next'))

function requireSame(key: TokenKeyRow, there: TokenKeyRow | undefined): void {
  if (there && there.public_jwk !== key.public_jwk) throw new Error(`another key of the name ${key.kid} is here already`)
}

const fromRow = (row: TokenKeyRow, privateJwk: JsonObject | undefined): TokenKey => ({
  ...{ kid: row.kid, status: row.status, publicJwk: JSON.parse(row.public_jwk) as JsonObject, privateJwk },
  ...{ createdAt: row.created_at, retiredAt: row.retired_at },
})
