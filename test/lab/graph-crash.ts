import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promoteRuns } from '../../src/core/runs/promotion.ts'
import { cancelRun } from '../../src/core/runs/stop.ts'
import { createThread, getThread } from '../../src/core/threads/threads.ts'
import { within } from '../../src/drivers/records/errors.ts'
import { openTestApp, type TestApp } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { startGraph } from '../support/graph-runs.ts'
import { temporaryFolder } from '../support/postgres.ts'
import { checkJournals } from './check-rows.ts'
import { checkLines, readRuns } from './graph-check-history.ts'
import { checkGraphRules } from './graph-check-rows.ts'
import { COURSES, type CourseApi } from './graph-courses.ts'
import { Crash, CrashDb, type CrashPoint, showPoint } from './graph-crash-db.ts'
import { GraphHistory, newSentRun, type SentRun } from './graph-history.ts'
import { type Task, workTask } from './graph-kinds.ts'
import { GRAPH_PROJECT } from './graph-lab.ts'

export interface Played {
  /** Statements of the process, in the order of their beginnings. */
  names: string[]
  crashed: boolean
  violations: string[]
}

/** How long the next process may take to bring all to its end. */
const RECOVERY_MS = 15_000

/** None of the parts of a play takes this long: one that does is named, instead of a test that ran out of time. */
const PART_MS = 60_000
const soon = <R>(part: string, work: Promise<R>): Promise<R> => within(PART_MS, work, () => new Error(`${part} does not end`))

let tags = 0
const newTag = (): string => `task-crash-${++tags}`

/**
 * Plays courses, each in a process of its own as far as its database can tell, which ends at a named statement. Then another
 * process goes on, as after the end of a lease.
 */
export class CrashBench {
  private constructor(
    private readonly heir: TestApp,
    private readonly folder: string,
  ) {}

  static async open(): Promise<CrashBench> {
    const folder = temporaryFolder()
    process.env.LAB_FOLDER = folder
    return new CrashBench(await openTestApp({ graphs: GRAPH_PROJECT }), folder)
  }

