import { Command, CommanderError, Option } from 'commander'
import { SETTINGS } from '../config/settings.ts'
import { describeSettings } from '../config.ts'
import type { Scope } from '../core/caller.ts'
import { WORKER_VERB } from '../drivers/extraction/worker/protocol.ts'
import { CliError, EXIT, renderError, toCliError } from './cli-error.ts'
import { showConfig } from './config-show.ts'
import { addAdmin, addStanding, addTenant } from './people-commands.ts'
import { addAudit, addMail } from './record-commands.ts'
import type { Terminal } from './terminal.ts'
import { common, examples, isJson, settingFlags, type Values, verb } from './verb.ts'
import { showVersion, VERSION } from './version.ts'

/** Runs one command line and answers the exit code. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = buildProgram(terminal)
  if (args.length === 0) {
    terminal.out(program.helpInformation())
    return EXIT.ok
  }
  try {
    await program.parseAsync([...args], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    const failure = error instanceof CommanderError ? wrongUsage(error, args) : await toCliError(error)
    terminal.err(renderError(failure, args.includes('--json')))
    return failure.exitCode
  }
}

function buildProgram(terminal: Terminal): Command {
  const program = quiet(new Command('tetraport'), terminal)
    .description('An agent server in one executable. Without a command it shows this help.')
    .version(VERSION, '-V, --version', 'print the version')
    .addHelpText('after', examples('tetraport serve', 'tetraport key create --name ci --expires 30d', 'tetraport doctor'))
  addServe(program, terminal)
  addKey(program, terminal)
  addUser(program, terminal)
  addAdmin(program, terminal)
  addTenant(program, terminal)
  addTokenKeys(program, terminal)
  addServiceAccount(program, terminal)
  addMail(program, terminal)
  addAudit(program, terminal)
  addWebhookSecret(program, terminal)
  addHealth(program, terminal)
  addConfig(program, terminal)
  addDoctor(program, terminal)
  const version = verb(program, 'version', 'Print the version, and of what it is made.')
  version.action((options: Values) => showVersion({ json: isJson(options) }, terminal))
  addExtractWorker(program)
  return program
}

/** Errors are told by `renderError`, not by commander. */
const quiet = (command: Command, terminal: Terminal): Command =>
  command.exitOverride().configureOutput({
    writeOut: (text) => terminal.out(text),
    writeErr: () => undefined,
    outputError: () => undefined,
  })

function addServe(program: Command, terminal: Terminal): void {
  settingFlags(
    verb(program, 'serve', 'Serve the APIs and execute runs, until stopped.'),
    'listen',
    'listen-langgraph',
    'listen-entities',
    'data',
    'graphs',
    'watch',
    'slots',
    'log-level',
    'log-format',
  )
    .addHelpText(
      'after',
      `${examples('tetraport serve', 'tetraport serve --graphs ./langgraph.json --watch', 'tetraport serve --listen 0.0.0.0:8787 --data /var/lib/tetraport', 'OPENAI_BASE_URL=http://127.0.0.1:11434/v1 tetraport serve')}
Every other setting has an environment variable or a place in the file: tetraport config show --help
`,
    )
    .action(async (values: Values) => {
      const { serve } = await import('./serve.ts')
      await serve(common(values), terminal)
    })
}

function addKey(program: Command, terminal: Terminal): void {
  const key = program.command('key').description('Make, list and revoke API keys; also while the server runs.')
  const create = verb(key, 'create', 'Make an API key and print it, this once.')
    .option('--name <name>', 'what the key is for', 'key')
    .option('--expires <time>', 'a span like 12h, 30d, 1y, or a date; without it the key never expires')
    .addOption(new Option('--scope <scope...>', 'what the key may do; default: read write').choices(['read', 'write']))
    .option('--admin', 'may do everything, also manage keys')
    .addHelpText('after', examples('tetraport key create --name ci --expires 30d', 'tetraport key create --name dashboard --scope read'))
  settingFlags(create, 'data').action(async (values: Values & { scope?: Scope[]; name: string; expires?: string }) => {
    const { createApiKey } = await import('./key.ts')
    const scopes: Scope[] = values.admin === true ? ['read', 'write', 'admin'] : (values.scope ?? ['read', 'write'])
    await createApiKey({ ...common(values), name: values.name, expires: values.expires, scopes }, terminal)
  })
  settingFlags(verb(key, 'list', 'List all API keys; their text is not stored.'), 'data').action(async (values: Values) => {
    const { listApiKeys } = await import('./key.ts')
    await listApiKeys(common(values), terminal)
  })
  const revoke = verb(key, 'revoke', 'Revoke a key by its id: it is refused from then on.').argument(
    '<id>',
    "as 'tetraport key list' shows it",
  )
  settingFlags(revoke, 'data').action(async (id: string, values: Values) => {
    const { revokeApiKey } = await import('./key.ts')
    await revokeApiKey({ ...common(values), id }, terminal)
  })
}

