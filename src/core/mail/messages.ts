import type { Role } from '../access/roles.ts'
import type { ComposedMail, NewMail } from './mail.ts'

/** What a mail is composed with; `token` and `expiresAt` of a mail that gets its own when it is sent. */
export interface Composing {
  /** Without a slash at its end. */
  appUrl: string
  made?: { token: string; expiresAt: number }
}

type Part = { text: string } | { link: string; label: string } | { code: string }

interface Draft {
  subject: string
  parts: Part[]
  link?: string
  expiresAt?: number | null
}

/** Subject and both texts of a mail. */
export function composeMail(about: NewMail, { appUrl, made }: Composing): ComposedMail {
  const { subject, parts, link = null, expiresAt = null } = draftOf(about, appUrl, made)
  return { subject: oneLine(subject), text: asText(parts), html: asHtml(parts), link, expiresAt }
}

function draftOf(about: NewMail, appUrl: string, made: Composing['made']): Draft {
  const site = URL.parse(appUrl)?.host ?? appUrl
  switch (about.kind) {
    case 'verify_email':
      return withLink({
        subject: `Confirm your e-mail address for ${site}`,
        first: `Please confirm that this is your e-mail address for ${site}.`,
        ...{ link: linkTo(appUrl, 'verify-email', about.token), label: 'Confirm this address', token: about.token },
        expiresAt: about.expiresAt,
        last: 'If you did not ask for this, ignore this mail.',
      })
    case 'reset_password': {
      if (!made) throw new Error('A mail that resets a password needs its token.')
      return withLink({
        subject: `Choose a new password for ${site}`,
        first: `Somebody asked for a new password for this e-mail address at ${site}.`,
        ...{ link: linkTo(appUrl, 'reset-password', made.token), label: 'Choose a new password', ...made },
        last: 'If it was not you, ignore this mail: your password stays as it is.',
      })
    }
    case 'invite':
      return inviteOf(about, appUrl, site)
    case 'signup_approved':
      return withLink({
        subject: `Your access to ${site} was approved`,
        first: `Your request for access to ${site} was approved.`,
        ...{ link: inviteLink(appUrl, about.token), label: 'Register', token: about.token, expiresAt: about.expiresAt },
        last: 'If you did not ask for access, ignore this mail.',
      })
    case 'password_changed':
      return {
        subject: `Your password for ${site} was changed`,
        parts: [
          { text: `The password of your account at ${site} was changed.` },
          { text: 'If it was not you, ask for a new password at once, and tell whoever runs that server.' },
        ],
      }
  }
}

const WITH_ROLE: Record<Role, string> = { viewer: 'a viewer', member: 'a member', admin: 'an admin', owner: 'an owner' }

function inviteOf({ token, expiresAt, tenantTitle, role }: NewMail & { kind: 'invite' }, appUrl: string, site: string): Draft {
  const where = tenantTitle === null ? site : `"${shortened(tenantTitle)}" at ${site}`
  const as = role === null ? '' : ` as ${WITH_ROLE[role]}`
  return withLink({
    subject: `You are invited to ${where}`,
    first: `You are invited to ${where}${as}.`,
    ...{ link: inviteLink(appUrl, token), label: 'Accept the invitation', token, expiresAt },
    last: 'If you know nothing of this, ignore this mail.',
  })
}

interface WithLink {
  subject: string
  first: string
  link: string
  label: string
  token: string
  expiresAt: number | null
  last: string
}

const withLink = ({ subject, first, link, label, token, expiresAt, last }: WithLink): Draft => ({
  ...{ subject, link, expiresAt },
  parts: [
    { text: first },
    { link, label },
    { text: 'Where you are asked for a code, it is this one:' },
    { code: token },
    { text: `${expiresAt === null ? '' : `It is good until ${timeOf(expiresAt)}. `}${last}` },
  ],
})

const linkTo = (appUrl: string, page: string, token: string): string => `${appUrl}/${page}?token=${encodeURIComponent(token)}`
export const inviteLink = (appUrl: string, token: string): string => `${appUrl}/register?invite=${encodeURIComponent(token)}`

/** To the minute. */
const timeOf = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`

const TITLE_CHARS_MAX = 60

/** Tenants are named by those who invite: as much of it as a name needs, on one line. */
function shortened(title: string): string {
  const chars = [...oneLine(title)]
  return chars.length <= TITLE_CHARS_MAX ? chars.join('') : `${chars.slice(0, TITLE_CHARS_MAX - 1).join('')}…`
}

/** On one line, and without what turns around the text behind it. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ').trim()

function asText(parts: readonly Part[]): string {
  const lines = parts.map((part) => ('text' in part ? part.text : 'link' in part ? `${part.label}: ${part.link}` : part.code))
  return `${lines.join('\n\n')}\n`
}

const escaped = (text: string): string => Bun.escapeHTML(text)

function htmlOf(part: Part): string {
  if ('text' in part) return escaped(part.text)
  return 'link' in part ? `<a href="${escaped(part.link)}">${escaped(part.label)}</a>` : `<code>${escaped(part.code)}</code>`
}

function asHtml(parts: readonly Part[]): string {
  const body = parts.map((part) => `<p>${htmlOf(part)}</p>`).join('\n')
  return `<!doctype html>\n<html lang="en">\n<body style="font-family: sans-serif; line-height: 1.5">\n${body}\n</body>\n</html>\n`
}
