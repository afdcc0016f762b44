import type { Caller } from '../../../src/core/caller.ts'
import { changeStanding } from '../../../src/core/identity/directory.ts'
import { requireAbove } from '../../../src/core/identity/rank.ts'
import * as keys from '../../../src/core/identity/user-keys.ts'
import * as removal from '../../../src/core/identity/user-removal.ts'
import * as users from '../../../src/core/identity/users.ts'
import type { TestApp } from '../../support/app.ts'
import { newUser } from '../../support/users.ts'

export interface UserIds {
  user: string
}
type Case = (caller: Caller, ids: UserIds) => Promise<unknown>

export const fillUsers = async (app: TestApp, caller: Caller): Promise<UserIds> => ({ user: (await newUser(app, caller)).user.id })

/** Every way in which an id of these functions can be foreign. */
export function userCases(open: { app: () => TestApp; own: () => UserIds }): Record<string, Case[]> {
  const { app, own } = open
  return {
    'users.getUser': [(c, ids) => users.getUser(app(), c, ids.user)],
    'users.getUsers': [(c, ids) => users.getUsers(app(), c, [ids.user]), (c, ids) => users.getUsers(app(), c, [own().user, ids.user])],
    'users.findUsers': [async (c, ids) => [...(await users.findUsers(app(), c, [ids.user])).values()]],
    'users.changeUser': [(c, ids) => users.changeUser(app(), c, { id: ids.user, change: { name: 'intruder' } })],
    'users.setAdmin': [(c, ids) => users.setAdmin(app(), c, { id: ids.user, isAdmin: true })],
    'user-keys.createOwnKey': [(c, ids) => keys.createOwnKey(app(), c, { userId: ids.user })],
    'user-keys.createKeyFor': [(c, ids) => keys.createKeyFor(app(), c, { userId: ids.user })],
    'user-keys.issueKey': [(c, ids) => keys.issueKey(app(), c, { userId: ids.user })],
    'user-keys.listUserKeys': [(c, ids) => keys.listUserKeys(app(), c, { userId: ids.user, revoked: true })],
    'user-keys.getUserKey': [(c, ids) => keys.getUserKey(app(), c, { userId: ids.user, prefix: 'ea_xxxxx' })],
    'user-keys.revokeUserKey': [(c, ids) => keys.revokeUserKey(app(), c, { userId: ids.user, prefix: 'ea_xxxxx' })],
    'directory.changeStanding': [(c, ids) => changeStanding(app(), c, { who: ids.user, change: { role: 'owner', status: 'disabled' } })],
    'rank.requireAbove': [(c, ids) => requireAbove(app().db, c, { userId: ids.user, sentence: 'no' })],
    'user-removal.deleteUser': [(c, ids) => removal.deleteUser(app(), c, ids.user)],
  }
}