  async close(): Promise<void> {
    await this.heir.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async play(course: string, point?: CrashPoint): Promise<Played> {
    const history = new GraphHistory()
    const thread = (await createThread(this.heir, this.heir.one, {})).id
    const note = (task: Task, more: { answer?: string; mayVanish?: boolean } = {}): SentRun => {
      const sent = newSentRun(`run-${task.tag}${more.answer ? '-answer' : ''}`, { task, thread, ...more })
      history.runs.push(sent)
      return sent
    }
    await soon('the run before', this.before(note(workTask(newTag(), { steps: 1, pauseMs: 0 }))))
    const ended = Promise.withResolvers<void>()
    let owner: TestApp | undefined
    const crash = new Crash(
      point,
      () => {
        owner?.die()
        ended.resolve()
      },
      () => owner !== undefined,
    )
    owner = await soon('opening', this.heir.replica({ wrap: (db) => new CrashDb(db, crash) }))
    const gate = `gate-${++tags}`
    const played = COURSES[course]?.({ api: this.api(owner, history), thread, note, tag: newTag, gate })
    await soon('the course', Promise.race([played, ended.promise]))
    owner.die()
    writeFileSync(join(this.folder, gate), '')
    const left = await this.recover().then(
      () => [],
      (cause) => [`not all came to its end: ${cause}, ${JSON.stringify(this.heir.log.entries.slice(-3))}`],
    )
    await soon('closing', owner.close())
    const violations = [...left, ...(await soon('the check', this.check(history, thread)))]
    return { names: crash.names, crashed: crash.crashed, violations }
  }

  /** A run that the thread has seen before. */
  private async before(sent: SentRun): Promise<void> {
    const api = this.api(this.heir, new GraphHistory())
    await api.run(sent)
    await api.over(sent)
  }

  private api(app: TestApp, history: GraphHistory): CourseApi {
    const key = (sent: SentRun) => ({ threadId: String(sent.thread), id: String(sent.id) })
    return {
      run: async (sent, strategy = 'reject') => {
        const { task, tag, answer, thread } = sent
        const call = { ...(answer === null ? {} : { command: { resume: answer } }), durability: task.durability ?? ('async' as const) }
        const { run } = await startGraph(app, {
          ...{ graph: task.graph, input: answer === null ? task.input : null, modes: ['values', 'custom'], call },
          ...{ run: { strategy, metadata: { tag } }, thread: { id: String(thread), create: false } },
        })
        sent.id = run.id
      },
      over: (sent) => this.over(sent),
      async cancel(sent, { rollback }) {
        await cancelRun(app, app.one, { ...key(sent), rollback })
      },
      async update(thread, line) {
        const update = { thread, tag: line, acked: false, checkpoint: null as string | null }
        history.updates.push(update)
        const values = { lines: [line], messages: [{ role: 'user', id: line, content: line }] }
        const input = { thread: await getThread(app, app.one, thread), at: {}, update: { values, asNode: 'work' } }
        update.checkpoint = (await app.graphs.update(app.one, input)).id
        update.acked = true
      },
    }
  }

  private async over(sent: SentRun): Promise<void> {
    await eventually(async () => {
      const [row] = await this.heir.records.db.query<{ at_work: boolean }>(
        `select status in ('queued', 'running', 'cancelling') as at_work from run where id = $1`,
        [sent.id],
      )
      return row?.at_work ? undefined : true
    })
  }

  /** What the next start, or another replica, does by itself: now, and not after the lease. */
  private async recover(): Promise<void> {
    const { heir } = this
    await eventually(async () => {
      await heir.records.db.query(
        `with r as materialized (select id from run where status in ('running', 'cancelling') and worker_id <> $1 for update skip locked)
        update run set lease_until = now() - interval '1 s' from r where run.id = r.id`,
        [heir.worker.id],
      )
      await promoteRuns(heir, 100)
      heir.worker.wake()
      return (await this.atWork()).length === 0 || undefined
    }, RECOVERY_MS).catch(async (cause) => {
      throw new Error(`${cause}: ${JSON.stringify(await this.atWork())}`)
    })
  }

  private atWork(): Promise<unknown[]> {
    return this.heir.records.db.query(
      `select id, status, ready, attempt, lease_until, metadata from run where status in ('queued', 'running', 'cancelling')`,
    )
  }

  private async check(history: GraphHistory, thread: string): Promise<string[]> {
    const { heir } = this
    const runs = await readRuns(heir.records.db)
    const state = await heir.graphs.state(heir.one, { thread: await getThread(heir, heir.one, thread), at: {}, subgraphs: false })
    const lines = (state.values as { lines?: string[] }).lines ?? []
    const violations = checkLines(history, runs, new Map([[thread, lines]]))
    for (const sent of history.runs) {
      const row = runs.get(sent.tag)?.[0]
      if (row?.status === 'failed') violations.push(`run ${sent.tag} failed`)
      if (sent.id !== null && !row && !sent.mayVanish) violations.push(`acknowledged run ${sent.tag} is missing`)
    }
    return violations
  }

  /** After all courses: nothing is left over, nothing is missing. */
  async checkTables(): Promise<string[]> {
    const { db } = this.heir.records
    return [...(await checkGraphRules(db)), ...(await checkJournals(db)).violations]
  }
}

/** Every moment of a course, as a play without a crash showed them: each statement of a name, up to `most` of them. */
export function pointsOf(names: readonly string[], most: number): CrashPoint[] {
  const counts = new Map<string, number>()
  const points: CrashPoint[] = []
  for (const name of names) {
    const nth = (counts.get(name) ?? 0) + 1
    counts.set(name, nth)
    if (nth <= most && name !== 'read') points.push({ name, nth, side: 'before' }, { name, nth, side: 'after' })
  }
  return points
}

/**
 * Between any two statements: what is before one is after another, unless statements run at once. All moments of each:
 * LAB_ALL=1.
 */
export const cutsOf = (names: readonly string[], most: number): CrashPoint[] =>
  pointsOf(names, most).filter(({ side }, index) => index === 0 || side === 'after' || process.env.LAB_ALL === '1')

export interface CrashReport {
  /** By course: the statements of its process, in their order. */
  statements: Record<string, string>
  points: number
  /** How many of them the process came to. */
  crashed: number
  violations: string[]
}

/** Every course, ended at every statement of it that `chosen` lets through. */
export async function runCrashes({
  chosen,
  progress,
}: {
  chosen: (course: string, names: readonly string[]) => CrashPoint[]
  progress?: (text: string) => void
}): Promise<CrashReport> {
  const bench = await CrashBench.open()
  const report: CrashReport = { statements: {}, points: 0, crashed: 0, violations: [] }
  try {
    for (const course of Object.keys(COURSES)) {
      const whole = await bench.play(course)
      report.statements[course] = whole.names.filter((name) => name !== 'read').join(', ')
      report.violations.push(...whole.violations.map((text) => `${course}: ${text}`))
      for (const point of chosen(course, whole.names)) {
        const { crashed, violations } = await bench.play(course, point)
        report.points++
        if (crashed) report.crashed++
        report.violations.push(...violations.map((text) => `${course}, ${showPoint(point)}: ${text}`))
      }
      progress?.(`${course}: ${report.points} points so far, ${report.violations.length} violations`)
    }
    report.violations.push(...(await bench.checkTables()))
    return report
  } finally {
    await bench.close()
  }
}
