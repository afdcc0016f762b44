import type { JsonObject } from '../../src/core/json.ts'
import type { Family, Person } from './sign-up-history.ts'
import { credentialsOf, type Line, pairOf } from './sign-up-line.ts'

const AGAIN_MS = 400
/** As the server's grace for a refresh token that comes again. */
const GRACE_MS = 10_000
/** So long after the last attempt that may have been answered the same token brings the lost pair. */
const PAUSE_MS = 2_100
/** By then the server has said its last word. */
const PATIENCE_MS = 15_000

/** The same token until there is an answer. False: the session has ended. */
export async function refresh(line: Line, family: Family): Promise<boolean> {
  const { history, ground } = line
  const askedAt = performance.now()
  /** When it was last unknown whether the token counts; never, and it does. */
  let unknownAt = Number.NEGATIVE_INFINITY
  ground.onMoment('refresh')
  for (;;) {
    const sentAt = performance.now()
    const answer = await line.attempt({ path: '/refresh', body: { refresh_token: family.refresh } })
    const now = performance.now()
    if (answer?.status === 200) {
      if (answer.body.session_id !== family.id) line.complain(`refresh of ${family.id}`, answer)
      Object.assign(family, pairOf(answer.body))
      history.counts[unknownAt < askedAt ? 'refreshed' : 'recovered']++
      return true
    }
    if (answer === undefined) unknownAt = now
    else if (answer.status !== 401 || (sentAt > unknownAt + PAUSE_MS && now < askedAt + GRACE_MS)) {
      line.complain(`refresh of ${family.id}, ${Math.round(now - askedAt)} ms after it was first asked for`, answer)
      break
    } else if (now > unknownAt + PATIENCE_MS) {
      history.counts.ended++
      break
    }
    await Bun.sleep(AGAIN_MS)
  }
  family.state = 'ended'
  return false
}

/** Another device, or the same after its session ended. */
export async function signIn(line: Line, person: Person): Promise<Family | undefined> {
  const { answer } = await line.insist('sign_in', { path: '/token', body: credentialsOf(person) })
  if (answer.status !== 200) return line.complain(`${person.email} cannot sign in`, answer)
  line.history.counts.signedIn++
  return line.opened(person, answer)
}

export async function signOut(line: Line, family: Family): Promise<void> {
  const ask = { path: '/logout', body: { refresh_token: family.refresh }, token: family.access }
  const { answer, unsure } = await line.insist('sign_out', ask)
  const isDone = answer.status === 200 && (answer.body.data as JsonObject).revoked === true
  // Whoever was not answered, and is unknown now, was signed out.
  if (!isDone && !(unsure && answer.status === 401)) return line.complain(`sign-out of ${family.id}`, answer)
  family.state = 'out'
  line.history.counts.signedOut++
}

export async function signOutEverywhere(line: Line, family: Family): Promise<void> {
  const { answer, unsure } = await line.insist('sign_out', { method: 'POST', path: '/logout/all', token: family.access })
  if (answer.status !== 200 && !(unsure && answer.status === 401)) return line.complain(`sign-out of ${family.person.email}`, answer)
  for (const one of line.history.families) if (one.person === family.person && one.state === 'live') one.state = 'out'
  line.history.counts.signedOut++
}

/** By the link in the mail, unless all is over before it comes. */
export async function verify(line: Line, person: Person): Promise<void> {
  const token = await line.ground.mails.token(person.email, 'verification', line.ground.stopping)
  if (token === undefined) return
  const { answer, unsure } = await line.insist('verify', { path: '/email/verify', body: { token } })
  // A link is good once.
  if (answer.status !== 200 && !(unsure && answer.status === 400)) return line.complain(`verification of ${person.email}`, answer)
  person.verified = true
  line.history.counts.verified++
}
