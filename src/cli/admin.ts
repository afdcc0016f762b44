import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { appUrlOf } from '../app.ts'
import { Fault } from '../core/fault.ts'
import { listOperators, type Member } from '../core/identity/directory.ts'
import { inviteLink } from '../core/mail/messages.ts'
import { openPasswords } from '../core/passwords/hashing.ts'
import { claimInvite, createOperator } from '../core/sign-up/operator.ts'
import { CliError, EXIT } from './cli-error.ts'
import { asOperator, type Common, columns } from './key.ts'
import type { Terminal } from './terminal.ts'

/** More than a person reads; programs ask the database. */
const LISTED_MAX = 1000

export interface CreateAdminOptions extends Common {
  email: string
  name: string | undefined
  /** Absent: it is asked for, or read from the standard input. */
  passwordFile: string | undefined
}

export async function createAdmin(options: CreateAdminOptions, terminal: Terminal): Promise<void> {
  const { email, name = null, passwordFile, json } = options
  requireAddress(email)
  const password = passwordFile === undefined ? await ask(email, terminal) : readPasswordFile(passwordFile, terminal)
  const made = await asOperator(options, terminal, (app, caller) =>
    createOperator({ ...app, passwords: openPasswords({ atOnce: 1 }) }, caller, { email, name, password }),
  ).catch((error) => {
    throw refusal(error, email)
  })
  if (json) return terminal.out(`${JSON.stringify({ id: made.userId, email: made.email })}\n`)
  terminal.err(`${made.email} runs this server now, and signs in with this password. The user's id:\n`)
  terminal.out(`${made.userId}\n`)
}

export interface ClaimOptions extends Common {
  /** Absent: whoever has the link. */
  email: string | undefined
}

export async function printClaimLink(options: ClaimOptions, terminal: Terminal): Promise<void> {
  const { email, json } = options
  if (email !== undefined) requireAddress(email)
  const { token, expiresAt, link } = await asOperator(options, terminal, async (app, caller, config) => {
    const { invite, token } = await claimInvite(app, caller, { email: email ?? null })
    return { token, expiresAt: invite.expiresAt, link: inviteLink(appUrlOf(config), token) }
  })
  const until = expiresAt === null ? null : new Date(expiresAt).toISOString()
  if (json) return terminal.out(`${JSON.stringify({ link, invite_token: token, email: email ?? null, expires_at: until })}\n`)
  const who = email === undefined ? 'Whoever registers with it first' : `Who registers with it as ${email}`
  terminal.err(`${who} runs this server. It works once, until ${until}, and is shown this once.\nInvite token: ${token}\n`)
  terminal.out(`${link}\n`)
}

export async function listAdmins(options: Common, terminal: Terminal): Promise<void> {
  const operators = await asOperator(options, terminal, (app, caller) => listOperators(app, caller, { limit: LISTED_MAX }))
  if (options.json) return terminal.out(`${JSON.stringify(operators.map(toJson), null, 2)}\n`)
  const rows = operators.map((user) => [user.id, user.email ?? '-', user.name ?? '-', user.status, day(user.createdAt)])
  terminal.out(columns([['ID', 'EMAIL', 'NAME', 'STATUS', 'CREATED'], ...rows]))
}

const toJson = ({ id, email, name, status, createdAt }: Member) => ({
  ...{ id, email, name, status },
  created_at: new Date(createdAt).toISOString(),
})

export const day = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ')

const ask = (email: string, terminal: Terminal): Promise<string> => terminal.readSecret(`Password of ${email}: `)

/** Its first line. */
export function readPasswordFile(path: string, { cwd }: Pick<Terminal, 'cwd'>): string {
  try {
    return readFileSync(resolve(cwd, path), 'utf8').split(/\r?\n/, 1)[0] ?? ''
  } catch (error) {
    throw new CliError({
      what: `The file with the operator's password cannot be read.`,
      why: (error as Error).message,
      next: 'Correct the path, or let this process read the file.',
      exitCode: EXIT.usage,
      cause: error,
    })
  }
}

function requireAddress(email: string): void {
  if (/^[^\s@]+@[^\s@]+$/.test(email)) return
  throw new CliError({
    what: `'${email}' is no e-mail address.`,
    why: 'People sign in with one.',
    next: 'For example: tetraport admin create --email me@example.com',
    exitCode: EXIT.usage,
  })
}

/** What is wrong with an operator who is to be made, for whoever reads the terminal or the log of a start. */
export function refusal(error: unknown, email: string): unknown {
  if (!(error instanceof Fault)) return error
  if (error.code === 'invalid') {
    return new CliError({
      what: `This password is too weak for ${email}, who is to run the server.`,
      why: error.message,
      next: 'Choose another: some words that do not belong together are easy to remember, and hard to guess.',
      exitCode: EXIT.failed,
    })
  }
  if (error.code === 'unavailable' && error.facts.retryAfterMs !== undefined) {
    return new CliError({
      what: 'The password could not be looked at.',
      why: error.message,
      next: 'Try again; if it stays so, this machine has too little memory.',
      exitCode: EXIT.failed,
      cause: error,
    })
  }
  if (error.code !== 'exists') return error
  return new CliError({
    what: `There is an account with the e-mail address '${email}'.`,
    why: 'The password given here is not its own, or it is in use in this tenant: nobody becomes an operator by a known address alone.',
    next: `Run 'tetraport admin claim-link --email ${email}', or, for a user of this tenant, 'tetraport user operator ${email} --on'.`,
    exitCode: EXIT.failed,
  })
}
