import type { Config } from '../config.ts'
import type { Caller } from '../core/caller.ts'
import { Fault } from '../core/fault.ts'
import type { Needs } from '../core/needs.ts'
import { dropTokenKey, listTokenKeys } from '../core/tokens/kept-keys.ts'
import { TokenKeys } from '../core/tokens/key-ring.ts'
import { openVault } from '../drivers/vault/vault.ts'
import { CliError, EXIT } from './cli-error.ts'
import { asOperator, type Common, columns } from './key.ts'
import type { Terminal } from './terminal.ts'

type Listed = Awaited<ReturnType<typeof listTokenKeys>>

export async function listKeysOfTokens(options: Common, terminal: Terminal): Promise<void> {
  const keys = await asOperator(options, terminal, listTokenKeys)
  terminal.out(options.json ? `${JSON.stringify(keys.map(toJson), null, 2)}\n` : columns([HEADER, ...keys.map(toCells)]))
}

export async function rotateKeysOfTokens(options: Common, terminal: Terminal): Promise<void> {
  const keys = await asOperator(options, terminal, rotate).catch((error) => {
    throw error instanceof Fault ? cannotRotate(error) : error
  })
  if (options.json) return terminal.out(`${JSON.stringify(keys.map(toJson), null, 2)}\n`)
  const active = keys.find(({ status }) => status === 'active')
  terminal.out(`Tokens are signed with ${active?.kid} from now on; those that were signed before stay good.\n`)
}

export async function dropKeyOfTokens(kid: string, options: Common, terminal: Terminal): Promise<void> {
  await asOperator(options, terminal, (app, caller) => dropTokenKey(app, caller, kid)).catch((error) => {
    throw error instanceof Fault ? cannotDrop(kid, error) : error
  })
  terminal.out(options.json ? `${JSON.stringify({ kid, dropped: true })}\n` : `What ${kid} signed is good no more.\n`)
}

const cannotDrop = (kid: string, { code, message }: Fault): CliError =>
  new CliError({
    what: `The key '${kid}' was not dropped.`,
    why: code === 'not_found' ? 'There is no such key.' : message,
    next: code === 'not_found' ? "Run 'tetraport token-keys list' to see the keys." : "Run 'tetraport token-keys rotate' first.",
    exitCode: EXIT.failed,
  })

async function rotate(app: Needs<'db' | 'clock' | 'signals' | 'log'>, caller: Caller, { auth, secrets, data }: Config): Promise<Listed> {
  const vault = openVault(secrets, { dir: data.dir })
  await new TokenKeys({ ...app, vault }, auth).rotate()
  return listTokenKeys(app, caller)
}

function cannotRotate({ code, message, facts }: Fault): CliError {
  const isElsewhere = code === 'wrong_state'
  return new CliError({
    what: 'The keys were not changed.',
    why: isElsewhere ? 'They were sealed with another secret than this data folder or secrets.key has.' : String(facts.cause ?? message),
    next: isElsewhere ? 'Run this with the data folder and the configuration of the server.' : 'Put that right and run this again.',
    exitCode: EXIT.failed,
  })
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())
const minute = (at: number | null): string => iso(at)?.slice(0, 16).replace('T', ' ') ?? '-'

const HEADER = ['KID', 'STATUS', 'CREATED', 'RETIRED']
const toCells = ({ kid, status, createdAt, retiredAt }: Listed[number]): string[] => [kid, status, minute(createdAt), minute(retiredAt)]

const toJson = ({ kid, status, createdAt, retiredAt }: Listed[number]) => ({
  ...{ kid, status, created_at: iso(createdAt), retired_at: iso(retiredAt) },
})
