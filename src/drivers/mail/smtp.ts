import type { ConnectionOptions } from 'node:tls'
import type { Transporter } from 'nodemailer'
import { unsendable } from './outgoing.ts'
import type { Mail, MailOutcome, OutgoingMail } from './port.ts'
import { reasonOf, stateOf } from './smtp-errors.ts'
import { readSmtpUrl } from './smtp-url.ts'

export interface SmtpOptions {
  url: string
  /** `tetraport@example.com`, or with a name: `Example <tetraport@example.com>`. */
  from: string
  attemptsMax: number
  /** For tests: whom to believe, and under which name. */
  tls?: Pick<ConnectionOptions, 'ca' | 'servername'>
}

const CONNECTIONS_MAX = 4
const MESSAGES_PER_CONNECTION = 100
const CONNECT_MS = 15_000
/** A server may look at a mail for a while before it takes it; breaking off then means sending it twice. */
const SILENCE_MS = 120_000
const IDLE_MS = 30_000
/** For all of one mail, also where the server says something now and then. */
const DELIVERY_MS = 240_000

/** Gives mail to a mail server. Connects when it has something to send. */
export class SmtpMail implements Mail {
  readonly kind = 'smtp'
  readonly attemptsMax: number
  readonly domain: string
  /** As the server is told. */
  private readonly sender: string
  private opened: Promise<Transporter> | undefined

  constructor(private readonly options: SmtpOptions) {
    this.attemptsMax = options.attemptsMax
    this.sender = /<([^<>]+)>\s*$/.exec(options.from)?.[1] ?? options.from.trim()
    this.domain = this.sender.split('@').at(-1) ?? 'localhost'
  }

  async deliver(mail: OutgoingMail, signal: AbortSignal): Promise<MailOutcome> {
    const wrong = unsendable(mail)
    if (wrong) return wrong
    try {
      const transport = await this.transport()
      const { messageId, to, subject, text, html, replyTo, headers } = mail
      await transport.sendMail({
        ...{ messageId, subject, text, html },
        from: this.options.from,
        to: { name: '', address: to },
        envelope: { from: this.sender, to: [to] },
        ...(replyTo === undefined ? {} : { replyTo }),
        // RFC 3834: no holiday notices in answer to this.
        headers: { 'Auto-Submitted': 'auto-generated', ...headers },
        ...{ disableFileAccess: true, disableUrlAccess: true },
        signal: AbortSignal.any([signal, AbortSignal.timeout(DELIVERY_MS)]),
      })
      return { state: 'sent' }
    } catch (error) {
      return { state: stateOf(error), why: reasonOf(error) }
    }
  }

  async check(): Promise<void> {
    const transport = await this.transport()
    // Without its cause: what the server said may name the account.
    await transport.verify().catch((error) => {
      throw new Error(reasonOf(error))
    })
  }

  async close(): Promise<void> {
    const transport = await this.opened
    this.opened = undefined
    transport?.close({ force: true })
  }

  private transport(): Promise<Transporter> {
    this.opened ??= this.open().catch((cause) => {
      this.opened = undefined
      throw cause
    })
    return this.opened
  }

  private async open(): Promise<Transporter> {
    const { createTransport } = await import('nodemailer')
    const { host, port, implicitTls, tlsRequired, certificateChecked, login } = readSmtpUrl(this.options.url)
    return createTransport({
      ...{ host, port, secure: implicitTls, requireTLS: tlsRequired, allowInternalNetworkInterfaces: true },
      ...(login ? { auth: login, forceAuth: true } : {}),
      tls: { rejectUnauthorized: certificateChecked, minVersion: 'TLSv1.2', ...this.options.tls },
      ...{ pool: true, maxConnections: CONNECTIONS_MAX, maxMessages: MESSAGES_PER_CONNECTION, maxRequeues: 1, idleTimeout: IDLE_MS },
      ...{ connectionTimeout: CONNECT_MS, greetingTimeout: CONNECT_MS, dnsTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
    })
  }
}
