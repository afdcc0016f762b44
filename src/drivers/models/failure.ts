import { Fault } from '../../core/fault.ts'

/** A failed attempt: the fault that the caller gets if nobody tries again, and whether trying again can help. */
export class ProviderFailure extends Error {
  override readonly name = 'ProviderFailure'
  constructor(
    readonly fault: Fault,
    readonly retryable: boolean,
    readonly status: number | null = null,
  ) {
    super(fault.message)
  }

  /** The same failure after something was already delivered. */
  get final(): ProviderFailure {
    return new ProviderFailure(this.fault, false, this.status)
  }
}

const upstream = (provider: string, what: string): Fault => new Fault('upstream', `Model provider '${provider}' ${what}.`)

export const unreachable = (provider: string, why: string): ProviderFailure =>
  new ProviderFailure(upstream(provider, `cannot be reached (${why})`), true)

export const silent = (provider: string, ms: number): ProviderFailure =>
  new ProviderFailure(upstream(provider, `sent nothing for ${ms} ms`), true)

export const broken = (provider: string, what: string): ProviderFailure => new ProviderFailure(upstream(provider, what), true)

/** The address answers, but not as a chat API: an operator's mistake that no retry cures. */
export const misconfigured = (provider: string, what: string): ProviderFailure =>
  new ProviderFailure(upstream(provider, `${what}: check its base URL and key`), false)
