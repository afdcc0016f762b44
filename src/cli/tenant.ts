import type { Caller } from '../core/caller.ts'
import { listMembers, listTenants, type Member, operatorIn, type Tenant } from '../core/identity/directory.ts'
import { operatorOf } from '../core/identity/tenants.ts'
import type { Needs } from '../core/needs.ts'
import { day } from './admin.ts'
import { CliError, EXIT } from './cli-error.ts'
import { asOperator, type Common, columns } from './key.ts'
import type { Terminal } from './terminal.ts'

/** More than a person reads; programs ask the database. */
const LISTED_MAX = 10_000

export async function listTenantsOf(options: Common, terminal: Terminal): Promise<void> {
  const tenants = await asOperator(options, terminal, (app, caller) => listTenants(app, caller, { limit: LISTED_MAX }))
  if (options.json) return terminal.out(`${JSON.stringify(tenants.map(toJson), null, 2)}\n`)
  const rows = tenants.map(({ slug, title, users, createdAt }) => [slug, title ?? '-', String(users), day(createdAt)])
  terminal.out(columns([['SLUG', 'TITLE', 'USERS', 'CREATED'], ...rows]))
}

/** Those with a role. */
export async function listMembersOf(options: Common & { slug: string }, terminal: Terminal): Promise<void> {
  const members = await inTenant(options, terminal, (app, caller) => listMembers(app, caller, { limit: LISTED_MAX }))
  if (options.json) return terminal.out(`${JSON.stringify(members.map(memberJson), null, 2)}\n`)
  const rows = members.map((user) => [
    ...[user.id, user.email ?? '-', user.name ?? '-', user.role ?? '-', user.status, user.isOperator ? 'yes' : 'no', day(user.createdAt)],
  ])
  terminal.out(columns([['ID', 'EMAIL', 'NAME', 'ROLE', 'STATUS', 'OPERATOR', 'CREATED'], ...rows]))
}

type Work<R> = (app: Needs<'db' | 'clock' | 'signals'>, caller: Caller) => Promise<R>

/** In the name of the one who runs the server, in a tenant that is there. */
export function inTenant<R>(options: Common & { slug: string }, terminal: Terminal, work: Work<R>): Promise<R> {
  return asOperator(options, terminal, async (app) => {
    return work(app, operatorOf(await tenantIdOf(app, options.slug)))
  })
}

/** Of a tenant that is there. */
export async function tenantIdOf(app: Needs<'db'>, slug: string): Promise<string> {
  const found = await operatorIn(app, slug)
  if (!found) throw unknownTenant(slug)
  return found.tenantId
}

const toJson = ({ id, slug, title, users, createdAt }: Tenant) => ({
  ...{ id, slug, title, users },
  created_at: new Date(createdAt).toISOString(),
})

export const memberJson = ({ id, email, name, role, status, isOperator, createdAt }: Member) => ({
  ...{ id, email, name, role, status, is_operator: isOperator },
  created_at: new Date(createdAt).toISOString(),
})

const unknownTenant = (slug: string): CliError =>
  new CliError({
    what: `There is no tenant '${slug}'.`,
    why: 'Tenants are named by their slug, such as acme-inc.',
    next: "Run 'tetraport tenant list' to see the slugs.",
    exitCode: EXIT.failed,
  })
