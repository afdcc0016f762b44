import { dlopen, ptr } from 'bun:ffi'
import { readdirSync } from 'node:fs'
import { setPriority } from 'node:os'

/** A tenth of what the server gets when both want the processor: enough to come to an end on a busy machine too. */
const PRIORITY = 10
/** Numbers of setrlimit, the same on Linux and macOS. */
const LIMIT = { cpuSeconds: 0, fileSize: 1, coreSize: 4 } as const
const WITHOUT_LIMIT = 2n ** 63n - 1n
const PR_SET_PDEATHSIG = 1
const SIGKILL = 9n
/** Threads may use several processors at once, and nothing that works is to be stopped. */
const CPU_PER_SECOND = 4
const CPU_SPARE_SECONDS = 10

/**
 * Takes from this process what reading a document does not need: it may not write files or leave a core, it yields to
 * everything else, and it dies with its parent. Where the system offers none of it, the parent's limits remain.
 */
export function confine(): void {
  yieldToOthers()
  try {
    setLimit(LIMIT.fileSize, 0n)
    setLimit(LIMIT.coreSize, 0n)
    if (process.platform === 'linux') system().prctl(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n)
  } catch {
    // Another C library than those known here.
  }
}

/** Ends this process if it computes on long after its parent, which would have stopped it, is gone. */
export function limitProcessorTime(timeoutMs: number): void {
  const { user, system: inSystem } = process.cpuUsage()
  const seconds = Math.ceil((user + inSystem) / 1e6 + (timeoutMs / 1000) * CPU_PER_SECOND + CPU_SPARE_SECONDS)
  try {
    setLimit(LIMIT.cpuSeconds, BigInt(seconds), WITHOUT_LIMIT)
  } catch {
    // See above.
  }
}

function yieldToOthers(): void {
  try {
    // On Linux each thread has a priority of its own.
    const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [0]
    for (const thread of threads) setPriority(thread, PRIORITY)
  } catch {
    // Not everywhere may a process change it.
  }
}

function setLimit(which: number, soft: bigint, hard: bigint = soft): void {
  const limits = new BigUint64Array([soft, hard])
  system().setrlimit(which, ptr(limits))
}

const open = (library: string) =>
  dlopen(library, {
    setrlimit: { args: ['i32', 'ptr'], returns: 'i32' },
    ...(process.platform === 'linux' ? { prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' } } : {}),
  })

interface System {
  setrlimit(which: number, limits: ReturnType<typeof ptr>): number
  prctl(option: number, a: bigint, b: bigint, c: bigint, d: bigint): number
}

let opened: System | undefined

function system(): System {
  opened ??= open(process.platform === 'darwin' ? 'libSystem.B.dylib' : 'libc.so.6').symbols as unknown as System
  return opened
}
