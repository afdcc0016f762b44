import { address, bool, httpUrl, integer, oneOf, origins, pathPrefix, text, textList, textPairs } from './parsers.ts'
import { DAY, HOUR, KIB, MIB, MINUTE, nullable, SECOND, type Setting, setting } from './setting.ts'

/** The longest of those that fit counts. */
const MODEL_PREFIXES = ['hyperbolic/', 'google/', 'together-ai/', 'deepseek-ai/', 'azure/', 'groq', 'local']

/** Of the surfaces, of what they stand on, and of what is told about them. */
export const SERVING: Setting[] = [
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
  setting('entities.prefix', {
    parse: pathPrefix,
    fallback: '/entities',
    about: 'Path under which the Entities surface stands, bare and with /v1 behind it; / is the root.',
  }),
  setting('entities.listen', {
    parse: nullable(address),
    fallback: null,
    fallbackText: 'none',
    flag: 'listen-entities',
    about: 'A second address, where the Entities surface stands at the root.',
  }),
  setting('entities.models', {
    parse: textPairs,
    fallback: {},
    fallbackText: 'none',
    about: 'Model names of Entities clients: `[entities.models]` or name=model, comma-separated. Names that the server knows need none.',
  }),
  setting('entities.modelPrefixes', {
    parse: textList,
    fallback: MODEL_PREFIXES,
    fallbackText: MODEL_PREFIXES.join(', '),
    about: 'What the model names of Entities clients may begin with.',
  }),
  setting('entities.clientKeys', {
    parse: oneOf('use', 'refuse'),
    fallback: 'use',
    about: "Whether a provider's key that a client sends is used for its run.",
  }),
  setting('entities.signedUrlSecret', {
    parse: nullable(text),
    fallback: null,
    fallbackText: 'a key of each tenant',
    alsoEnv: ['SIGNED_URL_SECRET'],
    about: 'Signs links to files, so that links of an earlier server stay good.',
    secret: true,
  }),
  setting('entities.baseUrl', {
    parse: nullable(httpUrl),
    fallback: null,
    fallbackText: 'http.public_url, else the address a request came to',
    about: 'What links to files of the Entities surface begin with, its prefix included.',
  }),
  setting('entities.heartbeatMs', {
    parse: integer(20, MINUTE),
    fallback: 10 * SECOND,
    about: 'Silence of a completion after which its stream says that it is alive.',
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
  setting('http.keyRequestsPerSecond', {
    parse: integer(0, 1_000_000),
    fallback: 0,
    fallbackText: 'no limit',
    about: 'Requests of one key a second, in each process; a quiet key may make ten seconds of them at once. 0: no limit.',
  }),
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
