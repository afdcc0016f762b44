import { join } from 'node:path'
import type { Config } from './config.ts'
import { findLinked } from './core/files/signed.ts'
import { KeyRing } from './core/identity/keys.ts'
import { takeOverJobs } from './core/jobs/jobs.ts'
import type { Clock, Log, Parts } from './core/needs.ts'
import { openPasswords } from './core/passwords/hashing.ts'
import { takeOverAll } from './core/runs/claims.ts'
import { TokenKeys } from './core/tokens/key-ring.ts'
import { verifyLink } from './drivers/files/links.ts'
import type { Db, Records } from './drivers/records/port.ts'
import { type GraphRegistry, openGraphs, openRegistry } from './engine/graph-host.ts'
import type { JobWorker } from './engine/jobs.ts'
import { ProcessSignals } from './engine/signals.ts'
import type { Worker } from './engine/worker.ts'
import type { ObjectLinkParts } from './http/objects.ts'
import { openStreams, type Streams } from './http/streams.ts'

/** Everything that is open while the server runs. */
export interface App extends Parts {
  readonly version: string
  readonly config: Config
  readonly records: Records
  readonly signals: ProcessSignals
  readonly keys: KeyRing
  /** Event streams and sockets of clients. */
  readonly streams: Streams
  /** What serves the signed links of the local file store. */
  readonly links: ObjectLinkParts
  /** The graphs that are served, and what is wrong with those that are not. */
  readonly registry: GraphRegistry
}

export interface AppParts {
  version: string
  log: Log
  clock?: Clock
}

export const systemClock: Clock = { now: () => Date.now() }

/** Opens the database, brings its tables up to date and connects what needs them. Closes again what it opened if it fails. */
export async function openApp(config: Config, { version, log, clock = systemClock }: AppParts): Promise<App> {
  // The model SDK and the migrations load while Postgres starts.
  const [{ records, registry }, { openModels }, { openWebhooks }, { openMail }, { migrate }, stores] = await Promise.all([
    openGround(config, log),
    import('./drivers/models/models.ts'),
    import('./drivers/webhooks/webhooks.ts'),
    import('./drivers/mail/mail.ts'),
    import('./drivers/records/migrate.ts'),
    loadStores(),
  ])
  try {
    const { db, shared } = records
    await migrate(db, log)
    const signals = new ProcessSignals(db, shared, log)
    await signals.start()
    const opened = openStores(stores, config, { db, log, clock })
    const find: ObjectLinkParts['find'] = (key) => findLinked({ db }, key)
    const identity = openIdentity(config, { db, clock, log, signals, vault: opened.vault })
    return {
      ...{ version, config, records, db, clock, log, signals },
      models: openModels(config.models, { log, clock }),
      ...opened,
      links: { files: opened.files, log, clock, verify: verifyLink, find, bodyIdleMs: config.http.bodyIdleMs },
      graphs: openGraphs({ db, clock, signals }, registry),
      registry,
      webhooks: openWebhooks(config.webhooks, { publicUrl: config.http.publicUrl }),
      ...identity,
      mail: openMail(config.mail, { log, publicUrl: config.http.publicUrl }),
      limits: limitsOf(config),
      streams: openStreams(config.http),
    }
  } catch (error) {
    registry.close()
    await records.close()
    throw error
  }
}

/** Both take their time, beside each other. Where one fails the other is closed; graphs that cannot be served are told of first. */
async function openGround(config: Config, log: Log): Promise<{ records: Records; registry: GraphRegistry }> {
  const [registry, records] = await Promise.allSettled([openRegistry(config.langgraph, log), openRecords(config, log)])
  if (registry.status === 'fulfilled' && records.status === 'fulfilled') return { records: records.value, registry: registry.value }
  if (registry.status === 'fulfilled') registry.value.close()
  if (records.status === 'fulfilled') await records.value.close()
  const failed = [registry, records].find(({ status }) => status === 'rejected') as PromiseRejectedResult
  throw failed.reason as Error
}

/** Whatever still uses the database must have stopped before. */
export async function closeApp(app: App): Promise<void> {
  app.streams.closeAll()
  app.keys.close()
  app.registry.close()
  await app.signals.stop()
  await Promise.all([app.extraction.close(), app.vectors.close(), app.files.close(), app.mail.close()])
  await app.records.close()
}

/** LangGraph is the heaviest thing here: ask for it early, beside the start of the database. */
export const loadWorker = (): Promise<typeof import('./engine/worker.ts')> => import('./engine/worker.ts')

