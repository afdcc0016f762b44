import { type Client, createAssistant, createConversation, streamDirect, streamRun, type Timing } from './client.ts'
import { errorText } from './load.ts'
import { SUBJECTS, type Subject } from './measurements.ts'
import type { Bench, Pair, PairScenario } from './scenario.ts'
import { median, percentile } from './statistics.ts'
import { modelName } from './stub-text.ts'

/** One stream at a time, to the stub, the floor and our server by turns, so that each is compared with its neighbours. */
const TURNS_MIN = 5
const TURNS_MAX = 300
const HUNG_MS = 60_000

type Stream = () => Promise<Timing>
type Timings = Record<Subject, Timing[]>

const until = (url: string): Client => ({ url, signal: AbortSignal.timeout(HUNG_MS) })

async function streamsOf(bench: Bench, pair: Pair, { tokens, apartMs }: Pace): Promise<Record<Subject, Stream>> {
  const model = modelName(tokens, apartMs)
  const via = async ({ url }: { url: string }): Promise<Stream> => {
    const assistant = await createAssistant(until(url), model)
    return async () => {
      const client = until(url)
      const thread = await createConversation(client)
      return await streamRun(client, { assistant, thread, tokens })
    }
  }
  return { direct: () => streamDirect(until(bench.stub.url), model, tokens), floor: await via(pair.floor), ours: await via(pair.ours) }
}

interface Pace {
  tokens: number
  apartMs: number
}

/** Measures all paces in turn until `durationMs` is over; a failed stream is an error and leaves no timing. */
async function alternate(bench: Bench, pair: Pair, { name, paces }: { name: string; paces: Pace[] }): Promise<Timings[]> {
  const timings: Timings[] = paces.map(() => ({ direct: [], floor: [], ours: [] }))
  const streams = await Promise.all(paces.map((pace) => streamsOf(bench, pair, pace)))
  const begin = performance.now()
  for (let turn = 0; turn < TURNS_MAX && (turn < TURNS_MIN || performance.now() - begin < bench.options.durationMs); turn++) {
    for (const [i, stream] of streams.entries()) {
      for (const subject of SUBJECTS) {
        try {
          timings[i]?.[subject].push(await stream[subject]())
          bench.measurements.count(name, subject, { operations: 1, errors: 0 })
        } catch (error) {
          bench.measurements.count(name, subject, { operations: 0, errors: 1, firstError: errorText(error) })
        }
      }
    }
  }
  return timings
}

const bySubject = (value: (subject: Subject) => number): Record<Subject, number> => ({
  direct: value('direct'),
  floor: value('floor'),
  ours: value('ours'),
})

function scenario(name: string, paces: Pace[], record: (bench: Bench, timings: Timings[]) => void): PairScenario {
  return { name, round: async (bench, pair) => record(bench, await alternate(bench, pair, { name, paces })) }
}

const lasts = (timings: Timing[] | undefined): number => median((timings ?? []).map(({ lastMs }) => lastMs))

const [SHORT, LONG] = [200, 2000]

export const latency: PairScenario[] = [
  scenario('first delta', [{ tokens: 20, apartMs: 5 }], ({ measurements }, [timings]) => {
    const firsts = (subject: Subject): number[] => (timings?.[subject] ?? []).map(({ firstMs }) => firstMs)
    measurements.add(
      'first delta',
      'ms',
      bySubject((subject) => percentile(firsts(subject), 50)),
    )
    measurements.add(
      'first delta, p95',
      'ms',
      bySubject((subject) => percentile(firsts(subject), 95)),
    )
  }),
  scenario(
    'token at full speed',
    [
      { tokens: SHORT, apartMs: 0 },
      { tokens: LONG, apartMs: 0 },
    ],
    ({ measurements }, [short, long]) => {
      const slope = (subject: Subject): number => ((lasts(long?.[subject]) - lasts(short?.[subject])) * 1000) / (LONG - SHORT)
      measurements.add('token at full speed', 'us', bySubject(slope))
      measurements.add(
        `token at full speed, all ${SHORT}`,
        'ms',
        bySubject((subject) => lasts(short?.[subject])),
      )
      measurements.add(
        `token at full speed, all ${LONG}`,
        'ms',
        bySubject((subject) => lasts(long?.[subject])),
      )
    },
  ),
  scenario('200 tokens 5 ms apart', [{ tokens: 200, apartMs: 5 }], ({ measurements }, [timings]) => {
    measurements.add(
      '200 tokens 5 ms apart',
      'ms',
      bySubject((subject) => lasts(timings?.[subject])),
    )
  }),
]
