import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Db, Records } from '../../src/drivers/records/port.ts'
import { eventually } from '../support/eventually.ts'
import { Chance } from './chance.ts'
import { checkJournals } from './check-rows.ts'
import { checkOneWriter, checkSteps, readEffects } from './graph-check-effects.ts'
import { checkEnds, checkGraphEffects, checkGraphStreams, checkLines, readRuns, readThreads } from './graph-check-history.ts'
import { checkAnswers, checkCrons, checkCronsGoOn, checkItems, checkWebhooks } from './graph-check-rest.ts'
import { checkGraphRules } from './graph-check-rows.ts'
import { type GraphGround, MOMENTS, type Moment } from './graph-client.ts'
import { Fleet } from './graph-fleet.ts'
import { GraphHistory } from './graph-history.ts'
import { type LabReceiver, openLabReceiver } from './graph-receiver.ts'
import { startGraphClients } from './graph-traffic.ts'
import { callGraphs } from './graph-wire.ts'
import { countManners } from './killer.ts'
import { embeddedStore, externalStore, type Store } from './postgres.ts'

export interface GraphLabOptions {
  records: 'embedded' | 'external'
  /** Two need an outside Postgres. */
  replicas: number
  kills: number
  seed: number
  clients: number
  /** How long a run stays with a dead worker; where the database survives it too. */
  leaseMs: number
  /** Also kill 0, 7, 14, ... 294 milliseconds after requests of each kind, as far as there are kills. */
  finely: boolean
  /** Whether the receiver of webhooks refuses some, which then come seconds later. */
  refusing: boolean
  progress?: (text: string) => void
  /** For the test of the checker: breaks something before it looks. */
  sabotage?: (db: Db, history: GraphHistory) => Promise<void>
}

