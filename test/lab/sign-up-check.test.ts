import { expect, setDefaultTimeout, test } from 'bun:test'
import type { Db } from '../../src/drivers/records/port.ts'
import type { MailServer, ReceivedMail } from '../support/mail-server.ts'
import { SIGN_UP_RULES } from './sign-up-check-rows.ts'
import type { Family, Person, SignUpHistory } from './sign-up-history.ts'
import { runSignUpLab } from './sign-up-lab.ts'

setDefaultTimeout(180_000)

/** Somebody else, or something else, for each loss: so that none hides another. */
class Targets {
  private readonly taken = new Set<unknown>()

  constructor(
    readonly history: SignUpHistory,
    readonly mails: MailServer,
  ) {}

  private take<T>(what: string, from: readonly T[]): T {
    const found = from.find((one) => !this.taken.has(one))
    if (found === undefined) throw new Error(`There is no further ${what} to break.`)
    this.taken.add(found)
    return found
  }

  /** With nothing but an account and sessions. */
  person(is: (person: Person) => boolean = ({ verified }) => !verified): Person {
    const { people, invited, requests } = this.history
    const named = new Set([...invited, ...requests.map(({ email }) => email)])
    const person = this.take(
      'person',
      people.filter((one) => one.state === 'there' && !named.has(one.email) && is(one)),
    )
    for (const family of this.history.families) if (family.person === person) this.taken.add(family)
    return person
  }

  session(state: Family['state'] = 'live'): string {
    const of = this.history.families.filter((family) => family.state === state)
    return this.take(`session that is ${state}`, of).id
  }

  request(): string {
    const ids = this.history.requests.flatMap(({ approved }) => approved ?? [])
    return this.take('request', ids)
  }

  invite(): string {
    const ids = this.history.invites.flatMap(({ id, email }) => (email === null ? [] : [id]))
    return this.take('invite', ids)
  }

  mail(): ReceivedMail {
    const verifying = this.mails.received.filter(({ parts }) => parts['text/plain']?.includes('/verify-email?'))
    return this.take('mail', verifying)
  }
}

type Loss = [break_: (targets: Targets) => string | undefined | Promise<string>, ...complaints: RegExp[]]

const COPIED = 'password_hash, password_history, email_verified_at, password_changed_at, created_at'
const TWICE = '<twice@localhost>'

