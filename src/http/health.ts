/** Each resolves when its part works and throws to say what is wrong. */
export type Probes = Readonly<Record<string, Probe>>
export type Probe = () => Promise<void> | void

export interface Readiness {
  ready: boolean
  /** `ok`, or what is wrong in words fit for strangers. */
  checks: Record<string, string>
}

const PATIENCE_MS = 2000

/** Asks all probes at once. Requests that come while a round is under way share its result. */
export function openReadiness(probes: Probes, explain: (error: unknown) => string): () => Promise<Readiness> {
  return shared(async () => {
    const outcomes = await Promise.all(Object.entries(probes).map(async ([name, probe]) => [name, await outcome(probe, explain)] as const))
    return { ready: outcomes.every(([, result]) => result === 'ok'), checks: Object.fromEntries(outcomes) }
  })
}

function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let round: Promise<T> | undefined
  return () => {
    round ??= ask().finally(() => {
      round = undefined
    })
    return round
  }
}

async function outcome(probe: Probe, explain: (error: unknown) => string): Promise<string> {
  const late = Promise.withResolvers<string>()
  const timer = setTimeout(() => late.resolve(`no answer within ${PATIENCE_MS} ms`), PATIENCE_MS)
  try {
    return await Promise.race([Promise.resolve(probe()).then(() => 'ok'), late.promise])
  } catch (error) {
    return explain(error)
  } finally {
    clearTimeout(timer)
  }
}

export type StoreState = 'healthy' | 'degraded' | 'unavailable' | 'unconfigured'

const KEEP_MS = 5000
/** A store that answers is of little use to uploads when it takes so long. */
const SLOW_MS = 1000

/**
 * How a store is, for whoever wants to know: strangers may ask as often as they like, and it is asked once in some
 * seconds. Without a probe there is no store.
 */
export function openStoreState(clock: { now(): number }, probe: Probe | undefined): () => Promise<StoreState> {
  if (!probe) return () => Promise.resolve('unconfigured')
  let known: { state: StoreState; at: number } | undefined
  const ask = shared(async () => {
    const startedAt = clock.now()
    const result = await outcome(probe, () => 'failed')
    const at = clock.now()
    const state = result !== 'ok' ? 'unavailable' : at - startedAt > SLOW_MS ? 'degraded' : 'healthy'
    known = { state, at }
    return state
  })
  return () => (known && clock.now() - known.at < KEEP_MS ? Promise.resolve(known.state) : ask())
}
