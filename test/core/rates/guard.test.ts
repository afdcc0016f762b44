import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Attempt, clearLock, noteFailure, noteSuccess, requireOpen } from '../../../src/core/rates/guard.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp({ auth: { failuresMax: 5, lockMs: 1_800_000 } })
}, OPEN_MS)
afterAll(() => app.close())

let people = 0
const somebody = (): Attempt => ({ email: `person${++people}@example.org`, ip: null })
type Verdict = 'wrong' | 'right' | 'locked' | 'rate_limited'

/** How an attempt ends, as sign-in goes about it. */
async function tried(attempt: Attempt, isRight = false, on: TestApp = app): Promise<Verdict> {
  try {
    await requireOpen(on, attempt)
    await (isRight ? noteSuccess : noteFailure)(on, attempt)
    return isRight ? 'right' : 'wrong'
  } catch (error) {
    const { code, facts } = error as { code: string; facts: { why?: string; retryAfterMs?: number } }
    if (code === 'rate_limited' && facts.retryAfterMs !== undefined) return 'rate_limited'
    if (code === 'forbidden' && facts.why === 'locked' && facts.retryAfterMs !== undefined) return 'locked'
    throw error
  }
}
const times = async (count: number, attempt: () => Promise<Verdict>): Promise<Verdict[]> => {
  const verdicts: Verdict[] = []
  for (let n = 0; n < count; n++) verdicts.push(await attempt())
  return verdicts
}

test('the failure that is one too many locks, the right password too, until the time is over', async () => {
  const me = somebody()
  expect(await times(6, () => tried(me))).toEqual(['wrong', 'wrong', 'wrong', 'wrong', 'locked', 'locked'])
  expect(await tried(me, true)).toBe('locked')
  app.clock.advance(1_799_000)
  expect(requireOpen(app, me)).rejects.toMatchObject({ code: 'forbidden', facts: { why: 'locked', retryAfterMs: 1000 } })
  await requireOpen(app, me).catch(() => undefined)
  app.clock.advance(1000)
  expect(await times(2, () => tried(me))).toEqual(['wrong', 'wrong'])
  expect(await tried(me, true)).toBe('right')
})

test('what comes while it is locked does not make it last longer', async () => {
  const me = somebody()
  await times(5, () => tried(me))
  app.clock.advance(1_000_000)
  await times(10, () =>
    noteFailure(app, me).then(
      () => 'wrong' as const,
      () => 'locked' as const,
    ),
  )
  app.clock.advance(800_000)
  expect(await tried(me, true)).toBe('right')
})

test('the right password forgets the failures before it', async () => {
  const me = somebody()
  for (let n = 0; n < 4; n++) {
    expect(await times(4, () => tried(me))).toEqual(['wrong', 'wrong', 'wrong', 'wrong'])
    expect(await tried(me, true)).toBe('right')
  }
})

test('failures of an hour count together, and are forgotten then: waiting between them does not make the hour longer', async () => {
  const me = somebody()
  for (let n = 0; n < 4; n++) {
    expect(await tried(me)).toBe('wrong')
    app.clock.advance(900_000)
  }
  expect(await times(5, () => tried(me))).toEqual(['wrong', 'wrong', 'wrong', 'wrong', 'locked'])
})

test('one address has one lock, however it is written, and nobody else has it', async () => {
  const me = somebody()
  await times(5, () => tried({ ...me, email: ` ${me.email.toUpperCase()} ` }))
  expect(await tried(me, true)).toBe('locked')
  expect(await tried(somebody(), true)).toBe('right')
})

test('of 20 wrong passwords at once no more are told to be wrong than one after the other, over all replicas', async () => {
  const other = await app.replica()
  for (let round = 0; round < 5; round++) {
    const me = somebody()
    await Promise.all(Array.from({ length: 20 }, () => requireOpen(app, me)))
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        noteFailure(n % 2 ? app : other, me).then(
          () => 'wrong',
          (error) => error.facts.why,
        ),
      ),
    )
    expect(verdicts.filter((verdict) => verdict === 'wrong').length).toBe(4)
    expect(verdicts.filter((verdict) => verdict === 'locked').length).toBe(16)
  }
})

test('a right guess that was compared among them is not told once it is locked', async () => {
  const me = somebody()
  await requireOpen(app, me)
  await Promise.allSettled(Array.from({ length: 5 }, () => noteFailure(app, me)))
  expect(noteSuccess(app, me)).rejects.toMatchObject({ code: 'forbidden', facts: { why: 'locked' } })
  await noteSuccess(app, me).catch(() => undefined)
  expect(await tried(me, true)).toBe('locked')
})

