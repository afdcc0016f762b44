import { OpenAI } from 'openai'
import type { ProviderConfig } from '../../config.ts'

/** An answer with a bad status, and its body as it came. */
export class StatusError extends Error {
  constructor(
    readonly httpStatus: number,
    readonly body: unknown,
    readonly httpHeaders: Headers,
  ) {
    super(`HTTP ${httpStatus}`)
  }
}

/** The SDK wants a key; the header that would carry this one is taken out again. */
const NO_KEY = 'none'

export interface Call {
  path: string
  body: string | undefined
  headers: Record<string, string>
  signal: AbortSignal
}

interface Prepared {
  url: string
  headers: Record<string, string>
}

/**
 * The SDK does addresses, credentials and headers, once for each path: asking it anew for every turn costs more than
 * the turn itself. It does not retry (we do, up to the first part that reached a reader), nor read the environment
 * where it can be told not to.
 */
export class Client {
  readonly #sdk: OpenAI
  readonly #prepared = new Map<string, Promise<Prepared>>()

  constructor(config: ProviderConfig) {
    this.#sdk = new OpenAI({
      baseURL: config.baseUrl,
      apiKey: config.apiKey || NO_KEY,
      adminAPIKey: null,
      organization: null,
      project: null,
      webhookSecret: null,
      maxRetries: 0,
      logLevel: 'off',
      ...(config.apiKey ? {} : { defaultHeaders: { Authorization: null } }),
    })
  }

  /** Throws StatusError for an answer that is not a success. */
  async send(call: Call): Promise<Response> {
    const method = call.body === undefined ? 'get' : 'post'
    const { url, headers } = await this.#prepare(method, call.path)
    const response = await fetch(url, {
      method: method.toUpperCase(),
      headers: { ...headers, ...call.headers },
      signal: call.signal,
      // Our own watches bound every wait; Bun's limit of five minutes would cut a long answer.
      timeout: false,
      ...(call.body === undefined ? {} : { body: call.body }),
    } as RequestInit)
    if (response.ok) return response
    throw new StatusError(response.status, readBody(await response.text()), response.headers)
  }

  #prepare(method: 'get' | 'post', path: string): Promise<Prepared> {
    const key = `${method} ${path}`
    let prepared = this.#prepared.get(key)
    if (!prepared) {
      prepared = this.#build(method, path)
      this.#prepared.set(key, prepared)
    }
    return prepared
  }

  async #build(method: 'get' | 'post', path: string): Promise<Prepared> {
    const { req, url } = await this.#sdk.buildRequest({ method, path, ...(method === 'post' ? { body: {} } : {}) })
    return { url, headers: Object.fromEntries(new Headers(req.headers).entries()) }
  }
}

function readBody(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
