import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../core/needs.ts'
import type { Layout } from './layout.ts'
import { cannotRun } from './platform.ts'

const POLL_MS = 25
/** When the remaining processes get which signal. */
const QUIT_AFTER_MS = 8_000
const KILL_AFTER_MS = 15_000
const GIVE_UP_MS = 20_000

export function readPostmasterFile(cluster: string): { pid: number; ready: boolean; text: string } | undefined {
  try {
    const text = readFileSync(join(cluster, 'postmaster.pid'), 'utf8')
    const lines = text.split('\n')
    return { pid: Number.parseInt(lines[0] ?? '', 10), ready: lines[7]?.trim() === 'ready', text }
  } catch {
    return undefined
  }
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name)
    return true
  } catch {
    return false
  }
}

/** Postgres' processes live in the folder of their cluster. Zombies live nowhere and do not count. */
function processesIn(cluster: string): number[] {
  if (process.platform !== 'linux') return postmasterOnly(cluster)
  const home = realpathSync(cluster)
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && livesIn(name, home))
    .map(Number)
}

function livesIn(pid: string, home: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === home
  } catch {
    return false
  }
}

/** Without /proc: the process that postmaster.pid names, if it is still a Postgres. */
function postmasterOnly(cluster: string): number[] {
  const pid = readPostmasterFile(cluster)?.pid
  if (pid === undefined || Number.isNaN(pid) || !signal(pid, 0)) return []
  const { stdout } = Bun.spawnSync(['ps', '-p', String(pid), '-o', 'comm='])
  return stdout.toString().includes('postgres') ? [pid] : []
}

/**
 * Stops what a killed server left behind in this cluster. The folder lock is ours, so nobody else can be using it; adopting
 * it instead would leave it without a parent to end with.
 */
export async function stopOrphans({ cluster }: Layout, log: Log): Promise<void> {
  let left = processesIn(cluster)
  if (left.length === 0) return
  log.warn('records.orphan_stopped', { pids: left.join(' ') })
  const postmaster = readPostmasterFile(cluster)?.pid
  if (postmaster !== undefined && left.includes(postmaster)) signal(postmaster, 'SIGINT')
  const since = performance.now()
  const due: { afterMs: number; name: NodeJS.Signals }[] = [
    { afterMs: QUIT_AFTER_MS, name: 'SIGQUIT' },
    { afterMs: KILL_AFTER_MS, name: 'SIGKILL' },
  ]
  while (left.length > 0) {
    const elapsed = performance.now() - since
    if (elapsed > GIVE_UP_MS) throw cannotRun(`a Postgres of an earlier run does not stop (processes ${left.join(', ')}).`)
    if (due[0] && elapsed > due[0].afterMs) for (const pid of left) signal(pid, due[0].name)
    if (due[0] && elapsed > due[0].afterMs) due.shift()
    await Bun.sleep(POLL_MS)
    left = processesIn(cluster)
  }
}

/**
 * A process id left in postmaster.pid may by now belong to somebody else, and Postgres would refuse to start. Our own id
 * stands for "its parent", which it ignores; the file must stay, for its line about shared memory is still checked.
 */
export function clearTraces(layout: Layout): void {
  const file = readPostmasterFile(layout.cluster)
  if (file) writeFileSync(join(layout.cluster, 'postmaster.pid'), file.text.replace(/^\d+/, String(process.pid)))
  for (const name of readdirSync(layout.run)) rmSync(join(layout.run, name), { recursive: true, force: true })
}
