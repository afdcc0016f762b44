import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { limitsOf, loadStores, openIdentity, openStores } from '../../src/app.ts'
import { type Config, readConfig } from '../../src/config.ts'
import type { Caller } from '../../src/core/caller.ts'
import type { KeyRing } from '../../src/core/identity/keys.ts'
import { operator } from '../../src/core/identity/tenants.ts'
import type { Clock, Limits, Log, Parts } from '../../src/core/needs.ts'
import type { Extraction } from '../../src/drivers/extraction/port.ts'
import { openMail } from '../../src/drivers/mail/mail.ts'
import { openModels } from '../../src/drivers/models/models.ts'
import type { GenerateRequest, GenerateSink, Models, ScriptTurn } from '../../src/drivers/models/port.ts'
import { openClient } from '../../src/drivers/records/client.ts'
import type { Db, Records } from '../../src/drivers/records/port.ts'
import { openWebhooks } from '../../src/drivers/webhooks/webhooks.ts'
import { type GraphRegistry, openGraphs, openRegistry } from '../../src/engine/graph-host.ts'
import { JobWorker, type JobWorkerOptions } from '../../src/engine/jobs.ts'
import { ProcessSignals } from '../../src/engine/signals.ts'
import { Worker, type WorkerOptions } from '../../src/engine/worker.ts'
import { FaultyDb } from './faulty-db.ts'
import { cloneDatabase, type TestDatabase } from './postgres.ts'

/** For the hook that opens an app: the first of a test run also makes the Postgres that all share. */
export const OPEN_MS = 60_000

/** Stands still until a test moves it. */
export class TestClock implements Clock {
  constructor(private time = 1_800_000_000_000) {}
  now(): number {
    return this.time
  }
  advance(ms: number): void {
    this.time += ms
  }
}

/** Keeps the names of what was logged. */
export class RecordedLog implements Log {
  readonly entries: { level: keyof Log; event: string; fields: unknown }[] = []
  private add(level: keyof Log, event: string, fields: unknown): void {
    this.entries.push({ level, event, fields })
  }
  debug(event: string, fields?: unknown): void {
    this.add('debug', event, fields)
  }
  info(event: string, fields?: unknown): void {
    this.add('info', event, fields)
  }
  warn(event: string, fields?: unknown): void {
    this.add('warn', event, fields)
  }
  error(event: string, fields?: unknown): void {
    this.add('error', event, fields)
  }
  count(event: string): number {
    return this.entries.filter((e) => e.event === event).length
  }
}

/** The real models port, with scripts that tests add as they go, and a record of what it was asked. */
export class ScriptBook implements Models {
  readonly requests: GenerateRequest[] = []
  private readonly scripts: Record<string, ScriptTurn[]> = {}
  private readonly gates = new Map<string, Promise<void>>()
  private inner: Models

  constructor(
    private readonly config: Config['models'],
    private readonly parts: { log: Log; clock: Clock },
  ) {
    this.inner = openModels(config, parts)
  }

  /** A model of its own that says `turns`; with a gate, each turn begins once that is open. Answers its name. */
  script(turns: ScriptTurn[], gate?: Promise<void>): string {
    const name = `script-${Object.keys(this.scripts).length + 1}`
    if (gate) this.gates.set(name, gate)
    this.rescript(name, turns)
    return name
  }

  /** From the next turn on the model says this. */
  rescript(name: string, turns: ScriptTurn[]): void {
    this.scripts[name] = turns
    this.inner = openModels({ ...this.config, scripts: { ...this.config.scripts, ...this.scripts } }, this.parts)
  }

  requestsTo(model: string): GenerateRequest[] {
    return this.requests.filter((request) => request.model === model)
  }

  require(model: string): void {
    this.inner.require(model)
  }
  async generate(request: GenerateRequest, sink: GenerateSink, signal: AbortSignal) {
    this.requests.push(structuredClone(request))
    await this.gates.get(request.model)
    return this.inner.generate(request, sink, signal)
  }
  complete: Models['complete'] = (body, signal) => this.inner.complete(body, signal)
  completeStream: Models['completeStream'] = (body, signal) => this.inner.completeStream(body, signal)
  embed: Models['embed'] = (body, signal) => this.inner.embed(body, signal)
  list: Models['list'] = (signal) => this.inner.list(signal)
  find: Models['find'] = (model, signal) => this.inner.find(model, signal)
}

export interface TestAppOptions extends Partial<WorkerOptions>, Partial<Limits> {
  /** True where replicas are to be opened: then signals also travel by NOTIFY. */
  shared?: boolean
  /** Puts something of the test's between this process and the database. */
  wrap?: (db: Db) => Db
  /** The job worker is at work from the beginning; without, a test starts it where it needs it. */
  jobs?: boolean | Partial<JobWorkerOptions>
  models?: Partial<Config['models']>
  files?: Partial<Config['files']>
  vectors?: Partial<Config['vectors']>
  ingest?: Partial<Config['ingest']>
  webhooks?: Partial<Config['webhooks']>
  auth?: Partial<Config['auth']>
  mail?: Partial<Config['mail']>
  /** A langgraph.json; absent: the built-in graph only. */
  graphs?: string
}

