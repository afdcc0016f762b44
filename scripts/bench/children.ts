import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { isAlive, pidsOf } from './process-tree.ts'

export interface Child {
  /** Where it says that it listens. */
  url: string
  pid: number
  /** What it complained about last. */
  said(): string
  /** Answers its exit code, or null when it had to be killed. */
  stop(): Promise<number | null>
}

const START_MS = 120_000
const STOP_MS = 30_000
const running = new Set<Child>()
const folders = new Set<string>()
let ending: Promise<void> | undefined

export const ROOT = resolve(import.meta.dir, '../..')

/** A folder for data that the accounts of Postgres can pass through, also when the bench runs as root. */
export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tetraport-bench-'))
  chmodSync(dir, 0o711)
  folders.add(dir)
  return dir
}

export function dropFolder(dir: string): void {
  rmSync(dir, { recursive: true, force: true })
  folders.delete(dir)
}

/** The settings of whoever runs the bench must not reach the servers. */
const plainEnvironment = (): Record<string, string> =>
  Object.fromEntries(['PATH', 'HOME', 'TMPDIR', 'LANG'].flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))

interface Launch {
  command: string[]
  cwd: string
  env?: Record<string, string>
}

/** Starts a program and waits until it says where it listens. */
async function launch({ command, cwd, env = {} }: Launch): Promise<Child> {
  if (ending) throw new Error('The bench is ending.')
  const started = Bun.spawn(command, {
    cwd,
    env: { ...plainEnvironment(), ...env },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    // Ctrl-C is for the bench, which then ends its children one by one.
    detached: true,
  })
  let stopped: Promise<number | null> | undefined
  const child: Child = {
    url: '',
    pid: started.pid,
    said: lastLines(started.stderr),
    stop() {
      stopped ??= stop(started).finally(() => running.delete(child))
      return stopped
    },
  }
  running.add(child)
  const late = setTimeout(() => started.kill('SIGKILL'), START_MS)
  const url = await listeningAt(started.stdout)
  clearTimeout(late)
  if (url === undefined) {
    await child.stop()
    throw new Error(`${command.map((part) => part.split('/').at(-1)).join(' ')} did not start: ${child.said()}`)
  }
  child.url = url
  return child
}

async function listeningAt(output: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const reader = output.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true })
    const found = /listening on (http:\S+)\n/.exec(text)
    if (!found) continue
    void drain(reader)
    return found[1]
  }
  return undefined
}

async function drain(reader: { read(): Promise<{ done: boolean }> }): Promise<void> {
  while (!(await reader.read()).done);
}

const ERRORS_MAX = 4000

/** Reading all of it keeps the pipe from filling. */
function lastLines(output: ReadableStream<Uint8Array>): () => string {
  let text = ''
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder()
    for await (const bytes of output) text = (text + decoder.decode(bytes, { stream: true })).slice(-ERRORS_MAX)
  }
  void read()
  return () => text.trim()
}

async function stop(started: Bun.Subprocess): Promise<number | null> {
  const tree = pidsOf(started.pid)
  started.kill('SIGTERM')
  const late = setTimeout(() => {
    for (const pid of tree) kill(pid)
  }, STOP_MS)
  const code = await started.exited
  clearTimeout(late)
  // Nothing of it is to take time from what is measured next.
  for (let waited = 0; tree.some(isAlive) && waited < STOP_MS; waited += 20) await Bun.sleep(20)
  for (const pid of tree.filter(isAlive)) kill(pid)
  return started.signalCode === null ? code : null
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    return // it has ended by itself
  }
}

/** Ends every child and removes every folder, and starts none any more; safe at any moment. */
export function endAll(): Promise<void> {
  ending ??= end()
  return ending
}

async function end(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop()))
  for (const dir of folders) dropFolder(dir)
}

const script = (name: string): string[] => [process.execPath, join(import.meta.dir, name)]

export const startStub = (): Promise<Child> => launch({ command: script('model-stub.ts'), cwd: ROOT })

export const startFloor = (data: string, stub: Child): Promise<Child> =>
  launch({ command: [...script('floor.ts'), '--data', data, '--upstream', `${stub.url}/v1`], cwd: ROOT })

/** First admin key of the tested server; the floor does not look at it. */
export const KEY = 'bench key'

/** What is tested: an executable, or the sources on Bun. */
export interface Tested {
  kind: 'executable' | 'sources'
  command: string[]
}

export function testedProgram(flags: { executable: string; sources: boolean }): Tested {
  if (flags.sources) return { kind: 'sources', command: [process.execPath, join(ROOT, 'src/main.ts')] }
  const path = resolve(ROOT, flags.executable)
  if (!existsSync(path)) throw new Error(`There is no executable ${flags.executable}: make it with "npm run build", or use --sources.`)
  return { kind: 'executable', command: [path] }
}

/** @param settings further variables of the server */
export function startTested(
  { command, settings = {} }: Tested & { settings?: Record<string, string> },
  data: string,
  stub: Child,
): Promise<Child> {
  const env = {
    TETRAPORT_DATA: data,
    TETRAPORT_LISTEN: '127.0.0.1:0',
    TETRAPORT_BOOTSTRAP_KEY: KEY,
    TETRAPORT_LOG_LEVEL: 'warn',
    OPENAI_BASE_URL: `${stub.url}/v1`,
    OPENAI_API_KEY: 'stub',
    ...settings,
  }
  // A settings file of the folder we are in must not count.
  return launch({ command: [...command, 'serve'], cwd: dirname(data), env })
}