function addUser(program: Command, terminal: Terminal): void {
  const user = program.command('user').description('Make and list the users of the Entities API; also while the server runs.')
  const create = verb(user, 'create', 'Make a user and print the id; of an admin print a key instead, this once.')
    .option('--email <address>', 'no two users have the same')
    .option('--name <name>', 'the whole name')
    .option('--admin', 'may do everything, also make users; nobody becomes that over the API')
    .addHelpText('after', examples('tetraport user create --email me@example.com --admin'))
  settingFlags(create, 'data').action(async (values: Values & { email?: string; name?: string }) => {
    const { createUserOf } = await import('./user.ts')
    await createUserOf({ ...common(values), email: values.email, name: values.name, admin: values.admin === true }, terminal)
  })
  settingFlags(verb(user, 'list', 'List all users.'), 'data').action(async (values: Values) => {
    const { listUsersOf } = await import('./user.ts')
    await listUsersOf(common(values), terminal)
  })
  const id = "as 'tetraport user list' shows it"
  const key = verb(user, 'key', 'Make an API key for a user and print it, this once.')
    .argument('<id>', id)
    .option('--name <name>', 'what the key is for', 'key')
    .option('--expires <time>', 'a span like 12h, 30d, 1y, or a date; without it the key never expires')
  settingFlags(key, 'data').action(async (id: string, values: Values & { name: string; expires?: string }) => {
    const { createKeyOf } = await import('./user.ts')
    await createKeyOf({ ...common(values), id, name: values.name, expires: values.expires }, terminal)
  })
  const admin = verb(user, 'admin', 'Say whether a user is an admin; it counts at once.')
    .argument('<id>', id)
    .option('--on', 'the user becomes an admin')
    .option('--off', 'the user is no admin any more')
  settingFlags(admin, 'data').action(async (id: string, values: Values) => {
    const { setAdminOf } = await import('./user.ts')
    await setAdminOf({ ...common(values), id, on: values.on === true, off: values.off === true }, terminal)
  })
  addStanding(user, terminal)
}

function addTokenKeys(program: Command, terminal: Terminal): void {
  const keys = program
    .command('token-keys')
    .description('List and change the keys that sign the tokens of users and service accounts; also while the server runs.')
  settingFlags(
    verb(keys, 'list', 'List the keys: the active one signs, the next one follows it, retired ones only verify.'),
    'data',
  ).action(async (values: Values) => {
    const { listKeysOfTokens } = await import('./token-keys.ts')
    await listKeysOfTokens(common(values), terminal)
  })
  settingFlags(verb(keys, 'rotate', 'Sign with the next key from now on. Nobody is signed out: what was signed before stays good.'), 'data')
    .addHelpText('after', examples('tetraport token-keys rotate', 'tetraport token-keys list --json'))
    .action(async (values: Values) => {
      const { rotateKeysOfTokens } = await import('./token-keys.ts')
      await rotateKeysOfTokens(common(values), terminal)
    })
  settingFlags(
    verb(keys, 'drop', 'Trust a retired key no more, because somebody else may have it: who has tokens of it signs in again.'),
    'data',
  )
    .argument('<kid>', "as 'tetraport token-keys list' shows it; where it is in a file of auth.key_set, take it out there first")
    .action(async (kid: string, values: Values) => {
      const { dropKeyOfTokens } = await import('./token-keys.ts')
      await dropKeyOfTokens(kid, common(values), terminal)
    })
}

type TokenValues = Values & { tenant?: string; scope?: string[]; expires?: string; fingerprint?: string; account?: string; reason?: string }

