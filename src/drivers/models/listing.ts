import type { Clock, Log } from '../../core/needs.ts'
import type { ModelInfo } from './port.ts'
import type { Provider } from './provider.ts'

const FRESH_MS = 60_000
/** A provider that could not be asked is asked again sooner, but not by everybody at once. */
const FAILED_FRESH_MS = 10_000
const ANSWER_MS = 3_000

interface Cached {
  models: Promise<ModelInfo[]>
  until: number
}

/** What the providers say they have, asked at most once a minute each. */
export class Listing {
  readonly #cache = new Map<Provider, Cached>()

  constructor(
    readonly log: Log,
    readonly clock: Clock,
  ) {}

  /** Empty for a provider that does not answer in time. */
  read(provider: Provider): Promise<ModelInfo[]> {
    const cached = this.#cache.get(provider)
    if (cached && this.clock.now() < cached.until) return cached.models
    const models = this.#ask(provider)
    this.#cache.set(provider, { models, until: this.clock.now() + FRESH_MS })
    return models
  }

  /** The question belongs to all who wait for it: no single caller's signal ends it. */
  async #ask(provider: Provider): Promise<ModelInfo[]> {
    try {
      return await provider.list(AbortSignal.timeout(ANSWER_MS))
    } catch (error) {
      this.log.warn('models.list_failed', { provider: provider.name, error: error instanceof Error ? error.message : String(error) })
      const cached = this.#cache.get(provider)
      if (cached) cached.until = this.clock.now() + FAILED_FRESH_MS
      return []
    }
  }
}
