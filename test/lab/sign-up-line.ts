import type { JsonObject } from '../../src/core/json.ts'
import { PASSWORD } from '../support/members.ts'
import type { Chance } from './chance.ts'
import type { Family, Person, SignUpHistory } from './sign-up-history.ts'
import type { Postbox } from './sign-up-mails.ts'
import { callPlatform, type PlatformAsk } from './sign-up-wire.ts'
import { type Answer, Broken } from './wire.ts'

/** What is about to be sent when a kill falls. */
export const MOMENTS = ['register', 'redeem', 'ask', 'approve', 'invite', 'refresh', 'verify', 'sign_in', 'sign_out'] as const
export type Moment = (typeof MOMENTS)[number]

export interface SignUpGround {
  history: SignUpHistory
  mails: Postbox
  /** Access token of whoever runs the server. */
  operator: string
  /** Resolves with the address of a server once there is one. */
  url(): Promise<string>
  onMoment(moment: Moment): void
  stopping(): boolean
}

const STUCK_MS = 90_000
/** Share of answers that get lost on their way: kills seldom fall between a commit and its answer. */
const LOST = 0.05
const RETRY_MS = { least: 10, most: 150 }

let people = 0

/** One client's way to the server. */
export class Line {
  constructor(
    readonly ground: SignUpGround,
    readonly chance: Chance,
  ) {}

  get history(): SignUpHistory {
    return this.ground.history
  }

  /** Undefined: no answer, or one of 500 and above: the client does not know. */
  async attempt(ask: PlatformAsk): Promise<Answer | undefined> {
    try {
      const answer = await callPlatform(await this.ground.url(), ask)
      if (answer.status >= 500) this.history.refused(ask.path, answer)
      else if (!this.chance.is(LOST)) return answer
      else this.history.counts.lost++
    } catch (cause) {
      if (!(cause instanceof Broken)) throw cause
      this.history.counts.broken++
    }
    return undefined
  }

  /** Again until there is an answer. `unsure`: an earlier attempt may have taken effect. */
  async insist(moment: Moment | null, ask: PlatformAsk): Promise<{ answer: Answer; unsure: boolean }> {
    const until = performance.now() + STUCK_MS
    if (moment) this.ground.onMoment(moment)
    for (let unsure = false; ; unsure = true) {
      const answer = await this.attempt(ask)
      if (answer) return { answer, unsure }
      if (performance.now() > until) throw new Error(`no answer in ${STUCK_MS} ms: ${ask.path}`)
      await Bun.sleep(this.chance.between(RETRY_MS.least, RETRY_MS.most))
    }
  }

  /** In a domain of nobody else, as limits count domains. */
  newPerson(): Person {
    const n = ++people
    const person: Person = { email: `p${n}@d${n}.example`, state: 'unknown', user: null, tenant: null, verified: false }
    this.history.people.push(person)
    return person
  }

  /** A session that an answer tells of. */
  opened(person: Person, { body }: Answer): Family {
    const { user_id: user, tenant_id: tenant } = body
    if (person.user !== null && (person.user !== user || person.tenant !== tenant))
      this.history.complain(`${person.email} was user ${person.user} of ${person.tenant} and is ${user} of ${tenant}`)
    Object.assign(person, { state: 'there', user, tenant })
    const family: Family = { id: String(body.session_id), person, ...pairOf(body), state: 'live' }
    this.history.families.push(family)
    return family
  }

  complain(what: string, { status, body }: Answer): undefined {
    this.history.complain(`${what}: ${status} ${JSON.stringify(body)}`)
    return undefined
  }
}

export const pairOf = (body: JsonObject): Pick<Family, 'access' | 'refresh'> => ({
  access: String(body.access_token),
  refresh: String(body.refresh_token),
})

export const credentialsOf = ({ email }: Person): JsonObject => ({ email, password: PASSWORD })