/** Core and engine on a database of their own, without any API. */
export interface TestApp extends Parts {
  db: FaultyDb
  clock: TestClock
  log: RecordedLog
  models: ScriptBook
  signals: ProcessSignals
  worker: Worker
  registry: GraphRegistry
  jobs: JobWorker
  keys: KeyRing
  /** For the test's own look at the tables: no fault is put in its way. */
  records: Records
  /** The administrators of two tenants. */
  one: Caller
  two: Caller
  /** The administrator of a tenant that no other test uses. */
  newTenant(): Promise<Caller>
  /** Another process on the same database: its own connections, signals and worker, the same clock and models. */
  replica(options?: TestAppOptions): Promise<TestApp>
  /** As after kill -9: no statement of this process reaches the database any more, and none of its waits ends. */
  die(): void
  /** Also closes the replicas. */
  close(): Promise<void>
}

const JOBS: JobWorkerOptions = { slots: 2, leaseMs: 15_000, pollMs: 3_600_000, attemptsMax: 3, sweepMs: 3_600_000, tellMs: 3_600_000 }

interface Ground {
  database: TestDatabase
  clock: TestClock
  models: ScriptBook
  /** For what would lie in the data folder. */
  dir: string
  /** Replicas share the first one's: its processes take most of a second to start. */
  extraction?: Extraction
}

const WORKER: WorkerOptions = {
  slots: 64,
  leaseMs: 15_000,
  // Tests wake the worker where no signal does.
  pollMs: 3_600_000,
  attemptsMax: 3,
  stepsMax: 50,
  contextTokens: 128_000,
  journalKeepMs: 0,
}

export async function openTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const database = await cloneDatabase()
  const clock = new TestClock()
  const log = new RecordedLog()
  const config = { ...readConfig({}).config.models, ...options.models }
  const dir = mkdtempSync(join(tmpdir(), 'tetraport-app-'))
  const app = await openOn({ database, clock, models: new ScriptBook(config, { log, clock }), dir }, log, options)
  const close = app.close
  app.close = async () => {
    await close()
    await database.drop()
    await rm(dir, { recursive: true, force: true })
  }
  return app
}

const workerOptions = (options: TestAppOptions): WorkerOptions => ({
  slots: options.slots ?? WORKER.slots,
  leaseMs: options.leaseMs ?? WORKER.leaseMs,
  pollMs: options.pollMs ?? WORKER.pollMs,
  attemptsMax: options.attemptsMax ?? WORKER.attemptsMax,
  stepsMax: options.stepsMax ?? WORKER.stepsMax,
  contextTokens: options.contextTokens ?? WORKER.contextTokens,
  journalKeepMs: options.journalKeepMs ?? WORKER.journalKeepMs,
})

/** The configuration of an empty environment, with what the test says. */
function configOf(dir: string, { files, vectors, ingest, auth, mail }: TestAppOptions): Config {
  const { config } = readConfig({})
  return {
    ...config,
    data: { dir },
    files: { ...config.files, ...files },
    vectors: { ...config.vectors, ...vectors },
    ingest: { ...config.ingest, ...ingest },
    auth: { ...config.auth, ...auth },
    mail: { ...config.mail, ...mail },
  }
}

function limitsFrom(config: Config, options: TestAppOptions): Limits {
  const limits = limitsOf(config)
  for (const name of Object.keys(limits) as (keyof Limits)[])
    if (options[name] !== undefined) Object.assign(limits, { [name]: options[name] })
  return limits
}

let tenants = 0

async function openOn(ground: Ground, log: RecordedLog, options: TestAppOptions): Promise<TestApp> {
  const records = await openClient(ground.database.target, { poolMax: 4, log, shared: true })
  const db = new FaultyDb(options.wrap?.(records.db) ?? records.db)
  const signals = new ProcessSignals(db, options.shared ?? false, log)
  const config = configOf(ground.dir, options)
  const { clock, models } = ground
  const opened = openStores(await loadStores(), config, { db, log, clock })
  const { extraction = opened.extraction } = ground
  const stores = { ...opened, extraction }
  const webhooks = openWebhooks({ ...config.webhooks, ...options.webhooks }, { publicUrl: null })
  const registry = await openRegistry({ graphs: options.graphs ?? null, watch: false }, log)
  const graphs = openGraphs({ db, clock, signals }, registry)
  const { keys, ...identity } = openIdentity(config, { db, clock, log, signals, vault: stores.vault })
  const mail = openMail(config.mail, { log, publicUrl: null })
  const limits = limitsFrom(config, options)
  const parts: Parts = { db, clock, log, models, signals, limits, graphs, webhooks, mail, ...identity, ...stores }
  const worker = new Worker(parts, workerOptions(options), registry)
  signals.attach(worker)
  await signals.start()
  worker.start()
  // Its first look must not take what a test is about to leave to another.
  while (worker.health() !== null) await Bun.sleep(1)
  const jobs = new JobWorker(parts, { ...JOBS, ...(typeof options.jobs === 'object' ? options.jobs : {}) })
  signals.attachJobs(jobs)
  if (options.jobs) jobs.start()
  const replicas: TestApp[] = []
  return {
    ...parts,
    ...ground,
    db,
    log,
    signals,
    worker,
    registry,
    jobs,
    keys,
    records,
    one: await operator(parts, 'one'),
    two: await operator(parts, 'two'),
    newTenant: () => operator(parts, `tenant ${++tenants}`),
    async replica(given = {}) {
      const other = await openOn({ ...ground, extraction }, new RecordedLog(), { ...options, ...given })
      replicas.push(other)
      return other
    },
    die() {
      db.die()
    },
    async close() {
      for (const replica of replicas) await replica.close()
      const stopped = Promise.all([worker.stop(0), jobs.stop(0)])
      if (!db.dead) await stopped
      keys.close()
      registry.close()
      if (!db.dead) await signals.stop()
      await Promise.all([opened.extraction.close(), opened.vectors.close(), opened.files.close(), mail.close()])
      await records.close()
    },
  }
}
