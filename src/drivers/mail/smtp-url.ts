/** Where a mail server is, and how much it must prove. */
export interface SmtpTarget {
  host: string
  port: number
  /** TLS from the first byte (`smtps:`). */
  implicitTls: boolean
  /** Nothing is said before STARTTLS: neither a password nor a mail may go over the network in clear. */
  tlsRequired: boolean
  /** On this machine nobody stands between: certificates of its own mail server are seldom signed by anybody. */
  certificateChecked: boolean
  /** Absent: the server takes mail without. */
  login?: { user: string; pass: string }
}

const SUBMISSION_PORT = 587
const SUBMISSIONS_PORT = 465

/** Of a URL that the configuration took. */
export function readSmtpUrl(text: string): SmtpTarget {
  const url = new URL(text)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const implicitTls = url.protocol === 'smtps:'
  const stated = url.searchParams.get('tls')
  const isHere = isLoopback(host)
  const login = { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) }
  return {
    host,
    port: url.port === '' ? (implicitTls ? SUBMISSIONS_PORT : SUBMISSION_PORT) : Number(url.port),
    implicitTls,
    tlsRequired: !implicitTls && (stated === null ? !isHere : stated === 'required'),
    certificateChecked: implicitTls || stated === 'required' || !isHere,
    ...(login.user === '' && login.pass === '' ? {} : { login }),
  }
}

const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i.test(host)
