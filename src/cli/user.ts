import { Fault } from '../core/fault.ts'
import { isUuid } from '../core/id.ts'
import { issueKey } from '../core/identity/user-keys.ts'
import { createAdmin, createUser, listUsers, setAdmin, type User } from '../core/identity/users.ts'
import { decodeId, spell } from '../surfaces/entities/ids.ts'
import { CliError, EXIT } from './cli-error.ts'
import { asOperator, type Common, columns, readExpiry } from './key.ts'
import type { Terminal } from './terminal.ts'

/** More than a person reads; programs ask the database. */
const LISTED_MAX = 10_000

export interface CreateUserOptions extends Common {
  email: string | undefined
  name: string | undefined
  admin: boolean
}

/** An admin gets a key at once: without one nobody could make another. */
export async function createUserOf(options: CreateUserOptions, terminal: Terminal): Promise<void> {
  const profile = { email: options.email ?? null, name: options.name ?? null }
  const made = await asOperator(options, terminal, ({ db, clock }, caller) =>
    db.transaction(async (inside) => {
      const app = { db: inside, clock }
      if (!options.admin) return { user: await createUser(app, caller, profile), secret: undefined }
      const user = await createAdmin(app, caller, { ...profile, emailVerified: options.email !== undefined })
      return { user, secret: (await issueKey(app, caller, { userId: user.id, name: 'first' })).secret }
    }),
  ).catch((error) => {
    throw error instanceof Fault && error.code === 'exists' ? emailTaken(options.email ?? '') : error
  })
  tellUser(options, made, terminal)
}

function tellUser({ json }: Common, { user, secret }: { user: User; secret: string | undefined }, terminal: Terminal): void {
  const id = spell('user', user.id)
  if (!json && secret !== undefined)
    terminal.err(`Admin ${id}${user.email === null ? '' : ` (${user.email})`}. The key is shown this once:\n`)
  terminal.out(json ? `${JSON.stringify({ ...toJson(user), ...(secret === undefined ? {} : { key: secret }) })}\n` : `${secret ?? id}\n`)
}

export async function listUsersOf(options: Common, terminal: Terminal): Promise<void> {
  const users = await asOperator(options, terminal, (app, caller) => listUsers(app, caller, { limit: LISTED_MAX }))
  if (options.json) return terminal.out(`${JSON.stringify(users.map(toJson), null, 2)}\n`)
  const rows = users.map((user) => [spell('user', user.id), user.email ?? '-', user.name ?? '-', user.isAdmin ? 'yes' : 'no', day(user)])
  terminal.out(columns([['ID', 'EMAIL', 'NAME', 'ADMIN', 'CREATED'], ...rows]))
}

export interface UserKeyOptions extends Common {
  id: string
  name: string
  expires: string | undefined
}

export async function createKeyOf(options: UserKeyOptions, terminal: Terminal): Promise<void> {
  const userId = requireUserId(options.id)
  const made = await asOperator(options, terminal, (app, caller) => {
    const expiresAt = options.expires === undefined ? null : readExpiry(options.expires, app.clock.now())
    return issueKey(app, caller, { userId, name: options.name, expiresAt })
  }).catch(unlessThere(options.id))
  const { key, secret } = made
  if (options.json)
    return terminal.out(`${JSON.stringify({ prefix: key.prefix, user_id: spell('user', userId), name: key.name, key: secret })}\n`)
  terminal.err(`Key '${key.name}' of ${spell('user', userId)}. It is shown this once:\n`)
  terminal.out(`${secret}\n`)
}

export interface UserAdminOptions extends Common {
  id: string
  /** Exactly one of them. */
  on: boolean
  off: boolean
}

export async function setAdminOf(options: UserAdminOptions, terminal: Terminal): Promise<void> {
  const { id, on, off } = options
  if (on === off) throw oneOfTwo()
  const userId = requireUserId(id)
  const user = await asOperator(options, terminal, (app, caller) => setAdmin(app, caller, { id: userId, isAdmin: on })).catch(
    unlessThere(id),
  )
  terminal.out(options.json ? `${JSON.stringify(toJson(user))}\n` : `${spell('user', user.id)} is ${on ? 'an admin' : 'no admin'}.\n`)
}

/** As the Entities API spells ids, or a plain UUID. */
function requireUserId(text: string): string {
  const id = isUuid(text) ? text : decodeId('user', text)
  if (id === undefined) throw unknownUser(text)
  return id
}

const unlessThere =
  (id: string) =>
  (error: unknown): never => {
    throw error instanceof Fault && error.code === 'not_found' ? unknownUser(id) : error
  }

const toJson = (user: User) => ({
  id: spell('user', user.id),
  email: user.email,
  name: user.name,
  is_admin: user.isAdmin,
  created_at: new Date(user.createdAt).toISOString(),
})

const day = ({ createdAt }: User): string => new Date(createdAt).toISOString().slice(0, 16).replace('T', ' ')

const unknownUser = (id: string): CliError =>
  new CliError({
    what: `There is no user '${id}'.`,
    why: 'Users are named by their id, such as user_0123456789ABCDEFabcdef.',
    next: "Run 'tetraport user list' to see the ids.",
    exitCode: EXIT.failed,
  })

const emailTaken = (email: string): CliError =>
  new CliError({
    what: `There is a user with the e-mail address '${email}'.`,
    why: 'No two users have the same one.',
    next: "Run 'tetraport user list' to see them.",
    exitCode: EXIT.failed,
  })

const oneOfTwo = (): CliError =>
  new CliError({
    what: 'It is not said what the user is to be.',
    why: 'Either --on or --off is needed, not both.',
    next: 'For example: tetraport user admin user_0123456789ABCDEFabcdef --on',
    exitCode: EXIT.usage,
  })
