import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../core/needs.ts'
import { type Account, claimFolder } from './account.ts'
import { messageOf } from './errors.ts'
import { launchCommand } from './launcher.ts'
import { dropPointer, dropTemporaryFolder, type Layout, socketFolder, socketPathIn, writePointer } from './layout.ts'
import { clearTraces, readPostmasterFile, stopOrphans } from './orphans.ts'
import { cannotRun } from './platform.ts'
import { ServerOutput } from './server-output.ts'

const SETTINGS: Record<string, string> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  shared_buffers: '32MB',
  // Needs no /dev/shm, which containers keep small.
  dynamic_shared_memory_type: 'mmap',
  fsync: 'on',
  synchronous_commit: 'on',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_replication_slots: '0',
  max_wal_size: '256MB',
  min_wal_size: '32MB',
  io_method: 'worker',
  io_workers: '1',
  max_worker_processes: '2',
  max_parallel_workers_per_gather: '0',
  max_logical_replication_workers: '0',
  autovacuum_max_workers: '2',
  autovacuum_worker_slots: '2',
  jit: 'off',
  TimeZone: 'UTC',
  log_timezone: 'UTC',
  logging_collector: 'off',
  log_line_prefix: '',
  log_checkpoints: 'off',
  // Errors reach us through the driver; in the log they would carry the users' texts.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
}

const READY_POLL_MS = 4
const READY_MS = 120_000
const START_ATTEMPTS = 4
/** Fast shutdown, immediate shutdown, and what no process can refuse. */
const STOP_SIGNALS = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 6_000],
  ['SIGKILL', 6_000],
] as const
const RESTART_FIRST_MS = 50
const RESTART_MAX_MS = 5_000
/** A Postgres that ran this long has earned a quick restart again. */
const STEADY_MS = 60_000

export interface ServerOptions {
  layout: Layout
  /** Folder of the programs. */
  programs: string
  account: Account | undefined
  settings: Record<string, string>
  log: Log
}

type Child = Bun.Subprocess<'ignore', 'ignore', 'pipe'>

/** One Postgres process on our cluster, started again when it dies alone. */
export class PostgresServer {
  private child: Child | undefined
  private output = new ServerOutput()
  private stopping = false
  private folder = ''
  private restarts = 0

  constructor(private readonly options: ServerOptions) {}

  get pid(): number | undefined {
    return this.child?.pid
  }

  get socketPath(): string {
    return socketPathIn(this.folder)
  }

  async start(): Promise<void> {
    const { layout, log } = this.options
    await stopOrphans(layout, log)
    this.prepareFolders()
    for (let attempt = 1; ; attempt++) {
      try {
        await this.launch()
        break
      } catch (error) {
        if (attempt === START_ATTEMPTS || this.stopping) throw error
        log.warn('records.postgres_start_failed', { attempt, cause: messageOf(error) })
        await Bun.sleep(RESTART_FIRST_MS << attempt)
      }
    }
  }

  /** Running statements fail: whoever calls this has closed the pools. */
  async stop(): Promise<void> {
    this.stopping = true
    if (this.child) await this.end(this.child)
    dropTemporaryFolder(this.options.layout)
    dropPointer(this.options.layout)
  }

  private async end(child: Child): Promise<void> {
    for (const [name, ms] of STOP_SIGNALS) {
      child.kill(name)
      if (await endsWithin(child, ms)) return
      this.options.log.warn('records.postgres_slow_stop', { signal: name, ms })
    }
  }

  /** Clients know the path of the socket, so it stays the same when Postgres is started again. */
  private prepareFolders(): void {
    const { layout, account } = this.options
    if (this.folder === '') dropTemporaryFolder(layout)
    clearTraces(layout)
    claimFolder(layout.run, account)
    if (this.folder === '') this.folder = socketFolder(layout)
    mkdirSync(this.folder, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(this.folder)) rmSync(join(this.folder, name), { force: true })
    claimFolder(this.folder, account)
    writePointer(layout, this.folder)
  }

  private async launch(): Promise<void> {
    const { layout, programs, account, log, settings } = this.options
    const program = join(programs, 'bin/postgres')
    const wanted = { ...SETTINGS, unix_socket_directories: this.folder, ...settings }
    const args = ['-D', layout.cluster, ...Object.entries(wanted).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
    const env = { LANG: 'C', LC_ALL: 'C', TZ: 'UTC' }
    const launch = launchCommand({ program, args, env, account })
    const child = this.spawn(launch.command, launch.env)
    this.child = child
    this.output = new ServerOutput()
    void this.output.follow(child.stderr, (line, isFatal) => {
      if (isFatal && !this.stopping) log.warn('records.postgres', { line })
      else log.debug('records.postgres', { line })
    })
    await this.ready(child)
    const since = performance.now()
    void child.exited.then(() => this.onExit(child, performance.now() - since))
  }

  private spawn(command: string[], env: Record<string, string>): Child {
    return Bun.spawn(command, {
      // A session of its own: Ctrl-C must reach only us, who then stop it in order.
      detached: true,
      cwd: this.options.layout.run,
      env,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'pipe',
    })
  }

  private async ready(child: Child): Promise<void> {
    const deadline = performance.now() + READY_MS
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null) {
        const ended = child.signalCode ?? `code ${child.exitCode}`
        throw cannotRun(`Postgres ended at its start (${ended}): ${await this.output.tail()}`)
      }
      const file = readPostmasterFile(this.options.layout.cluster)
      if (file?.pid === child.pid && file.ready) return
      if (performance.now() > deadline) {
        child.kill('SIGQUIT')
        throw cannotRun(`Postgres was not ready after ${READY_MS / 1000} s: ${await this.output.tail()}`)
      }
      await Bun.sleep(READY_POLL_MS)
    }
  }

  private onExit(child: Child, livedMs: number): void {
    if (this.stopping || child !== this.child) return
    this.restarts = livedMs > STEADY_MS ? 0 : this.restarts
    this.options.log.error('records.postgres_died', { pid: child.pid, code: child.exitCode, signal: child.signalCode })
    void this.restart()
  }

  private async restart(): Promise<void> {
    while (!this.stopping) {
      await Bun.sleep(Math.min(RESTART_FIRST_MS * 2 ** this.restarts++, RESTART_MAX_MS))
      if (this.stopping) return
      try {
        await this.start()
        this.options.log.info('records.postgres_restarted', { pid: this.pid })
        return
      } catch (error) {
        this.options.log.error('records.postgres_restart_failed', { cause: messageOf(error) })
      }
    }
  }
}

async function endsWithin(child: Child, ms: number): Promise<boolean> {
  return await Promise.race([child.exited.then(() => true), Bun.sleep(ms).then(() => false)])
}
