import { closeSync, openSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { send } from './processes.ts'

export const KEY = 'lab key'

const MAIN = join(import.meta.dir, '../../src/main.ts')
const START_MS = 60_000

export interface ServerProcess {
  readonly pid: number
  /** Where it says it listens. */
  readonly url: string
  /** From the start of the process to its address on stdout. */
  readonly startMs: number
  readonly exited: Promise<number>
  signal(name: NodeJS.Signals): void
}

/** The program under test: LAB_EXECUTABLE, or the sources. */
export const program = (...args: string[]): string[] => {
  const executable = process.env.LAB_EXECUTABLE
  return executable ? [resolve(executable), ...args] : [process.execPath, MAIN, ...args]
}

/** Nothing of the surroundings but what a process needs to run at all. */
export const cleanEnv = (env: Record<string, string>): Record<string, string> => {
  const base: Record<string, string> = { TETRAPORT_LOG_LEVEL: 'warn' }
  for (const name of ['PATH', 'HOME', 'TMPDIR']) {
    const value = process.env[name]
    if (value !== undefined) base[name] = value
  }
  return { ...base, ...env }
}

const running = new Set<number>()
process.on('exit', () => {
  for (const pid of running) send(pid, 'SIGKILL')
})

/** Starts a real server on a free port, here or in another folder. What it logs is appended to `log`. */
export async function startServer(env: Record<string, string>, log: string, cwd = process.cwd()): Promise<ServerProcess> {
  const since = performance.now()
  const stderr = openSync(log, 'a')
  const child = Bun.spawn(program('serve'), {
    cwd,
    env: cleanEnv({ TETRAPORT_LISTEN: '127.0.0.1:0', TETRAPORT_BOOTSTRAP_KEY: KEY, ...env }),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr,
  })
  closeSync(stderr)
  running.add(child.pid)
  void child.exited.then(() => running.delete(child.pid))
  const late = setTimeout(() => child.kill('SIGKILL'), START_MS)
  const url = await addressOf(child.stdout)
  clearTimeout(late)
  if (url === undefined)
    throw new Error(`The server did not start (code ${await child.exited}):\n${readFileSync(log, 'utf8').slice(-2000)}`)
  return {
    pid: child.pid,
    url,
    startMs: performance.now() - since,
    exited: child.exited,
    signal: (name) => child.kill(name),
  }
}

export async function addressOf(stdout: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const decoder = new TextDecoder()
  let said = ''
  const reader = stdout.getReader()
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    said += decoder.decode(part.value, { stream: true })
    const match = /listening on (http:\/\/\S+)/.exec(said)
    if (match) return match[1]
  }
  return undefined
}

/** For starts that must be refused: exit code and what was said. */
export async function refusedStart(env: Record<string, string>): Promise<{ code: number; stderr: string }> {
  const given = { TETRAPORT_LISTEN: '127.0.0.1:0', TETRAPORT_BOOTSTRAP_KEY: KEY, ...env }
  const child = Bun.spawn(program('serve'), { env: cleanEnv(given), stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const late = setTimeout(() => child.kill('SIGKILL'), START_MS)
  const [code, stderr] = await Promise.all([child.exited, child.stderr.text()])
  clearTimeout(late)
  return { code, stderr }
}
