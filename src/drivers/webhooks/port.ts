export interface Delivery {
  /** Absolute, http or https; or a path, which is one of this server. */
  url: string
  /** JSON. */
  body: string
  headers: Readonly<Record<string, string>>
  signal: AbortSignal
}

/**
 * `taken`: answered with 2xx. `unwanted`: with 410, nobody asks again. `failed`: anything else, also no answer at all;
 * another attempt may do better.
 */
export type Outcome = { state: 'taken' } | { state: 'unwanted' | 'failed'; why: string }

/** Tells others that something has happened. */
export interface Webhooks {
  /** Of one message. */
  readonly attemptsMax: number
  /**
   * Throws invalid (param `webhook`) for a URL that will never be called: not http, with credentials in it, of an address
   * that is not allowed, or any while webhooks are switched off. What a name stands for is looked at with each delivery.
   */
  require(url: string): void
  /** Where this server listens: paths are delivered there. */
  serveAt(url: string): void
  /** Never rejects. Redirects are not followed, and no answer is read. */
  deliver(delivery: Delivery): Promise<Outcome>
}
