import type { Caller } from '../../src/core/caller.ts'
import { createKeyFor, issueKey } from '../../src/core/identity/user-keys.ts'
import { createAdmin, createUser, type NewUser, type User } from '../../src/core/identity/users.ts'
import type { TestApp } from './app.ts'

export interface KeyedUser {
  user: User
  /** As a key of his resolves. */
  caller: Caller
  secret: string
}

/** A user of the manager's tenant, with a key. */
export async function newUser(app: TestApp, manager: Caller, profile: NewUser = {}): Promise<KeyedUser> {
  const user = await createUser(app, manager, profile)
  const { secret } = await createKeyFor(app, manager, { userId: user.id })
  return { user, secret, caller: await app.keys.resolve(secret) }
}

/** An admin of the operator's tenant, with a key. */
export async function newAdmin(app: TestApp, operator: Caller, profile: NewUser = {}): Promise<KeyedUser> {
  const user = await createAdmin(app, operator, profile)
  const { secret } = await issueKey(app, operator, { userId: user.id })
  return { user, secret, caller: await app.keys.resolve(secret) }
}
