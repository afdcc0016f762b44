import { type Client, checkThread, createAssistant, createConversation, createMessage, createThread, pollRun, streamRun } from './client.ts'
import { closedLoop, errorText, type LoadResult } from './load.ts'
import { cpuMsOf } from './process-tree.ts'
import { type Bench, IN_TURN, type Pair, type PairScenario } from './scenario.ts'
import { percentile } from './statistics.ts'
import { modelName } from './stub-text.ts'

const CONCURRENCY = [1, 16, 64]
const RUN_TOKENS = 20

type Operation = (client: Client, worker: number) => Promise<unknown>

interface Work {
  /** Before the clock runs. */
  prepare(client: Client, concurrency: number): Promise<Operation>
  /** After it has stopped: is what was answered still there? */
  verify?(client: Client): Promise<void>
  /** More of what the last visit saw. */
  extras?(): Record<string, number>
}

interface Kind {
  name: string
  unit: string
  work(): Work
}

const times = async <T>(count: number, make: () => Promise<T>): Promise<T[]> => await Promise.all(Array.from({ length: count }, make))

const create = (what: string, prepare: Work['prepare']): Kind => ({ name: `create ${what}`, unit: '/s', work: () => ({ prepare }) })

const CREATES = [
  create('assistants', async () => (client) => createAssistant(client, modelName(1, 0))),
  create('threads', async () => (client) => createThread(client)),
  create('messages, a thread each', async (client, concurrency) => {
    const threads = await times(concurrency, () => createThread(client))
    return (again, worker) => createMessage(again, threads[worker] ?? '')
  }),
  create('messages, one thread', async (client) => {
    const thread = await createThread(client)
    return (again) => createMessage(again, thread)
  }),
]

/** Thread, message and run together are one operation. */
const RUNS: Kind[] = [
  {
    name: 'run and poll',
    unit: 'runs/s',
    work() {
      let last = ''
      return {
        async prepare(client) {
          const assistant = await createAssistant(client, modelName(RUN_TOKENS, 0))
          return async (again) => {
            const thread = await createConversation(again)
            await pollRun(again, thread, assistant)
            last = thread
          }
        },
        verify: (client) => checkThread(client, last, RUN_TOKENS),
      }
    },
  },
  {
    name: 'streamed runs',
    unit: 'runs/s',
    work() {
      let last = ''
      const first: number[] = []
      return {
        async prepare(client) {
          const assistant = await createAssistant(client, modelName(RUN_TOKENS, 0))
          return async (again) => {
            const thread = await createConversation(again)
            const { firstMs } = await streamRun(again, { assistant, thread, tokens: RUN_TOKENS })
            first.push(firstMs)
            last = thread
          }
        },
        verify: (client) => checkThread(client, last, RUN_TOKENS),
        extras: () => ({ 'first delta p50 ms': percentile(first, 50) }),
      }
    },
  },
]

type Figures = Record<string, number>

/** Of a visit: operations a second, their latency, and what an operation costs the server and its Postgres. */
async function visit(
  bench: Bench,
  pid: number,
  { client, work, concurrency, unit }: Visit,
): Promise<{ load: LoadResult; figures: Figures }> {
  const operation = await work.prepare(client, concurrency)
  const before = cpuMsOf(pid)
  const load = await closedLoop({ concurrency, durationMs: bench.options.durationMs }, async (worker, signal) => {
    await operation({ ...client, signal }, worker)
  })
  const cpu = cpuMsOf(pid) - before
  if (load.operations > 0) await work.verify?.(client)
  const figures = {
    [unit]: load.operations / load.seconds,
    'p50 ms': percentile(load.latencies, 50),
    'p99 ms': percentile(load.latencies, 99),
    ...work.extras?.(),
    'cpu ms each': cpu / load.operations,
  }
  return { load, figures }
}

interface Visit {
  client: Client
  work: Work
  concurrency: number
  unit: string
}

const PREPARE_MS = 300_000

async function round(
  bench: Bench,
  pair: Pair,
  { name, kind, concurrency }: { name: string; kind: Kind; concurrency: number },
): Promise<void> {
  const seen: Partial<Record<'floor' | 'ours', Figures>> = {}
  for (const subject of IN_TURN) {
    const { url, pid } = pair[subject]
    const client = { url, signal: AbortSignal.timeout(PREPARE_MS) }
    try {
      const { load, figures } = await visit(bench, pid, { client, work: kind.work(), concurrency, unit: kind.unit })
      bench.measurements.count(name, subject, load)
      seen[subject] = figures
    } catch (error) {
      bench.measurements.count(name, subject, { operations: 0, errors: 1, firstError: errorText(error) })
    }
    await Bun.sleep(bench.options.settleMs)
  }
  for (const figure of new Set(IN_TURN.flatMap((subject) => Object.keys(seen[subject] ?? {})))) {
    const values = { floor: seen.floor?.[figure] ?? Number.NaN, ours: seen.ours?.[figure] ?? Number.NaN }
    bench.measurements.add(figure === kind.unit ? name : `${name}, ${figure}`, figure === kind.unit ? kind.unit : '', values)
  }
}

export const throughput: PairScenario[] = [...CREATES, ...RUNS].flatMap((kind) =>
  CONCURRENCY.map((concurrency) => {
    const name = `${kind.name} c=${concurrency}`
    return { name, round: (bench, pair) => round(bench, pair, { name, kind, concurrency }) }
  }),
)

/** Code that has never run is slow in both; what counts is a server that has worked a while. */
export async function warmUp(bench: Bench, pair: Pair): Promise<void> {
  const short = { ...bench, options: { ...bench.options, durationMs: bench.options.durationMs / 3 } }
  for (const kind of [...CREATES, ...RUNS]) {
    for (const subject of IN_TURN) {
      const { url, pid } = pair[subject]
      const client = { url, signal: AbortSignal.timeout(PREPARE_MS) }
      await visit(short, pid, { client, work: kind.work(), concurrency: 16, unit: kind.unit })
    }
  }
}
