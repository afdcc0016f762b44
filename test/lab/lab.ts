import type { Db, Records } from '../../src/drivers/records/port.ts'
import { eventually } from '../support/eventually.ts'
import { Chance } from './chance.ts'
import { checkEffects, checkReads, checkStreams } from './check-history.ts'
import { checkJournals, checkRules } from './check-rows.ts'
import type { Ground } from './client.ts'
import { History } from './history.ts'
import { countManners, Keeper, type Killing } from './killer.ts'
import { embeddedStore, externalStore, type Store } from './postgres.ts'
import { startToolModel, TOOL, TOOL_MODEL } from './tool-model.ts'
import { startClients } from './traffic.ts'
import { request } from './wire.ts'

export interface LabOptions {
  records: 'embedded' | 'external'
  kills: number
  seed: number
  clients: number
  /** How long a run stays with a dead worker; where the database survives it too. */
  leaseMs: number
  /** Also kill 0, 7, 14, ... 294 milliseconds after a run was created, as far as there are kills. */
  finely: boolean
  progress?: (text: string) => void
  /** For the test of the checker: breaks something before it looks. */
  sabotage?: (db: Db) => Promise<void>
}

export interface LabReport {
  records: string
  seed: number
  kills: number
  manners: Record<string, number>
  acked: { threads: number; messages: number; runs: number; outputs: number }
  /** Of all runs in the database. */
  runs: Record<string, number>
  streams: number
  events: number
  counts: History['counts']
  refusals: Record<string, number>
  /** Milliseconds: from spawn to the address on stdout; from a kill to the first event of a run's next attempt; from the last start to the end of the last run. */
  startMs: Spread
  takeoverMs: Spread
  settledMs: number
  seconds: number
  violations: string[]
}

interface Spread {
  n: number
  min: number
  median: number
  p95: number
  max: number
}

const SETTLE_MAX_MS = 60_000
const CALM_MS = { least: 100, most: 2600 }
const FINE_STEP_MS = 7
const FINE_MAX_MS = 300

/** Clients at work on a server that is killed again and again; then everything they were told is looked for. */
export async function runLab(options: LabOptions): Promise<LabReport> {
  const since = performance.now()
  const chance = new Chance(options.seed)
  const store = options.records === 'embedded' ? embeddedStore() : await externalStore()
  const model = startToolModel()
  const env = {
    OPENAI_BASE_URL: model.url,
    OPENAI_API_KEY: 'lab',
    TETRAPORT_ENGINE_LEASE_MS: String(options.leaseMs),
    TETRAPORT_ENGINE_POLL_MS: '250',
  }
  const keeper = new Keeper(store, env, chance.fork())
  try {
    await keeper.start()
    const traffic = await openTraffic(keeper, new History())
    const clients = startClients(traffic.ground, options.clients, chance.fork())
    await killAgainAndAgain(keeper, traffic, { ...options, chance: chance.fork() })
    const records = await lookWhenUp(store)
    const violations: string[] = []
    const settledMs = await settle(records.db, violations)
    traffic.stop()
    await clients
    await options.sabotage?.(records.db)
    const journals = await check({ base: await keeper.url(), records, history: traffic.ground.history, violations })
    const facts = await countRuns(records.db)
    await records.close()
    const code = await keeper.stop()
    if (code !== 0) violations.push(`the last server ended with code ${code} after SIGTERM`)
    return report(options, { keeper, history: traffic.ground.history, facts, journals, settledMs, violations, since })
  } finally {
    await keeper.stop()
    await model.stop()
    await store.remove()
  }
}

/** The last kill may have been of Postgres alone, which is back a moment later. */
const lookWhenUp = (store: Store): Promise<Records> => eventually(() => store.look().catch(() => undefined))

interface Traffic {
  ground: Ground
  /** Resolves when the next run is about to be created. */
  nextCreate(): Promise<void>
  stop(): void
}

async function openTraffic(keeper: Keeper, history: History): Promise<Traffic> {
  const base = await keeper.url()
  const make = async (body: { model: string; tools?: (typeof TOOL)[] }): Promise<string> => {
    const answer = await request(base, { path: '/v1/assistants', body })
    if (answer.status !== 200) throw new Error(`create assistant: ${answer.status} ${JSON.stringify(answer.body)}`)
    return String(answer.body.id)
  }
  let stopped = false
  let waiting: (() => void)[] = []
  const ground: Ground = {
    history,
    assistant: await make({ model: 'echo' }),
    toolAssistant: await make({ model: TOOL_MODEL, tools: [TOOL] }),
    url: () => keeper.url(),
    onCreate() {
      for (const tell of waiting) tell()
      waiting = []
    },
    stopping: () => stopped,
  }
  return {
    ground,
    nextCreate: () => new Promise((resolve) => waiting.push(resolve)),
    stop() {
      stopped = true
    },
  }
}

