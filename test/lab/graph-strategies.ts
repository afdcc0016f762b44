import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../src/core/json.ts'
import type { Db } from '../../src/drivers/records/port.ts'
import { checkJournals } from './check-rows.ts'
import { checkOneWriter, readEffects } from './graph-check-effects.ts'
import { checkGraphRules } from './graph-check-rows.ts'
import { type Task, workTask } from './graph-kinds.ts'
import { GRAPH_PROJECT } from './graph-lab.ts'
import type { Strategy } from './graph-runs.ts'
import { callGraphs } from './graph-wire.ts'
import { externalStore, type Store } from './postgres.ts'
import { type ServerProcess, startServer } from './server-process.ts'

export interface StrategiesOptions {
  rounds: number
  atOnce: number
  replicas: number
  progress?: (text: string) => void
}

export interface StrategiesReport {
  rounds: number
  atOnce: number
  replicas: number
  /** What became of the runs of all rounds, by strategy: answers and ends. */
  outcomes: Record<string, Record<string, number>>
  /** From the first request to the last answer, and from the opening of the gate to the end of the last run. */
  answeredMs: Record<string, number>
  endedMs: Record<string, number>
  deadlocks: number
  violations: string[]
}

export const STRATEGIES: readonly Strategy[] = ['reject', 'enqueue', 'interrupt', 'rollback']
const STEPS = 2
const END_MS = 60_000

/** Many runs at the same moment on one thread, again and again: each strategy must do what is documented, to the run. */
export async function runStrategiesLab(options: StrategiesOptions): Promise<StrategiesReport> {
  const store = await externalStore()
  const env = { ...store.env, LAB_FOLDER: store.dir, TETRAPORT_GRAPHS: GRAPH_PROJECT }
  const servers = await Promise.all(Array.from({ length: options.replicas }, (_, n) => startServer(env, `${store.dir}/server-${n}.log`)))
  const records = await store.look()
  const report: StrategiesReport = {
    ...{ rounds: options.rounds, atOnce: options.atOnce, replicas: options.replicas },
    ...{ outcomes: {}, answeredMs: {}, endedMs: {}, deadlocks: 0, violations: [] },
  }
  try {
    for (const strategy of STRATEGIES) {
      for (let n = 0; n < options.rounds; n++) await new Round({ servers, store, db: records.db, report, strategy, n }).play(options.atOnce)
      report.answeredMs[strategy] = Math.round((report.answeredMs[strategy] ?? 0) / options.rounds)
      report.endedMs[strategy] = Math.round((report.endedMs[strategy] ?? 0) / options.rounds)
      options.progress?.(`${strategy}: ${JSON.stringify(report.outcomes[strategy])}, ${report.violations.length} violations`)
    }
    report.violations.push(...checkOneWriter(readEffects(join(store.dir, 'effects.jsonl'))))
    report.violations.push(...(await checkGraphRules(records.db)), ...(await checkJournals(records.db)).violations)
    const [locks] = await records.db.query<{ n: number }>(
      'select deadlocks::int as n from pg_stat_database where datname = current_database()',
    )
    report.deadlocks = locks?.n ?? 0
    return report
  } finally {
    await records.close()
    for (const server of servers) server.signal('SIGTERM')
    await Promise.all(servers.map((server) => server.exited))
    await store.remove()
  }
}

interface RoundGround {
  servers: readonly ServerProcess[]
  store: Store
  db: Db
  report: StrategiesReport
  strategy: Strategy
  n: number
}

interface Tried {
  task: Task
  /** Undefined: refused. */
  id: string | undefined
  /** Of the row; undefined: there is none. */
  status?: string | undefined
  at?: number
}

class Round {
  private readonly gate: string

  constructor(private readonly ground: RoundGround) {
    this.gate = `gate-${ground.strategy}-${ground.n}`
  }

  private url(n: number): string {
    const { servers } = this.ground
    return servers[n % servers.length]?.url ?? ''
  }

  async play(atOnce: number): Promise<void> {
    const { report, strategy, store, n } = this.ground
    const { body } = await callGraphs(this.url(n), { path: '/threads', body: {} })
    const thread = String(body.thread_id)
    const kept = workTask(`kept-${strategy}-${n}`, { steps: 1, pauseMs: 0 })
    await callGraphs(this.url(n), { path: `/threads/${thread}/runs/wait`, body: { assistant_id: 'work', input: kept.input } })
    const since = performance.now()
    const tried = await Promise.all(Array.from({ length: atOnce }, (_, i) => this.try(thread, i)))
    report.answeredMs[strategy] = (report.answeredMs[strategy] ?? 0) + performance.now() - since
    const opened = performance.now()
    writeFileSync(join(store.dir, this.gate), '')
    await this.untilQuiet(thread)
    report.endedMs[strategy] = (report.endedMs[strategy] ?? 0) + performance.now() - opened
    rmSync(join(store.dir, this.gate))
    await this.check(thread, kept, tried)
  }

