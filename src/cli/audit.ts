import { systemClock } from '../app.ts'
import { AUDIT_NAMES, type AuditName } from '../core/audit/audit.ts'
import { type AuditSearch, type ListedEvent, listAuditEvents } from '../core/audit/reading.ts'
import type { JsonObject } from '../core/json.ts'
import { CliError, EXIT } from './cli-error.ts'
import { asOperator, type Common, columns, spanOf } from './key.ts'
import { tenantIdOf } from './tenant.ts'
import type { Terminal } from './terminal.ts'

const LIMIT_MAX = 1_000
/** The rest is for programs. */
const DETAILS_SHOWN = 80

export interface ListOptions extends Common {
  /** The slug. */
  tenant: string | undefined
  /** Names of events, or their first words. */
  events: string[] | undefined
  /** A span such as `12h`, or a date. */
  since: string | undefined
  /** An event's id. */
  after: string | undefined
  limit: string
}

export async function listAuditOf(options: ListOptions, terminal: Terminal): Promise<void> {
  const { json, tenant, after } = options
  const limit = readLimit(options.limit)
  const search: AuditSearch = {
    // One more than is shown says whether there are more.
    ...{ limit: limit + 1, events: (options.events ?? []).flatMap(namesOf) },
    ...(options.since === undefined ? {} : { since: readSince(options.since, systemClock.now()) }),
    ...(after === undefined ? {} : { after }),
  }
  const found = await asOperator(options, terminal, async (app, caller) =>
    listAuditEvents(app, caller, tenant === undefined ? search : { ...search, tenantId: await tenantIdOf(app, tenant) }),
  )
  if (!found) throw unknownEvent(after ?? '')
  const shown = found.slice(0, limit)
  terminal.out(json ? shown.map((event) => `${JSON.stringify(toJson(event))}\n`).join('') : columns([HEADER, ...shown.map(toCells)]))
  const last = shown.at(-1)
  if (last && found.length > limit) terminal.err(`There are more: add --after ${last.id}\n`)
}

function readLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= LIMIT_MAX) return limit
  throw new CliError({
    what: `--limit '${text}' is not a number of events.`,
    why: `It must be a whole number from 1 to ${LIMIT_MAX}.`,
    next: 'For more, list page after page: --after takes the id of the last event.',
    exitCode: EXIT.usage,
  })
}

function readSince(text: string, now: number): number {
  const span = spanOf(text)
  const at = span === undefined ? Date.parse(text) : now - span
  if (!Number.isNaN(at) && at <= now) return at
  throw new CliError({
    what: `--since '${text}' is not a time in the past.`,
    why: 'It must be a span like 12h, 30d, 8w, or a date like 2026-11-01.',
    next: 'For example: tetraport audit list --since 24h',
    exitCode: EXIT.usage,
  })
}

function namesOf(word: string): AuditName[] {
  const names = AUDIT_NAMES.filter((name) => name === word || name.startsWith(`${word}.`))
  if (names.length > 0) return names
  throw new CliError({
    what: `There are no events '${word}'.`,
    why: `There are these: ${AUDIT_NAMES.join(', ')}.`,
    next: 'For example: tetraport audit list --event session.open --event password',
    exitCode: EXIT.usage,
  })
}

const HEADER = ['ID', 'TIME', 'TENANT', 'WHO', 'EVENT', 'RESULT', 'REASON', 'DETAILS']

/** On one line each: what somebody chose, a reason or an address, must not look like a line of its own. */
const toCells = (event: ListedEvent): string[] =>
  [
    ...[event.id, iso(event.at).slice(0, 19).replace('T', ' '), event.tenantSlug ?? event.tenantId ?? '-'],
    ...[event.email ?? event.userId ?? '-', event.event, event.result, event.reason ?? '-', inShort(event.details)],
  ].map((cell) => cell.replace(/\p{Cc}+/gu, ' '))

function inShort(details: JsonObject | null): string {
  const parts = Object.entries(details ?? {}).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const text = parts.join(' ')
  return text.length <= DETAILS_SHOWN ? text : `${text.slice(0, DETAILS_SHOWN - 1)}…`
}

const toJson = (event: ListedEvent) => ({
  ...{ id: event.id, at: iso(event.at), tenant_id: event.tenantId, tenant: event.tenantSlug, user_id: event.userId, email: event.email },
  ...{ event: event.event, result: event.result, reason: event.reason, ip_hash: event.ipHash, user_agent: event.userAgent },
  details: event.details,
})

const iso = (at: number): string => new Date(at).toISOString()

const unknownEvent = (id: string): CliError =>
  new CliError({
    what: `There is no event '${id}'.`,
    why: '--after takes the id of an event, and events are forgotten after half a year.',
    next: "Run 'tetraport audit list' to begin at the newest.",
    exitCode: EXIT.failed,
  })
