import { chmodSync, chownSync, lchownSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Fault } from '../../core/fault.ts'

export interface Account {
  uid: number
  gid: number
}

/** A number that no distribution gives to anybody: Postgres refuses to run as root, and files of `nobody` are not private. */
const OWN_ID = 60_807
const NOBODY = 65_534

export const isRoot = (): boolean => process.geteuid?.() === 0

/** The account Postgres runs under; undefined: our own. A cluster keeps the owner it has. */
export function postgresAccount(cluster: string): Account | undefined {
  if (!isRoot()) return undefined
  const owner = ownerOf(cluster)
  return owner === undefined || owner.uid === 0 ? { uid: OWN_ID, gid: OWN_ID } : owner
}

export function ownerOf(path: string): Account | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat && { uid: stat.uid, gid: stat.gid }
}

/** initdb looks up the name of its user, so as root it needs an account that /etc/passwd knows. */
export function namedAccount(): Account | undefined {
  if (!isRoot()) return undefined
  const known = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([, , uid, gid]) => ({ uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid > 0)
  const account = known.find(({ uid }) => uid === NOBODY) ?? known[0]
  if (account !== undefined) return account
  throw new Fault(
    'unavailable',
    'The database cannot be created: /etc/passwd names no account besides root. Run the server as an ordinary user.',
  )
}

export interface Modes {
  folder: number
  file: number
  account: Account | undefined
}

/** Gives a whole tree its owner and modes. */
export function claimTree(path: string, modes: Modes): void {
  const stat = lstatSync(path)
  if (modes.account) lchownSync(path, modes.account.uid, modes.account.gid)
  if (stat.isSymbolicLink()) return
  if (!stat.isDirectory()) {
    chmodSync(path, modes.file)
    return
  }
  chmodSync(path, modes.folder)
  for (const name of readdirSync(path)) claimTree(join(path, name), modes)
}

export function claimFolder(path: string, account: Account | undefined): void {
  chmodSync(path, 0o700)
  if (account) chownSync(path, account.uid, account.gid)
}

/** As root: the first folder on the way to `dir` that the account cannot enter. */
export function closedFolder(dir: string, account: Account): string | undefined {
  const parent = dirname(dir)
  const above = parent === dir ? undefined : closedFolder(parent, account)
  if (above !== undefined) return above
  const { mode, uid, gid } = statSync(dir)
  const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
  return mode & bit ? undefined : dir
}
