import type { Parser } from './parsers.ts'
import { address, bool, httpUrl, integer, oneOf, origins, pathPrefix, postgresUrl, text, textPairs } from './parsers.ts'
import type { Config } from './schema.ts'

type Field<S extends keyof Config> = `${S}.${keyof Config[S] & string}`
export type SettingPath = 'listen' | { [S in keyof Config]: Field<S> }[keyof Config]

type ValueAt<P extends string> = P extends `${infer S}.${infer F}`
  ? S extends keyof Config
    ? F extends keyof Config[S]
      ? Config[S][F]
      : never
    : never
  : P extends keyof Config
    ? Config[P]
    : never

export interface Setting {
  /** Where the value lands in Config; null: it becomes part of another setting (see models.ts). */
  path: SettingPath | null
  /** Dotted TOML key; null: not in the file. */
  key: string | null
  env: readonly string[]
  flag: string | null
  parse: Parser<unknown>
  fallback: unknown
  /** The default in words, where the value alone would mislead. */
  fallbackText: string | null
  about: string
  secret: boolean
}

interface Row<T> {
  parse: Parser<T>
  fallback: T
  about: string
  key?: string
  alsoEnv?: readonly string[]
  flag?: string
  fallbackText?: string
  secret?: boolean
}

function setting<const P extends SettingPath>(path: P, row: Row<ValueAt<P>>): Setting {
  const key = row.key ?? path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return {
    path,
    key,
    env: [`TETRAPORT_${key.replaceAll('.', '_').toUpperCase()}`, ...(row.alsoEnv ?? [])],
    flag: row.flag ?? null,
    parse: row.parse,
    fallback: row.fallback,
    fallbackText: row.fallbackText ?? null,
    about: row.about,
    secret: row.secret ?? false,
  }
}

/** A table or list that only the file can hold; models.ts reads its inside. */
function fileOnly(path: SettingPath, row: { fallback: unknown; fallbackText: string; about: string }): Setting {
  return { ...setting('data.dir', { parse: text, fallback: '', about: row.about }), path, key: path, env: [], parse: (raw) => raw, ...row }
}

function customary(env: string, row: { parse: Parser<string>; about: string; secret: boolean }): Setting {
  return { path: null, key: null, env: [env], flag: null, fallback: null, fallbackText: 'none', ...row }
}

const nullable = <T>(parse: Parser<T>): Parser<T | null> => parse

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

export const EMBEDDED_DIR = './data'
export const EMBEDDED_DIR_OF_ROOT = '/var/lib/tetraport'

const BASICS: Setting[] = [
  setting('listen', {
    parse: address,
    fallback: { host: '127.0.0.1', port: 8787 },
    fallbackText: '127.0.0.1:8787',
    flag: 'listen',
    about: 'Address to serve on, as host:port. Port 0 takes a free one and prints it.',
  }),
  setting('data.dir', {
    key: 'data',
    parse: text,
    fallback: EMBEDDED_DIR,
    fallbackText: `${EMBEDDED_DIR} (as root: ${EMBEDDED_DIR_OF_ROOT})`,
    flag: 'data',
    about: 'Folder of the embedded database and of what the server keeps beside it.',
  }),
  setting('auth.bootstrapKey', {
    key: 'bootstrap_key',
    parse: nullable(text),
    fallback: null,
    fallbackText: 'a random key at first start',
    about: 'First admin API key, for containers and tests. Any text that is not empty, spaces included.',
    secret: true,
  }),
  setting('records.url', {
    parse: nullable(postgresUrl),
    fallback: null,
    fallbackText: 'the embedded Postgres',
    alsoEnv: ['DATABASE_URL'],
    about: 'Postgres 15 or newer to use instead of the embedded one.',
    secret: true,
  }),
  setting('records.poolMax', { parse: integer(2, 200), fallback: 10, about: 'Database connections of this process.' }),
]

