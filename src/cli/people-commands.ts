import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'
import { common, examples, settingFlags, type Values, verb } from './verb.ts'

/** What people who sign in may do; an owner who is gone is replaced so. */
export function addStanding(user: Command, terminal: Terminal): void {
  type Given = Values & { tenant: string }
  const named = (name: string, about: string) => verb(user, name, about).argument('<user>', 'id or e-mail address')
  const tenant = ['--tenant <slug>', 'the tenant that the user is of', 'default'] as const
  const role = named('role', 'Give a user a role in the tenant; it counts at once.').argument('<role>', 'viewer, member, admin or owner')
  settingFlags(role.option(...tenant), 'data')
    .addHelpText('after', examples('tetraport user role ann@example.com owner --tenant acme'))
    .action(async (who: string, word: string, values: Given) => {
      const { setRoleOf } = await import('./standing.ts')
      await setRoleOf({ ...common(values), who, role: word, slug: values.tenant }, terminal)
    })
  const status = named('status', 'Shut a user out, or let him in again; it counts at once.').argument('<status>', 'active or disabled')
  settingFlags(status.option(...tenant), 'data').action(async (who: string, word: string, values: Given) => {
    const { setStatusOf } = await import('./standing.ts')
    await setStatusOf({ ...common(values), who, status: word, slug: values.tenant }, terminal)
  })
  const operator = named('operator', "Say whether a user of the server's own tenant runs the server; it counts at once.")
    .option('--on', 'the user runs the server')
    .option('--off', 'the user does not run the server any more')
  settingFlags(operator, 'data').action(async (who: string, values: Values) => {
    const { setOperatorOf } = await import('./standing.ts')
    await setOperatorOf({ ...common(values), who, slug: 'default', on: values.on === true, off: values.off === true }, terminal)
  })
}

export function addAdmin(program: Command, terminal: Terminal): void {
  const admin = program.command('admin').description('Make and list the people who run this server; also while it runs.')
  const create = verb(admin, 'create', 'Make an operator, who signs in with e-mail address and password.')
    .requiredOption('--email <address>', 'what the operator signs in with; it counts as verified')
    .option('--name <name>', 'the whole name')
    .option(
      '--password-file <file>',
      'file whose first line is the password; without it the password is asked for, or read from the standard input',
    )
    .addHelpText(
      'after',
      examples('tetraport admin create --email me@example.com', 'pass show tetraport | tetraport admin create --email me@example.com'),
    )
  settingFlags(create, 'data').action(async (values: Values & { email: string; name?: string; passwordFile?: string }) => {
    const { createAdmin } = await import('./admin.ts')
    const { email, name, passwordFile } = values
    await createAdmin({ ...common(values), email, name, passwordFile }, terminal)
  })
  const claim = verb(admin, 'claim-link', 'Print a link by which somebody becomes an operator, with a password of his own, within a day.')
    .option('--email <address>', 'only for this address; without it for whoever has the link')
    .addHelpText('after', examples('tetraport admin claim-link --email me@example.com'))
  settingFlags(claim, 'data').action(async (values: Values & { email?: string }) => {
    const { printClaimLink } = await import('./admin.ts')
    await printClaimLink({ ...common(values), email: values.email }, terminal)
  })
  settingFlags(verb(admin, 'list', 'List the operators.'), 'data').action(async (values: Values) => {
    const { listAdmins } = await import('./admin.ts')
    await listAdmins(common(values), terminal)
  })
}

export function addTenant(program: Command, terminal: Terminal): void {
  const tenant = program.command('tenant').description('Look at the tenants of this server; also while it runs.')
  settingFlags(verb(tenant, 'list', 'List all tenants.'), 'data').action(async (values: Values) => {
    const { listTenantsOf } = await import('./tenant.ts')
    await listTenantsOf(common(values), terminal)
  })
  const users = verb(tenant, 'users', 'List the users of a tenant who have a role in it.').argument(
    '<slug>',
    "as 'tetraport tenant list' shows it",
  )
  settingFlags(users, 'data').action(async (slug: string, values: Values) => {
    const { listMembersOf } = await import('./tenant.ts')
    await listMembersOf({ ...common(values), slug }, terminal)
  })
}
