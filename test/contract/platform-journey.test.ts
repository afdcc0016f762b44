import { afterAll, beforeAll, describe, test } from 'bun:test'
import { operator } from '../../src/core/identity/tenants.ts'
import { createOperator } from '../../src/core/sign-up/operator.ts'
import { RecordedLog } from '../support/app.ts'
import { BEHIND_PROXY } from '../support/device.ts'
import { type MailServer, openMailServer } from '../support/mail-server.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { Journey, OPERATOR } from './platform-journey.ts'
import { type Mailbox, mailServerBox, outboxOf } from './platform-mails.ts'

const STEP_MS = 60_000

const STEPS = {
  'an invitee registers': (journey: Journey) => journey.register(),
  'he verifies his address by the link in the mail': (journey: Journey) => journey.verify(),
  'he signs in on two devices, and ends the session of one': (journey: Journey) => journey.sessions(),
  'he changes his password, forgets and resets it, and every device is out at once': (journey: Journey) => journey.passwords(),
  'he invites a viewer, who cannot do what viewers cannot': (journey: Journey) => journey.viewers(),
  'his token opens every surface': (journey: Journey) => journey.everywhere(),
  'a machine gets a token, uses it, and is cut off': (journey: Journey) => journey.machines(),
  'he signs out, here and everywhere': (journey: Journey) => journey.leave(),
}

interface World {
  served: Served
  mails: Mailbox
  close(): Promise<void>
}

async function withOutbox(): Promise<World> {
  const log = new RecordedLog()
  const served = await serve({}, { ...BEHIND_PROXY, jobs: true, log })
  return { served, mails: outboxOf(log), close: () => served.close() }
}

async function withMailServer(): Promise<World> {
  const login = { user: 'tetraport', pass: 'postman' }
  const server: MailServer = await openMailServer({ login })
  const mail = { smtpUrl: `smtp://${login.user}:${login.pass}@127.0.0.1:${server.port}`, from: 'tetraport@example.com' }
  const served = await serve({}, { ...BEHIND_PROXY, jobs: true, mail })
  const close = () => served.close().finally(() => server.close())
  return { served, mails: mailServerBox(server), close }
}

for (const [where, open] of Object.entries({ 'the outbox': withOutbox, 'a mail server': withMailServer }))
  describe(`a stranger's way, by HTTP alone, with mails in ${where}`, () => {
    let world: World
    let journey: Journey
    beforeAll(async () => {
      world = await open()
      await createOperator(world.served.app, await operator(world.served.app), OPERATOR)
      journey = new Journey(world.served, world.mails)
    }, SERVER_START_MS)
    afterAll(() => world?.close())

    const done = new Map<string, Promise<void>>()
    /** Each step begins where the one before it ended. */
    const walk = async (until: string): Promise<void> => {
      for (const [title, step] of Object.entries(STEPS)) {
        const taken = done.get(title) ?? step(journey)
        done.set(title, taken)
        await taken
        if (title === until) return
      }
    }
    for (const title of Object.keys(STEPS)) test(title, () => walk(title), STEP_MS)
  })