/** One loss each, and what the checker has to say of it. */
const LOSSES: Loss[] = [
  [(t) => `update app_user set role = 'member' where id = '${t.person().user}'`, /tenant without an owner/],
  [
    (t) =>
      `insert into credential (id, email, ${COPIED}) select gen_random_uuid(), 'x' || email, ${COPIED} from credential where email = '${t.person().email}'`,
    /credential without a user/,
    /^account x.* was never asked for$/,
    /account that waits for its proof and has no link/,
  ],
  [(t) => `update app_user set credential_id = gen_random_uuid() where id = '${t.person().user}'`, /user without a credential/],
  [(t) => `update session set user_id = gen_random_uuid() where id = '${t.session()}'`, /session without its user and credential/],
  [(t) => `delete from credential where email = '${t.person().email}'`, /^acknowledged account .* is missing$/, /link of nobody/],
  [
    (t) => `update app_user set tenant_id = (select id from tenant where name = 'default') where id = '${t.person().user}'`,
    /^account .* was acknowledged as .* and is .* in /,
  ],
  [
    (t) => `update credential set email_verified_at = null where email = '${t.person(({ verified }) => verified).email}'`,
    /^the address .* was verified, as was acknowledged, and is not$/,
  ],
  [
    async (t) => `update credential set password_hash = '${await Bun.password.hash('another')}' where email = '${t.person().email}'`,
    /^sign-in of .* \(there\) is answered 401$/,
  ],
  [(t) => `update app_user set is_operator = true where id = '${t.person().user}'`, /operator beside the first one/],
  [
    (t) => void Object.assign(t.person(), { state: 'gone' }),
    /^account .* was refused and is there$/,
    /^sign-in of .* \(gone\) is answered 200$/,
    /got 1 mails of verify_email instead of 0$/,
  ],
  [
    (t) => `delete from audit_event where event = 'account.register' and user_id = '${t.person().user}'`,
    /user whose registration was not noted once/,
  ],
  [
    (
      t,
    ) => `insert into audit_event (id, tenant_id, user_id, event, result, created_at) select gen_random_uuid(), tenant_id, gen_random_uuid(), event, result, created_at
      from audit_event where event = 'account.register' and user_id = '${t.person().user}'`,
    /registration of nobody/,
  ],
  [(t) => `update invite set redeemed = redeemed - 1 where id = '${t.invite()}'`, /invite whose redemptions are not its users/],
  [(t) => `update invite set redemptions_max = 0 where id = '${t.invite()}'`, /invite that was used too often/],
  [(t) => `update invite set status = 'active' where id = '${t.invite()}'`, /invite whose state is not its redemptions/],
  [
    (t) => `update invite set email = 'x' || email where id = '${t.invite()}'`,
    /invite that brought somebody else/,
    /^nobody invited x/,
    /^x.* got 0 mails of invite instead of 1$/,
  ],
  [(t) => `delete from invite where id = '${t.invite()}'`, /^acknowledged invite .* is missing$/, /invites by name and their mails/],
  [
    (t) => `update invite set signup_request_id = null where signup_request_id = '${t.request()}'`,
    /approved request without its one invite/,
  ],
  [
    (t) => `update signup_request set status = 'pending' where id = '${t.request()}'`,
    /invite for a request that was not approved/,
    /^request .* is pending, acknowledged was approved$/,
  ],
  [
    (t) => `delete from audit_event where event = 'signup_request.approve' and details::json ->> 'request' = '${t.request()}'`,
    /decision that was not noted once/,
  ],
  [(t) => `delete from signup_request where id = '${t.request()}'`, /^acknowledged request of .* is missing$/],
  [
    ({ history }) => void history.requests.find(({ approved }) => approved)?.rejected.push(crypto.randomUUID()),
    /^request .* is undefined, acknowledged was rejected$/,
  ],
  [
    (t) =>
      `update session set revoked_reason = 'reuse', revoked_at = now(), rotated_at = now() - interval '9 s' where id = '${t.session()}'`,
    /session that was ended within the grace of its token/,
    /^session .* was ended for a token that nobody sent twice$/,
    /^session .* has ended by reuse, and nobody asked for it$/,
    /session whose end was not noted/,
  ],
  [
    (t) => `update session set revoked_at = null where id = '${t.session('out')}'`,
    /^session .* is there, and its end was acknowledged$/,
    /^the refresh token of session .* \(out\) .* is answered 200$/,
  ],
  [
    (t) => `update session set refresh_jti = gen_random_uuid() where id = '${t.session()}'`,
    /^the refresh token of session .* \(live\) .* is answered 401$/,
  ],
  [(t) => `delete from session where id = '${t.session()}'`, /^acknowledged session .* is missing$/],
  [
    (t) => {
      const id = t.session()
      return void Object.assign(t.history.families.find((family) => family.id === id) ?? {}, { state: 'ended' })
    },
    /^session .* is refused, and it ended by null$/,
  ],
  [
    (t) => `update mail set status = 'queued' where message_id = '${t.mail().headers.get('message-id')}'`,
    /mail that waits and has no job/,
    /mail that was not sent/,
  ],
  [
    (t) => `delete from mail where message_id = '${t.mail().headers.get('message-id')}'`,
    /tenant with other mails for proof than people who registered/,
    /^mail .* came and is none of the server's$/,
    /got 0 mails of verify_email instead of 1$/,
  ],
  [(t) => void t.mail().headers.set('message-id', '<other@localhost>'), /^verify_email .* is noted as sent and did not come$/],
  [
    (t) => {
      const mail = t.mail()
      t.mails.received.push({ ...mail, headers: new Map([['message-id', TWICE]]) })
      return `insert into mail (id, kind, sealed, status, message_id, created_at, sent_at)
        select gen_random_uuid(), kind, sealed, status, '${TWICE}', created_at, sent_at from mail where message_id = '${mail.headers.get('message-id')}'`
    },
    /got 2 mails of verify_email instead of 1$/,
  ],
  [
    (t) => {
      const mail = t.mail()
      return void t.mails.received.push({ ...mail, parts: { 'text/plain': 'another' } })
    },
    /^mail .* came with 2 different texts$/,
  ],
  [
    () => `insert into job (id, tenant_id, kind, subject, payload, run_at, created_at)
      select gen_random_uuid(), id, 'mail', gen_random_uuid(), '{}', now() + interval '1 day', now() from tenant where name = 'default'`,
    /job that is not done/,
  ],
]

test('a loss is planted for every rule', () => {
  const complaints = LOSSES.flatMap(([, ...all]) => all)
  expect(Object.keys(SIGN_UP_RULES).filter((rule) => !complaints.some((complaint) => complaint.test(rule)))).toEqual([])
})

test('the checker of the lab notices every kind of loss of accounts, sessions, invites, requests and mails', async () => {
  const sabotage = async (db: Db, history: SignUpHistory, mails: MailServer): Promise<void> => {
    const targets = new Targets(history, mails)
    for (const [loss] of LOSSES) {
      const statement = await loss(targets)
      if (statement && (await db.query(`${statement} returning 1`)).length === 0)
        throw new Error(`There was nothing to break: ${statement}`)
    }
  }
  const options = { records: 'external' as const, kills: 0, seed: 5, clients: 8, leaseMs: 1000, finely: false }
  const { violations } = await runSignUpLab({ ...options, sabotage })
  const missed = LOSSES.flatMap(([, ...complaints]) => complaints).filter(
    (one) => !violations.some((violation) => one.test(violation.replace(/^\d+ x /, ''))),
  )
  if (missed.length > 0) throw new Error(`Not noticed: ${missed.join('\n')}\nbut: ${violations.join('\n').slice(0, 6000)}`)
  expect(violations.length).toBeGreaterThanOrEqual(LOSSES.length)
})
