import type { ScriptTurn } from '../drivers/models/port.ts'

/** The whole configuration, nested by owner; each part of the server gets only its section. Units last in every name. */
export interface Config {
  listen: { host: string; port: number }
  data: { dir: string }
  records: {
    /** null: the embedded Postgres under `data.dir`. */
    url: string | null
    poolMax: number
  }
  auth: {
    bootstrapKey: string | null
  }
  engine: {
    /** Runs this process executes at once; 0 serves the APIs only. */
    slots: number
    leaseMs: number
    pollMs: number
    attemptsMax: number
    runExpiryMs: number
    drainMs: number
    /** Graph steps of one run. */
    stepsMax: number
    journalKeepMs: number
  }
  models: {
    providers: ProviderConfig[]
    /** Name of the provider that gets every model name nobody claims; null: none. */
    defaultProvider: string | null
    /** Public model name -> `provider/model` or a model of the default provider. */
    aliases: Record<string, string>
    retriesMax: number
    connectTimeoutMs: number
    /** Longest silence between two chunks. */
    idleTimeoutMs: number
    /** Scripts of the `scripted` provider by model name. */
    scripts: Record<string, ScriptTurn[]>
    /** Assumed context window where a provider states none. */
    contextTokens: number
  }
  openai: {
    prefix: string
    listStyle: 'auto' | 'envelope' | 'array'
    betaHeader: 'optional' | 'required'
  }
  http: {
    bodyBytesMax: number
    /** Longest silence inside a request body. */
    bodyIdleMs: number
    jsonDepthMax: number
    keepAliveMs: number
    /** Open event streams and sockets of this process. */
    streamsMax: number
    /** Text that waits for one slow WebSocket client. */
    socketBytesMax: number
    /** Origins allowed by CORS; `*` allows all. */
    corsOrigins: string[]
  }
  idempotency: { keepMs: number }
  log: { level: 'debug' | 'info' | 'warn' | 'error'; format: 'text' | 'json' }
}

export interface ProviderConfig {
  /** Prefix of its models: `name/model`. */
  name: string
  baseUrl: string
  apiKey: string | null
  /** Model names this provider claims without a prefix. */
  models: string[]
}
