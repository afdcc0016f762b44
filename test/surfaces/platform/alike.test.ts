import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { operator } from '../../../src/core/identity/tenants.ts'
import { createOperator } from '../../../src/core/sign-up/operator.ts'
import { OPERATOR, said } from '../../contract/platform-journey.ts'
import { BEHIND_PROXY, Device, type Said } from '../../support/device.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

const KNOWN = OPERATOR.email
const WRONG = 'never-the-right-one-5521'
const FAILURES_MAX = 5

let served: Served
let root: Device

beforeAll(async () => {
  served = await serve({}, { ...BEHIND_PROXY, auth: { failuresMax: FAILURES_MAX } })
  await createOperator(served.app, await operator(served.app), OPERATOR)
  root = new Device(served)
  said(await root.signIn(OPERATOR.email, OPERATOR.password), 200)
}, SERVER_START_MS)
afterAll(() => served?.close())

/** Of every answer another one. */
const OWN = ['date', 'x-request-id', 'x-correlation-id', 'x-process-time']

/** All that a stranger sees; the address that he sent himself is masked. */
const seen = ({ status, text, headers }: Said, email: string) => ({
  status,
  text: text.replaceAll(email, '<address>'),
  headers: Object.fromEntries([...headers].filter(([name]) => !OWN.includes(name) && name !== 'content-length')),
})

let strangers = 0
const nobody = (): string => `nobody-${++strangers}@example.com`

/** Asks once for an address that is known, and once for one that is not, each from a place of its own. */
async function both(ask: (device: Device, email: string) => Promise<Said>): Promise<ReturnType<typeof seen>[]> {
  const unknown = nobody()
  return [seen(await ask(new Device(served), KNOWN), KNOWN), seen(await ask(new Device(served), unknown), unknown)]
}

const REGISTER = { password: 'Copper-otter-88-window', tenant_name: 'Mine', accept_terms: true }

describe('who asks learns nothing of whether an address is known', () => {
  test('signing in with a wrong password', async () => {
    const [known, unknown] = await both((device, email) => device.signIn(email, WRONG))
    expect(known?.status).toBe(401)
    expect(known).toEqual(unknown)
  })

  test('signing in with a wrong password, in a tenant that is named', async () => {
    const tenant_id = (await operator(served.app)).tenantId
    const [known, unknown] = await both((device, email) => device.auth('POST', '/token', { email, password: WRONG, tenant_id }))
    expect(known?.status).toBe(401)
    expect(known).toEqual(unknown)
  })

  test('forgetting a password', async () => {
    const [known, unknown] = await both((device, email) => device.auth('POST', '/password/forgot', { email }))
    expect(known?.status).toBe(202)
    expect(known).toEqual(unknown)
  })

  for (const invite_token of [undefined, 'no-such-invite'])
    test(`registering ${invite_token === undefined ? 'without an invite' : 'with an invite that is none'}`, async () => {
      const [known, unknown] = await both((device, email) => device.auth('POST', '/register', { ...REGISTER, email, invite_token }))
      expect(known?.status).toBe(403)
      expect(known).toEqual(unknown)
    })

  test('registering with an invite for somebody else', async () => {
    const { invite_token } = said(await root.auth('POST', '/invites', { invited_email: 'else@example.com' }), 201)
    const [known, unknown] = await both((device, email) => device.auth('POST', '/register', { ...REGISTER, email, invite_token }))
    expect(known?.status).toBe(403)
    expect(known).toEqual(unknown)
  })

  test('asking for access', async () => {
    const ask = { organization: 'Acme', full_name: 'Al', accept_terms: true }
    const [known, unknown] = await both((device, email) => device.auth('POST', '/request-access', { ...ask, email }))
    expect(known?.status).toBe(202)
    expect(known).toEqual(unknown)
  })

  test('a field that no person sees drops a request without a word', async () => {
    const ask = { email: 'bot@example.com', organization: 'Acme', full_name: 'Al', accept_terms: true }
    const [taken, dropped] = [
      seen(await new Device(served).auth('POST', '/request-access', ask), ask.email),
      seen(await new Device(served).auth('POST', '/request-access', { ...ask, honeypot: 'filled' }), ask.email),
    ]
    expect(dropped).toEqual(taken)
  })

  test('inviting somebody', async () => {
    const invited = async (email: string): Promise<unknown> => {
      const answer = await root.auth('POST', '/invites', { invited_email: email })
      const masked = { ...said(answer, 201), id: '', token_hint: '', invite_token: '', created_at: '', expires_at: '' }
      return { ...seen(answer, email), text: JSON.stringify(masked).replaceAll(email, '<address>') }
    }
    expect(await invited(KNOWN)).toEqual(await invited(nobody()))
  })

  test('guessing until the address is locked', async () => {
    const guess = async (email: string): Promise<unknown[]> => {
      const answers: unknown[] = []
      const device = new Device(served)
      for (let i = 0; i <= FAILURES_MAX + 1; i++) {
        const { status, text, headers } = seen(await device.signIn(email, WRONG), email)
        answers.push({ status, text: text.replaceAll(/\d+/g, 'n'), names: Object.keys(headers).sort() })
      }
      return answers
    }
    const victim = { email: 'victim@example.com', password: OPERATOR.password }
    await createOperator(served.app, await operator(served.app), victim)
    const known = await guess(victim.email)
    expect(known.at(-1)).toMatchObject({ status: 423 })
    expect(known).toEqual(await guess(nobody()))
  })
})