  private async try(thread: string, i: number): Promise<Tried> {
    const { strategy, n, report } = this.ground
    const task = workTask(`${strategy}-${n}-${i}`, { steps: STEPS, pauseMs: 0, gate: this.gate })
    const body: JsonObject = { assistant_id: 'work', input: task.input, metadata: { tag: task.tag } }
    // What the server does by itself is `reject`.
    if (strategy !== 'reject' || i % 2 === 0) body.multitask_strategy = strategy
    const answer = await callGraphs(this.url(i), { path: `/threads/${thread}/runs`, body })
    if (answer.status === 200) return { task, id: String(answer.body.run_id) }
    if (answer.status !== 409) report.violations.push(`${task.tag}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return { task, id: undefined }
  }

  private async untilQuiet(thread: string): Promise<void> {
    const until = performance.now() + END_MS
    for (;;) {
      const left = await this.ground.db.query(
        `select id, status, ready from run where thread_id = $1::uuid and status in ('queued', 'running', 'cancelling')`,
        [thread],
      )
      if (left.length === 0) return
      if (performance.now() > until) {
        this.ground.report.violations.push(
          `${this.gate}: ${left.length} runs had not ended after ${END_MS} ms: ${JSON.stringify(left.slice(0, 3))}`,
        )
        return
      }
      await Bun.sleep(5)
    }
  }

  private async check(thread: string, kept: Task, tried: Tried[]): Promise<void> {
    const { db, report, strategy } = this.ground
    const rows = await db.query<{ id: string; status: string; at: number }>(
      `select id, status, (extract(epoch from run_at) * 1000)::float8 as at from run where thread_id = $1::uuid`,
      [thread],
    )
    const byId = new Map(rows.map((row) => [row.id, row]))
    const outcome = report.outcomes[strategy] ?? {}
    report.outcomes[strategy] = outcome
    for (const one of tried) {
      const row = one.id === undefined ? undefined : byId.get(one.id)
      Object.assign(one, { status: row?.status, at: row?.at })
      const said = one.id === undefined ? 'refused' : (row?.status ?? 'gone')
      outcome[said] = (outcome[said] ?? 0) + 1
    }
    const wrong = (what: string): void => void report.violations.push(`${this.gate}: ${what}`)
    const left = tried.filter(({ status }) => status !== undefined).length
    if (rows.length !== left + 1) wrong(`${rows.length} runs are there, and not ${left + 1}`)
    EXPECTED[strategy](tried, wrong)
    const { body } = await callGraphs(this.url(1), { path: `/threads/${thread}/state` })
    const lines = (body.values as { lines: string[] }).lines
    this.checkLines({ tried, wanted: [...kept.lines, ...this.wholeOf(tried)], lines }, wrong)
    const foreign = await db.query(
      `select c.id from checkpoint c where c.thread_id = $1::uuid and not exists (select 1 from run r where r.id = c.run_id)`,
      [thread],
    )
    if (foreign.length > 0) wrong(`${foreign.length} checkpoints of runs that are gone`)
    const forks = await db.query(
      `select parent_id from checkpoint where thread_id = $1::uuid and parent_id is not null group by parent_id having count(*) > 1`,
      [thread],
    )
    if (forks.length > 0) wrong(`${forks.length} states have two that follow: two runs wrote at once`)
  }

  /** The lines of those that came to their end, in the order of their turns. */
  private wholeOf(tried: readonly Tried[]): string[] {
    return tried.filter(({ status }) => status === 'completed').flatMap(({ task }) => task.lines)
  }

  /** What was cancelled may have left its beginning, as it is told of that a moment later; all else is there in blocks, each whole and once. */
  private checkLines(
    { tried, wanted, lines }: { tried: readonly Tried[]; wanted: string[]; lines: string[] },
    wrong: (what: string) => void,
  ): void {
    const begun = this.ground.strategy === 'interrupt' ? lines.filter((line) => !wanted.includes(line)) : []
    const rest = lines.filter((line) => !begun.includes(line))
    for (const [tag, all] of Map.groupBy(begun, (line) => line.split('/')[0])) {
      const task = tried.find((one) => one.task.tag === tag)?.task
      if (all.some((line, n) => line !== task?.lines[n])) wrong(`what was cancelled left ${all}`)
    }
    if (JSON.stringify([...rest].sort()) !== JSON.stringify([...wanted].sort())) wrong(`the lines are ${lines}, expected were ${wanted}`)
    const order = lines.map((line) => line.split('/')[0] ?? '')
    const changes = order.filter((tag, n) => tag !== order[n - 1])
    if (new Set(changes).size !== changes.length) wrong(`lines of two runs are mixed: ${lines}`)
  }
}

const count = (tried: readonly Tried[], fits: (one: Tried) => boolean): number => tried.filter(fits).length

/** Nobody can end before all have been answered: so there is one outcome for each strategy. */
const EXPECTED: Record<Strategy, (tried: readonly Tried[], wrong: (what: string) => void) => void> = {
  reject(tried, wrong) {
    const [taken, ended] = [count(tried, ({ id }) => id !== undefined), count(tried, ({ status }) => status === 'completed')]
    if (taken !== 1 || ended !== 1) wrong(`${taken} runs were taken and ${ended} came to their end, and not 1`)
  },
  enqueue(tried, wrong) {
    const ended = count(tried, ({ status }) => status === 'completed')
    if (ended !== tried.length) wrong(`${ended} runs came to their end, and not all ${tried.length}`)
  },
  interrupt(tried, wrong) {
    const [ended, cancelled] = [count(tried, ({ status }) => status === 'completed'), count(tried, ({ status }) => status === 'cancelled')]
    if (ended !== 1 || cancelled !== tried.length - 1)
      wrong(`${ended} runs came to their end and ${cancelled} were cancelled, and not 1 and all others`)
  },
  rollback(tried, wrong) {
    const [ended, gone] = [
      count(tried, ({ status }) => status === 'completed'),
      count(tried, ({ id, status }) => id !== undefined && status === undefined),
    ]
    if (ended !== 1 || gone !== tried.length - 1) wrong(`${ended} runs came to their end and ${gone} are gone, and not 1 and all others`)
  },
}
