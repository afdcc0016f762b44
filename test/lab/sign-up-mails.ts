import { eventually } from '../support/eventually.ts'
import type { MailServer, ReceivedMail } from '../support/mail-server.ts'

/** Longer than a server is away, and than a mail waits for its next attempt. */
const ARRIVES_MS = 60_000

/** What the mail server took, by address: clients read their mail, the checker counts it. */
export class Postbox {
  private readonly boxes = new Map<string, ReceivedMail[]>()
  private read = 0

  constructor(private readonly server: MailServer) {}

  of(address: string): ReceivedMail[] {
    const { received } = this.server
    for (; this.read < received.length; this.read++) {
      const mail = received[this.read]
      for (const to of mail?.to ?? []) {
        const box = this.boxes.get(to) ?? []
        this.boxes.set(to, box)
        if (mail) box.push(mail)
      }
    }
    return this.boxes.get(address) ?? []
  }

  get all(): readonly ReceivedMail[] {
    return this.server.received
  }

  /** The token in the link of a mail to this address, once it is there; undefined: `stopping` before it was. */
  async token(address: string, kind: keyof typeof LINKS, stopping: () => boolean): Promise<string | undefined> {
    const token = await eventually(() => {
      for (const { parts } of this.of(address)) {
        const token = LINKS[kind].exec(parts['text/plain'] ?? '')?.[1]
        if (token !== undefined) return decodeURIComponent(token)
      }
      return stopping() ? null : undefined
    }, ARRIVES_MS)
    return token ?? undefined
  }
}

const LINKS = { verification: /\/verify-email\?token=(\S+)/, invite: /\/register\?invite=(\S+)/ }
