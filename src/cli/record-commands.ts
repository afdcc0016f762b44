import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'
import { common, examples, settingFlags, type Values, verb } from './verb.ts'

const SEALED = '\nText and address are sealed in the database: this needs the data folder, or secrets.key, of the server.\n'

export function addMail(program: Command, terminal: Terminal): void {
  const mail = program.command('mail').description('Look at the mail of this server, and send it again; also while it runs.')
  const list = verb(mail, 'list', 'List mails, newest first: kind, status, attempts and times.')
    .option('--failed', 'only those that were given up')
    .option('--waiting', 'only those that are still to be sent')
    .addHelpText('after', examples('tetraport mail list --failed'))
  settingFlags(list, 'data').action(async (values: Values) => {
    const { listMailsOf } = await import('./mail.ts')
    await listMailsOf({ ...common(values), failed: values.failed === true, waiting: values.waiting === true }, terminal)
  })
  const id = "as 'tetraport mail list' shows it"
  const show = verb(mail, 'show', 'Print a mail: for whom it is, and its text, which may hold a link that signs somebody in.')
  settingFlags(show.argument('<id>', id), 'data')
    .addHelpText('after', SEALED)
    .action(async (id: string, values: Values) => {
      const { showMail } = await import('./mail.ts')
      await showMail({ ...common(values), id }, terminal)
    })
  const resend = verb(
    mail,
    'resend',
    'Have a mail sent that was given up, or at once one that waits: the same text under the same message id.',
  )
    .argument('<id>', id)
    .option('--again', 'also one that was sent')
    .addHelpText(
      'after',
      `${examples('tetraport mail list --failed', 'tetraport mail resend 01890a5d-ac96-774b-bcce-b302099a8057')}${SEALED}`,
    )
  settingFlags(resend, 'data').action(async (id: string, values: Values) => {
    const { resendMailOf } = await import('./mail.ts')
    await resendMailOf({ ...common(values), id, again: values.again === true }, terminal)
  })
}

type AuditValues = Values & { tenant?: string; event?: string[]; since?: string; after?: string; limit: string }

export function addAudit(program: Command, terminal: Terminal): void {
  const audit = program.command('audit').description('Look at what happened to accounts, sessions and tokens; also while the server runs.')
  const list = verb(audit, 'list', 'List events, newest first: when, in which tenant, who, what and how it ended.')
    .option('--tenant <slug>', "only those of this tenant, as 'tetraport tenant list' shows it")
    .option('--event <name...>', 'only these, such as session.open, or all of a kind, such as session')
    .option('--since <time>', 'only from then on: a span like 12h, 30d, or a date')
    .option('--after <id>', 'only what comes behind this event: the next page')
    .option('--limit <count>', 'how many, at most 1000', '50')
    .addHelpText(
      'after',
      `${examples('tetraport audit list --event session.open --since 24h', 'tetraport audit list --tenant acme-inc --json --limit 1000')}
With --json there is one event on each line. A failed sign-in is of no tenant where nobody has the address.
Addresses of the network are kept as SHA-256 only; events are forgotten after half a year.
`,
    )
  settingFlags(list, 'data').action(async (values: AuditValues) => {
    const { listAuditOf } = await import('./audit.ts')
    const { tenant, event: events, since, after, limit } = values
    await listAuditOf({ ...common(values as Values), tenant, events, since, after, limit }, terminal)
  })
}
