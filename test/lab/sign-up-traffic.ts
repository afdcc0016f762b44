import type { Chance } from './chance.ts'
import { askForAccess, invite, register, rival } from './sign-up-arrivals.ts'
import type { Family } from './sign-up-history.ts'
import { Line, type SignUpGround } from './sign-up-line.ts'
import { refresh, signIn, signOut, signOutEverywhere, verify } from './sign-up-sessions.ts'

/** Starts `count` clients; each ends once the ground says so and what it has begun is over. */
export function startNewcomers(ground: SignUpGround, count: number, chance: Chance): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, (_, index) => live(new Line(ground, chance.fork()), `n${index}`)))
}

async function live(line: Line, name: string): Promise<void> {
  while (!line.ground.stopping()) {
    try {
      const family = await arrive(line)
      if (family) await stay(line, family)
    } catch (cause) {
      line.history.complain(`${name}: ${cause instanceof Error ? cause.stack : cause}`)
    }
  }
}

const alone = (line: Line): Promise<Family | undefined> => register(line, line.newPerson())

/** Somebody to whom whoever runs the server gives a tenant of his own, by name. */
async function invited(line: Line): Promise<Family | undefined> {
  const person = line.newPerson()
  const token = await invite(line, { as: line.ground.operator, email: person.email })
  return token === undefined ? undefined : register(line, person, { token })
}

/** An owner, and somebody whom he invites once his own address is verified. */
async function host(line: Line): Promise<Family | undefined> {
  const owner = await alone(line)
  if (!owner) return undefined
  await verify(line, owner.person)
  if (!owner.person.verified) return owner
  const guest = line.newPerson()
  const token = await invite(line, { as: owner.access, email: guest.email, role: line.chance.pick(['viewer', 'member', 'admin']) })
  const family = token === undefined ? undefined : await register(line, guest, { token })
  if (family && guest.tenant !== owner.person.tenant)
    line.history.complain(`${guest.email} is in ${guest.tenant} and not in ${owner.person.tenant}`)
  return line.chance.is(0.5) ? owner : family
}

const arrive = (line: Line): Promise<Family | undefined> => line.chance.pick([alone, invited, host, rival, askForAccess] as const)(line)

/** Refreshes again and again, from one device or two, and perhaps goes. */
async function stay(line: Line, first: Family): Promise<void> {
  const { chance } = line
  if (!first.person.verified && chance.is(0.3)) await verify(line, first.person)
  const second = chance.is(0.3) ? await signIn(line, first.person) : undefined
  const devices = second ? [first, second] : [first]
  for (let n = chance.between(2, 8); n > 0 && !line.ground.stopping(); n--) {
    const at = chance.between(0, devices.length - 1)
    const device = devices[at]
    await Bun.sleep(chance.between(0, 60))
    if (!device || (await refresh(line, device))) continue
    const next = await signIn(line, first.person)
    if (!next) return
    devices[at] = next
  }
  const [device] = devices
  if (device && chance.is(0.4)) await signOut(line, device)
  else if (device && chance.is(0.2)) await signOutEverywhere(line, device)
}
