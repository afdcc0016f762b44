import { SMTPServer } from 'smtp-server'
import { eventually } from './eventually.ts'

export interface ReceivedMail {
  /** As the client said, outside of the mail itself. */
  from: string
  to: string[]
  user: string | undefined
  secure: boolean
  /** By their names in lower case; folded lines are one. */
  headers: Map<string, string>
  /** Decoded, by media type. */
  parts: Record<string, string>
  /** As it came. */
  raw: string
}

export type Stage = 'rcpt' | 'data'

export interface MailServerOptions {
  login?: { user: string; pass: string }
  /** A certificate: offered by STARTTLS, or from the first byte. */
  tls?: { key: string; cert: string }
  implicitTls?: boolean
  /** Of a server that was there before; absent: any that is free. */
  port?: number
}

/** A mail server that keeps what it takes. */
export interface MailServer {
  port: number
  received: ReceivedMail[]
  /** Recipients it was asked for, with those it refused. */
  asked: string[]
  /** How many connections there were. */
  connections(): number
  /** Answers it gives first, one for each mail. */
  failures: { stage: Stage; code: number }[]
  /** Until then it takes no mail to the end. */
  hold(): () => void
  until(count: number): Promise<ReceivedMail[]>
  close(): Promise<void>
}

const refusal = (code: number, text: string): Error => Object.assign(new Error(text), { responseCode: code })

export async function openMailServer({ login, tls, implicitTls = false, port = 0 }: MailServerOptions = {}): Promise<MailServer> {
  const received: ReceivedMail[] = []
  const asked: string[] = []
  const failures: MailServer['failures'] = []
  let connections = 0
  let gate: Promise<void> | undefined
  const failing = (stage: Stage, address: string): Error | undefined => {
    if (failures[0]?.stage !== stage) return undefined
    return refusal(failures.shift()?.code ?? 550, `5.1.1 No mail for <${address}> here`)
  }
  const server = new SMTPServer({
    ...(tls ?? {}),
    secure: implicitTls,
    authOptional: login === undefined,
    disabledCommands: [...(login ? [] : ['AUTH' as const]), ...(tls && !implicitTls ? [] : ['STARTTLS' as const])],
    allowInsecureAuth: true,
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 100,
    onConnect(_session, done) {
      connections++
      done()
    },
    onAuth({ username, password }, _session, done) {
      const isRight = username === login?.user && password === login?.pass
      done(isRight ? null : refusal(535, `5.7.8 No such user ${username}`), isRight ? { user: username ?? '' } : undefined)
    },
    onRcptTo({ address }, _session, done) {
      asked.push(address)
      done(failing('rcpt', address))
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', async () => {
        await gate
        const { mailFrom, rcptTo } = session.envelope
        const to = rcptTo.map(({ address }) => address)
        const failure = failing('data', to[0] ?? '')
        if (failure) return done(failure)
        const from = mailFrom ? mailFrom.address : ''
        received.push({ from, to, user: session.user, secure: session.secure, ...readMail(Buffer.concat(chunks).toString()) })
        done()
      })
    },
  })
  server.on('error', () => undefined)
  const listening = Promise.withResolvers<void>()
  server.listen(port, '127.0.0.1', listening.resolve)
  await listening.promise
  const address = server.server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    ...{ received, asked, failures },
    connections: () => connections,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return () => {
        gate = undefined
        resolve()
      }
    },
    until: (count) => eventually(() => (received.length >= count ? received : undefined)),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

type Read = Pick<ReceivedMail, 'headers' | 'parts' | 'raw'>

/** As much of MIME as our mails are made of. */
function readMail(raw: string): Read {
  const { headers, body } = split(raw)
  const boundary = /boundary="?([^";]+)"?/.exec(headers.get('content-type') ?? '')?.[1]
  const bodies = boundary === undefined ? [raw] : body.split(`--${boundary}`).slice(1, -1)
  const parts: Record<string, string> = {}
  for (const part of bodies) {
    const { headers: own, body: text } = split(part.replace(/^\r\n/, ''))
    parts[own.get('content-type')?.split(';')[0] ?? 'text/plain'] = decoded(text, own.get('content-transfer-encoding'))
  }
  return { headers, parts, raw }
}

function split(text: string): { headers: Map<string, string>; body: string } {
  const end = text.indexOf('\r\n\r\n')
  const lines = text
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { headers: new Map(headers), body: text.slice(end + 4) }
}

function decoded(text: string, encoding = '7bit'): string {
  if (encoding === 'base64') return Buffer.from(text, 'base64').toString().replaceAll('\r\n', '\n')
  if (encoding !== 'quoted-printable') return text.replaceAll('\r\n', '\n').trimEnd()
  const bytes = text.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString().replaceAll('\r\n', '\n').trimEnd()
}