const ENGINE: Setting[] = [
  setting('engine.slots', {
    parse: integer(0, 10_000),
    fallback: 256,
    flag: 'slots',
    about: 'Runs this process executes at once; 0 serves the APIs only.',
  }),
  setting('engine.leaseMs', {
    parse: integer(500, 10 * MINUTE),
    fallback: 15 * SECOND,
    about: 'How long a run stays with a worker that stopped answering.',
  }),
  setting('engine.pollMs', {
    parse: integer(50, MINUTE),
    fallback: SECOND,
    about: 'How often the worker looks for runs nobody told it about.',
  }),
  setting('engine.attemptsMax', { parse: integer(1, 20), fallback: 3, about: 'Attempts at a run whose worker died.' }),
  setting('engine.runExpiryMs', {
    parse: integer(SECOND, DAY),
    fallback: 10 * MINUTE,
    about: 'Time after which an unfinished run expires.',
  }),
  setting('engine.drainMs', {
    parse: integer(0, 20 * SECOND),
    fallback: 10 * SECOND,
    about: 'At shutdown: how long running runs may go on before they are handed back.',
  }),
  setting('engine.stepsMax', { parse: integer(2, 1000), fallback: 100, about: 'Model and tool steps of one run.' }),
  setting('engine.journalKeepMs', {
    parse: integer(MINUTE, 365 * DAY),
    fallback: 7 * DAY,
    about: 'How long the events of a finished run can be read again.',
  }),
  setting('idempotency.keepMs', {
    parse: integer(MINUTE, 30 * DAY),
    fallback: DAY,
    about: 'How long the answer to an Idempotency-Key is kept.',
  }),
]

const FILES: Setting[] = [
  setting('files.s3Bucket', {
    parse: nullable(text),
    fallback: null,
    fallbackText: 'files are kept in the data folder',
    about: 'Bucket of an S3-compatible store to keep files in.',
  }),
  setting('files.s3Endpoint', {
    parse: nullable(httpUrl),
    fallback: null,
    fallbackText: "Amazon's own",
    about: 'Address of the S3-compatible store.',
  }),
  setting('files.s3Region', { parse: text, fallback: 'us-east-1', about: 'Region of the bucket.' }),
  setting('files.s3AccessKeyId', {
    parse: nullable(text),
    fallback: null,
    fallbackText: "as Amazon's SDK finds it",
    about: 'Access key of the S3-compatible store.',
  }),
  setting('files.s3SecretAccessKey', {
    parse: nullable(text),
    fallback: null,
    fallbackText: "as Amazon's SDK finds it",
    about: 'Secret of that access key.',
    secret: true,
  }),
  setting('files.s3PathStyle', { parse: bool, fallback: true, about: 'Whether the bucket is named in the path instead of the host.' }),
  setting('files.bytesMax', { parse: integer(1, 64 * GIB), fallback: 512 * MIB, about: 'Largest file.' }),
  setting('files.uploadBytesMax', { parse: integer(1, 64 * GIB), fallback: 8 * GIB, about: 'Largest file that arrives in parts.' }),
  setting('files.uploadPartBytesMax', { parse: integer(1, GIB), fallback: 64 * MIB, about: 'Largest part of such a file.' }),
  setting('files.uploadExpiryMs', { parse: integer(SECOND, 30 * DAY), fallback: HOUR, about: 'Time in which all parts must arrive.' }),
  setting('files.diskReserveBytes', { parse: integer(0, 1024 * GIB), fallback: GIB, about: 'Disk space that uploads leave free.' }),
]