async function killAgainAndAgain(keeper: Keeper, traffic: Traffic, options: LabOptions & { chance: Chance }): Promise<void> {
  const { chance, kills, progress } = options
  for (let n = 0; n < kills; n++) {
    await Bun.sleep(chance.between(CALM_MS.least, CALM_MS.most))
    const after = n * FINE_STEP_MS
    if (options.finely && after <= FINE_MAX_MS) {
      await traffic.nextCreate()
      await Bun.sleep(after)
    }
    // A server that is away does not create runs: the last steps of a kill must not overlap the next one.
    await keeper.url()
    await keeper.kill()
    const { history } = traffic.ground
    if ((n + 1) % 10 === 0 || n + 1 === kills)
      progress?.(
        `${n + 1}/${kills} kills, ${history.acked} acknowledged writes, ${history.counts.resumes} resumes, ${history.complaints.length} complaints`,
      )
  }
}

/** From the last start on nothing may stay unfinished for longer than a minute, while the clients go on. */
async function settle(db: Db, violations: string[]): Promise<number> {
  const since = performance.now()
  const unfinished = `select id, status, attempt from run where created_at < to_timestamp($1::float8 / 1000.0)
    and status in ('queued', 'running', 'waiting', 'cancelling')`
  const before = Date.now()
  for (;;) {
    const left = await db.query(unfinished, [before])
    const elapsed = performance.now() - since
    if (left.length === 0) return Math.round(elapsed)
    if (elapsed > SETTLE_MAX_MS) {
      violations.push(`${left.length} runs had not ended ${SETTLE_MAX_MS} ms after the last start: ${JSON.stringify(left.slice(0, 3))}`)
      return Math.round(elapsed)
    }
    await Bun.sleep(50)
  }
}

interface Findings {
  base: string
  records: Records
  history: History
  violations: string[]
}

async function check({ base, records, history, violations }: Findings) {
  const journals = await checkJournals(records.db)
  violations.push(...history.complaints, ...(await checkRules(records.db)), ...journals.violations)
  violations.push(...(await checkEffects(records.db, history)))
  violations.push(...(await checkReads(base, history)), ...(await checkStreams(base, history)))
  return journals
}

async function countRuns(db: Db): Promise<Record<string, number>> {
  const rows = await db.query<{ status: string; n: number }>('select status, count(*)::int as n from run group by 1 order by 1')
  const taken = await db.query<{ n: number }>('select count(*)::int as n from run where attempt > 1')
  return { ...Object.fromEntries(rows.map(({ status, n }) => [status, n])), takenOver: taken[0]?.n ?? 0 }
}

interface Outcome {
  keeper: Keeper
  history: History
  facts: Record<string, number>
  journals: { events: number; restarts: number[] }
  settledMs: number
  violations: string[]
  since: number
}

function report(options: LabOptions, { keeper, history, facts, journals, settledMs, violations, since }: Outcome): LabReport {
  const { killings } = keeper
  return {
    records: options.records,
    seed: options.seed,
    kills: killings.length,
    manners: countManners(killings),
    acked: {
      threads: history.threads.length,
      messages: history.messages.length,
      runs: history.runs.length,
      outputs: history.outputs.length,
    },
    runs: facts,
    streams: history.watched.length,
    events: journals.events,
    counts: history.counts,
    refusals: Object.fromEntries(history.refusals),
    startMs: spread(killings.flatMap(({ startMs }) => startMs ?? [])),
    takeoverMs: spread(journals.restarts.map((at) => at - lastBefore(killings, at))),
    settledMs,
    seconds: Math.round((performance.now() - since) / 1000),
    violations,
  }
}

const lastBefore = (killings: readonly Killing[], at: number): number => killings.findLast((killing) => killing.at <= at)?.at ?? at

function spread(values: number[]): Spread {
  const sorted = values.map(Math.round).sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { n: sorted.length, min: at(0), median: at(0.5), p95: at(0.95), max: at(1) }
}
