import type { Db, Records } from '../../src/drivers/records/port.ts'
import { eventually } from '../support/eventually.ts'
import { Chance } from './chance.ts'
import { checkFiles, checkFolder, checkStores, checkTables } from './check-ingest.ts'
import { IngestHistory } from './ingest-history.ts'
import { type IngestGround, startLibrarians } from './ingest-traffic.ts'
import { countManners, Keeper, type Killing } from './killer.ts'
import { embeddedStore, externalStore } from './postgres.ts'

export interface IngestLabOptions {
  records: 'embedded' | 'external'
  kills: number
  seed: number
  clients: number
  leaseMs: number
  /**
   * Do not wait for what has a time of its own (leases of writers, settling before removals, repeated removals): nobody is
   * at work any more when it is set.
   */
  hurry: boolean
  progress?: (text: string) => void
  /** For the test of the checker: breaks something before it looks. */
  sabotage?: (db: Db, filesDir: string) => Promise<void>
}

export interface IngestLabReport {
  records: string
  seed: number
  kills: number
  manners: Record<string, number>
  acked: { files: number; stores: number; batches: number }
  documents: Record<string, number>
  objects: number
  chunks: number
  counts: IngestHistory['counts']
  refusals: Record<string, number>
  /** Milliseconds from the end of the traffic until no document was in progress, and until nothing was left to be done. */
  ingestedMs: number
  settledMs: number
  seconds: number
  violations: string[]
}

const CALM_MS = { least: 100, most: 2_200 }
const FINE_STEP_MS = 7
const FINE_MAX_MS = 300
const INGESTED_MAX_MS = 60_000
/** A writer's lease, its second look, and the slowest removal. */
const SETTLED_MAX_MS = 200_000
const LOOK_MS = 250

/** Clients with documents at work on a server that is killed again and again; then everything they were told is looked for. */
export async function runIngestLab(options: IngestLabOptions): Promise<IngestLabReport> {
  const since = performance.now()
  const chance = new Chance(options.seed)
  const store = options.records === 'embedded' ? embeddedStore() : await externalStore()
  const env = { TETRAPORT_ENGINE_LEASE_MS: String(options.leaseMs), TETRAPORT_ENGINE_POLL_MS: '250' }
  const keeper = new Keeper(store, env, chance.fork())
  const filesDir = `${store.dir}/data/files`
  try {
    await keeper.start()
    const traffic = openTraffic(keeper, new IngestHistory())
    const { history } = traffic.ground
    const clients = startLibrarians(traffic.ground, options.clients, chance.fork())
    await killAgainAndAgain(keeper, traffic, { ...options, chance: chance.fork() })
    traffic.stop()
    await clients
    const records = await eventually(() => store.look().catch(() => undefined))
    const violations: string[] = []
    const times = await settle(records.db, { hurry: options.hurry, violations })
    await options.sabotage?.(records.db, filesDir)
    await check({ base: await keeper.url(), records, history, filesDir, violations })
    const facts = await countAll(records.db)
    await records.close()
    const code = await keeper.stop()
    if (code !== 0) violations.push(`the last server ended with code ${code} after SIGTERM`)
    return { ...headOf(options, keeper.killings), ...sumOf(history), ...facts, ...times, seconds: secondsSince(since), violations }
  } finally {
    await keeper.stop()
    await store.remove()
  }
}

const secondsSince = (since: number): number => Math.round((performance.now() - since) / 1000)

interface Traffic {
  ground: IngestGround
  /** Resolves when something is about to be written. */
  nextAct(): Promise<void>
  stop(): void
}

function openTraffic(keeper: Keeper, history: IngestHistory): Traffic {
  let stopped = false
  let waiting: (() => void)[] = []
  return {
    ground: {
      history,
      url: () => keeper.url(),
      onAct() {
        for (const tell of waiting) tell()
        waiting = []
      },
      stopping: () => stopped,
    },
    nextAct: () => new Promise((resolve) => waiting.push(resolve)),
    stop() {
      stopped = true
    },
  }
}