function addServiceAccount(program: Command, terminal: Terminal): void {
  const about = 'Make, list and revoke tokens of service accounts; also while the server runs.'
  const group = program.command('service-account').description(about)
  const load = () => import('./service-account.ts')
  const scope = ['--scope <scope...>', 'what it may do; default: all that the account may'] as const
  const name = "as 'tetraport service-account catalogue' shows it"
  verb(group, 'catalogue', 'List the accounts there are, and the most that each may have.').action(async (values: Values) =>
    (await load()).showCatalogue(common(values), terminal),
  )
  const issue = verb(group, 'issue', 'Print the refresh token of an account: the one that is alive, or a new one.')
    .argument('<account>', name)
    .option('--tenant <slug>', 'for which tenant; default: the default one, if the account needs any')
    .option(...scope)
    .option('--expires <time>', 'a span like 12h, 30d, or a date; default: as long as the account may')
    .option('--fingerprint <text>', 'what tells the machine from others in lists')
    .option('--reason <text>', 'what it is for, for the records', 'issued on the command line')
    .option('--force', 'a new one, and the one that is alive ends')
    .addHelpText('after', examples('tetraport service-account issue analytics-batch --tenant acme-inc --expires 7d'))
  settingFlags(issue, 'data').action(async (account: string, values: TokenValues) => {
    const { tenant, expires, fingerprint, scope: scopes, reason = '' } = values
    const asked = { account, tenant, expires, fingerprint, scopes, reason, force: values.force === true }
    await (await load()).issueTokenOf({ ...common(values), ...asked }, terminal)
  })
  const list = verb(group, 'list', 'List the tokens that are alive.')
    .option('--account <text>', 'only of accounts with this in their name')
    .option('--tenant <slug>', 'only those of this tenant')
    .option('--all', 'those that were revoked or have expired too')
  settingFlags(list, 'data').action(async (values: TokenValues) => {
    const { account, tenant } = values
    await (await load()).listTokensOf({ ...common(values), account, tenant, all: values.all === true }, terminal)
  })
  const revoke = verb(group, 'revoke', 'Revoke a token, and what was exchanged for it, at once.')
    .argument('<jti>', "as 'tetraport service-account list' shows it")
    .option('--reason <text>', 'why, for the records')
  settingFlags(revoke, 'data').action(async (jti: string, values: TokenValues) => {
    await (await load()).revokeTokenOf({ ...common(values), jti, reason: values.reason }, terminal)
  })
  const sign = verb(group, 'sign', 'Print the headers of a request for a token, signed with auth.service_secret and good for five minutes.')
    .argument('<account>', name)
    .option('--tenant <id>', "the tenant's id, if the account needs one")
    .option(...scope)
  settingFlags(sign).action(async (account: string, { tenant: tenantId, scope: scopes, ...values }: TokenValues) => {
    ;(await load()).signRequest({ ...common(values), account, tenantId, scopes }, terminal)
  })
}

function addWebhookSecret(program: Command, terminal: Terminal): void {
  settingFlags(verb(program, 'webhook-secret', 'Print the secret that webhooks are signed with, for their receivers.'), 'data')
    .addHelpText('after', '\nReceivers check the signature as Standard Webhooks describes it (standardwebhooks.com).\n')
    .action(async (values: Values) => {
      const { showWebhookSecret } = await import('./webhook-secret.ts')
      await showWebhookSecret(common(values), terminal)
    })
}

function addHealth(program: Command, terminal: Terminal): void {
  settingFlags(verb(program, 'health', 'Ask a running server whether it is ready: exit 0 ready, 1 not ready, 3 unreachable.'), 'listen')
    .option('--url <url>', 'base URL of the server; without it the configured address')
    .addHelpText('after', examples('tetraport health', 'tetraport health --url http://10.0.0.5:8787'))
    .action(async (values: Values & { url?: string }) => {
      const { checkHealth } = await import('./health.ts')
      await checkHealth({ ...common(values), url: values.url }, terminal)
    })
}

function addConfig(program: Command, terminal: Terminal): void {
  const config = program.command('config').description('Look at the configuration.')
  const every = SETTINGS.flatMap((setting) => setting.flag ?? [])
  settingFlags(verb(config, 'show', 'Print every setting and where it came from; secrets are masked.'), ...every)
    .addHelpText(
      'after',
      () =>
        `\nFlags win over the environment, which wins over the file, which wins over defaults.\nSettings:\n${describeSettings('text')}\n`,
    )
    .action((values: Values) => showConfig(common(values), terminal))
}

function addDoctor(program: Command, terminal: Terminal): void {
  settingFlags(verb(program, 'doctor', 'Look for what would keep the server from starting or answering.'), 'listen', 'data', 'graphs')
    .addHelpText('after', examples('tetraport doctor', 'tetraport doctor --json'))
    .action(async (values: Values) => {
      const { runDoctor } = await import('./doctor.ts')
      await runDoctor(common(values), terminal)
    })
}

/** Not for people: the server starts itself so to read documents. */
function addExtractWorker(program: Command): void {
  program.command(WORKER_VERB, { hidden: true }).action(async () => {
    const { serveDocuments } = await import('../drivers/extraction/worker/worker.ts')
    await serveDocuments()
  })
}

function wrongUsage(error: CommanderError, args: readonly string[]): CliError {
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  const command = args
    .filter((arg) => /^[a-z][a-z-]*$/.test(arg))
    .slice(0, 2)
    .join(' ')
  const isHelp = error.code === 'commander.help'
  return new CliError({
    what: isHelp ? `'tetraport ${command}' needs a command after it.` : `${message.charAt(0).toUpperCase()}${message.slice(1)}.`,
    why: suggestion?.replace(/^\((.*)\)$/, '$1') ?? 'This is not how the command is used.',
    next: "Run 'tetraport --help', or put --help behind the command.",
    exitCode: EXIT.usage,
  })
}