const SEARCH: Setting[] = [
  setting('vectors.adapter', {
    parse: oneOf('embedded', 'qdrant', 'pgvector'),
    fallback: 'embedded',
    about: 'Where vectors are kept: in Postgres and searched here, on a Qdrant server, or in Postgres by pgvector.',
  }),
  setting('vectors.qdrantUrl', {
    parse: nullable(httpUrl),
    fallback: null,
    fallbackText: 'none',
    alsoEnv: ['QDRANT_URL'],
    about: 'Address of the Qdrant server.',
  }),
  setting('vectors.qdrantApiKey', {
    parse: nullable(text),
    fallback: null,
    fallbackText: 'none',
    alsoEnv: ['QDRANT_API_KEY'],
    about: 'Key of the Qdrant server.',
    secret: true,
  }),
  setting('vectors.cacheBytesMax', {
    parse: integer(MIB, 64 * GIB),
    fallback: 512 * MIB,
    about: 'Memory for the compact copies that the embedded adapter scans.',
  }),
  setting('vectors.embeddingModel', {
    parse: text,
    fallback: 'lexical-hash',
    about: 'Embedding model of new vector stores. lexical-hash needs no provider: it knows words in common, no meanings.',
  }),
  setting('ingest.slots', { parse: integer(0, 64), fallback: 2, about: 'Documents this process ingests at once; 0: none.' }),
  setting('ingest.timeoutMs', { parse: integer(SECOND, 10 * MINUTE), fallback: 20 * SECOND, about: "Time to read one document's text." }),
  setting('ingest.memoryBytesMax', {
    parse: integer(64 * MIB, 16 * GIB),
    fallback: 256 * MIB,
    about: "Memory to read one document's text, beyond what the reading process has at rest.",
  }),
  setting('ingest.tokensMax', { parse: integer(1000, 100_000_000), fallback: 5_000_000, about: 'Tokens of one document.' }),
  setting('ingest.attemptsMax', { parse: integer(1, 20), fallback: 3, about: 'Attempts at a document whose ingestion was interrupted.' }),
]

const MODELS: Setting[] = [
  customary('OPENAI_BASE_URL', {
    parse: httpUrl,
    about: "Base URL of the provider named 'openai', which becomes the default provider.",
    secret: false,
  }),
  customary('OPENAI_API_KEY', {
    parse: text,
    about: "Key of the provider named 'openai'. Alone it means https://api.openai.com/v1.",
    secret: true,
  }),
  fileOnly('models.providers', {
    fallback: [],
    fallbackText: 'none',
    about: 'OpenAI-compatible endpoints: `[[models.providers]]` with name, base_url, api_key or api_key_env, models.',
  }),
  setting('models.defaultProvider', {
    parse: nullable(text),
    fallback: null,
    fallbackText: "'openai' when it is configured, else the first provider",
    about: 'Provider of every model name that no alias, prefix or list claims.',
  }),
  setting('models.aliases', {
    parse: textPairs,
    fallback: {},
    fallbackText: 'none',
    about: 'Public model names: `[models.aliases]` or alias=provider/model, comma-separated.',
  }),
  setting('models.retriesMax', { parse: integer(0, 10), fallback: 2, about: 'Repeats of a model call that failed in passing.' }),
  setting('models.connectTimeoutMs', {
    parse: integer(100, 10 * MINUTE),
    fallback: MINUTE,
    about: 'Longest wait for the first byte of a model.',
  }),
  setting('models.idleTimeoutMs', {
    parse: integer(100, 10 * MINUTE),
    fallback: 2 * MINUTE,
    about: 'Longest silence between two chunks of a model.',
  }),
  setting('models.contextTokens', {
    parse: integer(1024, 100_000_000),
    fallback: 128_000,
    about: 'Context window assumed where a provider states none.',
  }),
  {
    ...setting('models.scripts', { parse: () => ({}), fallback: {}, about: 'JSON file with what the scripted models say.' }),
    key: 'models.scripts_file',
    env: ['TETRAPORT_MODELS_SCRIPTS_FILE'],
    parse: text,
    fallbackText: 'none',
  },
]

