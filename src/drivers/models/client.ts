import { APIError, OpenAI } from 'openai'
import type { ProviderConfig } from '../../config.ts'

/** An answer with a bad status and its body as it came: the SDK would keep only the `error` member. */
export class StatusError extends APIError {
  constructor(
    readonly httpStatus: number,
    readonly body: unknown,
    readonly httpHeaders: Headers,
  ) {
    super(httpStatus, undefined, undefined, httpHeaders)
  }
}

/** The SDK wants a key; the header that would carry this one is taken out again. */
const NO_KEY = 'none'

/**
 * The SDK does addresses, credentials and headers. It does not retry (we do, up to the first part that reached a
 * reader), nor read the environment where it can be told not to, nor write to the console.
 */
export class Client extends OpenAI {
  constructor(config: ProviderConfig) {
    super({
      baseURL: config.baseUrl,
      apiKey: config.apiKey || NO_KEY,
      adminAPIKey: null,
      organization: null,
      project: null,
      webhookSecret: null,
      maxRetries: 0,
      logLevel: 'off',
      // Our own watches bound every wait; Bun's limit of five minutes would cut a long answer.
      fetchOptions: { timeout: false },
      ...(config.apiKey ? {} : { defaultHeaders: { Authorization: null } }),
    })
  }

  protected override makeStatusError(status: number, error: object | undefined, message: string | undefined, headers: Headers): APIError {
    return new StatusError(status, error ?? message, headers)
  }
}
