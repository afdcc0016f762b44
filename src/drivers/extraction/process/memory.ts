import { readFileSync } from 'node:fs'

/** Resident memory of a process in bytes; undefined where it is gone or the system does not tell. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  } catch {
    return undefined
  }
}

/** As `residentBytes`, on systems without /proc. */
async function askSystem(pid: number): Promise<number | undefined> {
  try {
    const ps = Bun.spawn(['ps', '-o', 'rss=', '-p', String(pid)], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
    const kilobytes = Number.parseInt(await ps.stdout.text(), 10)
    return Number.isNaN(kilobytes) ? undefined : kilobytes * 1024
  } catch {
    return undefined
  }
}

const hasProc = residentBytes(process.pid) !== undefined

/** Memory of a process that has just started or come to rest. */
export async function memoryOf(pid: number): Promise<number> {
  return (hasProc ? residentBytes(pid) : await askSystem(pid)) ?? 0
}

const EVERY_MS = 20
const ASK_EVERY_MS = 500

/**
 * Nanoseconds that a process was ready to run and was not let, since it began; undefined where the system does not tell.
 * What it waits for by itself is not counted.
 */
export function waitedForProcessor(pid: number): number | undefined {
  try {
    const waited = Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[1])
    return Number.isNaN(waited) ? undefined : waited
  } catch {
    return undefined
  }
}

/** Looks at the memory of a process until stopped; answers what it saw most. */
export function watchMemory(pid: number, look: (bytes: number) => void): () => void {
  let asking = false
  const ask = async (): Promise<void> => {
    if (asking) return
    asking = true
    look((await askSystem(pid)) ?? 0)
    asking = false
  }
  const timer = hasProc ? setInterval(() => look(residentBytes(pid) ?? 0), EVERY_MS) : setInterval(() => void ask(), ASK_EVERY_MS)
  return () => clearInterval(timer)
}