const SERVING: Setting[] = [
  setting('openai.prefix', { parse: pathPrefix, fallback: '/v1', about: 'Path under which the OpenAI surface stands; / is the root.' }),
  setting('openai.listStyle', {
    parse: oneOf('auto', 'envelope', 'array'),
    fallback: 'auto',
    about: 'Shape of lists: as the client expects, always an envelope, always a bare array.',
  }),
  setting('openai.betaHeader', {
    parse: oneOf('optional', 'required'),
    fallback: 'optional',
    about: 'Whether Assistants calls must send OpenAI-Beta.',
  }),
  setting('langgraph.prefix', {
    parse: pathPrefix,
    fallback: '/langgraph',
    about: 'Path under which the LangGraph surface stands; / is the root.',
  }),
  setting('langgraph.listen', {
    parse: nullable(address),
    fallback: null,
    fallbackText: 'none',
    flag: 'listen-langgraph',
    about: 'A second address, where the LangGraph surface stands at the root.',
  }),
  setting('langgraph.graphs', {
    key: 'graphs',
    parse: nullable(text),
    fallback: null,
    fallbackText: 'only the built-in graph',
    flag: 'graphs',
    about: 'The langgraph.json that names your graphs.',
  }),
  setting('langgraph.watch', {
    key: 'watch',
    parse: bool,
    fallback: false,
    flag: 'watch',
    about: 'Load the graphs again when their files change.',
  }),
  setting('langgraph.multitaskStrategy', {
    parse: oneOf('reject', 'enqueue', 'interrupt', 'rollback'),
    fallback: 'reject',
    about: 'What becomes of a run that finds its thread taken and does not say.',
  }),
  setting('langgraph.errorBodies', {
    parse: oneOf('json', 'text'),
    fallback: 'json',
    about: 'Errors as {"detail": ...}, or as plain text like the JavaScript server.',
  }),
  setting('langgraph.endEvent', { parse: bool, fallback: false, about: 'Close streams with an `end` event, as clients of 2024 expect.' }),
  setting('langgraph.journalKeepMs', {
    parse: integer(MINUTE, 365 * DAY),
    fallback: HOUR,
    about: "How long the stream of a graph's finished run can be read again.",
  }),
  setting('langgraph.temporaryKeepMs', {
    parse: integer(0, DAY),
    fallback: 2 * MINUTE,
    about: 'How long the stream of a finished stateless run can be read again.',
  }),
  setting('webhooks.enabled', { parse: bool, fallback: true, about: 'Whether runs may name a webhook.' }),
  setting('webhooks.allowPrivate', {
    parse: bool,
    fallback: false,
    about: 'Whether webhooks may go to private networks and to this machine.',
  }),
  setting('webhooks.timeoutMs', {
    parse: integer(100, 10 * MINUTE),
    fallback: 10 * SECOND,
    about: 'Longest wait for the answer of a webhook.',
  }),
  setting('webhooks.attemptsMax', { parse: integer(1, 100), fallback: 8, about: 'Attempts at a webhook.' }),
  setting('http.publicUrl', {
    parse: nullable(httpUrl),
    fallback: null,
    fallbackText: 'the address it serves on',
    about: 'Where clients reach this server, for the links it gives out.',
  }),
  setting('http.bodyBytesMax', { parse: integer(KIB, 1024 * MIB), fallback: 32 * MIB, about: 'Largest JSON body.' }),
  setting('http.bodyIdleMs', { parse: integer(100, 10 * MINUTE), fallback: 30 * SECOND, about: 'Longest silence while a body arrives.' }),
  setting('http.jsonDepthMax', { parse: integer(8, 1000), fallback: 128, about: 'Deepest nesting of a JSON body.' }),
  setting('http.keepAliveMs', { parse: integer(20, MINUTE), fallback: 5 * SECOND, about: 'Silence after which a stream sends a comment.' }),
  setting('http.streamsMax', { parse: integer(1, 1_000_000), fallback: 10_000, about: 'Open event streams and sockets.' }),
  setting('http.socketBytesMax', {
    parse: integer(KIB, 64 * MIB),
    fallback: MIB,
    about: 'Unsent bytes of one WebSocket after which its sender waits.',
  }),
  setting('http.corsOrigins', {
    parse: origins,
    fallback: ['*'],
    fallbackText: '*',
    about: 'Browser origins that may call; * is every origin.',
  }),
  setting('log.level', {
    parse: oneOf('debug', 'info', 'warn', 'error'),
    fallback: 'info',
    flag: 'log-level',
    about: 'Least severe log line written.',
  }),
  setting('log.format', {
    parse: oneOf('text', 'json'),
    fallback: 'text',
    flag: 'log-format',
    about: 'Log lines for people or for machines.',
  }),
]

/** Every setting there is: the reader, `config show`, the help and the README's table all come from here. */
export const SETTINGS: readonly Setting[] = [...BASICS, ...ENGINE, ...FILES, ...SEARCH, ...MODELS, ...SERVING]
