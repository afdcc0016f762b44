import type { JsonObject } from '../../src/core/json.ts'
import type { AccessAsked, Family, Person } from './sign-up-history.ts'
import { credentialsOf, type Line } from './sign-up-line.ts'

/** Again until it is known whether there is an account. `rivals`: others have the same invite, and may be faster. */
export async function register(line: Line, person: Person, { token, rivals = false }: { token?: string; rivals?: boolean } = {}) {
  const { counts } = line.history
  const name = `Firm ${person.email}`
  const body = { ...credentialsOf(person), tenant_name: name, accept_terms: true, ...(token === undefined ? {} : { invite_token: token }) }
  const { answer, unsure } = await line.insist(token === undefined ? 'register' : 'redeem', { path: '/register', body })
  if (answer.status === 201) {
    counts.registered++
    return line.opened(person, answer)
  }
  if (answer.status === 403 && rivals) {
    counts.turnedDown++
    person.state = 'gone'
    return undefined
  }
  // An attempt counts for the limit whether it was answered or not.
  if (unsure && (answer.status === 409 || answer.status === 429)) return adopt(line, person, answer.status === 429)
  return line.complain(`registration of ${person.email}`, answer)
}

/** Of an attempt without an answer either all is there or nothing. */
async function adopt(line: Line, person: Person, mayBeGone: boolean): Promise<Family | undefined> {
  const { answer } = await line.insist(null, { path: '/token', body: credentialsOf(person) })
  if (answer.status === 200) {
    line.history.counts.adopted++
    return line.opened(person, answer)
  }
  if (answer.status !== 401 || !mayBeGone) return line.complain(`half an account, ${person.email} cannot sign in`, answer)
  line.history.counts.limited++
  person.state = 'gone'
  return undefined
}

interface Inviting {
  /** Access token of whoever invites. */
  as: string
  email?: string
  /** In his tenant; absent: with a tenant of one's own. */
  role?: string
  most?: number
}

/** Every attempt without an answer may have left an invite that nobody has the token of. */
export async function invite(line: Line, { as, email, role, most = 1 }: Inviting): Promise<string | undefined> {
  if (email !== undefined) line.history.invited.add(email)
  const body = { max_redemptions: most, ...(email === undefined ? {} : { invited_email: email }), ...(role === undefined ? {} : { role }) }
  const { answer } = await line.insist('invite', { path: '/invites', body, token: as })
  if (answer.status !== 201) return line.complain('invite', answer)
  line.history.invites.push({ id: String(answer.body.id), email: email ?? null })
  return String(answer.body.invite_token)
}

/** Two people with one invite, which is good for one of them, or for both. */
export async function rival(line: Line): Promise<Family | undefined> {
  const most = line.chance.between(1, 2)
  const token = await invite(line, { as: line.ground.operator, most })
  if (token === undefined) return undefined
  const rivals = [line.newPerson(), line.newPerson()]
  const families = await Promise.all(rivals.map((person) => register(line, person, { token, rivals: true })))
  const came = rivals.filter(({ state }) => state === 'there').length
  const { limited } = line.history.counts
  if (came > most || (came < most && limited === 0)) line.history.complain(`an invite for ${most} brought ${came} people`)
  return families.find((family) => family !== undefined)
}

/** Somebody asks, whoever runs the server approves, and the invite comes in the answer or, if that was lost, by mail. */
export async function askForAccess(line: Line): Promise<Family | undefined> {
  const person = line.newPerson()
  const asked: AccessAsked = { email: person.email, acked: false, approved: null, rejected: [] }
  line.history.requests.push(asked)
  const body = { email: person.email, organization: `Firm ${person.email}`, full_name: 'Ann Alder', accept_terms: true }
  const { answer, unsure } = await line.insist('ask', { path: '/request-access', body })
  if (answer.status !== 202 && !(unsure && answer.status === 429)) return line.complain(`request of ${person.email}`, answer)
  asked.acked = answer.status === 202
  const token = await decide(line, asked)
  if (token !== undefined) return register(line, person, { token })
  person.state = 'gone'
  return undefined
}

/** Approves one request of this address and rejects the others, which attempts without an answer left. */
async function decide(line: Line, asked: AccessAsked): Promise<string | undefined> {
  const as = line.ground.operator
  const listed = await line.insist(null, { path: '/signup-requests?status=pending&limit=200', token: as })
  const waiting = ((listed.answer.body.requests ?? []) as JsonObject[]).filter(({ email }) => email === asked.email)
  const [first, ...others] = waiting.map(({ id }) => String(id))
  if (first === undefined) {
    if (asked.acked) line.complain(`acknowledged request of ${asked.email} is not listed`, listed.answer)
    return undefined
  }
  for (const id of others) {
    const { answer, unsure } = await line.insist(null, { path: `/signup-requests/${id}/reject`, body: {}, token: as })
    if (answer.status === 200 || (unsure && answer.status === 409)) asked.rejected.push(id)
    else line.complain(`rejection of ${id}`, answer)
  }
  const { answer, unsure } = await line.insist('approve', { path: `/signup-requests/${first}/approve`, body: {}, token: as })
  if (answer.status !== 200 && !(unsure && answer.status === 409)) return line.complain(`approval of ${first}`, answer)
  asked.approved = first
  line.history.counts.approved++
  if (answer.status === 200) return String((answer.body.invite as JsonObject).invite_token)
  return line.ground.mails.token(asked.email, 'invite', line.ground.stopping)
}
