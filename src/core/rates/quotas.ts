import { normalAddress } from '../credentials/address.ts'
import { sourceOf } from './ip.ts'
import type { Limit } from './rates.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** The most of each kind that whoever is behind the key may do in the window. */
const SIGNUP_IP_HOUR = { max: 20, windowMs: HOUR_MS }
const SIGNUP_IP_DAY = { max: 100, windowMs: DAY_MS }
const SIGNUP_EMAIL = { max: 3, windowMs: DAY_MS }
const SIGNUP_DOMAIN = { max: 20, windowMs: DAY_MS }
const PASSWORD_RESET_EMAIL = { max: 5, windowMs: HOUR_MS }
const PASSWORD_RESET_IP = { max: 20, windowMs: HOUR_MS }
/** Each looks how soon a password would be guessed, a tenth of a second for everybody who waits. */
const PASSWORD_CONFIRM_IP = { max: 60, windowMs: HOUR_MS }
const EMAIL_VERIFY_USER = { max: 3, windowMs: HOUR_MS }
const EMAIL_VERIFY_IP = { max: 10, windowMs: HOUR_MS }
const TOKENS_OF_ACCOUNT = { max: 5, windowMs: MINUTE_MS }
const TOKENS_OF_TENANT = { max: 30, windowMs: MINUTE_MS }

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
/** Where an invite is needed a stranger makes no account, but could use up the domain of those who were invited. */
export const invitedSignupLimits = (source: Source): Limit[] => signupLimits(source).filter(({ name }) => name !== 'signup_domain')
export const signupRequestLimits = (source: Source): Limit[] => signingUp('signup_request', source)

const ofSource = (limit: Omit<Limit, 'key'>, ip: string | null): Limit[] => (ip === null ? [] : [{ ...limit, key: sourceOf(ip) }])

export const passwordResetLimits = ({ email, ip }: Source): Limit[] => [
  { name: 'password_reset_email', key: normalAddress(email), ...PASSWORD_RESET_EMAIL },
  ...ofSource({ name: 'password_reset_ip', ...PASSWORD_RESET_IP }, ip),
]

export const passwordConfirmLimits = (ip: string | null): Limit[] => ofSource({ name: 'password_confirm_ip', ...PASSWORD_CONFIRM_IP }, ip)

export const emailVerifyLimits = ({ userId, ip }: { userId: string; ip: string | null }): Limit[] => [
  { name: 'email_verify_user', key: userId, ...EMAIL_VERIFY_USER },
  ...ofSource({ name: 'email_verify_ip', ...EMAIL_VERIFY_IP }, ip),
]

/** What is asked for and refused counts too. Each tenant has its own, or one could use up what the others need. */
export function serviceAccountLimits({ account, tenantId }: { account: string; tenantId: string | null }): Limit[] {
  const whose = tenantId?.toLowerCase() ?? 'server'
  return [
    { name: 'service_account', key: `${whose} ${account}`, ...TOKENS_OF_ACCOUNT },
    { name: 'service_accounts', key: whose, ...TOKENS_OF_TENANT },
  ]
}
