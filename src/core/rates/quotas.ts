import { normalAddress } from '../sessions/address.ts'
import { sourceOf } from './address.ts'
import type { Limit } from './rates.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** The most of each kind that whoever is behind the key may do in the window. */
export const SIGNUP_IP_HOUR = { max: 20, windowMs: HOUR_MS }
export const SIGNUP_IP_DAY = { max: 100, windowMs: DAY_MS }
export const SIGNUP_EMAIL = { max: 3, windowMs: DAY_MS }
export const SIGNUP_DOMAIN = { max: 20, windowMs: DAY_MS }
export const PASSWORD_RESET_EMAIL = { max: 5, windowMs: HOUR_MS }
export const PASSWORD_RESET_IP = { max: 20, windowMs: HOUR_MS }
export const EMAIL_VERIFY_USER = { max: 3, windowMs: HOUR_MS }
export const EMAIL_VERIFY_IP = { max: 10, windowMs: HOUR_MS }
export const SERVICE_ACCOUNT = { max: 5, windowMs: MINUTE_MS }
export const SERVICE_ACCOUNTS = { max: 30, windowMs: MINUTE_MS }

/** `ip` null: not known. */
interface Source {
  email: string
  ip: string | null
}

const domainOf = (email: string): string => email.slice(email.lastIndexOf('@') + 1)

function signingUp(prefix: string, { email, ip }: Source): Limit[] {
  // Whose address is not known shares what all of those have.
  const source = ip === null ? 'unknown' : sourceOf(ip)
  const address = normalAddress(email)
  return [
    { name: `${prefix}_ip_hour`, key: source, ...SIGNUP_IP_HOUR },
    { name: `${prefix}_ip_day`, key: source, ...SIGNUP_IP_DAY },
    { name: `${prefix}_email`, key: address, ...SIGNUP_EMAIL },
    { name: `${prefix}_domain`, key: domainOf(address), ...SIGNUP_DOMAIN },
  ]
}

export const signupLimits = (source: Source): Limit[] => signingUp('signup', source)
export const signupRequestLimits = (source: Source): Limit[] => signingUp('signup_request', source)

const ofSource = (limit: Omit<Limit, 'key'>, ip: string | null): Limit[] => (ip === null ? [] : [{ ...limit, key: sourceOf(ip) }])

export const passwordResetLimits = ({ email, ip }: Source): Limit[] => [
  { name: 'password_reset_email', key: normalAddress(email), ...PASSWORD_RESET_EMAIL },
  ...ofSource({ name: 'password_reset_ip', ...PASSWORD_RESET_IP }, ip),
]

export const emailVerifyLimits = ({ userId, ip }: { userId: string; ip: string | null }): Limit[] => [
  { name: 'email_verify_user', key: userId, ...EMAIL_VERIFY_USER },
  ...ofSource({ name: 'email_verify_ip', ...EMAIL_VERIFY_IP }, ip),
]

/** What is asked for and refused counts too. Each tenant has its own, or one could use up what the others need. */
export function serviceAccountLimits({ account, tenantId }: { account: string; tenantId: string | null }): Limit[] {
  const whose = tenantId ?? 'server'
  return [
    { name: 'service_account', key: `${whose} ${account}`, ...SERVICE_ACCOUNT },
    { name: 'service_accounts', key: whose, ...SERVICE_ACCOUNTS },
  ]
}