/** Executes runs in this process, unless the configuration gives it no place for any. */
export async function startWorker(app: App): Promise<Worker | undefined> {
  const { engine, models } = app.config
  if (engine.slots === 0) return undefined
  const { Worker } = await loadWorker()
  const worker = new Worker(app, { ...engine, contextTokens: models.contextTokens }, app.registry)
  // Behind the lock of the data folder nobody else is at work: what was running, a dead server was running.
  if (!app.records.shared) await takeOverAll(app)
  app.signals.attach(worker)
  worker.start()
  return worker
}

/** Does the work beside the runs in this process, unless the configuration gives it no part in either. */
export async function startJobs(app: App): Promise<JobWorker | undefined> {
  const { engine, ingest } = app.config
  if (engine.slots === 0 && ingest.slots === 0) return undefined
  const { JobWorker } = await import('./engine/jobs.ts')
  const { leaseMs, pollMs } = engine
  const worker = new JobWorker(app, { slots: ingest.slots, leaseMs, pollMs, attemptsMax: ingest.attemptsMax })
  if (!app.records.shared) await takeOverJobs(app)
  app.signals.attachJobs(worker)
  worker.start()
  return worker
}

async function openRecords(config: Config, log: Log): Promise<Records> {
  const { url, poolMax } = config.records
  if (url !== null) {
    const { openExternal } = await import('./drivers/records/external.ts')
    return openExternal({ url, poolMax, log })
  }
  const { openEmbedded } = await import('./drivers/records/embedded.ts')
  return openEmbedded({ dir: config.data.dir, poolMax, log })
}

export const loadStores = () =>
  Promise.all([
    import('./drivers/files/files.ts'),
    import('./drivers/vectors/vectors.ts'),
    import('./drivers/extraction/extraction.ts'),
    import('./drivers/vault/vault.ts'),
  ])

/** What links in mails begin with. */
export const appUrlOf = ({ platform, http, listen }: Pick<Config, 'http' | 'platform' | 'listen'>): string =>
  platform.appUrl ?? http.publicUrl ?? `http://${reachable(listen.host)}:${listen.port}`

/** Every address of a machine is none that a link can lead to. */
const reachable = (host: string): string => {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}

/** What knows who is asking. */
export function openIdentity(
  config: Pick<Config, 'auth' | 'http' | 'platform' | 'listen'>,
  parts: Pick<Parts, 'db' | 'clock' | 'log' | 'signals' | 'vault'>,
): Pick<Parts, 'identity' | 'passwords' | 'tokens'> & { keys: KeyRing } {
  const { auth, http } = config
  const tokens = new TokenKeys(parts, auth)
  const { signup, verifiedEmail, accessMs, refreshMs, refreshGraceMs, failuresMax, lockMs, serviceSecret, devLocal } = auth
  const times = { accessMs, refreshMs, refreshGraceMs, lockMs }
  const identity = { signup, verifiedEmail, ...times, failuresMax, appUrl: appUrlOf(config), serviceSecret, devLocal }
  return {
    identity,
    passwords: openPasswords({ atOnce: auth.hashesAtOnce }),
    tokens,
    keys: new KeyRing({ ...parts, tokens, identity }, http.keyRequestsPerSecond),
  }
}

/** None of them is reached before it is used. */
export function openStores(
  [{ openFiles }, { openVectors }, { openExtraction }, { openVault }]: Awaited<ReturnType<typeof loadStores>>,
  config: Pick<Config, 'data' | 'files' | 'vectors' | 'ingest' | 'secrets'>,
  { db, log, clock }: { db: Db; log: Log; clock: Clock },
): Pick<Parts, 'files' | 'vectors' | 'extraction' | 'vault'> {
  return {
    files: openFiles(config.files, { dir: join(config.data.dir, 'files'), log, clock }),
    vectors: openVectors(config.vectors, { db, log }),
    extraction: openExtraction(config.ingest, { dir: join(config.data.dir, 'extraction'), log }),
    vault: openVault(config.secrets, { dir: config.data.dir }),
  }
}

export const limitsOf = (config: Config): Parts['limits'] => ({
  runExpiryMs: config.engine.runExpiryMs,
  strategy: config.langgraph.multitaskStrategy,
  graphJournalKeepMs: config.langgraph.journalKeepMs,
  temporaryKeepMs: config.langgraph.temporaryKeepMs,
  idempotencyKeepMs: config.idempotency.keepMs,
  fileBytesMax: config.files.bytesMax,
  uploadBytesMax: config.files.uploadBytesMax,
  uploadPartBytesMax: config.files.uploadPartBytesMax,
  uploadExpiryMs: config.files.uploadExpiryMs,
  embeddingModel: config.vectors.embeddingModel,
})
