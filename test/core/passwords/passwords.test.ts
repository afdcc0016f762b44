import { expect, test } from 'bun:test'
import { type Hasher, openPasswords } from '../../../src/core/passwords/hashing.ts'
import { HISTORY_MAX, isReused, withHash } from '../../../src/core/passwords/history.ts'
import { eventually } from '../../support/eventually.ts'

const PASSWORD = 'plain old teapot 7'

/** Argon2 with a gate: says how much of it is at work, and goes on only when it is told. */
function gatedHasher() {
  const gates: (() => void)[] = []
  let most = 0
  let running = 0
  const work = async <T>(result: T): Promise<T> => {
    most = Math.max(most, ++running)
    await new Promise<void>((resolve) => gates.push(resolve))
    running--
    return result
  }
  const hasher: Hasher = { hash: (password) => work(`hash of ${password}`), verify: () => work(true) }
  return { hasher, openNext: () => gates.shift()?.(), waiting: () => gates.length, most: () => most }
}

test('a password is found again by its hash, another one is not, and the hash does not hold it', async () => {
  const passwords = openPasswords({ atOnce: 2 })
  const hash = await passwords.hash(PASSWORD)
  expect(hash).toStartWith('$argon2id$v=19$m=19456,t=2,p=1$')
  expect(hash).not.toContain('teapot')
  expect(await passwords.verify(PASSWORD, hash)).toBe(true)
  expect(await passwords.verify(`${PASSWORD}!`, hash)).toBe(false)
})

test('nobody has a password: the same work is done for it', async () => {
  const compared: string[] = []
  const hasher: Hasher = {
    hash: Bun.password.hash,
    verify: (password, hash) => {
      compared.push(hash)
      return Bun.password.verify(password, hash)
    },
  }
  const passwords = openPasswords({ atOnce: 1, hasher })
  const hash = await passwords.hash(PASSWORD)
  await passwords.verify(PASSWORD, hash)
  expect(await passwords.verify(PASSWORD, null)).toBe(false)
  const costs = compared.map((text) => text.split('$').slice(0, 4).join('$'))
  expect(costs).toEqual([costs[0], costs[0]] as string[])
  expect(compared[1]?.length).toBe(hash.length)
})

test('the right answer of the hasher is worth nothing without a hash', async () => {
  const hasher: Hasher = { hash: async () => '', verify: async () => true }
  expect(await openPasswords({ atOnce: 1, hasher }).verify(PASSWORD, null)).toBe(false)
})

test('one letter has one hash, however the keyboard writes it', async () => {
  const passwords = openPasswords({ atOnce: 1 })
  const hash = await passwords.hash('caf\u00e9 au lait \ufb01n')
  expect(await passwords.verify('cafe\u0301 au lait fin', hash)).toBe(true)
})

test('what is too long to be a password is not hashed, and never right', async () => {
  const passwords = openPasswords({ atOnce: 1 })
  const hash = await passwords.hash('x'.repeat(256))
  expect(await passwords.verify('x'.repeat(257), hash)).toBe(false)
  expect(await passwords.verify('x'.repeat(1_000_000), hash)).toBe(false)
  expect(passwords.hash('x'.repeat(257))).rejects.toMatchObject({ code: 'invalid', facts: { param: 'password', reason: 'too_long' } })
})

test('no more are hashed at once than may be, and the next begins when one is done', async () => {
  const { hasher, openNext, waiting, most } = gatedHasher()
  const passwords = openPasswords({ atOnce: 2, hasher })
  const all = Array.from({ length: 7 }, (_, n) => (n % 2 === 0 ? passwords.hash(`${n}`) : passwords.verify(`${n}`, 'hash')))
  for (let done = 0; done < 7; done++) {
    await eventually(() => waiting() > 0 || undefined)
    expect(waiting()).toBeLessThanOrEqual(2)
    openNext()
  }
  await Promise.all(all)
  expect(most()).toBe(2)
})

test('whoever comes when too many wait is refused at once, and those who wait are served', async () => {
  const { hasher, openNext, waiting } = gatedHasher()
  const passwords = openPasswords({ atOnce: 1, hasher })
  const all = Array.from({ length: 101 }, () => passwords.verify(PASSWORD, null))
  expect(passwords.verify(PASSWORD, null)).rejects.toMatchObject({ code: 'unavailable', facts: { retryAfterMs: 5000 } })
  for (let done = 0; done < 101; done++) {
    await eventually(() => waiting() > 0 || undefined)
    openNext()
  }
  expect(await Promise.all(all)).toEqual(Array.from({ length: 101 }, () => false))
})

test('a hash that fails gives its place back', async () => {
  const hasher: Hasher = { hash: () => Promise.reject(new Error('out of memory')), verify: async () => true }
  const passwords = openPasswords({ atOnce: 1, hasher })
  for (let n = 0; n < 3; n++) expect(passwords.hash('x')).rejects.toThrow('out of memory')
  expect(await passwords.verify('x', 'hash')).toBe(true)
})

test('of the last passwords none is taken again, older ones are', async () => {
  const passwords = openPasswords({ atOnce: 2 })
  let history: string[] = []
  for (let n = 0; n <= HISTORY_MAX; n++) history = withHash(history, await passwords.hash(`password number ${n}`))
  expect(history.length).toBe(HISTORY_MAX)
  const reused = async (n: number): Promise<boolean> => isReused({ passwords }, `password number ${n}`, history)
  expect([await reused(0), await reused(1), await reused(HISTORY_MAX)]).toEqual([false, true, true])
})

test('a history that is too long is not compared to its end', async () => {
  let compared = 0
  const hasher: Hasher = { hash: async () => 'hash', verify: async () => compared++ < 0 }
  await isReused(
    { passwords: openPasswords({ atOnce: 1, hasher }) },
    'x',
    Array.from({ length: 50 }, () => 'hash'),
  )
  expect(compared).toBe(HISTORY_MAX)
})
