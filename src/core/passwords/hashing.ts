import { Fault } from '../fault.ts'

/** Makes and compares hashes of passwords, a bounded number at once: each takes some 50 ms of a core, and 19 MB. */
export interface Passwords {
  /** Throws unavailable where too many wait, invalid for what is too long to be a password. */
  hash(password: string): Promise<string>
  /** With null it takes as long as with a hash, and is false: who asks for nobody learns nothing. Throws unavailable. */
  verify(password: string, hash: string | null): Promise<boolean>
}

export const PASSWORD_MAX = 256

/** OWASP's least for Argon2id: memory in KiB, passes over it. Bun computes it on a thread of its pool. */
const COST = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const
const BYTES = 32
/** Whoever comes later would wait for more than some 5 s. */
const WAITING_MAX_EACH = 100
const RETRY_AFTER_MS = 5_000

/** The work; tests put their own here to look at how much of it there is at once. */
export interface Hasher {
  hash(password: string, cost: typeof COST): Promise<string>
  verify(password: string, hash: string): Promise<boolean>
}

export function openPasswords({ atOnce, hasher = Bun.password }: { atOnce: number; hasher?: Hasher }): Passwords {
  const take = places(atOnce)
  const nobody = nobodysHash()
  return {
    async hash(password) {
      if (password.length > PASSWORD_MAX)
        throw new Fault('invalid', `A password has at most ${PASSWORD_MAX} characters.`, { param: 'password', reason: 'too_long' })
      return take(() => hasher.hash(spelled(password), COST))
    },
    async verify(password, hash) {
      // What is longer is nobody's password, and not worth more of our time than another wrong one.
      const known = password.length > PASSWORD_MAX ? null : hash
      const isRight = await take(() => hasher.verify(spelled(password.slice(0, PASSWORD_MAX)), known ?? nobody))
      return known !== null && isRight
    },
  }
}

/** Keyboards write the same letter in several ways. */
export const spelled = (password: string): string => password.normalize('NFKC')

/** Costs as much to compare as any other. No password has it: the hash is as random as the salt. */
function nobodysHash(): string {
  const random = (): string =>
    Buffer.from(crypto.getRandomValues(new Uint8Array(BYTES)))
      .toString('base64')
      .replace(/=+$/, '')
  return `$argon2id$v=19$m=${COST.memoryCost},t=${COST.timeCost},p=1$${random()}$${random()}`
}

/** First come, first served. */
function places(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let free = atOnce
  return async (work) => {
    if (free > 0) free--
    else {
      if (waiting.length >= atOnce * WAITING_MAX_EACH)
        throw new Fault('unavailable', 'Too many people sign in at this moment.', { retryAfterMs: RETRY_AFTER_MS })
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}
