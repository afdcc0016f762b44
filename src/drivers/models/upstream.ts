import type { ProviderConfig } from '../../config.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Clock } from '../../core/needs.ts'
import type { Client, StatusError } from './client.ts'
import { type Exchange, errorCode } from './exchange.ts'
import { misconfigured, ProviderFailure, unreachable } from './failure.ts'
import { isWrongAddress, type Refusal, readStatusRefusal, refused, type Source } from './refusal.ts'
import { scrubber } from './scrub.ts'

export interface Question {
  path: string
  /** Absent for a GET. */
  body?: JsonObject
  headers?: Record<string, string>
  /** Instead of the server's own. */
  apiKey?: string | undefined
  /** Longest wait for the answer to begin. */
  silenceMs: number
  /** Fields of the body that may be left out when the provider refuses them by name. */
  optional?: readonly string[]
}

/** One provider's address: sends questions and turns every refusal into a failure that holds no secret. */
export class Upstream implements Source {
  readonly name: string
  readonly scrub: (text: string) => string
  readonly #config: ProviderConfig
  readonly #clock: Clock
  readonly #refusedFields = new Set<string>()
  #client: Promise<Client> | undefined

  constructor(config: ProviderConfig, clock: Clock) {
    this.name = config.name
    this.scrub = scrubber(config.apiKey)
    this.#config = config
    this.#clock = clock
  }

  /** For questions that are asked with this key. */
  sourceOf(apiKey: string | undefined): Source {
    if (apiKey === undefined) return this
    const hide = scrubber(apiKey)
    return { name: this.name, lent: true, scrub: (text) => this.scrub(hide(text)) }
  }

  async ask(question: Question, exchange: Exchange): Promise<Response> {
    const body = question.body && this.#accepted(question.body, question.optional ?? [])
    try {
      return await this.#send(question, body, exchange)
    } catch (error) {
      const field = question.optional?.find((name) => body?.[name] !== undefined && refusesField(error, name))
      if (field === undefined) throw error
      this.#refusedFields.add(field)
      return this.ask(question, exchange)
    }
  }

  #accepted(body: JsonObject, optional: readonly string[]): JsonObject {
    const left = optional.filter((field) => this.#refusedFields.has(field))
    if (left.length === 0) return body
    return Object.fromEntries(Object.entries(body).filter(([field]) => !left.includes(field)))
  }

  async #send(question: Question, body: JsonObject | undefined, exchange: Exchange): Promise<Response> {
    const { path, silenceMs, apiKey } = question
    const headers = { ...question.headers, ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) }
    this.#client ??= openClient(this.#config)
    try {
      const client = await this.#client
      exchange.watch(silenceMs)
      return await client.send({ path, body: body && JSON.stringify(body), headers, signal: exchange.signal })
    } catch (error) {
      throw exchange.interruption ?? this.#failure(error, this.sourceOf(apiKey))
    }
  }

  #failure(error: unknown, source: Source): ProviderFailure {
    if (isStatusError(error)) {
      const { httpStatus, body } = error
      if (isWrongAddress(httpStatus, body)) return misconfigured(this.name, `has no such endpoint (HTTP ${httpStatus})`)
      return refused(this.#refusal(error, source))
    }
    return unreachable(this.name, errorCode(error))
  }

  #refusal(error: StatusError, source: Source): Refusal {
    const refusal = readStatusRefusal(source, error.httpStatus, error.body)
    const retryAfterMs = readRetryAfter(error.httpHeaders, this.#clock)
    return retryAfterMs === undefined ? refusal : { ...refusal, retryAfterMs }
  }
}

/** On first use: a server that only ever echoes does not pay for loading the SDK. */
async function openClient(config: ProviderConfig): Promise<Client> {
  const { Client } = await import('./client.ts')
  return new Client(config)
}

const isStatusError = (error: unknown): error is StatusError => error instanceof Error && 'httpStatus' in error

const refusesField = (error: unknown, field: string): boolean =>
  error instanceof ProviderFailure && (error.status === 400 || error.status === 422) && error.message.includes(field)

function readRetryAfter(headers: Headers, clock: Clock): number | undefined {
  const ms = Number(headers.get('retry-after-ms') ?? Number.NaN)
  if (ms >= 0) return ms
  const text = headers.get('retry-after')
  if (text === null) return undefined
  const seconds = Number(text)
  const wait = Number.isNaN(seconds) ? Date.parse(text) - clock.now() : seconds * 1_000
  return Number.isNaN(wait) ? undefined : Math.max(0, wait)
}
