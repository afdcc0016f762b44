import { IDENTITY } from './identity-settings.ts'
import { address, bool, httpUrl, integer, oneOf, postgresUrl, text, textPairs } from './parsers.ts'
import { SERVING } from './serving-settings.ts'
import { customary, DAY, fileOnly, GIB, HOUR, MIB, MINUTE, nullable, SECOND, type Setting, setting } from './setting.ts'

export type { Setting, SettingPath } from './setting.ts'

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
  setting('secrets.key', {
    parse: nullable(text),
    fallback: null,
    fallbackText: 'a file in the data folder, made when it is needed',
    about: 'Seals what clients entrust to a run. Servers on one database need the same.',
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

/** Every setting there is: the reader, `config show`, the help and the README's table all come from here. */
export const SETTINGS: readonly Setting[] = [...BASICS, ...ENGINE, ...FILES, ...SEARCH, ...MODELS, ...SERVING, ...IDENTITY]
