import { Fault } from '../../src/core/fault.ts'
import type { Vectors } from '../../src/drivers/vectors/port.ts'

export interface BrokenVectors {
  vectors: Vectors
  /** How often a broken method was called. */
  calls(): number
  heal(): void
}

/** Real vectors of which some methods reach nobody until they are healed. */
export function brokenVectors(real: Vectors, ...methods: (keyof Vectors)[]): BrokenVectors {
  let healed = false
  let calls = 0
  const vectors = new Proxy(real, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name)
      if (healed || !methods.some((method) => method === name)) return typeof found === 'function' ? found.bind(target) : found
      return () => {
        calls++
        return Promise.reject(new Fault('unavailable', 'Nobody answers.'))
      }
    },
  })
  const heal = () => {
    healed = true
  }
  return { vectors, calls: () => calls, heal }
}