async function killAgainAndAgain(keeper: Keeper, traffic: Traffic, options: IngestLabOptions & { chance: Chance }): Promise<void> {
  const { chance, kills, progress } = options
  const { history } = traffic.ground
  if (kills === 0) await Bun.sleep(CALM_MS.most)
  for (let n = 0; n < kills; n++) {
    await Bun.sleep(chance.between(CALM_MS.least, CALM_MS.most))
    await traffic.nextAct()
    await Bun.sleep((n * FINE_STEP_MS) % FINE_MAX_MS)
    // A server that is away does not begin anything: the last steps of a kill must not overlap the next one.
    await keeper.url()
    await keeper.kill()
    if ((n + 1) % 10 === 0 || n + 1 === kills)
      progress?.(`${n + 1}/${kills} kills, ${history.acked} acknowledged writes, ${history.complaints.length} complaints`)
  }
}

const UNFINISHED = `select count(*)::int as n from vector_store_file where status = 'in_progress'`
const LEFT = `select (select count(*) from job)::int + (select count(*) from file_object where state <> 'kept')::int as n`
const HURRY = [
  `update file_object set stale_at = least(stale_at, now()) where state <> 'kept'`,
  `update job set run_at = least(run_at, now())`,
]

/** Nobody writes any more: within a minute no document is in progress, and some time later nothing is left to be done. */
async function settle(db: Db, { hurry, violations }: { hurry: boolean; violations: string[] }) {
  const since = performance.now()
  const elapsed = (): number => Math.round(performance.now() - since)
  const times = { ingestedMs: 0, settledMs: 0 }
  const zero = async (statement: string): Promise<boolean> => (await db.query<{ n: number }>(statement))[0]?.n === 0
  while (!(await zero(UNFINISHED)) && elapsed() < INGESTED_MAX_MS) await Bun.sleep(LOOK_MS)
  times.ingestedMs = elapsed()
  if (times.ingestedMs >= INGESTED_MAX_MS) violations.push(`documents are in progress ${INGESTED_MAX_MS} ms after the last start`)
  while (!(await zero(LEFT)) && elapsed() < SETTLED_MAX_MS) {
    if (hurry) for (const statement of HURRY) await db.query(statement)
    await Bun.sleep(LOOK_MS)
  }
  times.settledMs = elapsed()
  return times
}

interface Findings {
  base: string
  records: Records
  history: IngestHistory
  filesDir: string
  violations: string[]
}

async function check({ base, records, history, filesDir, violations }: Findings): Promise<void> {
  const { db } = records
  violations.push(...(await checkTables(db)), ...(await checkFolder(db, filesDir)))
  violations.push(...(await checkFiles(base, { db, history })), ...(await checkStores(base, history)))
}

async function countAll(db: Db): Promise<Pick<IngestLabReport, 'documents' | 'objects' | 'chunks'>> {
  const documents = await db.query<{ status: string; n: number }>('select status, count(*)::int as n from vector_store_file group by 1')
  const rows = await db.query<{ objects: number; chunks: number }>(
    'select (select count(*) from file_object)::int as objects, (select count(*) from chunk)::int as chunks',
  )
  return {
    documents: Object.fromEntries(documents.map(({ status, n }) => [status, n])),
    objects: rows[0]?.objects ?? 0,
    chunks: rows[0]?.chunks ?? 0,
  }
}

function headOf(options: IngestLabOptions, killings: readonly Killing[]): Pick<IngestLabReport, 'records' | 'seed' | 'kills' | 'manners'> {
  return { records: options.records, seed: options.seed, kills: killings.length, manners: countManners(killings) }
}

const sumOf = (history: IngestHistory): Pick<IngestLabReport, 'acked' | 'counts' | 'refusals'> => ({
  acked: { files: history.files.length, stores: history.stores.length, batches: history.batches.length },
  counts: history.counts,
  refusals: Object.fromEntries(history.refusals),
})
