import type { Extraction } from '../drivers/extraction/port.ts'
import type { Files } from '../drivers/files/port.ts'
import type { Mail } from '../drivers/mail/port.ts'
import type { Models } from '../drivers/models/port.ts'
import type { Db } from '../drivers/records/port.ts'
import type { Vault } from '../drivers/vault/port.ts'
import type { Vectors } from '../drivers/vectors/port.ts'
import type { Webhooks } from '../drivers/webhooks/port.ts'
import type { Graphs } from './graphs/graphs.ts'
import type { Passwords } from './passwords/hashing.ts'
import type { Strategy } from './runs/call.ts'
import type { Signals } from './runs/signals.ts'
import type { Tokens } from './tokens/token.ts'

/** Time as the server sees it; tests pass their own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
}

export type LogFields = Record<string, string | number | boolean | null | undefined>
/** `cause` is rendered with its stack. */
export interface ErrorFields {
  cause?: unknown
  [field: string]: unknown
}

/** Structured log: one event name, flat fields. Keys, headers and message texts are never passed to it. */
export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: ErrorFields): void
}

/** The limits that core enforces; values come from the configuration. */
export interface Limits {
  runExpiryMs: number
  /** What another surface's runs do when nobody says. */
  strategy: Strategy
  /** How long the events of runs of graphs are kept. */
  graphJournalKeepMs: number
  /** How long what a temporary thread's run said can be read after its end. */
  temporaryKeepMs: number
  idempotencyKeepMs: number
  /** One file. */
  fileBytesMax: number
  /** A file that arrives in parts. */
  uploadBytesMax: number
  uploadPartBytesMax: number
  uploadExpiryMs: number
  /** Of new vector stores. */
  embeddingModel: string
}

/** Rules of signing in and up; values come from the configuration. */
export interface IdentitySettings {
  signup: 'public' | 'invite_only' | 'approval'
  verifiedEmail: boolean
  accessMs: number
  refreshMs: number
  /** Within this time after a rotation the token before it is a double click, later a theft. */
  refreshGraceMs: number
  /** Failed sign-ins with one address, and for how long it is locked then. */
  failuresMax: number
  lockMs: number
  /** What links in mails begin with. */
  appUrl: string
  /** Signs requests for tokens of service accounts; null: such requests are not taken. */
  serviceSecret: string | null
  /** `dev-local` is taken instead of a signature. */
  devLocal: boolean
}

/** What core and engine may be given. A function names the parts it uses: `Needs<'db' | 'clock'>`. */
export interface Parts {
  db: Db
  clock: Clock
  log: Log
  models: Models
  files: Files
  vectors: Vectors
  extraction: Extraction
  signals: Signals
  graphs: Graphs
  webhooks: Webhooks
  vault: Vault
  mail: Mail
  passwords: Passwords
  tokens: Tokens
  identity: IdentitySettings
  limits: Limits
}

export type Needs<K extends keyof Parts> = Pick<Parts, K>
