import type { Config } from '../../../src/config.ts'
import type { LogFields } from '../../../src/core/needs.ts'
import type { GenerateRequest, GenerateSink } from '../../../src/drivers/models/port.ts'

/** A sink that writes down what it was told, adjacent parts joined. */
export class RecordingSink implements GenerateSink {
  readonly parts: string[] = []
  /** Called after each part. */
  onPart: () => void = () => undefined

  text = (part: string) => this.#note('text', part)
  refusal = (part: string) => this.#note('refusal', part)
  reasoning = (part: string) => this.#note('reasoning', part)
  call = (index: number, id: string, name: string) => this.#note('call', `${index} ${id} ${name}`)
  argumentsPart = (index: number, part: string) => this.#note(`arguments ${index}`, part)

  #note(kind: string, part: string): void {
    this.parts.push(`${kind}: ${part}`)
    this.onPart()
  }
}

/** A log that keeps everything as text, to look for secrets in. */
export class RecordingLog {
  readonly lines: string[] = []
  debug = (event: string, fields: LogFields = {}) => this.#note(event, fields)
  info = (event: string, fields: LogFields = {}) => this.#note(event, fields)
  warn = (event: string, fields: LogFields = {}) => this.#note(event, fields)
  error = (event: string, fields: LogFields & { cause?: unknown } = {}) => this.#note(event, fields as LogFields)

  #note(event: string, fields: LogFields): void {
    this.lines.push(`${event} ${JSON.stringify(fields)}`)
  }
}

export const KEY = 'sk-test-0123456789abcdefSECRET'

export function modelsConfig(changes: Partial<Config['models']> = {}): Config['models'] {
  return {
    providers: [],
    defaultProvider: null,
    aliases: {},
    retriesMax: 0,
    connectTimeoutMs: 5_000,
    idleTimeoutMs: 5_000,
    scripts: {},
    contextTokens: 8_000,
    ...changes,
  }
}

/** The default provider at `url`, named `stub`. */
export const providerAt = (url: string, changes: Partial<Config['models']> = {}): Config['models'] =>
  modelsConfig({ providers: [{ name: 'stub', baseUrl: url, apiKey: KEY, models: [] }], defaultProvider: 'stub', ...changes })

export const ask = (content: string, changes: Partial<GenerateRequest> = {}): GenerateRequest => ({
  model: 'm',
  messages: [{ role: 'user', content }],
  tools: [],
  options: {},
  attemptKey: 'run:1',
  ...changes,
})

export const never = (): AbortSignal => new AbortController().signal

/** What a promise is rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { code?: unknown; facts?: Record<string, unknown> }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('It did not fail.')
}
