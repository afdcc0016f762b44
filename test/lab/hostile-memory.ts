import { readFileSync } from 'node:fs'
import { childrenOf } from '../support/extraction.ts'

const WORD = 'extract-worker'
const SAMPLE_MS = 20
/** Between two looks for new processes: all of the system's have to be read. */
const FIND_MS = 100
/** So long without work is no pause inside of a document. */
const STILL_LOOKS = 2
const MIB = 1024 * 1024

interface Reader {
  /** Most bytes there ever were. */
  peak: number
  /** Most bytes beyond what it had before the document it read then. */
  growth: number
  /** When it last had nothing to do: what it held, and its peak until then. */
  atRest: { bytes: number; peak: number } | undefined
  ticks: number
  /** Looks in a row that found it asleep, without having computed in between. */
  still: number
}

/** Memory of the processes that read documents for a server, as the kernel counts it. Linux only. */
export class MemoryWatch {
  /** By process. */
  readonly readers = new Map<number, Reader>()
  private readonly timers: NodeJS.Timeout[] = []
  private running: number[] = []

  constructor(private readonly server: number) {
    if (process.platform !== 'linux') return
    this.find()
    this.timers.push(
      setInterval(() => this.find(), FIND_MS),
      setInterval(() => this.sample(), SAMPLE_MS),
    )
  }

  /** Least memory of a process that has nothing to read now; 0 where there is none. */
  rest(): number {
    this.find()
    const sizes = this.running.flatMap((pid) => bytesOf(pid, 'VmRSS') ?? [])
    return sizes.length === 0 ? 0 : Math.min(...sizes)
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer)
  }

  private find(): void {
    this.running = childrenOf(this.server, WORD)
    this.sample()
  }

  private sample(): void {
    for (const pid of this.running) {
      const reader = this.readers.get(pid) ?? { peak: 0, growth: 0, atRest: undefined, ticks: -1, still: 0 }
      this.readers.set(pid, reader)
      look(pid, reader)
    }
  }
}

/** The kernel keeps the most there ever was: what grew and shrank between two looks is seen too, not what ended. */
function look(pid: number, reader: Reader): void {
  const bytes = bytesOf(pid, 'VmRSS')
  const peak = bytesOf(pid, 'VmHWM')
  const work = workOf(pid)
  if (bytes === undefined || peak === undefined || work === undefined) return
  reader.peak = Math.max(reader.peak, peak)
  reader.still = work.asleep && work.ticks === reader.ticks ? reader.still + 1 : 0
  reader.ticks = work.ticks
  const { atRest } = reader
  if (atRest) reader.growth = Math.max(reader.growth, (peak > atRest.peak ? peak : bytes) - atRest.bytes)
  if (reader.still >= STILL_LOOKS) reader.atRest = { bytes, peak }
}

/** Hundredths of a second that a process has computed, and whether its first thread waits for something. */
function workOf(pid: number): { ticks: number; asleep: boolean } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { ticks: Number(fields[11]) + Number(fields[12]), asleep: fields[0] === 'S' }
  } catch {
    return undefined
  }
}

export function bytesOf(pid: number, field: 'VmRSS' | 'VmHWM'): number | undefined {
  try {
    const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  } catch {
    return undefined
  }
}

export const inMib = (bytes: number): number => Math.round(bytes / MIB)
