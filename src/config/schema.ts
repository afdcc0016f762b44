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
    /** The first operator; both or none. */
    adminEmail: string | null
    adminPasswordFile: string | null
    signup: 'public' | 'invite_only' | 'approval'
    verifiedEmail: boolean
    accessMs: number
    refreshMs: number
    refreshGraceMs: number
    failuresMax: number
    lockMs: number
    hashesAtOnce: number
    issuer: string
    audience: string[]
    /** File of a key set; null: in the database. */
    keySet: string | null
    serviceSecret: string | null
    devLocal: boolean
  }
  platform: {
    prefix: string
    /** What links in mails begin with; null: `http.publicUrl`, else the address it listens on. */
    appUrl: string | null
    missingCredentials: '401' | '403'
  }
  mail: {
    /** null: mail stays in the outbox. */
    smtpUrl: string | null
    from: string
    attemptsMax: number
  }
  secrets: {
    /** null: a file in the data folder. */
    key: string | null
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
  files: {
    /** Bucket of an S3-compatible store; null: files are kept under `data.dir`. */
    s3Bucket: string | null
    /** null: Amazon's own. */
    s3Endpoint: string | null
    s3Region: string
    /** null: from the environment or the machine, as Amazon's SDK looks for them. */
    s3AccessKeyId: string | null
    s3SecretAccessKey: string | null
    s3PathStyle: boolean
    bytesMax: number
    uploadBytesMax: number
    uploadPartBytesMax: number
    uploadExpiryMs: number
    /** Disk space that uploads leave free. */
    diskReserveBytes: number
  }
  vectors: {
    adapter: 'embedded' | 'qdrant' | 'pgvector'
    qdrantUrl: string | null
    qdrantApiKey: string | null
    /** Memory of the embedded adapter for the compact copies it scans. */
    cacheBytesMax: number
    embeddingModel: string
  }
  ingest: {
    /** Documents this process ingests at once; 0: none. */
    slots: number
    /** One document's extraction. */
    timeoutMs: number
    memoryBytesMax: number
    tokensMax: number
    attemptsMax: number
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
  langgraph: {
    prefix: string
    /** A listener of its own, where the surface stands at the root; null: none. */
    listen: { host: string; port: number } | null
    /** File that names the graphs; null: only the built-in one. */
    graphs: string | null
    watch: boolean
    multitaskStrategy: 'reject' | 'enqueue' | 'interrupt' | 'rollback'
    /** How errors are written: as JSON, or as plain text like the JavaScript server does. */
    errorBodies: 'json' | 'text'
    /** Whether streams close with an `end` event, as servers of 2024 did. */
    endEvent: boolean
    journalKeepMs: number
    temporaryKeepMs: number
  }
  entities: {
    prefix: string
    /** A listener of its own, where the surface stands at the root; null: none. */
    listen: { host: string; port: number } | null
    /** Name that clients say -> name of the models port. */
    models: Record<string, string>
    /** What a model's name may begin with, in any case. */
    modelPrefixes: string[]
    /** What becomes of a provider's key that a client sends for its run. */
    clientKeys: 'use' | 'refuse'
    /** Signs links to files as the original did; null: each tenant's own key does. */
    signedUrlSecret: string | null
    /** What links to files begin with; null: `http.publicUrl`, else the address a request came to. */
    baseUrl: string | null
    /** Silence of a completion after which its stream says so in JSON. */
    heartbeatMs: number
  }
  webhooks: {
    enabled: boolean
    /** Whether addresses of private networks and of this machine may be called. */
    allowPrivate: boolean
    timeoutMs: number
    attemptsMax: number
  }
  http: {
    /** Where clients reach this server, for links to it; null: as it listens. */
    publicUrl: string | null
    bodyBytesMax: number
    /** Longest silence inside a request body. */
    bodyIdleMs: number
    jsonDepthMax: number
    keepAliveMs: number
    /** Of one key, in this process; 0: no limit. */
    keyRequestsPerSecond: number
    /** Open event streams and sockets of this process. */
    streamsMax: number
    /** Text that waits for one slow WebSocket client. */
    socketBytesMax: number
    /** Networks whose X-Forwarded-For is believed, as `address/bits`. */
    trustedProxies: string[]
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