export interface GraphLabReport {
  records: string
  replicas: number
  seed: number
  kills: number
  manners: Record<string, number>
  /** What runs were doing when somebody was killed, counted over all kills. */
  phases: Record<string, number>
  acked: { threads: number; runs: number; updates: number; items: number; webhooks: number }
  /** Of all runs in the database. */
  runs: Record<string, number>
  streams: number
  resumed: number
  events: number
  repeatedSteps: number
  counts: GraphHistory['counts']
  refusals: Record<string, number>
  startMs: Spread
  /** From a kill to the first event of a run's next attempt. */
  takeoverMs: Spread
  /** From the last start to the end of the last run that was there then. */
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

export const GRAPH_PROJECT = join(import.meta.dir, 'graph-project/langgraph.json')

const SETTLE_MAX_MS = 45_000
const QUIET_MAX_MS = 90_000
const CALM_MS = { least: 100, most: 2600, mostHurried: 1200 }
const FINE_STEP_MS = 7
const FINE_MAX_MS = 300
/** What clients do when nothing fails any more. */
const AFTERWARDS_MS = 2_000
/** So long after that crons must have begun another run. */
const CRONS_MAX_MS = 20_000

/** Clients at work on servers that are killed again and again; then everything they were told is looked for. */
export async function runGraphLab(options: GraphLabOptions): Promise<GraphLabReport> {
  const since = performance.now()
  const chance = new Chance(options.seed)
  const store = options.records === 'embedded' ? embeddedStore() : await externalStore()
  const receiver = openLabReceiver(chance.fork(), options.refusing)
  const fleet = new Fleet(store, environment(store, options), { replicas: options.replicas, chance: chance.fork() })
  try {
    await fleet.startAll()
    const traffic = await openTraffic(fleet, receiver)
    const clients = startGraphClients(traffic.ground, options.clients, chance.fork())
    const phases = await killAgainAndAgain(fleet, traffic, { ...options, store, chance: chance.fork() })
    const lastStart = Date.now()
    const records = await eventually(() => store.look().catch(() => undefined))
    const violations: string[] = []
    const settledMs = await settle(records.db, violations)
    await Bun.sleep(AFTERWARDS_MS)
    violations.push(...(await checkCronsGoOn(records.db, traffic.ground.history, { lastStart, most: CRONS_MAX_MS })))
    traffic.stop()
    await clients
    await quieten(records.db, violations)
    await options.sabotage?.(records.db, traffic.ground.history)
    const found = await check({ fleet, records, store, options, receiver, history: traffic.ground.history })
    violations.push(...found.violations)
    const runs = await countRuns(records.db)
    if (process.env.LAB_KEEP) await keepRows(records.db, violations, process.env.LAB_KEEP)
    await records.close()
    const codes = await fleet.stop()
    if (codes.some((code) => code !== 0)) violations.push(`the last servers ended with codes ${codes} after SIGTERM`)
    return report(options, { ...found, fleet, history: traffic.ground.history, receiver, phases, runs, settledMs, violations, since })
  } finally {
    await fleet.stop()
    await receiver.stop()
    if (process.env.LAB_KEEP) keepLogs(store.dir, process.env.LAB_KEEP)
    await store.remove()
  }
}

const environment = (store: Store, { leaseMs }: GraphLabOptions): Record<string, string> => ({
  LAB_FOLDER: store.dir,
  TETRAPORT_GRAPHS: GRAPH_PROJECT,
  TETRAPORT_ENGINE_LEASE_MS: String(leaseMs),
  TETRAPORT_ENGINE_POLL_MS: '250',
  TETRAPORT_LANGGRAPH_TEMPORARY_KEEP_MS: '20000',
  TETRAPORT_WEBHOOKS_ALLOW_PRIVATE: 'true',
})

interface Traffic {
  ground: GraphGround
  /** Resolves when a request of this kind is about to be sent. */
  next(moment: Moment): Promise<void>
  stop(): void
}

async function openTraffic(fleet: Fleet, receiver: LabReceiver): Promise<Traffic> {
  const body = { graph_id: 'assistant', config: { configurable: { model: 'scripted/t40-d10' } } }
  const made = await callGraphs(await fleet.url(), { path: '/assistants', body })
  if (made.status !== 200) throw new Error(`create assistant: ${made.status} ${JSON.stringify(made.body)}`)
  let stopped = false
  let waiting: { moment: Moment; tell: () => void }[] = []
  const ground: GraphGround = {
    history: new GraphHistory(),
    url: () => fleet.url(),
    onMoment(moment) {
      for (const one of waiting) if (one.moment === moment) one.tell()
      waiting = waiting.filter((one) => one.moment !== moment)
    },
    stopping: () => stopped,
    receiver: receiver.url,
    assistant: String(made.body.assistant_id),
  }
  return {
    ground,
    next: (moment) => new Promise((tell) => waiting.push({ moment, tell })),
    stop() {
      stopped = true
    },
  }
}

const PHASES = `select case when status = 'queued' and not ready then 'behind' when status = 'running' and attempt > 1 then 'running again'
    when status = 'cancelling' and rollback then 'rolling back' when status = 'queued' and attempt > 1 then 'handed back'
    when status = 'running' and resume is not null then 'resuming'
    when status = 'running' and not exists (select 1 from checkpoint c where c.run_id = run.id) then 'running, nothing committed' else status end as phase, count(*)::int as n
  from run where status in ('queued', 'running', 'cancelling', 'waiting') group by 1`

async function killAgainAndAgain(
  fleet: Fleet,
  traffic: Traffic,
  options: GraphLabOptions & { store: Store; chance: Chance },
): Promise<Record<string, number>> {
  const { chance, kills, progress, store } = options
  const phases: Record<string, number> = {}
  let look: Promise<Records | undefined> = Promise.resolve(undefined)
  for (let n = 0; n < kills; n++) {
    look = store.look().catch(() => undefined)
    await Bun.sleep(chance.between(CALM_MS.least, options.finely ? CALM_MS.most : CALM_MS.mostHurried))
    const after = n * FINE_STEP_MS
    if (options.finely && after <= FINE_MAX_MS) {
      const moment = MOMENTS[n % MOMENTS.length] ?? 'create'
      await Promise.race([traffic.next(moment), Bun.sleep(5_000)])
      await Bun.sleep(after)
    }
    // A server that is away does not create runs: the last steps of a kill must not overlap the next one.
    await fleet.url()
    const seen = (await look)?.db.query<{ phase: string; n: number }>(PHASES).catch(() => [])
    // An embedded Postgres dies with its server: it gets a moment to answer.
    await Promise.race([seen, Bun.sleep(20)])
    await fleet.kill()
    for (const { phase, n: count } of (await seen) ?? []) phases[phase] = (phases[phase] ?? 0) + count
    await (await look)?.close().catch(() => undefined)
    const { history } = traffic.ground
    if ((n + 1) % 10 === 0 || n + 1 === kills)
      progress?.(
        `${n + 1}/${kills} kills, ${history.acked} acknowledged, ${history.counts.resumes} resumes, ${history.complaints.length} complaints`,
      )
  }
  return phases
}

/** From the last start on nothing may stay unfinished for long, while the clients go on. */
async function settle(db: Db, violations: string[]): Promise<number> {
  const since = performance.now()
  const unfinished = `select id, status, ready, attempt from run where created_at < to_timestamp($1::float8 / 1000.0) and status in ('queued', 'running', 'cancelling')`
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

/** When the clients have gone: until no run is at work and no job is left. */
async function quieten(db: Db, violations: string[]): Promise<void> {
  const until = performance.now() + QUIET_MAX_MS
  for (;;) {
    const [left] = await db.query<{ runs: number; jobs: number }>(
      `select (select count(*)::int from run where status in ('queued', 'running', 'cancelling')) as runs, (select count(*)::int from job) as jobs`,
    )
    if (left?.runs === 0 && left.jobs === 0) return
    if (performance.now() > until) {
      violations.push(`${QUIET_MAX_MS} ms after the last client there were ${left?.runs} runs at work and ${left?.jobs} jobs`)
      return
    }
    await Bun.sleep(100)
  }
}

interface Ground {
  fleet: Fleet
  records: Records
  store: Store
  options: GraphLabOptions
  receiver: LabReceiver
  history: GraphHistory
}

async function check({ fleet, records: { db }, store, options, receiver, history }: Ground) {
  const base = await fleet.url()
  const journals = await checkJournals(db)
  const runs = await readRuns(db)
  const effects = readEffects(join(store.dir, 'effects.jsonl'))
  const steps = await checkSteps(db, effects)
  const violations = [...history.complaints, ...(await checkGraphRules(db)), ...steps.violations]
  // A thread of one run may have gone, with its journal, between the look at the one and at the other.
  const there = new Set((await db.query<{ id: string }>('select id from run')).map(({ id }) => id))
  violations.push(...journals.violations.filter((text) => there.has(text.match(/^journal of (\S+):/)?.[1] ?? '')))
  // A server whose database is away goes on with what it has begun, and so may another one after its lease.
  if (options.records === 'external') violations.push(...checkOneWriter(effects))
  violations.push(...(await checkGraphEffects(db, history, runs)))
  const lines = await readThreads(base, history, violations)
  violations.push(...checkLines(history, runs, lines), ...checkAnswers(history, runs), ...checkWebhooks(history, runs, receiver))
  violations.push(...(await checkEnds(base, history)), ...(await checkGraphStreams(base, history)))
  violations.push(...(await checkItems(base, db, { history, runs })), ...(await checkCrons(db, history)))
  return { violations, journals, repeated: steps.repeated }
}

function keepLogs(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) if (/\.(?:log|jsonl)$/.test(name)) copyFileSync(join(from, name), join(to, name))
}

/** What the tables say of every thread and run that a violation names, for whoever looks for the reason. */
async function keepRows(db: Db, violations: readonly string[], folder: string): Promise<void> {
  const ids = new Set(violations.flatMap((text) => text.match(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}/g) ?? []))
  const kept: Record<string, unknown> = {}
  for (const id of [...ids].slice(0, 40)) {
    const of = async (table: string, where: string): Promise<unknown[]> => db.query(`select * from ${table} where ${where}`, [id])
    const thread = '(select thread_id from run where id = $1::uuid union select $1::uuid)'
    kept[id] = {
      threads: await of('thread', `id in ${thread}`),
      runs: await of('run', `thread_id in ${thread} order by created_at`),
      checkpoints: await of('checkpoint', `thread_id in ${thread} order by id`),
      writes: await of('checkpoint_write', `thread_id in ${thread} order by checkpoint_id, task_id, idx`),
      events: await of('run_event', `run_id in (select id from run where thread_id in ${thread}) order by run_id, seq`),
    }
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'rows.json'), JSON.stringify({ violations, kept }, null, 1))
}

