/** One mail, composed. */
export interface OutgoingMail {
  /** The same for every attempt, e.g. `<0192...@tetraport.example>`. */
  messageId: string
  to: string
  subject: string
  text: string
  html: string
  /** What the mail is for; the outbox prints it. */
  link?: string
  replyTo?: string
  headers?: Readonly<Record<string, string>>
}

/** `refused`: no further attempt will do. `why` is fit for a log: it holds neither address nor text. */
export type MailOutcome = { state: 'sent' } | { state: 'failed' | 'refused'; why: string }

/** Brings mail out of this process. */
export interface Mail {
  /** `outbox`: the mail stays here, and its link is printed. */
  readonly kind: 'outbox' | 'smtp'
  readonly attemptsMax: number
  /** The part of message ids behind the @. */
  readonly domain: string
  /** Never rejects for a mail that does not arrive. */
  deliver(mail: OutgoingMail, signal: AbortSignal): Promise<MailOutcome>
  /** Throws an Error that says, without secrets, why mail cannot be given to the server now. */
  check(): Promise<void>
  close(): Promise<void>
}
