/** Each resolves when its part works and throws to say what is wrong. */
export type Probes = Readonly<Record<string, () => Promise<void> | void>>

export interface Readiness {
  ready: boolean
  /** `ok`, or what is wrong in words fit for strangers. */
  checks: Record<string, string>
}

const PATIENCE_MS = 2000

/** Asks all probes at once. Requests that come while a round is under way share its result. */
export function openReadiness(probes: Probes, explain: (error: unknown) => string): () => Promise<Readiness> {
  let round: Promise<Readiness> | undefined
  const ask = async (): Promise<Readiness> => {
    const outcomes = await Promise.all(Object.entries(probes).map(async ([name, probe]) => [name, await outcome(probe, explain)] as const))
    return { ready: outcomes.every(([, result]) => result === 'ok'), checks: Object.fromEntries(outcomes) }
  }
  return () => {
    round ??= ask().finally(() => {
      round = undefined
    })
    return round
  }
}

async function outcome(probe: () => Promise<void> | void, explain: (error: unknown) => string): Promise<string> {
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