test('a right guess that is taken while failures are written is either before the lock or not told', async () => {
  for (let round = 0; round < 20; round++) {
    const me = somebody()
    const order: string[] = []
    const failing = Array.from({ length: 12 }, () =>
      noteFailure(app, me).then(
        () => void order.push('wrong'),
        () => void order.push('locked'),
      ),
    )
    const right = noteSuccess(app, me).then(
      () => 'right',
      () => 'locked',
    )
    await Promise.all([...failing, right])
    // A right one in time forgets those before it, so at most twice four are told.
    const told = order.filter((verdict) => verdict === 'wrong').length
    expect(told).toBeLessThanOrEqual((await right) === 'right' ? 8 : 4)
  }
})

test('many devices of one person sign in at once', async () => {
  const me = { ...somebody(), ip: '198.51.100.200' }
  await times(3, () => tried(me))
  const verdicts = await Promise.all(Array.from({ length: 20 }, () => tried(me, true)))
  expect(verdicts.every((verdict) => verdict === 'right')).toBe(true)
})

test('with one failure allowed, the first locks', async () => {
  const strict = await openTestApp({ auth: { failuresMax: 1, lockMs: 60_000 } })
  const me = somebody()
  expect(await tried(me, false, strict)).toBe('locked')
  expect(await tried(me, true, strict)).toBe('locked')
  strict.clock.advance(60_000)
  expect(await tried(me, true, strict)).toBe('right')
  expect(await tried(me, false, strict)).toBe('locked')
  strict.clock.advance(59_000)
  expect(await tried(me, true, strict)).toBe('locked')
  await strict.close()
})

test('locks outlive the process', async () => {
  const me = somebody()
  await times(5, () => tried(me))
  expect(await tried(me, true, await app.replica())).toBe('locked')
})

test('50 failures from an address block it for ten minutes, whomever they are about, and nothing is counted then', async () => {
  const ip = '203.0.113.9'
  const guess = (): Promise<Verdict> => tried({ ...somebody(), ip })
  expect(await times(50, guess)).toEqual(Array.from({ length: 50 }, () => 'wrong'))
  expect(await times(3, guess)).toEqual(['rate_limited', 'rate_limited', 'rate_limited'])
  expect(await tried({ ...somebody(), ip }, true)).toBe('rate_limited')
  expect(noteSuccess(app, { ...somebody(), ip })).rejects.toMatchObject({ code: 'rate_limited' })
  // The neighbours are of the same network.
  expect(await tried({ ...somebody(), ip: '203.0.113.10' }, true)).toBe('rate_limited')
  expect(await tried({ ...somebody(), ip: '203.0.114.9' }, true)).toBe('right')
  app.clock.advance(600_000)
  expect(await tried({ ...somebody(), ip }, true)).toBe('right')
})

test('a network of IPv6 is blocked as one address is', async () => {
  let n = 0
  const guess = (isRight = false): Promise<Verdict> => tried({ ...somebody(), ip: `2001:db8:7:7::${(++n).toString(16)}` }, isRight)
  expect(await times(51, guess)).toEqual([...Array.from({ length: 50 }, () => 'wrong' as const), 'rate_limited'])
  expect(await guess(true)).toBe('rate_limited')
})

test('signing in rightly does not make an address good again', async () => {
  const ip = '198.51.100.77'
  await times(49, () => tried({ ...somebody(), ip }))
  expect(await tried({ ...somebody(), ip }, true)).toBe('right')
  expect(await times(2, () => tried({ ...somebody(), ip }))).toEqual(['wrong', 'rate_limited'])
})

test('a lock is lifted for whoever shows that the address is his', async () => {
  const me = somebody()
  await times(5, () => tried(me))
  await clearLock(app, me.email.toUpperCase())
  expect(await tried(me, true)).toBe('right')
})

test('a lock says for how long, and not for whom', async () => {
  const me = somebody()
  await times(5, () => tried(me))
  const fault = await requireOpen(app, me).catch((error) => error)
  expect(fault.message).toBe('Too many wrong passwords: this address is locked for 30 minutes.')
  expect(JSON.stringify(await app.records.db.query('select bucket from rate_window'))).not.toContain('example.org')
})
