import type { Grant } from '../access/roles.ts'
import { Fault, type InvalidReason } from '../fault.ts'
import { isTenant } from '../identity/tenants.ts'
import { isStorable } from '../json.ts'
import type { Needs } from '../needs.ts'
import { findAccount, type ServiceAccount } from './catalogue.ts'

/** What somebody asks for. */
export interface TokenRequest {
  account: string
  scopes: readonly string[]
  tenantId: string | null
  /** Null: as long as the account allows. */
  lifetimeMinutes: number | null
  /** Whatever tells the machine from others; shown in lists. */
  fingerprint: string | null
  /** A new token even if one is alive, which ends then. */
  force: boolean
}

/** What he gets. */
export interface Order {
  account: ServiceAccount
  tenantId: string | null
  /** Sorted, each once. */
  scopes: readonly Grant[]
  lifetimeMs: number
  fingerprint: string | null
  force: boolean
}

const FINGERPRINT_CHARS_MAX = 256
const MINUTE_MS = 60_000

export const invalid = (param: string, sentence: string, reason: InvalidReason = 'value'): Fault =>
  new Fault('invalid', sentence, { param, reason })

/** Throws invalid. */
export function requireAccount(name: string): ServiceAccount {
  const account = findAccount(name)
  if (!account) throw invalid('account', 'There is no such service account.')
  return account
}

/** Throws invalid: tenant, scopes, lifetime, in this order. */
export async function requireOrder(app: Needs<'db'>, account: ServiceAccount, asked: TokenRequest): Promise<Order> {
  const tenantId = await requireTenant(app, account, asked.tenantId)
  const scopes = requireScopes(account, asked.scopes)
  const lifetimeMs = requireLifetime(account, asked.lifetimeMinutes) * MINUTE_MS
  const { fingerprint, force } = asked
  if (fingerprint !== null && fingerprint.length > FINGERPRINT_CHARS_MAX)
    throw invalid('fingerprint', `A fingerprint has at most ${FINGERPRINT_CHARS_MAX} characters.`, 'too_long')
  if (fingerprint !== null && !isStorable(fingerprint)) throw invalid('fingerprint', 'The fingerprint cannot be stored.')
  return { account, tenantId, scopes, lifetimeMs, fingerprint, force }
}

async function requireTenant(app: Needs<'db'>, { name, tenant }: ServiceAccount, asked: string | null): Promise<string | null> {
  if (tenant === 'forbidden') {
    if (asked !== null) throw invalid('tenant_id', `Tokens of ${name} are of no tenant.`)
    return null
  }
  if (asked === null) throw invalid('tenant_id', `Tokens of ${name} are of a tenant, which must be named.`, 'missing_field')
  const id = asked.toLowerCase()
  if (!(await isTenant(app, id))) throw invalid('tenant_id', 'There is no such tenant.')
  return id
}

function requireScopes({ name, scopes }: ServiceAccount, asked: readonly string[]): Grant[] {
  if (asked.length === 0) throw invalid('scopes', 'At least one scope must be named.', 'too_few_items')
  if (!asked.every((scope) => scopes.includes(scope)))
    throw invalid('scopes', `${name} may have of these scopes only: ${scopes.join(', ')}.`)
  return [...new Set(asked)].toSorted()
}

function requireLifetime({ name, lifetimeMinutes }: ServiceAccount, asked: number | null): number {
  if (asked === null) return lifetimeMinutes
  if (!Number.isInteger(asked)) throw invalid('lifetime_minutes', 'A lifetime is a whole number of minutes.', 'type')
  if (asked < 1) throw invalid('lifetime_minutes', 'A token lives for a minute at least.', 'too_small')
  if (asked > lifetimeMinutes)
    throw invalid('lifetime_minutes', `Tokens of ${name} live for ${lifetimeMinutes} minutes at most.`, 'too_big')
  return asked
}
