import { Fault } from '../fault.ts'

/** Makes and compares hashes of passwords, a bounded number at once: each takes tens of milliseconds of a core, and memory. */
export interface Passwords {
  /** Throws unavailable where too many wait. */
  hash(password: string): Promise<string>
  /** With null it takes as long as with a hash, and is false: who asks for nobody learns nothing. Throws unavailable. */
  verify(password: string, hash: string | null): Promise<boolean>
}

/** OWASP's least for Argon2id: memory in KiB, passes over it. */
const COST = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const
/** Whoever comes later would wait for seconds. */
const WAITING_MAX = 200
const RETRY_AFTER_MS = 5_000

export function openPasswords({ atOnce }: { atOnce: number }): Passwords {
  const take = places(atOnce)
  let nobody: Promise<string> | undefined
  return {
    hash: (password) => take(() => Bun.password.hash(password, COST)),
    async verify(password, hash) {
      nobody ??= Bun.password.hash(crypto.randomUUID(), COST)
      const compared = hash ?? (await nobody)
      const isRight = await take(() => Bun.password.verify(password, compared))
      return hash !== null && isRight
    },
  }
}

/** First come, first served. */
function places(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let free = atOnce
  return async (work) => {
    if (free > 0) free--
    else {
      if (waiting.length >= WAITING_MAX)
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
