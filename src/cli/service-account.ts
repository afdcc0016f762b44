import { systemClock } from '../app.ts'
import type { Config } from '../config.ts'
import type { Principal } from '../core/access/principal.ts'
import { grantsOf } from '../core/access/roles.ts'
import type { Caller } from '../core/caller.ts'
import { Fault } from '../core/fault.ts'
import { newId } from '../core/id.ts'
import { DEFAULT_TENANT } from '../core/identity/tenants.ts'
import type { Needs } from '../core/needs.ts'
import { findAccount, SERVICE_ACCOUNTS } from '../core/service-accounts/catalogue.ts'
import { issueFor } from '../core/service-accounts/issue.ts'
import { signedHeaders } from '../core/service-accounts/signature.ts'
import { AUDIENCE } from '../core/service-accounts/signed-request.ts'
import { listServiceTokens, revokeServiceToken, type ServiceToken } from '../core/service-accounts/tokens.ts'
import { TokenKeys } from '../core/tokens/key-ring.ts'
import { openVault } from '../drivers/vault/vault.ts'
import { CliError, EXIT } from './cli-error.ts'
import { asOperator, type Common, columns, readExpiry } from './key.ts'
import { loadConfig } from './load-config.ts'
import { tenantIdOf } from './tenant.ts'
import type { Terminal } from './terminal.ts'

const ACTING = { asOperator: true, operatorReason: 'on the command line of the server' }
const MINUTE_MS = 60_000
/** More than a person reads; programs ask the database. */
const LISTED_MAX = 10_000
const PAGE = 100

export function showCatalogue({ json }: Common, terminal: Terminal): void {
  const toJson = ({ name, about, scopes, tenant, lifetimeMinutes }: (typeof SERVICE_ACCOUNTS)[number]) => ({
    ...{ account: name, about, scopes, tenant, lifetime_minutes: lifetimeMinutes },
  })
  const rows = SERVICE_ACCOUNTS.map(({ name, about, scopes, tenant, lifetimeMinutes }) => [
    ...[name, scopes.join(' '), tenant === 'required' ? 'one' : 'none', `${lifetimeMinutes / (24 * 60)} d`, about],
  ])
  const table = columns([['ACCOUNT', 'SCOPES', 'TENANT', 'LIVES', 'WHAT FOR'], ...rows])
  terminal.out(json ? `${JSON.stringify(SERVICE_ACCOUNTS.map(toJson), null, 2)}\n` : table)
}

export interface IssueOptions extends Common {
  account: string
  /** The tenant's slug. Absent: the default tenant, where the account needs one. */
  tenant: string | undefined
  /** Absent: all that the account may have. */
  scopes: string[] | undefined
  expires: string | undefined
  fingerprint: string | undefined
  reason: string
  force: boolean
}

export async function issueTokenOf(options: IssueOptions, terminal: Terminal): Promise<void> {
  const { refreshToken, token, isNew } = await asOperator(options, terminal, (app, caller, config) =>
    issue(app, caller, { options, config }),
  ).catch(explain)
  if (options.json) return terminal.out(`${JSON.stringify({ refresh_token: refreshToken, token_use: 'refresh', ...toJson(token) })}\n`)
  const made = isNew ? 'A new token' : 'The token that is alive'
  terminal.err(`${made} of ${token.account} (${token.scopes.join(' ')}), good until ${minute(token.expiresAt)} UTC:\n`)
  terminal.out(`${refreshToken}\n`)
}

async function issue(
  app: Needs<'db' | 'clock' | 'signals' | 'log'>,
  caller: Caller,
  { options, config }: { options: IssueOptions; config: Config },
) {
  const { account, scopes, fingerprint = null, reason, force, expires } = options
  const { auth, secrets, data } = config
  const known = findAccount(account)
  const slug = options.tenant ?? (known?.tenant === 'required' ? DEFAULT_TENANT : undefined)
  const now = app.clock.now()
  const tokens = new TokenKeys({ ...app, vault: openVault(secrets, { dir: data.dir }) }, auth)
  return issueFor({ ...app, tokens, identity: auth }, operatorOf(caller), {
    ...{ account, scopes: scopes ?? known?.scopes ?? [], fingerprint, force, reason, ...ACTING },
    tenantId: slug === undefined ? null : await tenantIdOf(app, slug),
    lifetimeMinutes: expires === undefined ? null : Math.floor((readExpiry(expires, now) - now) / MINUTE_MS),
  })
}

export interface ListOptions extends Common {
  account: string | undefined
  tenant: string | undefined
  /** Revoked and expired ones too. */
  all: boolean
}

