import { readdirSync, readFileSync } from 'node:fs'

/** Parent of every process there is. */
function parents(): Map<number, number> {
  const found = new Map<number, number>()
  if (process.platform !== 'linux') {
    const { stdout } = Bun.spawnSync(['ps', '-A', '-o', 'pid=,ppid='])
    for (const line of stdout.toString().split('\n')) {
      const [pid, parent] = line.trim().split(/\s+/).map(Number)
      if (pid && parent !== undefined) found.set(pid, parent)
    }
    return found
  }
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      // The name in brackets may hold anything: what follows its last bracket is state and parent.
      found.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // it ended between the two looks
    }
  }
  return found
}

/** Everything that descends from `root`, nearest first. */
export function descendantsOf(root: number): number[] {
  const all = [...parents()]
  const found: number[] = []
  for (let generation = [root]; generation.length > 0; ) {
    generation = all.filter(([, parent]) => generation.includes(parent)).map(([pid]) => pid)
    found.push(...generation)
  }
  return found
}

/** False: it is gone already. */
export function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}
