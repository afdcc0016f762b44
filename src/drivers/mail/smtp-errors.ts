/** What nodemailer's errors have, as far as it is told. */
interface SmtpError {
  code?: unknown
  originalCode?: unknown
  /** 250, 450, 550, ... */
  responseCode?: unknown
  /** What the server said, which may quote the address. */
  response?: unknown
  /** What it was said to. */
  command?: unknown
}

const CODES: Record<string, string> = {
  EAUTH: 'the mail server does not take the user and password of mail.smtp_url',
  ENOAUTH: 'the mail server wants a user and a password',
  ETLS: 'no TLS: the mail server does not offer it, or its certificate is not trusted',
  ETIMEDOUT: 'the mail server did not answer in time',
  EDNS: 'the name of the mail server has no address',
  EABORT: 'broken off',
}

/** Of its text only the number of its kind (RFC 3463) is told: the rest may name who the mail was for. */
export function reasonOf(error: unknown): string {
  const { code, originalCode, responseCode, response, command } = Object(error) as SmtpError
  const said = typeof responseCode === 'number' ? `${responseCode}${kindOf(response)}` : undefined
  const known = typeof code === 'string' ? CODES[code] : undefined
  if (known !== undefined) return said === undefined ? withCode(known, originalCode) : `${known} (${said})`
  if (said !== undefined) return `the mail server answered ${said}${typeof command === 'string' ? toCommand(command) : ''}`
  return withCode('the connection to the mail server failed', originalCode ?? code)
}

const kindOf = (response: unknown): string => {
  const kind = typeof response === 'string' ? /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1] : undefined
  return kind === undefined ? '' : ` ${kind}`
}
/** Verbs only, never what follows them. */
const toCommand = (command: string): string => {
  const verb = /^(?:MAIL FROM|RCPT TO|DATA|EHLO|HELO|STARTTLS|CONN)\b/.exec(command)?.[0]
  return verb === undefined ? '' : ` to ${verb === 'CONN' ? 'the connection' : verb}`
}
const withCode = (reason: string, code: unknown): string =>
  typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code) ? `${reason} (${code})` : reason

/** Answers to a recipient or to a mail; to anything else it is the server or the configuration that is wrong, and may be mended. */
const ABOUT_THE_MAIL = ['RCPT TO', 'DATA']
/** The account, not the mail: 530, 534, 535 and 538 (RFC 4954). */
const ABOUT_THE_ACCOUNT = [530, 534, 535, 538]

export function stateOf(error: unknown): 'failed' | 'refused' {
  const { code, responseCode, command } = Object(error) as SmtpError
  const isPermanent = typeof responseCode === 'number' && responseCode >= 500 && responseCode < 600
  if (!isPermanent || code === 'EAUTH' || ABOUT_THE_ACCOUNT.includes(responseCode)) return 'failed'
  return typeof command === 'string' && ABOUT_THE_MAIL.includes(command) ? 'refused' : 'failed'
}
