import { join } from 'node:path'
import { type Child, dropFolder, startFloor, startTested, temporaryFolder } from './children.ts'
import { type Client, createAssistant, createConversation, streamRun } from './client.ts'
import { errorText } from './load.ts'
import { memoryMb } from './process-tree.ts'
import { type Bench, IN_TURN, type LoneScenario } from './scenario.ts'
import { modelName } from './stub-text.ts'

const NAME = 'memory'
const IDLE_MS = 5000
const APART_MS = 50
const SAMPLE_MS = 1000

interface Held {
  /** Largest sum over the tree while every stream was open. */
  mb: number
  largestMb: number
  errors: number
  firstError?: string
}

async function holdStreams(client: Client, pid: number, { streams, holdMs }: { streams: number; holdMs: number }): Promise<Held> {
  const tokens = Math.max(2, Math.round(holdMs / APART_MS))
  const assistant = await createAssistant(client, modelName(tokens, APART_MS))
  const threads: string[] = []
  for (let i = 0; i < streams; i++) threads.push(await createConversation(client))
  const held: Held = { mb: Number.NaN, largestMb: Number.NaN, errors: 0 }
  let begun = 0
  let ended = 0
  const all = Promise.all(
    threads.map(async (thread) => {
      try {
        await streamRun(client, { assistant, thread, tokens, onFirst: () => begun++ })
      } catch (error) {
        held.errors++
        held.firstError ??= errorText(error)
      }
      ended++
    }),
  )
  while (ended === 0) {
    await Bun.sleep(Math.min(SAMPLE_MS, holdMs / 10))
    if (begun < streams) continue
    const { total, largest } = memoryMb(pid)
    if (ended > 0) break
    held.mb = Math.max(held.mb || 0, total)
    held.largestMb = Math.max(held.largestMb || 0, largest)
  }
  await all
  return held
}

type Figures = Record<string, number>

async function weigh(bench: Bench, start: (data: string) => Promise<Child>): Promise<{ figures: Figures; held: Held }> {
  const { streams, holdMs } = bench.options
  const dir = temporaryFolder()
  let child: Child | undefined
  try {
    child = await start(join(dir, 'data'))
    await Bun.sleep(IDLE_MS)
    const idle = memoryMb(child.pid)
    const client = { url: child.url, signal: AbortSignal.timeout(holdMs * 2 + 120_000) }
    const held = await holdStreams(client, child.pid, { streams, holdMs })
    const figures = {
      idle: idle.total,
      'idle, largest process': idle.largest,
      [`${streams} streams`]: held.mb,
      [`${streams} streams, largest process`]: held.largestMb,
    }
    return { figures, held }
  } finally {
    await child?.stop()
    dropFolder(dir)
  }
}

/** Alone on the machine: two servers of one executable would share its pages, and each would seem to weigh less. */
async function round(bench: Bench): Promise<void> {
  const seen: Partial<Record<'floor' | 'ours', Figures>> = {}
  const { stub, tested, measurements, options } = bench
  const starts = { floor: (data: string) => startFloor(data, stub), ours: (data: string) => startTested(tested, data, stub) }
  for (const subject of IN_TURN) {
    try {
      const { figures, held } = await weigh(bench, starts[subject])
      measurements.count(NAME, subject, { operations: options.streams - held.errors, ...held })
      seen[subject] = figures
    } catch (error) {
      measurements.count(NAME, subject, { operations: 0, errors: 1, firstError: errorText(error) })
    }
  }
  for (const figure of Object.keys(seen.ours ?? seen.floor ?? {})) {
    measurements.add(`${NAME} ${figure}`, 'MB', {
      floor: seen.floor?.[figure] ?? Number.NaN,
      ours: seen.ours?.[figure] ?? Number.NaN,
    })
  }
}

export const memory: LoneScenario = {
  name: NAME,
  async run(bench) {
    for (let i = 1; i <= bench.options.rounds; i++) {
      bench.progress(`${NAME} ${i}/${bench.options.rounds}`)
      await round(bench)
    }
  },
}
