import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readConfig } from '../../../src/config.ts'
import { newId } from '../../../src/core/id.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { TokenKeys, type TokenKeysOptions } from '../../../src/core/tokens/key-ring.ts'
import { openVault } from '../../../src/drivers/vault/vault.ts'
import type { TestApp } from '../../support/app.ts'

export const { auth } = readConfig({}).config

/** Without a folder: a stated secret needs none. */
const NOWHERE = { dir: '/nonexistent' }

/** A server on the database of the app: with its secret, or with another. */
export const serverOn = (app: TestApp, options: Partial<TokenKeysOptions> = {}, secret?: string): TokenKeys =>
  new TokenKeys({ ...app, vault: secret === undefined ? app.vault : openVault({ key: secret }, NOWHERE) }, { ...auth, ...options })

export const claimsAt = (now: number, use: 'access' | 'refresh', lifeMs = auth.accessMs): JsonObject => {
  const iat = Math.floor(now / 1000)
  return { sub: `user:${newId()}`, token_use: use, jti: newId(), iat, nbf: iat, exp: iat + lifeMs / 1000 }
}

export const statusesOf = async (app: TestApp): Promise<string[]> =>
  (await app.db.query<{ status: string }>('select status from token_key order by status')).map(({ status }) => status)

export interface Pair {
  kid: string
  key: KeyObject
}
export const newPair = (kid = `ed25519-${newId().slice(-12)}`): Pair => ({ kid, key: generateKeyPairSync('ed25519').privateKey })
