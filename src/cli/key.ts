import { systemClock } from '../app.ts'
import type { Config } from '../config.ts'
import type { Caller, Scope } from '../core/caller.ts'
import { Fault } from '../core/fault.ts'
import { isUuid } from '../core/id.ts'
import type { ApiKey } from '../core/identity/keys.ts'
import { createKey, listKeys, revokeKey } from '../core/identity/keys.ts'
import { operator } from '../core/identity/tenants.ts'
import type { Needs } from '../core/needs.ts'
import { ProcessSignals } from '../engine/signals.ts'
import { openLog, stderrSink } from '../log.ts'
import { CliError, EXIT } from './cli-error.ts'
import { withDatabase } from './database.ts'
import type { Flags } from './load-config.ts'
import { loadConfig } from './load-config.ts'
import type { Terminal } from './terminal.ts'

export interface Common {
  json: boolean
  flags: Flags
}

export interface CreateOptions extends Common {
  name: string
  /** A span such as `30d`, or a date. */
  expires: string | undefined
  scopes: Scope[]
}

export async function createApiKey(options: CreateOptions, terminal: Terminal): Promise<void> {
  const expiresAt = options.expires === undefined ? undefined : readExpiry(options.expires, systemClock.now())
  const { key, secret } = await asOperator(options, terminal, (app, caller) =>
    createKey(app, caller, { name: options.name, scopes: options.scopes, ...(expiresAt === undefined ? {} : { expiresAt }) }),
  )
  if (options.json) return terminal.out(`${JSON.stringify({ ...toJson(key), key: secret })}\n`)
  terminal.err(`Key '${key.name}' (${key.scopes.join(', ')}), ${expiryOf(key)}. It is shown this once:\n`)
  terminal.out(`${secret}\n`)
}

export async function listApiKeys(options: Common, terminal: Terminal): Promise<void> {
  const keys = await asOperator(options, terminal, listKeys)
  if (options.json) return terminal.out(`${JSON.stringify(keys.map(toJson), null, 2)}\n`)
  const header = ['ID', 'NAME', 'BEGINS', 'SCOPES', 'CREATED', 'LAST USED', 'STATE']
  terminal.out(columns([header, ...keys.map(toCells)]))
}

export async function revokeApiKey(options: Common & { id: string }, terminal: Terminal): Promise<void> {
  const { id } = options
  if (!isUuid(id)) throw unknownKey(id)
  const key = await asOperator(options, terminal, (app, caller) => revokeKey(app, caller, id)).catch((error) => {
    throw error instanceof Fault && error.code === 'not_found' ? unknownKey(id) : error
  })
  terminal.out(options.json ? `${JSON.stringify(toJson(key))}\n` : `Revoked '${key.name}' (${key.id}).\n`)
}

type Work<R> = (app: Needs<'db' | 'clock' | 'signals' | 'log'>, caller: Caller, config: Config) => Promise<R>

/** In the name of the one who runs the server, beside it or while it stands still. */
export function asOperator<R>({ flags }: Common, terminal: Terminal, work: Work<R>): Promise<R> {
  const { config } = loadConfig(flags, terminal)
  const sink = stderrSink()
  const log = openLog({ level: 'warn', format: config.log.format, clock: systemClock, sink })
  return withDatabase(config, log, async ({ db }) => {
    const app = { db, clock: systemClock, log, signals: new ProcessSignals(db, true, log) }
    const result = await work(app, await operator(app), config)
    // Signals leave in the next turn of the loop; closing the database then waits for them.
    await new Promise((resolve) => setImmediate(resolve))
    return result
  }).finally(() => sink.flush())
}

const SPANS_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000 }

/** Of `12h`, in milliseconds. Undefined: it is no span. */
export function spanOf(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})([mhdwy])$/.exec(text) ?? []
  const each = unit === undefined ? undefined : SPANS_MS[unit]
  return each === undefined ? undefined : Number(count) * each
}

export function readExpiry(text: string, now: number): number {
  const span = spanOf(text)
  const at = span === undefined ? Date.parse(text) : now + span
  if (Number.isNaN(at) || at <= now) {
    throw new CliError({
      what: `--expires '${text}' is not a time in the future.`,
      why: 'It must be a span like 12h, 30d, 8w, 1y, or a date like 2031-12-31.',
      next: 'For example: tetraport key create --name ci --expires 30d',
      exitCode: EXIT.usage,
    })
  }
  return at
}

function unknownKey(id: string): CliError {
  return new CliError({
    what: `There is no key '${id}'.`,
    why: 'Keys are revoked by their id, not by their name or text.',
    next: "Run 'tetraport key list' to see the ids.",
    exitCode: EXIT.failed,
  })
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())
const day = (at: number | null): string => iso(at)?.slice(0, 16).replace('T', ' ') ?? 'never'
const expiryOf = (key: ApiKey): string => (key.expiresAt === null ? 'never expires' : `expires ${day(key.expiresAt)} UTC`)

function stateOf(key: ApiKey): string {
  if (key.revokedAt !== null) return `revoked ${day(key.revokedAt)}`
  return key.expiresAt !== null && key.expiresAt <= systemClock.now() ? `expired ${day(key.expiresAt)}` : expiryOf(key)
}

const toJson = (key: ApiKey) => ({
  id: key.id,
  name: key.name,
  prefix: key.prefix,
  scopes: key.scopes,
  created_at: iso(key.createdAt),
  expires_at: iso(key.expiresAt),
  revoked_at: iso(key.revokedAt),
  last_used_at: iso(key.lastUsedAt),
})

const toCells = (key: ApiKey): string[] => [
  key.id,
  key.name,
  key.prefix || '-',
  key.scopes.join(','),
  day(key.createdAt),
  day(key.lastUsedAt),
  stateOf(key),
]

export function columns(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
