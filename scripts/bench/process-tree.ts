import { readdirSync, readFileSync } from 'node:fs'

/** What a process and all its descendants weigh and have used, read from /proc: Linux only. */
interface Process {
  pid: number
  parent: number
  /** User and system time in clock ticks, of which Linux shows 100 a second. */
  ticks: number
  gone: boolean
}

function readProcess(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name before it may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { pid, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]), gone: fields[0] === 'Z' }
  } catch {
    return undefined
  }
}

function treeOf(root: number): Process[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((found) => found !== undefined)
  const tree = all.filter((one) => one.pid === root)
  for (const one of tree) tree.push(...all.filter((other) => other.parent === one.pid))
  return tree
}

export const pidsOf = (root: number): number[] => treeOf(root).map(({ pid }) => pid)

export const isAlive = (pid: number): boolean => readProcess(pid)?.gone === false

const MS_PER_TICK = 10

/** Processes that ended in between are not counted. */
export const cpuMsOf = (root: number): number => treeOf(root).reduce((sum, { ticks }) => sum + ticks, 0) * MS_PER_TICK

function pssKb(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

/** Proportional set size in MB (10^6 bytes): pages that several processes share count once over the tree. */
export function memoryMb(root: number): { total: number; largest: number } {
  const each = treeOf(root).map(({ pid }) => (pssKb(pid) * 1024) / 1e6)
  return { total: each.reduce((sum, mb) => sum + mb, 0), largest: Math.max(0, ...each) }
}