async function countRuns(db: Db): Promise<Record<string, number>> {
  const rows = await db.query<{ status: string; n: number }>('select status, count(*)::int as n from run group by 1 order by 1')
  const taken = await db.query<{ n: number }>('select count(*)::int as n from run where attempt > 1')
  const locks = await db.query<{ n: number }>('select deadlocks::int as n from pg_stat_database where datname = current_database()')
  return { ...Object.fromEntries(rows.map(({ status, n }) => [status, n])), takenOver: taken[0]?.n ?? 0, deadlocks: locks[0]?.n ?? 0 }
}

interface Outcome {
  fleet: Fleet
  history: GraphHistory
  receiver: LabReceiver
  phases: Record<string, number>
  runs: Record<string, number>
  journals: { events: number; restarts: number[] }
  repeated: number
  settledMs: number
  violations: string[]
  since: number
}

function report(options: GraphLabOptions, outcome: Outcome): GraphLabReport {
  const { fleet, history, receiver, phases, runs, journals, repeated, settledMs, violations, since } = outcome
  const { killings } = fleet
  const times = killings.map(({ at }) => at).sort((a, b) => a - b)
  return {
    ...{ records: options.records, replicas: options.replicas, seed: options.seed, kills: options.kills },
    ...{ manners: countManners(killings), phases },
    acked: {
      threads: history.threads.size,
      runs: history.runs.filter(({ id }) => id !== null).length,
      updates: history.updates.filter(({ acked }) => acked).length,
      items: history.items.length,
      webhooks: receiver.told.size,
    },
    ...{ runs, streams: history.watched.length, resumed: history.watched.filter(({ resumes }) => resumes > 0).length },
    ...{ events: journals.events, repeatedSteps: repeated, counts: history.counts, refusals: Object.fromEntries(history.refusals) },
    startMs: spread(killings.flatMap(({ startMs }) => startMs ?? [])),
    takeoverMs: spread(journals.restarts.map((at) => at - (times.findLast((time) => time <= at) ?? at))),
    ...{ settledMs, seconds: Math.round((performance.now() - since) / 1000), violations },
  }
}

function spread(values: number[]): Spread {
  const sorted = values.map(Math.round).sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { n: sorted.length, min: at(0), median: at(0.5), p95: at(0.95), max: at(1) }
}