export async function listTokensOf(options: ListOptions, terminal: Terminal): Promise<void> {
  const tokens = await asOperator(options, terminal, async (app, caller) => {
    const tenantId = options.tenant === undefined ? null : await tenantIdOf(app, options.tenant)
    const status = options.all ? ('all' as const) : ('active' as const)
    const search = { account: options.account ?? null, fingerprint: null, status, tenantId, includeGlobal: false, ...ACTING }
    const found: ServiceToken[] = []
    for (let offset = 0; offset < LISTED_MAX; offset += PAGE) {
      const page = await listServiceTokens(app, operatorOf(caller), { ...search, limit: PAGE, offset })
      found.push(...page.tokens)
      if (page.tokens.length < PAGE) break
    }
    return found
  })
  if (options.json) return terminal.out(`${JSON.stringify(tokens.map(toJson), null, 2)}\n`)
  terminal.out(columns([['JTI', 'ACCOUNT', 'TENANT', 'SCOPES', 'ISSUED', 'STATE'], ...tokens.map(toCells)]))
}

export async function revokeTokenOf(options: Common & { jti: string; reason: string | undefined }, terminal: Terminal): Promise<void> {
  const { jti, reason = null, json } = options
  const isRevoked = await asOperator(options, terminal, (app, caller) =>
    revokeServiceToken(app, operatorOf(caller), { jti, reason, ...ACTING }),
  )
  if (!isRevoked) throw unknownToken(jti)
  terminal.out(json ? `${JSON.stringify({ jti, revoked: true })}\n` : `Revoked ${jti}, and what was exchanged for it.\n`)
}

export interface SignOptions extends Common {
  account: string
  /** A UUID: whoever signs need not reach the database. */
  tenantId: string | undefined
  scopes: string[] | undefined
}

const GOOD_FOR_S = 300

/** The headers of a request for a token, as a machine that knows the secret makes them. */
export function signRequest({ account, tenantId, scopes, flags, json }: SignOptions, terminal: Terminal): void {
  const { serviceSecret } = loadConfig(flags, terminal).config.auth
  if (serviceSecret === null) throw noSecret()
  const iat = Math.floor(systemClock.now() / 1_000)
  const { authorization, payload } = signedHeaders(serviceSecret, {
    ...{ iss: 'tetraport-cli', aud: [AUDIENCE], sub: 'tetraport-cli', nonce: newId(), iat, exp: iat + GOOD_FOR_S, account },
    scopes: [...(scopes ?? findAccount(account)?.scopes ?? [])],
    ...(tenantId === undefined ? {} : { tenant_id: tenantId }),
  })
  terminal.out(
    json
      ? `${JSON.stringify({ authorization, 'x-vault-payload': payload })}\n`
      : `Authorization: ${authorization}\nX-Vault-Payload: ${payload}\n`,
  )
}

const operatorOf = (caller: Caller): Principal => ({
  ...{ kind: 'user', userId: null, account: null, tenantId: caller.tenantId, role: 'owner', isOperator: true },
  ...{ grants: grantsOf({ role: 'owner', isOperator: true }), emailVerified: true, credentialId: null, sessionId: null },
  ...{ serviceTokenId: null, claims: null, caller },
})

const minute = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ')
const iso = (at: number): string => new Date(at).toISOString()

const toJson = (token: ServiceToken) => ({
  ...{ jti: token.jti, account: token.account, tenant_id: token.tenantId, scopes: token.scopes, fingerprint: token.fingerprint },
  ...{ kid: token.kid, issued_at: iso(token.issuedAt), expires_at: iso(token.expiresAt) },
  ...{ revoked_at: token.revokedAt === null ? null : iso(token.revokedAt), revoked_reason: token.revokedReason },
})

function toCells(token: ServiceToken): string[] {
  const { jti, account, tenantId, scopes, issuedAt } = token
  return [jti, account, tenantId ?? '-', scopes.join(','), minute(issuedAt), stateOf(token)]
}

function stateOf({ revokedAt, revokedReason, expiresAt }: ServiceToken): string {
  if (revokedAt !== null) return `revoked ${minute(revokedAt)}: ${revokedReason ?? '-'}`
  return `${expiresAt <= systemClock.now() ? 'expired' : 'expires'} ${minute(expiresAt)}`
}

function explain(error: unknown): never {
  if (!(error instanceof Fault) || (error.code !== 'invalid' && error.code !== 'rate_limited')) throw error
  const isUsage = error.code === 'invalid'
  throw new CliError({
    what: 'No token was issued.',
    why: error.message,
    next: isUsage ? "Run 'tetraport service-account catalogue' to see what each account may have." : 'Wait that long, then run this again.',
    exitCode: isUsage ? EXIT.usage : EXIT.failed,
  })
}

const unknownToken = (jti: string): CliError =>
  new CliError({
    what: `There is no token '${jti}' to revoke.`,
    why: 'It is not there, or was revoked before. Tokens are named by their jti.',
    next: "Run 'tetraport service-account list' to see them.",
    exitCode: EXIT.failed,
  })

const noSecret = (): CliError =>
  new CliError({
    what: 'Nothing can be signed: auth.service_secret is not set.',
    why: 'The server and those who ask it for tokens must know the same secret.',
    next: "Set it for both, or run 'tetraport service-account issue' beside the server, which needs none.",
    exitCode: EXIT.usage,
  })
