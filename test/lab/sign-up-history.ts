import type { Known } from './ingest-history.ts'
import type { Answer } from './wire.ts'

/** Somebody who wanted an account; nobody else has the address. */
export interface Person {
  email: string
  /** `gone`: it was refused. */
  state: Known
  /** As the first answer that had them told; null: none did. */
  user: string | null
  tenant: string | null
  /** It was acknowledged that the address is his. */
  verified: boolean
}

/** A session as its client knows it. */
export interface Family {
  id: string
  person: Person
  /** Of the last pair that was acknowledged. */
  access: string
  refresh: string
  /**
   * `out`: signed out, as was acknowledged. `ended`: an answer to a refresh was lost, and came so late that its token was
   * taken for an old one.
   */
  state: 'live' | 'out' | 'ended'
}

/** Somebody asked for access; `decided`: what was acknowledged of it. */
export interface AccessAsked {
  email: string
  /** It was acknowledged that somebody asked. */
  acked: boolean
  approved: string | null
  rejected: string[]
}

/** Everything the clients know. The checker has nothing else to go by but the server's final state and the mails that came. */
export class SignUpHistory {
  readonly people: Person[] = []
  readonly families: Family[] = []
  readonly requests: AccessAsked[] = []
  /** Acknowledged, by id; with the address of those that were to be mailed. */
  readonly invites: { id: string; email: string | null }[] = []
  /** Whom somebody wanted to invite, acknowledged or not. */
  readonly invited = new Set<string>()
  readonly complaints: string[] = []
  readonly counts = {
    broken: 0,
    lost: 0,
    registered: 0,
    adopted: 0,
    turnedDown: 0,
    limited: 0,
    verified: 0,
    refreshed: 0,
    recovered: 0,
    ended: 0,
    signedIn: 0,
    signedOut: 0,
    approved: 0,
  }
  /** Answers of 500 and above, which acknowledge nothing, by what they said. */
  readonly refusals = new Map<string, number>()

  refused(what: string, { status, body }: Answer): void {
    const said = `${what.replaceAll(/[0-9a-f-]{36}/g, '*')}: ${status} ${String(body.message ?? '')}`
    this.refusals.set(said, (this.refusals.get(said) ?? 0) + 1)
  }

  complain(text: string): void {
    this.complaints.push(text)
  }

  get acked(): number {
    const { registered, adopted, verified, refreshed, signedOut, approved } = this.counts
    return registered + adopted + verified + refreshed + signedOut + approved + this.invites.length
  }
}
