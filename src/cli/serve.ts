import type { App } from '../app.ts'
import { closeApp, loadWorker, openApp, startJobs, startWorker, systemClock } from '../app.ts'
import type { Config } from '../config.ts'
import { Fault } from '../core/fault.ts'
import { hasOperator } from '../core/identity/directory.ts'
import { ensureFirstKey } from '../core/identity/tenants.ts'
import { ensureOperator } from '../core/sign-up/operator.ts'
import { checkMigrations } from '../drivers/records/migrate.ts'
import type { JobWorker } from '../engine/jobs.ts'
import type { Worker } from '../engine/worker.ts'
import type { LogSink } from '../log.ts'
import { openLog, stderrSink } from '../log.ts'
import { readPasswordFile, refusal } from './admin.ts'
import { CliError, EXIT, embeddedFailure } from './cli-error.ts'
import { greeting, greetingJson, placeFirstKey, type Started } from './greeting.ts'
import { type Listeners, openListeners } from './listeners.ts'
import type { Flags } from './load-config.ts'
import { loadConfig } from './load-config.ts'
import type { Terminal } from './terminal.ts'
import { VERSION } from './version.ts'

export interface ServeOptions {
  json: boolean
  flags: Flags
}

/** Serves until somebody asks to stop. */
export async function serve(options: ServeOptions, terminal: Terminal): Promise<void> {
  const { config } = loadConfig(options.flags, terminal)
  const sink = stderrSink()
  const stop = stopRequest(terminal)
  try {
    const running = await start(config, { sink, admin: adminOf(config, terminal) })
    terminal.out(await welcome(running, { ...options, terminal }))
    await stop.requested
    await shutDown(running, terminal)
  } finally {
    stop.forget()
    sink.flush()
  }
}

/** Resolves at the first request to stop; the second one does not wait for anything. */
function stopRequest(terminal: Terminal): { requested: Promise<void>; forget(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  let asked = false
  const forget = terminal.onStop(() => {
    if (asked) terminal.exit(EXIT.failed)
    asked = true
    resolve()
  })
  return { requested: promise, forget }
}

interface Running {
  app: App
  server: Listeners
  /** Absent when this process only serves. */
  worker: Worker | undefined
  jobs: JobWorker | undefined
  firstKey: string | undefined
}

interface Admin {
  email: string
  password: string
}

/** Whom the configuration makes an operator. */
function adminOf({ auth }: Config, terminal: Terminal): Admin | undefined {
  const { adminEmail: email, adminPasswordFile } = auth
  return email === null || adminPasswordFile === null ? undefined : { email, password: readPasswordFile(adminPasswordFile, terminal) }
}

async function start(config: Config, { sink, admin }: { sink: LogSink; admin: Admin | undefined }): Promise<Running> {
  const log = openLog({ ...config.log, clock: systemClock, sink })
  // Loading the program's larger half takes about as long as Postgres takes to start.
  const [app, servers] = await Promise.all([
    openApp(config, { version: VERSION, log }).catch(async (error) => {
      throw config.records.url === null ? await embeddedFailure(error) : error
    }),
    import('../server.ts'),
    config.engine.slots > 0 ? loadWorker() : undefined,
  ])
  let worker: Worker | undefined
  let jobs: JobWorker | undefined
  try {
    if (config.auth.keySet !== null) await readKeySet(app, config.auth.keySet)
    if (admin) await ensureAdmin(app, admin)
    const firstKey = await ensureFirstKey(app, config.auth.bootstrapKey)
    worker = await startWorker(app)
    jobs = await startJobs(app)
    const working = { worker: workerProbe(worker), jobs: workerProbe(jobs) }
    const probes = { database: () => app.records.check(), migrations: () => checkMigrations(app.db), ...working }
    const server = await openListeners(app, probes, servers)
    log.info('server.started', { version: VERSION, url: server.url, ...server.alone, pid: process.pid })
    return { app, server, worker, jobs, firstKey }
  } catch (error) {
    await Promise.all([worker?.stop(0), jobs?.stop(0)])
    await closeApp(app)
    throw error
  }
}

/** Told now, and not to the first who signs in. */
const readKeySet = (app: App, path: string): Promise<unknown> =>
  app.tokens.publicKeys().catch((error) => {
    const cause = error instanceof Fault ? (error.facts.cause ?? error) : error
    throw new CliError({
      what: `The key set '${path}' cannot be used.`,
      why: cause instanceof Error ? cause.message : String(cause),
      next: 'Correct the file, or leave auth.key_set out: then keys are made and kept in the database.',
      exitCode: EXIT.usage,
    })
  })

/** Once: from then on the password is the operator's own business. */
async function ensureAdmin(app: App, admin: Admin): Promise<void> {
  const made = await ensureOperator(app, admin).catch((error) => {
    throw refusal(error, admin.email)
  })
  if (made) app.log.info('operator.created', { user: made.userId })
}

const workerProbe = (worker: Worker | JobWorker | undefined) => () => {
  const wrong = worker?.health() ?? null
  if (wrong !== null) throw new Fault('unavailable', wrong)
}

interface Audience extends ServeOptions {
  terminal: Terminal
}

async function welcome({ app, server, firstKey }: Running, { json, terminal }: Audience): Promise<string> {
  const place = { interactive: terminal.interactive, dir: app.config.data.dir, preset: app.config.auth.bootstrapKey !== null }
  const { url, surfaces, alone } = server
  const started = {
    version: VERSION,
    url,
    surfaces,
    alone,
    ...graphsOf(app),
    firstKey: placeFirstKey(firstKey, place),
    operated: await hasOperator(app),
  }
  return json ? greetingJson(started) : greeting(started)
}

function graphsOf({ registry }: App): Pick<Started, 'graphs' | 'problems'> {
  const { problems } = registry
  const failed = new Set(problems.map(({ graph }) => graph))
  const ids = registry.list().map(({ id }) => id)
  return { graphs: ids.filter((id) => !failed.has(id)), problems }
}

/** What is still open when this is over is cut: the whole must end within 25 s. */
const STREAMS_GRACE_MS = 2000
const SHUTDOWN_MAX_MS = 24_000

async function shutDown({ app, server, worker, jobs }: Running, terminal: Terminal): Promise<void> {
  app.log.info('server.stopping')
  const late = setTimeout(() => {
    app.log.error('server.stop_took_too_long')
    terminal.exit(EXIT.failed)
  }, SHUTDOWN_MAX_MS)
  server.drain()
  const refused = server.refuse()
  const { drainMs } = app.config.engine
  await Promise.all([worker?.stop(drainMs), jobs?.stop(drainMs)])
  await server.close(STREAMS_GRACE_MS)
  await refused
  await closeApp(app)
  clearTimeout(late)
  app.log.info('server.stopped')
}
