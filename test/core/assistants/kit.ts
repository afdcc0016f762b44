import { limitsOf } from '../../../src/app.ts'
import { readConfig } from '../../../src/config.ts'
import type { Caller } from '../../../src/core/caller.ts'
import type { GraphInfo, Graphs } from '../../../src/core/graphs/graphs.ts'
import { operator } from '../../../src/core/identity/tenants.ts'
import type { Needs } from '../../../src/core/needs.ts'
import { openClient } from '../../../src/drivers/records/client.ts'
import { noSignals } from '../../support/no-signals.ts'
import { cloneDatabase, silentLog } from '../../support/postgres.ts'

/** The first of a test run also makes the Postgres that all share. */
export const OPEN_MS = 60_000

/** Core on a database, without an engine. What is asked about a graph here is only whether it is served. */
export interface Ground extends Needs<'db' | 'clock' | 'graphs' | 'limits' | 'signals'> {
  clock: { now(): number; time: number }
  newTenant(): Promise<Caller>
  /** Another process on the same database, which serves these graphs. */
  serving(...graphs: string[]): Ground
  close(): Promise<void>
}

const names = (graphs: readonly GraphInfo[]): Graphs => {
  const refuse = () => Promise.reject(new Error('there is no engine here'))
  return {
    list: () => graphs,
    has: (id) => graphs.some((graph) => graph.id === id),
    ...{
      drawing: refuse,
      schemas: refuse,
      subgraphs: refuse,
      state: refuse,
      history: refuse,
      update: refuse,
      replay: refuse,
      heads: refuse,
    },
  }
}

export async function openGround(): Promise<Ground> {
  const database = await cloneDatabase()
  const records = await openClient(database.target, { poolMax: 4, log: silentLog, shared: false })
  const clock = { time: 1_800_000_000_000, now: () => clock.time }
  const parts = { db: records.db, clock, limits: limitsOf(readConfig({}).config), signals: noSignals() }
  let tenants = 0
  const ground = (graphs: string[]): Ground => ({
    ...parts,
    graphs: names(graphs.map((id) => ({ id, description: id === 'described' ? 'What it does.' : null }))),
    newTenant: () => operator(parts, `tenant ${++tenants}`),
    serving: (...others) => ground(others),
    async close() {
      await records.close()
      await database.drop()
    },
  })
  return ground(['assistant', 'agent', 'described'])
}
