import { isRole, ROLES } from '../core/access/roles.ts'
import { Fault } from '../core/fault.ts'
import { isUuid } from '../core/id.ts'
import { changeStanding, type Member, type Standing } from '../core/identity/directory.ts'
import { decodeId } from '../surfaces/entities/ids.ts'
import { CliError, EXIT } from './cli-error.ts'
import type { Common } from './key.ts'
import { inTenant, memberJson } from './tenant.ts'
import type { Terminal } from './terminal.ts'

interface Named extends Common {
  /** An id in any of its spellings, or an e-mail address. */
  who: string
  /** The tenant's. */
  slug: string
}

export async function setRoleOf(options: Named & { role: string }, terminal: Terminal): Promise<void> {
  const { role } = options
  if (!isRole(role)) throw unknownWord(role, ROLES)
  tell(await change(options, { role }, terminal), options, terminal)
}

const STATUSES = ['active', 'disabled'] as const

export async function setStatusOf(options: Named & { status: string }, terminal: Terminal): Promise<void> {
  const status = STATUSES.find((word) => word === options.status)
  if (!status) throw unknownWord(options.status, STATUSES)
  tell(await change(options, { status }, terminal), options, terminal)
}

/** Exactly one of `on` and `off`. */
export async function setOperatorOf(options: Named & { on: boolean; off: boolean }, terminal: Terminal): Promise<void> {
  if (options.on === options.off) throw oneOfTwo()
  tell(await change(options, { isOperator: options.on }, terminal), options, terminal)
}

function change(options: Named, standing: Standing, terminal: Terminal): Promise<Member> {
  const { who, slug } = options
  const id = isUuid(who) ? who : (decodeId('user', who) ?? who)
  return inTenant(options, terminal, (app, caller) => changeStanding(app, caller, { who: id, change: standing })).catch((error) => {
    if (error instanceof Fault && error.code === 'not_found') throw unknownUser(who, slug)
    throw error instanceof Fault && error.code === 'wrong_state' ? impossible(who, error) : error
  })
}

function tell(member: Member, { json }: Common, terminal: Terminal): void {
  const { id, email, role, status, isOperator } = member
  const told = `${email ?? id}: ${role ?? 'no role'}, ${status}${isOperator ? ', runs the server' : ''}.`
  terminal.out(`${json ? JSON.stringify(memberJson(member)) : told}\n`)
}

const unknownUser = (who: string, slug: string): CliError =>
  new CliError({
    what: `There is no user '${who}' in the tenant '${slug}'.`,
    why: 'Users are named by their id or their e-mail address, within their tenant.',
    next: `Run 'tetraport tenant users ${slug}' to see those with a role, or name another tenant with --tenant.`,
    exitCode: EXIT.failed,
  })

const impossible = (who: string, { message }: Fault): CliError =>
  new CliError({
    what: `This cannot be changed for '${who}'.`,
    why: message,
    next: "Run 'tetraport admin create --email <address>' to make an operator.",
    exitCode: EXIT.failed,
  })

const unknownWord = (word: string, words: readonly string[]): CliError =>
  new CliError({
    what: `'${word}' is not among what a user can be.`,
    why: `It must be one of: ${words.join(', ')}.`,
    next: `For example: tetraport user ${words === STATUSES ? 'status' : 'role'} ann@example.com ${words.at(-1)} --tenant acme`,
    exitCode: EXIT.usage,
  })

const oneOfTwo = (): CliError =>
  new CliError({
    what: 'It is not said whether the user is to run the server.',
    why: 'Either --on or --off is needed, not both.',
    next: 'For example: tetraport user operator ann@example.com --on',
    exitCode: EXIT.usage,
  })
