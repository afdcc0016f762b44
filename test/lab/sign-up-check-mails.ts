import type { Db } from '../../src/drivers/records/port.ts'
import type { ReceivedMail } from '../support/mail-server.ts'
import type { SignUpHistory } from './sign-up-history.ts'
import type { Postbox } from './sign-up-mails.ts'

const idOf = ({ headers }: ReceivedMail): string => headers.get('message-id') ?? ''

/** One mail for each thing that needs one: it may come twice, as itself, and never as another. */
export async function checkMails(db: Db, history: SignUpHistory, mails: Postbox): Promise<string[]> {
  const rows = await db.query<{ message_id: string; kind: string; status: string }>('select message_id, kind, status from mail')
  const kinds = new Map(rows.map(({ message_id, kind }) => [message_id, kind]))
  const came = Map.groupBy(mails.all, idOf)
  const violations = rows
    .filter(({ message_id, status }) => status === 'sent' && !came.has(message_id))
    .map(({ message_id, kind }) => `${kind} ${message_id} is noted as sent and did not come`)
  for (const [id, copies] of came) {
    if (!kinds.has(id)) violations.push(`mail ${id} came and is none of the server's`)
    const texts = new Set(copies.map(({ to, parts }) => `${to.join()} ${parts['text/plain']}`))
    if (texts.size > 1) violations.push(`mail ${id} came with ${texts.size} different texts`)
  }
  const countOf = (email: string, kind: string): number =>
    new Set(
      mails
        .of(email)
        .map(idOf)
        .filter((id) => kinds.get(id) === kind),
    ).size
  const expect = (email: string, kind: string, count: number): void => {
    const found = countOf(email, kind)
    if (found !== count) violations.push(`${email} got ${found} mails of ${kind} instead of ${count}`)
  }
  for (const { email, state } of history.people) if (state !== 'unknown') expect(email, 'verify_email', state === 'there' ? 1 : 0)
  for (const { email, approved } of history.requests) expect(email, 'signup_approved', approved ? 1 : 0)
  const named = await db.query<{ email: string; n: number }>(
    'select email, count(*)::int as n from invite where email is not null and signup_request_id is null group by 1',
  )
  for (const { email, n } of named) {
    expect(email, 'invite', n)
    if (!history.invited.has(email)) violations.push(`nobody invited ${email}`)
  }
  return violations
}
